#!/usr/bin/env bats
# `make install` into a folder: all is there, and systemd accepts the units.

bats_require_minimum_version 1.5.0

setup_file() {
	export DEST=$BATS_FILE_TMPDIR/dest
	SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	make -s -C "$SOURCE" B="${TEST_BUILD:-build}" install DESTDIR="$DEST" PREFIX=/usr/local >/dev/null
	export UNITS=$DEST/usr/local/lib/systemd/system
}

@test "programs, manuals, units and what they read are installed" {
	local file
	for file in bin/{berth,berthd,berth-runtime,berth-cell,berth-resolver,berth-web,berth-plugins} share/man/man8/berthd.8 \
		share/berth/router/lua/start.lua share/berth/buildpacks/driver/build \
		share/berth-ssh/berth.conf lib/sysusers.d/berth.conf lib/tmpfiles.d/berth.conf; do
		[ -s "$DEST/usr/local/$file" ]
	done
	run ! grep -rn '@PREFIX@' "$DEST/usr/local/lib"
	[ -z "$(find "$DEST" -perm /022 ! -type l)" ]
}

@test "units: systemd reads them without complaint" {
	command -v systemd-analyze >/dev/null || skip "no systemd here"
	[ -d /lib/systemd/system ] || skip "no units of systemd's own here"
	local root=$BATS_TEST_TMPDIR/root out
	mkdir -p "$root"/{etc/systemd/system,usr/local/bin,usr/lib,usr/bin,bin}
	cp "$DEST"/usr/local/bin/* "$root/usr/local/bin/"
	cp -r /lib/systemd "$root/usr/lib/"
	ln -s usr/lib "$root/lib"
	cp "$(type -P true)" "$root/bin/"
	cp "$(type -P systemctl)" "$root/usr/bin/"
	cp "$UNITS"/* "$root/etc/systemd/system/"
	out=$(cd "$UNITS" && systemd-analyze verify --man=no --recursive-errors=no --root="$root" -- * 2>&1) || {
		echo "$out"
		return 1
	}
	[ -z "$out" ]
}

@test "units: nothing that makes openat2, clone3 or a container's own limits fail" {
	# RestrictSUIDSGID answers openat2 with ENOSYS
	run ! grep -n '^RestrictSUIDSGID=' "$UNITS"/*.service
	run ! grep -nE '^(System|Restrict|Protect|Private|Lock)' "$UNITS/berth-runtime.service"
	# a socket that is ordered as by default would have to start before berth-init.service
	local socket
	for socket in "$UNITS"/*.socket; do
		grep -q '^DefaultDependencies=no' "$socket"
	done
}
