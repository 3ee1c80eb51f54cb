# Berth: see README.md. `make`, `make demo`, `make check`, `make bench`, `make install`, `make clean`.
SHELL := /bin/bash
B := build
VERSION := 0.1.0
CC := gcc
ASAN_CC := gcc
PKGS := libgit2 libmicrohttpd libseccomp libcap yaml-0.1 jansson sqlite3 libsodium libarchive libcurl libmnl libnftables
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
SAN := -fsanitize=address,undefined -fno-omit-frame-pointer -O1 -g

ROOMS := base instance receiver buildpacks runtime router plugins control
# berth*.c holds a main(); everything else in a room is its library
src = $(filter-out $(1)/berth%.c $(1)/%/berth%.c,$(wildcard $(1)/*.c $(1)/*/*.c))
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
lib = $(patsubst %,$(B)/lib/lib%.a,$(1))

PROGRAMS := berth berthd berth-runtime berth-web berth-plugins
.PHONY: all
all: $(PROGRAMS:%=$(B)/bin/%) share

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(WARN) $(GCC_WARN) $(HARDEN) $(WERROR) $(CFLAGS) $(PKG_CFLAGS) -c -o $@ $<

$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(ASAN_CC) $(BASEFLAGS) $(WARN) $(WERROR) $(SAN) $(PKG_CFLAGS) -c -o $@ $<

define room
$(B)/lib/lib$(1).a: $(call obj,$(call src,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	ar rcs $$@ $$^
$(B)/asan/lib$(1).a: $(patsubst %.c,$(B)/asan/%.o,$(call src,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

LINK = @mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
$(B)/bin/berth: $(B)/obj/control/berth.o $(call lib,control receiver router runtime instance base)
	$(LINK) -ljansson -lsodium -lgit2
$(B)/bin/berthd: $(B)/obj/control/berthd.o $(call lib,control receiver buildpacks runtime router plugins instance base)
	$(LINK) -lgit2 -ljansson -lsqlite3 -lsodium -larchive -lcurl -lyaml
$(B)/bin/berth-runtime: $(B)/obj/runtime/berth-runtime.o $(call lib,runtime instance base)
	$(LINK) -lseccomp -lcap -lmnl -lnftables -larchive -ljansson -lsodium
$(B)/bin/berth-web: $(B)/obj/control/web/berth-web.o $(call lib,control instance base)
	$(LINK) -lmicrohttpd -ljansson -lsodium
$(B)/bin/berth-plugins: $(B)/obj/plugins/berth-plugins.o $(call lib,plugins instance base)
	$(LINK) -lyaml -ljansson

# what the programs read at run time, laid out as it will be installed
.PHONY: share
share:
	@scripts/stage-share $(B)/share/berth

# tests/unit/ROOM/NOUN.c links base, instance and ROOM (buildpacks: runtime too), under ASan and UBSan
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/*.c))
unit_libs = $(B)/asan/lib$(1).a $(if $(filter buildpacks control,$(1)),$(B)/asan/libruntime.a) \
	$(if $(filter control,$(1)),$(foreach r,receiver buildpacks router plugins,$(B)/asan/lib$(r).a)) \
	$(B)/asan/libinstance.a $(B)/asan/libbase.a
define unit_room
$(B)/unit/$(1)/%: tests/unit/$(1)/%.c $(call unit_libs,$(1))
	@mkdir -p $$(@D)
	$(ASAN_CC) $(BASEFLAGS) $(SAN) $(PKG_CFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		-Wl,--as-needed -lcmocka -lgit2 -ljansson -lsqlite3 -lsodium -larchive -lcurl -lyaml -lseccomp -lcap -lmnl -lnftables -lmicrohttpd
endef
$(foreach r,$(ROOMS),$(eval $(call unit_room,$(r))))
.PHONY: unit
unit: $(UNIT)
	@for t in $(UNIT); do $$t || exit 1; done

.PHONY: clean
clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
