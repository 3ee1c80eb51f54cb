#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A machine that lacks something Berth needs: the start says what, and leaves nothing behind.

bats_require_minimum_version 1.5.0
load helper
load instance

setup() {
	root=$TEST_DIR/lacking
	"$TEST_PREFIX/bin/berth" server init --root "$root" --http-address 127.0.0.1 --http-port "$(free_port)" \
		--ssh-address 127.0.0.1 --ssh-port "$(free_port)" >/dev/null
	number=$(sed -n 's/^number = //p' "$root/etc/berth.conf")
}

teardown() {
	"$TEST_PREFIX/bin/berth" --root "$root" server down >/dev/null 2>&1 || true
	rm -rf --one-file-system "$root"
}

# server start, its output in $output
start_where() {
	"$@" "$TEST_PREFIX/bin/berth" --root "$root" server start 3>&- 2>&1
}

nothing_stays() {
	[ -z "$(find /sys/fs/cgroup -type d -name "berth-$number")" ]
	run ! nft list table inet "berth-$number"
	[ ! -e "$root/run/containers" ]
	local all=(/proc/[0-9]*/cmdline)
	assert_equal "$(grep -lsF -- "$root" "${all[@]}")" ""
}

@test "a kernel without a system call: the start names it and the version that has it" {
	local call
	for call in pidfd_open=5.3 clone3=5.3 openat2=5.6 close_range=5.9 mount_setattr=5.12; do
		run -10 start_where python3 "$TEST_SOURCE/tests/e2e/lacking.py" "${call%=*}"
		assert_contains "$output" "the kernel has no ${call%=*}(2): Linux ${call#*=} and later have it"
		nothing_stays
	done
}

@test "a control group hierarchy that is not mounted: the start ends, berth-runtime names it" {
	[ -d /sys/fs/cgroup/pids ] || skip "this machine has version 2"
	# shellcheck disable=SC2016
	run -1 start_where unshare --mount sh -c 'umount /sys/fs/cgroup/pids && exec "$@"' -
	assert_contains "$output" "berth-runtime is not up: see $root/lib/logs/berth/berth-runtime.log"
	assert_contains "$(cat "$root/lib/logs/berth/berth-runtime.log")" "cgroup hierarchy 'pids' is not mounted"
	"$TEST_PREFIX/bin/berth" --root "$root" server down
	[ -z "$(find /sys/fs/cgroup -type d -name "berth-$number")" ]
}
