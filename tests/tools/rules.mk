# SPDX-License-Identifier: MIT
# Small programs that the tests and benchmarks use.
$(B)/tests/container: $(B)/obj/tests/tools/container.o $(call lib,runtime instance base)
	$(LINK) -lseccomp -lcap -lmnl -lnftables -larchive -lnettle -ljansson -lsodium

# static: they run in containers whatever their stack is
$(B)/tests/probe: tests/security/probe.c tests/security/target.c tests/security/probe.h tests/security/target.h
$(B)/tests/hog: tests/security/hog.c
$(B)/tests/first: tests/bench/first.c
$(B)/tests/probe $(B)/tests/hog $(B)/tests/first:
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O1 -static -o $@ $(filter %.c,$^)
$(B)/tests/loader: tests/security/loader.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O1 -static -nostdlib -fno-stack-protector -o $@ $<
