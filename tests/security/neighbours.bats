#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# While one app takes all that it can get of everything, another answers each request, the instance
# is managed as ever, the log names the limits, and afterwards nothing is left. How long the other
# takes meanwhile is measured by `make bench`.
# bats file_tags=security
# shellcheck disable=SC2016,SC2154 # the dollars are perl's; variables come from helper.bash

load ../e2e/helper

FLOODS=(processes zombies sessions files datagrams memory disk inodes log sync spin)

setup_file() {
	local dir=$BATS_FILE_TMPDIR/flood
	QUIET=$(unique_app quiet)
	FLOOD=$(unique_app flood)
	export QUIET FLOOD
	push_app "$(cp -R "$TEST_SOURCE/tests/apps/web" "$BATS_FILE_TMPDIR/quiet"; echo "$BATS_FILE_TMPDIR/quiet")" "$QUIET" >&2
	cp -R "$TEST_SOURCE/tests/apps/web" "$dir"
	cp "$TEST_SOURCE/${TEST_BUILD:-build}/tests/hog" "$dir"
	cat >"$dir/Procfile" <<-'END'
		processes: ./hog hold processes
		zombies: ./hog hold zombies
		sessions: ./hog orphans 30 600
		files: ./hog hold files
		datagrams: ./hog hold datagrams 2000
		memory: sleep 2; perl -e 'my @x; push @x, "x" x (1 << 20) while 1'
		disk: perl -e 'open my $f, ">", "/app/full"; 1 while syswrite $f, "x" x 65536; sleep 600'
		inodes: ./hog hold inodes
		log: ./hog storm log
		sync: ./hog storm sync
		spin: ./hog storm spin
	END
	push_app "$dir" "$FLOOD" >&2
	berth resource:limit "$FLOOD" --pids 40 --disk 16 --memory 64
}

teardown_file() {
	destroy_apps "$FLOOD" "$QUIET"
}

# Each PROCESS TEXT is in that process's log.
logs_have() {
	while [ $# -gt 0 ]; do
		if ! berth logs "$FLOOD" --num 100000 --ps "$1.1" | grep -E -- "$2" >/dev/null; then
			echo "not in the log of $1: $2" >&2
			return 1
		fi
		shift 2
	done
}

nothing_runs() {
	[ "$(berth ps "$FLOOD" --format json | jq length)" -eq 0 ]
}

@test "an app that floods everything at once bothers nobody but itself" {
	local i limits
	limits=(processes R82 zombies R82 memory R14 disk R81 inodes R81 files 'held files [0-9]* EMFILE')
	# this one first: it is told once a minute, and some seconds later that file is gone
	berth ps:scale "$FLOOD" log=1
	wait_for 60 grep -rqs 'berth\[log\.1\]: Error R83' "$TEST_ROOT/lib/logs"
	berth ps:scale "$FLOOD" "${FLOODS[@]/%/=1}"
	wait_for 60 logs_have "${limits[@]}"
	for ((i = 0; i < 20; i++)); do
		assert_contains "$(http "$(host_of "$QUIET")" "/env/DYNO" --max-time 10)" "web.1"
	done
	assert_contains "$(berth apps:list)" "$QUIET"
	assert_equal "$(berth run "$QUIET" echo runs)" "runs"
	berth config:set --no-restart "$QUIET" CHANGED=yes
	assert_equal "$(berth ps "$QUIET" --format json | jq -r '[.[] | select(.state == "up")] | length')" 1
	berth ps:scale "$FLOOD" "${FLOODS[@]/%/=0}"
	wait_for 40 nothing_runs || berth ps "$FLOOD" --format json
	nothing_runs
	[ -z "$(pgrep -f "hog .*(hold|storm|orphans)" | while read -r pid; do
		grep -l "berth-$TEST_NUMBER/" "/proc/$pid/cgroup" 2>/dev/null
	done)" ]
	assert_contains "$(berth doctor)" "nothing is there that nobody owns"
	assert_contains "$(http "$(host_of "$QUIET")" "/env/DYNO")" "web.1"
}
