# SPDX-License-Identifier: MIT
$(B)/tests/build: $(B)/obj/tests/tools/build.o $(call lib,buildpacks runtime instance base)
	$(LINK) -lseccomp -lcap -lmnl -lnftables -larchive -lnettle -ljansson -lsodium -lyaml
