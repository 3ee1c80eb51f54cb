# Berth: see README.md. `make`, `make demo`, `make check`, `make bench`, `make install`, `make clean`.
SHELL := /bin/bash
B := build
VERSION := 0.1.0
CC := gcc
ASAN_CC := gcc
PKGS := libgit2 libmicrohttpd libseccomp libcap yaml-0.1 jansson sqlite3 libsodium nettle libarchive libmnl libnftables
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wundef -Wwrite-strings -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wnull-dereference -Wimplicit-fallthrough
GCC_WARN := -Wjump-misses-init -Wlogical-op -Wduplicated-cond
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-ftrivial-auto-var-init=zero -fPIE
BASEFLAGS := -std=gnu11 -D_GNU_SOURCE -I. -DBERTH_VERSION='"$(VERSION)"' -include base/banned.h -MMD -MP
CFLAGS ?= -O2 -g
WERROR ?=
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
# the checks that the sanitizers insert make these two see paths that are not there
SAN_WARN := -Wno-format-truncation -Wno-null-dereference
SAN := -fsanitize=address,undefined -fno-omit-frame-pointer -O1 -g

# one short line for each step; V=1 shows the commands
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $@)

ROOMS := base instance receiver buildpacks runtime router resolver plugins control
# berth*.c holds a main(); everything else in a room is its library
src = $(foreach f,$(wildcard $(1)/*.c $(1)/*/*.c),$(if $(filter berth%,$(notdir $(f))),,$(f)))
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
lib = $(patsubst %,$(B)/lib/lib%.a,$(1))

PROGRAMS := berth berthd berth-runtime berth-cell berth-oci berth-resolver berth-web berth-plugins
.PHONY: all
all: $(PROGRAMS:%=$(B)/bin/%) share

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASEFLAGS) $(WARN) $(GCC_WARN) $(HARDEN) $(WERROR) $(CFLAGS) $(PKG_CFLAGS) -c -o $@ $<

$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(ASAN_CC) $(BASEFLAGS) $(WARN) $(SAN_WARN) $(WERROR) $(SAN) $(PKG_CFLAGS) -c -o $@ $<

