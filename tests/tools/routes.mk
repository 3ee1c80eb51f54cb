# SPDX-License-Identifier: MIT
$(B)/tests/routes: $(B)/obj/tests/tools/router/routes.o $(call lib,router instance base)
	$(LINK) -ljansson
