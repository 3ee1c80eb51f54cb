#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Without an order that holds: systemd starts berthd though berth-runtime takes too long for it.

bats_require_minimum_version 1.5.0
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	for pid in ${pids:-}; do
		kill "$pid" 2>/dev/null && wait "$pid" || true
	done
	berth server start
	destroy_new_apps
}

is_restored() {
	[ -n "$(containers_of "$app")" ]
}

@test "apps are restored when berth-runtime comes long after berthd" {
	new_app late
	push_app "$dir" "$app"
	berth server stop --all
	run ! is_restored
	setpriv --reuid berth --regid berth --init-groups "$TEST_PREFIX/bin/berthd" --root "$TEST_ROOT" >log 2>&1 3>&- &
	pids=$!
	wait_for 20 grep -q 'waits for berth-runtime' log
	berth apps:list | grep -x "$app"
	"$TEST_PREFIX/bin/berth-runtime" --root "$TEST_ROOT" 2>/dev/null 3>&- &
	pids+=" $!"
	wait_for 30 is_restored
}