define room
$(B)/lib/lib$(1).a: $(call obj,$(call src,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	$$(call say,AR)
	$$(Q)ar qcs $$@ $$^
$(B)/asan/lib$(1).a: $(patsubst %.c,$(B)/asan/%.o,$(call src,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	$$(call say,AR)
	$$(Q)ar qcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

LINK = @mkdir -p $(@D); $(if $(V),,printf '  %-6s %s\n' LINK $@;) $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
$(B)/bin/berth: $(B)/obj/control/berth.o $(call lib,control receiver router resolver runtime plugins instance base)
	$(LINK) -ljansson -lsodium -lmd -lyaml
$(B)/bin/berthd: $(B)/obj/control/berthd.o $(call lib,control receiver buildpacks runtime router resolver plugins instance base)
	$(LINK) -lgit2 -ljansson -lsqlite3 -lsodium -larchive -lnettle -lyaml
$(B)/bin/berth-runtime: $(B)/obj/runtime/berth-runtime.o $(call lib,runtime instance base)
	$(LINK) -lseccomp -lcap -lmnl
$(B)/bin/berth-cell: $(B)/obj/runtime/berth-cell.o $(call lib,runtime instance base)
	$(LINK) -lseccomp -lcap -larchive
$(B)/bin/berth-oci: $(B)/obj/runtime/berth-oci.o $(call lib,runtime instance base)
	$(LINK) -lseccomp -lcap -lmnl -ljansson -lm
$(B)/bin/berth-resolver: $(B)/obj/resolver/berth-resolver.o $(call lib,resolver instance base)
	$(LINK)
$(B)/bin/berth-web: $(B)/obj/control/web/berth-web.o $(call lib,control instance base)
	$(LINK) -lmicrohttpd -ljansson -lsodium
$(B)/bin/berth-plugins: $(B)/obj/plugins/berth-plugins.o $(call lib,plugins instance base)
	$(LINK) -lyaml -ljansson

# runs in containers of any image, so it needs nothing there
$(B)/static/copy: $(B)/obj/buildpacks/berth-copy.o $(call lib,buildpacks runtime base)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -static -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

# what the programs read at run time, laid out as it will be installed
.PHONY: share
share: $(B)/static/copy
	@scripts/stage-share $(B)/share/berth $(B)/static/copy

# --- tests ---

# tests/unit/ROOM/NOUN.c links base, instance and ROOM (buildpacks: runtime too), under ASan and UBSan
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/*.c))
unit_libs = $(B)/asan/lib$(1).a $(if $(filter buildpacks control,$(1)),$(B)/asan/libruntime.a) \
	$(if $(filter control,$(1)),$(foreach r,receiver buildpacks router resolver plugins,$(B)/asan/lib$(r).a)) \
	$(B)/asan/libinstance.a $(B)/asan/libbase.a
TEST_LIBS := -lgit2 -lmd -ljansson -lsqlite3 -lsodium -larchive -lnettle -lyaml -lseccomp -lcap -lmnl -lnftables -lmicrohttpd -lm
define unit_room
$(B)/unit/$(1)/%: tests/unit/$(1)/%.c $(call unit_libs,$(1)) $(if $(filter runtime,$(1)),| $(B)/unit/bin/berth-cell)
	@mkdir -p $$(@D)
	$$(call say,TEST)
	$$(Q)$(ASAN_CC) $(BASEFLAGS) $(SAN) $(WERROR) $(PKG_CFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		-Wl,--as-needed -lcmocka $(TEST_LIBS)
endef
$(foreach r,$(ROOMS),$(eval $(call unit_room,$(r))))
# with the same sanitizers, where the tests of room runtime look for it
$(B)/unit/bin/berth-cell: $(B)/asan/runtime/berth-cell.o $(call unit_libs,runtime)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(ASAN_CC) $(SAN) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -Wl,--as-needed -lseccomp -lcap -larchive
.PHONY: unit unit-build
unit-build: $(UNIT)
unit: unit-build
	@for t in $(UNIT); do $$t || exit 1; done

# everything once with clang, ready for its fuzzer: tests/fuzz/NOUN.c names its rooms in the first
# line, corpora are in tests/fuzz/corpus/NOUN
CLANG ?= clang
FUZZ_SAN := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -O1 -g
CLANG_SOURCES := $(wildcard $(foreach r,$(ROOMS),$(r)/*.c $(r)/*/*.c))
$(B)/clang/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(BASEFLAGS) $(WARN) -Wno-format-nonliteral $(WERROR) $(FUZZ_SAN) $(PKG_CFLAGS) -c -o $@ $<
define clang_room
$(B)/clang/lib$(1).a: $(patsubst %.c,$(B)/clang/%.o,$(call src,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	$$(call say,AR)
	$$(Q)ar qcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call clang_room,$(r))))
.PHONY: clang
clang: $(CLANG_SOURCES:%.c=$(B)/clang/%.o)

FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
fuzz_room = $(or $(shell sed -n '1,3s,.*/\* room: \([a-z ]*[a-z]\).*,\1,p' $(1)),base)
define fuzz_target
$(B)/fuzz/$(1): tests/fuzz/$(1).c $(foreach r,$(sort $(call fuzz_room,tests/fuzz/$(1).c) instance base),$(B)/clang/lib$(r).a)
	@mkdir -p $$(@D)
	$$(call say,FUZZ)
	$$(Q)$(CLANG) $(BASEFLAGS) -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined $(PKG_CFLAGS) -o $$@ $$< \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -Wl,--as-needed $(TEST_LIBS)
endef
$(foreach f,$(wildcard tests/fuzz/*.c),$(eval $(call fuzz_target,$(basename $(notdir $(f))))))
FUZZ_SECONDS ?= 30
.PHONY: fuzz fuzz-build
fuzz-build: $(FUZZ)
fuzz: $(FUZZ)
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

# programs that tests and benches use: tests/tools/*.mk says how each is made
-include $(wildcard tests/tools/*.mk)
TOOLS := $(shell sed -n 's,^$$(B)/tests/\([a-z-]*\):.*,$(B)/tests/\1,p' tests/tools/*.mk 2>/dev/null)
.PHONY: tools
tools: $(TOOLS)

# the whole check, in a tree of its own where a warning is an error; ends with
# "N passed, N failed, N skipped". PARTS: see tests/run
.PHONY: check check-slow
check:
	@scripts/deps build run test
	@tests/run $(PARTS)
# real frameworks with large toolchains
check-slow: PARTS = slow
check-slow: check

# berth-oci under engines, with cgroups of its own and of systemd's, and, when RUNTIME_TOOLS is a checkout of runtime-tools, the standard's own
# suite; too long for `make check`, which has tests/e2e/oci.bats
.PHONY: check-oci
check-oci:
	@scripts/deps build oci
	@$(MAKE) --no-print-directory all
	@tests/oci/podman
	@tests/oci/buildah
	@tests/oci/containerd
	@tests/oci/docker
	@tests/oci/systemd
	@[ -z "$(RUNTIME_TOOLS)" ] || RUNTIME_TOOLS="$(RUNTIME_TOOLS)" tests/oci/validate

.PHONY: bench
bench:
	@scripts/deps build run bench $(if $(filter 1,$(PEERS)),peers)
	@$(MAKE) --no-print-directory all
	@tests/bench/run

# --- trying it ---

DEMO_HTTP_PORT ?= 8080
DEMO_SSH_PORT ?= 2222
.PHONY: demo demo-stop
demo:
	@DEMO_HTTP_PORT=$(DEMO_HTTP_PORT) DEMO_SSH_PORT=$(DEMO_SSH_PORT) scripts/demo start
demo-stop:
	@scripts/demo stop

# --- installing: packages and users come from `scripts/deps run` ---

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(DESTDIR)$(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
UNITS := $(notdir $(wildcard packaging/systemd/*.service packaging/systemd/*.socket packaging/systemd/*.slice))
MAN := $(wildcard man/*.[1578])
.PHONY: install uninstall
install: all
	install -d $(BINDIR) $(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR)
	install -m 755 $(PROGRAMS:%=$(B)/bin/%) $(BINDIR)
	scripts/stage-share $(DESTDIR)$(PREFIX)/share/berth $(B)/static/copy
	for m in $(MAN); do install -D -m 644 $$m $(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	for u in $(UNITS); do sed 's,@PREFIX@,$(PREFIX),g' packaging/systemd/$$u >$(UNITDIR)/$$u && \
		chmod 644 $(UNITDIR)/$$u || exit 1; done
	install -m 644 packaging/systemd/sysusers.conf $(SYSUSERSDIR)/berth.conf
	install -m 644 packaging/systemd/tmpfiles.conf $(TMPFILESDIR)/berth.conf
	install -D -m 644 packaging/ssh/berth.conf $(DESTDIR)$(PREFIX)/share/berth-ssh/berth.conf
	@[ -n "$(DESTDIR)" ] || scripts/after-install $(PREFIX)

uninstall:
	rm -f $(PROGRAMS:%=$(BINDIR)/%) $(UNITS:%=$(UNITDIR)/%) $(SYSUSERSDIR)/berth.conf $(TMPFILESDIR)/berth.conf
	for m in $(MAN); do rm -f $(MANDIR)/man$${m##*.}/$${m##*/}; done
	rm -rf $(DESTDIR)$(PREFIX)/share/berth $(DESTDIR)$(PREFIX)/share/berth-ssh

.PHONY: clean
clean:
	@[ ! -e $(B)/demo/root ] || scripts/demo stop
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
