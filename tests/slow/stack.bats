#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Making the base stack mounts things and runs programs as root: nothing of it outlives a run that
# is killed at the worst moment.

load ../e2e/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	[ -z "${run:-}" ] || kill -KILL "$run" 2>/dev/null || true
}

# Processes that name TEXT among their words: named TEXT
named() {
	local all=(/proc/[0-9]*/cmdline) # before there is a grep, which names it too
	grep -lsF -- "$1" "${all[@]}" | grep -oE '[0-9]+' || true
}

# mmdebstrap of OUT has /proc mounted where it works
is_mounted() {
	local pid
	for pid in $(named "$PWD/$1.part"); do
		if grep -qsE ' /var/tmp/berth-stack\.[^ ]*/proc ' "/proc/$pid/mountinfo"; then return 0; fi
	done
	return 1
}

works_in() {
	tr '\0' '\n' <"/proc/$(named "$PWD/$1.part" | head -n 1)/cmdline" |
		sed -n 's,^--dpkgopt=\(.*\)/dpkg.conf$,\1,p' | grep .
}

none_left() {
	[ -z "$(named "$PWD/$1.part")" ] && [ -z "$(named "$work")" ]
}

@test "kill -9 of scripts/stack leaves no mount and no process; the next run removes its folder" {
	local work
	"$TEST_SOURCE/scripts/stack" "$PWD/a.tar" >a.log 2>&1 3>&- &
	run=$!
	wait_for 300 is_mounted a.tar
	work=$(works_in a.tar)
	[ -d "$work" ]
	kill -KILL "$run"
	wait_for 20 none_left a.tar
	refute_contains "$(cat /proc/self/mountinfo)" "$work"
	# whoever makes a stack next on this machine removes the folder: this one, at the latest
	"$TEST_SOURCE/scripts/stack" "$PWD/b.tar" >b.log 2>&1 3>&- &
	run=$!
	wait_for 60 [ ! -e "$work" ]
	wait_for 60 works_in b.tar
	work=$(works_in b.tar)
	[ -d "$work" ]
	# one that is told to end takes its folder along
	kill -TERM "$run"
	status=0
	wait "$run" || status=$?
	assert_equal "$status" 143
	wait_for 20 none_left b.tar
	[ ! -e "$work" ]
	[ ! -e b.tar.part ]
}
