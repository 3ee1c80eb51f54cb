#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A disk without room and a machine without room for processes: named, survived, and over when they
# are over. On an instance of its own, whose disk is a small tmpfs.

bats_require_minimum_version 1.5.0
load helper
load instance

setup_file() {
	export SMALL=$TEST_DIR/small
	mkdir "$SMALL"
	mount -t tmpfs -o size=260m,mode=755 none "$SMALL"
	SMALL_HTTP=$(free_port) SMALL_SSH=$(free_port)
	PIDS=/sys/fs/cgroup/pids
	[ -d "$PIDS" ] || PIDS=/sys/fs/cgroup
	PIDS+=/berth-test-pids-$TEST_NUMBER
	export SMALL_HTTP SMALL_SSH PIDS
	"$TEST_PREFIX/bin/berth" server init --root "$SMALL/root" --http-address 127.0.0.1 --http-port "$SMALL_HTTP" \
		--ssh-address 127.0.0.1 --ssh-port "$SMALL_SSH" --set http.domain=localhost >&2
	small server start
	small stack:import debian-12 <"$("$TEST_SOURCE/scripts/cached-stack")"
	small ssh-keys:add me <"$TEST_DIR/key.pub"
	cp -R "$TEST_SOURCE/tests/apps/web" "$BATS_FILE_TMPDIR/app"
	commit_all "$BATS_FILE_TMPDIR/app"
	push
}

teardown_file() {
	small server down >&2
	umount "$SMALL"
	rmdir "$SMALL"
	# who was in it is gone, and may still be seen there for a moment
	[ ! -d "$PIDS" ] || wait_for 10 rmdir "$PIDS"
}

setup() {
	cd "$BATS_FILE_TMPDIR/app" || return
}

teardown() {
	rm -f "$SMALL/filler"
	[ ! -d "$PIDS" ] || echo max >"$PIDS/pids.max"
}

small() {
	"$TEST_PREFIX/bin/berth" --root "$SMALL/root" "$@"
}

push() {
	GIT_SSH_COMMAND="ssh -i $TEST_DIR/key -p $SMALL_SSH -o BatchMode=yes -o StrictHostKeyChecking=no \
-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR" \
		git -C "$BATS_FILE_TMPDIR/app" push berth@127.0.0.1:web HEAD:refs/heads/main 2>&1
}

serves() {
	assert_equal "$(curl -sS --max-time 20 -H 'Host: web.localhost' "http://127.0.0.1:$SMALL_HTTP/")" "$1"
}

@test "a full disk: a push, a command and the doctor name it, the app serves, and later all goes on" {
	local text
	echo two >text
	commit_all .
	head -c 400M /dev/zero >"$SMALL/filler" || true
	assert_equal "$(df --output=avail "$SMALL" | tail -n 1 | tr -d ' ')" 0
	run ! push
	assert_contains "$output" "the disk of '$SMALL/root/lib' is full: make room there"
	serves one
	for text in 'config:set web A=b' 'run web true' 'apps:create other'; do
		# shellcheck disable=SC2086
		run ! small $text </dev/null
		assert_contains "$output" "the disk of '$SMALL/root/lib' is full: make room there"
	done
	# what only reads goes on
	assert_contains "$(small ps web)" "web.1"
	run ! small doctor
	assert_contains "$output" "berth.db is whole"
	assert_contains "$output" "0 MB free below"
	# with some room a push begins
	truncate -s -2M "$SMALL/filler"
	head -c 4M /dev/urandom >big
	commit_all .
	run -1 push
	assert_contains "$output" "No space left on device"
	serves one
	rm "$SMALL/filler"
	push
	serves two
	run small doctor
	assert_contains "$output" "berth.db is whole"
	assert_contains "$output" "nothing is there that nobody owns"
	small apps:create other
	small --force apps:destroy other
}

@test "no more processes: a push and a command say so, the app serves, and later all goes on" {
	local service pid now more
	mkdir -p "$PIDS"
	for service in berthd berth-runtime; do
		pid=$(small server status --format json | jq -r --arg s "$service" '.[] | select(.service == $s) | .pid')
		for pid in "$pid" $(pgrep -P "$pid"); do
			echo "$pid" >"$PIDS/cgroup.procs" || [ ! -e "/proc/$pid" ]
		done
	done
	serves two
	echo three >text
	commit_all .
	# without those that are just ending: they would leave room
	wait_for 20 eval 'now=$(cat "$PIDS/pids.current"); sleep 0.3; [ "$(cat "$PIDS/pids.current")" = "$now" ]'
	echo "$now" >"$PIDS/pids.max"
	run -1 small apps:list
	assert_contains "$output" "the machine has no room for another"
	run -128 push
	assert_contains "$output" "the machine has no room for another"
	# enough for a session, and not for a build's: berth-runtime's spare processes come and go
	for more in {1..20}; do
		echo $((now + more)) >"$PIDS/pids.max"
		run ! push
		[[ $output == *"berthd could start no process"* ]] || break
	done
	refute_contains "$output" "berthd could start no process"
	assert_contains "$output" "the machine has no room for another process"
	serves two
	echo max >"$PIDS/pids.max"
	push
	serves three
	small run web echo hello </dev/null | grep -x hello
	run small doctor
	assert_contains "$output" "nothing is there that nobody owns"
}
