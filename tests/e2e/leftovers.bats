#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What doctor names as left over, cleanup removes, and nothing else: each kind is made by hand, with
# something foreign beside it.

bats_require_minimum_version 1.5.0
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	folder=$TEST_ROOT/run/containers/ghost
	address=10.$((200 + TEST_NUMBER)).255.238
	near=b$TEST_NUMBER-ffee far=x$TEST_NUMBER-ffee
	foreign=$BATS_TEST_TMPDIR/foreign
}

groups() {
	find /sys/fs/cgroup -type d -name "berth-$TEST_NUMBER"
}

teardown() {
	local group
	umount "$folder/root" "$foreign" 2>/dev/null || true
	rm -rf "$folder" "$TEST_ROOT/run/addresses/$address"
	ip link del "$near" 2>/dev/null || true
	ip link del "$far" 2>/dev/null || true
	for group in $(groups); do
		rmdir "$group/ghost" "$group-foreign" 2>/dev/null || true
	done
	destroy_new_apps
}

@test "each kind of leftover is named and removed; what is used or foreign stays" {
	local group name kind
	new_app used
	push_app "$dir" "$app"
	name=$(berth run:detached "$app" true)
	wait_for 20 eval '[ "$(berth run:list "$app" --format json | jq -r .[0].state)" = exited ]'
	assert_equal "$(berth cleanup --dry-run)" "-----> Nothing to clean up"
	for group in $(groups); do mkdir "$group/ghost" "$group-foreign"; done
	ln -s ghost "$TEST_ROOT/run/addresses/$address"
	ip link add "$near" type veth peer name "$far.q"
	ip link add "$far" type veth peer name "$far.p"
	mkdir -p "$folder/root" "$foreign"
	mount -t tmpfs none "$folder/root"
	mount -t tmpfs none "$foreign"
	# a folder without status may be a container that is being made, for a while
	touch -d '1 hour ago' "$folder"
	berth doctor >named || true
	berth cleanup --dry-run >dry
	for kind in "cgroup ghost" "address $address of ghost" "mount $folder/root" "container ghost"; do
		grep -qF "$kind" named
		grep -qF "Would remove $kind" dry
	done
	refute_contains "$(cat named dry)" foreign
	refute_contains "$(cat named dry)" "$far"
	refute_contains "$(cat named dry)" "$app"
	mountpoint -q "$folder/root"
	berth cleanup >removed
	sed 's/Would remove/Removed/' dry >expected
	grep -vF "interface $near" removed | diff expected - || diff expected removed
	run ! mountpoint -q "$folder/root"
	[ ! -e "$folder" ]
	[ ! -L "$TEST_ROOT/run/addresses/$address" ]
	[ -z "$(find /sys/fs/cgroup -type d -path "*berth-$TEST_NUMBER/ghost")" ]
	run ! ip link show "$near"
	ip link show "$far" >/dev/null
	mountpoint -q "$foreign"
	for group in $(groups); do [ -d "$group-foreign" ]; done
	assert_equal "$(http "$host")" one
	assert_equal "$(berth run:list "$app" --format json | jq -r .[0].name)" "$name"
	assert_equal "$(berth cleanup)" "-----> Nothing to clean up"
}

@test "an interface without an address is a leftover; one of another instance's number is not" {
	ip link add "$near" type veth peer name "$far.q"
	ip link add "$far" type veth peer name "$far.p"
	assert_contains "$(berth doctor)" "interface $near"
	assert_equal "$(berth cleanup)" "-----> Removed interface $near"
	run ! ip link show "$near"
	ip link show "$far" >/dev/null
}
