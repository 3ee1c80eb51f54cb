# SPDX-License-Identifier: MIT
$(B)/tests/hand: $(B)/obj/tests/tools/hand.o $(call lib,runtime instance base)
	$(LINK) -lseccomp -lcap -lmnl -lnftables -larchive -lnettle -ljansson -lsodium
