#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One-offs that run on their own (run:detached and what manages them), and sessions in running
# containers (enter).

bats_require_minimum_version 1.5.0
load helper
load app

# One deployed app for all tests of this file.
setup_file() {
	APP=$(unique_app oneoff)
	export APP
	cp -R "$TEST_SOURCE/tests/apps/web" "$BATS_FILE_TMPDIR/app"
	push_app "$BATS_FILE_TMPDIR/app" "$APP"
}

teardown_file() {
	destroy_apps "$APP"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	host=$(host_of "$APP")
}

teardown() {
	berth run:stop "$APP" --all >/dev/null
	berth run:retire "$APP" >/dev/null
	destroy_new_apps
}

# A field of the one-off NAME of APP, empty when it is not listed: field NAME KEY
field() {
	berth run:list "$APP" --format json | jq -r --arg n "$1" --arg k "$2" '.[] | select(.name == $n) | .[$k]'
}

is_state() {
	[ "$(field "$1" state)" = "$2" ]
}

log_has() {
	[[ "$(berth run:logs "$APP" "$1" -n 1000)" == *"$2"* ]]
}

# The folder of an app's logs, which is named after its id, as its containers are.
logs_of() {
	local id
	id=$(berth ps "$1" --format json | jq -r '.[0].container')
	id=${id%%.*}
	echo "$TEST_ROOT/lib/logs/app-${id#a}"
}

# The process in the container that was started as ARGS, in the host's numbers.
inside() {
	pgrep -f "^$*\$"
}

# --- run:detached ---

@test "run:detached: its name, its words, its environment; the session is over and it runs" {
	local name
	name=$(bssh run:detached -e COLOUR=red "$APP" "'echo \$DYNO is \$COLOUR; exec sleep 4711'")
	[[ $name =~ ^run\.[0-9a-f]{4}$ ]]
	wait_for 20 log_has "$name" "app[$name]: $name is red"
	wait_for 20 inside sleep 4711
	is_state "$name" up
	assert_equal "$(field "$name" release) $(field "$name" ttl) $(field "$name" attached)" "v1 86400 false"
	assert_contains "$(field "$name" command)" "sleep 4711"
	assert_contains "$(berth run:list "$APP")" "$name"
	assert_contains "$(berth logs "$APP" -p "$name")" "$name is red"
	assert_contains "$(berth logs "$APP" -n 1000)" "app[$name]: $name is red"
	# it is no surplus process for whoever compares what runs with what should
	berth ps:restart "$APP"
	berth ps:restore "$APP"
	berth ps:scale "$APP" web=1
	is_state "$name" up
	assert_equal "$(berth ps "$APP" --format json | jq '[.[] | select(.state == "up")] | length')" 1
	run berth doctor
	assert_contains "$output" "1 one-offs"
	berth run:stop "$APP" "$name"
	run ! inside sleep 4711
	assert_equal "$(field "$name" state)" ""
}

@test "run:detached: what a single word and several words mean, as for run" {
	local name
	# shellcheck disable=SC2016
	name=$(berth run:detached "$APP" printf '%s|\n' 'a b' '$HOME')
	wait_for 20 log_has "$name" 'a b|'
	log_has "$name" '$HOME|'
	wait_for 20 is_state "$name" exited
	assert_equal "$(field "$name" exit_code)" 0
	# over ssh, which has taken the quotes, it is all that stands behind the app's name
	# shellcheck disable=SC2016
	name=$(bssh run:detached "$APP" 'echo I am $DYNO; exit 4')
	wait_for 20 is_state "$name" exited
	assert_equal "$(field "$name" exit_code)" 4
	log_has "$name" "I am $name"
	name=$(berth run:detached "$APP" 'echo out; echo err >&2; exit 7')
	wait_for 20 is_state "$name" exited
	assert_equal "$(field "$name" exit_code)" 7
	log_has "$name" out
	log_has "$name" err
	log_has "$name" "berth[$name]: Process exited with status 7"
	run berth run:detached -e NOPAIR "$APP" true
	assert_equal "$status" 2
	run berth run:detached --ttl-seconds 0 "$APP" true
	assert_equal "$status" 2
	run berth run:detached "$APP"
	assert_equal "$status" 2
}

@test "run:detached: the runtime ends it when its time is over" {
	local name
	name=$(berth run:detached --ttl-seconds 1 "$APP" sleep 4712)
	kill_services berthd
	wait_for 20 is_state "$name" exited
	run ! inside sleep 4712
	assert_equal "$(field "$name" exit_code)" 137
	log_has "$name" "Killed: it ran longer than 1 s"
}

@test "run:detached: its limits are those of the process type run" {
	local name
	berth resource:limit --process-type run --memory 77m "$APP"
	name=$(berth run:detached "$APP" sleep 4713)
	wait_for 20 inside sleep 4713
	local pid limit
	pid=$(inside sleep 4713)
	limit=$(cat "/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' "/proc/$pid/cgroup")/memory.limit_in_bytes" 2>/dev/null ||
		cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/memory.max")
	assert_equal "$limit" $((77 * 1024 * 1024))
	berth resource:limit-clear --process-type run "$APP"
}

@test "run:detached: berthd and berth-runtime killed with -9 lose none" {
	local name pid
	name=$(berth run:detached "$APP" 'trap "echo ended; exit 3" TERM; echo begun; while :; do sleep 0.1; done')
	wait_for 20 log_has "$name" begun
	pid=$(berth run:list "$APP" --format json | jq -r '.[0].container')
	kill_services berthd berth-runtime
	wait_http "$host" one
	is_state "$name" up
	assert_equal "$(field "$name" container)" "$pid"
	# and it can still be stopped as a process is: SIGTERM, and what it says is in the log
	berth run:stop "$APP" "$name"
	log_has "$name" ended
}

@test "run:stop and run:retire: one, all, and those that have ended" {
	local one two three
	one=$(berth run:detached "$APP" sleep 4714)
	two=$(berth run:detached "$APP" sleep 4714)
	three=$(berth run:detached "$APP" true)
	wait_for 20 is_state "$three" exited
	run berth run:stop "$APP"
	assert_equal "$status" 2
	run berth run:stop "$APP" run.none
	assert_equal "$status" 1
	assert_contains "$output" "no running one-off 'run.none'"
	run berth run:stop "$APP" "$three"
	assert_equal "$status" 1
	berth run:stop "$APP" "$one"
	is_state "$two" up
	[ -e "$(logs_of "$APP")/$three.log" ]
	assert_contains "$(berth run:retire "$APP")" "Forgot 1 one-off"
	assert_equal "$(field "$three" state)" ""
	[ ! -e "$(logs_of "$APP")/$three.log" ]
	is_state "$two" up
	[ -e "$(logs_of "$APP")/$two.log" ]
	berth run:stop "$APP" --all
	run ! inside sleep 4714
	assert_contains "$(berth run:stop "$APP" --all)" "No one-off"
}

@test "one that ended stays until a day has passed, then berthd forgets it" {
	local old young logs
	logs=$(logs_of "$APP")
	old=$(berth run:detached "$APP" true)
	young=$(berth run:detached "$APP" true)
	wait_for 20 is_state "$old" exited
	wait_for 20 is_state "$young" exited
	touch -d '25 hours ago' "$logs/$old.log"
	kill -9 "$(service_pid berthd)"
	wait_for 20 eval '[ ! -e "$logs/$old.log" ]'
	assert_equal "$(field "$old" state)" ""
	is_state "$young" exited
	[ -e "$logs/$young.log" ]
	assert_equal "$(berth cleanup)" "-----> Nothing to clean up"
	is_state "$young" exited
}

@test "apps:destroy ends an app's one-offs" {
	new_app doomed
	push_app "$dir" "$app"
	berth run:detached "$app" sleep 4715
	wait_for 20 inside sleep 4715
	berth --force apps:destroy "$app"
	run ! inside sleep 4715
	assert_equal "$(containers_of "$app")" ""
	run berth run:list "$app"
	assert_equal "$status" 20
}

# --- enter ---

@test "enter: typing at a terminal, Ctrl-C and a new size reach the shell" {
	python3 "$TEST_SOURCE/tests/e2e/terminal.py" \
		"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" enter "$APP"
	python3 "$TEST_SOURCE/tests/e2e/terminal.py" \
		ssh -tt -F "$TEST_DIR/ssh_config" berth enter "$APP" web.1
}

@test "enter: a pipe carries 1 MB both ways unchanged, and its end; so do statuses" {
	head -c 1048576 /dev/urandom >data
	berth enter "$APP" web cat <data | cmp - data
	bssh enter "$APP" web cat <data | cmp - data
	assert_equal "$(berth enter "$APP" web wc -c </dev/null)" 0
	run berth enter "$APP" web.1 sh -c 'kill -9 $$'
	assert_equal "$status" 137
	run bssh enter "$APP" web "sh -c 'exit 44'"
	assert_equal "$status" 44
	run berth enter "$APP" run.12ab
	assert_contains "$output" "has no running process 'run.12ab': a one-off cannot be entered"
	run berth run:logs "$APP" run.12ab
	[ "$status" -ne 0 ]
	assert_contains "$output" "has no one-off 'run.12ab'"
	run berth run -e =b "$APP" env
	[ "$status" -eq 2 ]
	run berth enter "$APP" web nosuchprogram
	assert_contains "$output" "'nosuchprogram': No such file"
	assert_equal "$(berth enter "$APP" web sh -c 'echo out; echo err >&2' 2>/dev/null)" out
}

@test "enter: a signal to the client is the command's" {
	local pid result=0
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" enter "$APP" web sh -c \
		'trap "echo got; exit 6" TERM; echo begun; while :; do sleep 0.1; done' >out 2>&1 </dev/null 3>&- &
	pid=$!
	wait_for 20 grep -q begun out
	kill -TERM $pid
	wait $pid || result=$?
	assert_equal "$result" 6
	grep -q got out
}

@test "enter: a client that is killed, or whose line is cut, leaves no process behind" {
	local pid
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" enter "$APP" web sleep 4716 </dev/null >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 inside sleep 4716
	kill -9 $pid
	wait_for 20 eval '! inside sleep 4716'
	# what it had started in the background goes with it
	command ssh -F "$TEST_DIR/ssh_config" berth enter "$APP" web "sh -c 'sleep 4717 & exec sleep 4716'" </dev/null >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 inside sleep 4717
	kill -9 $pid
	wait_for 20 eval '! inside sleep 4716'
	wait_for 20 eval '! inside sleep 4717'
	# at a terminal
	script -qefc "'$TEST_PREFIX/bin/berth' --root '$TEST_ROOT' enter '$APP' web sleep 4718" /dev/null </dev/null >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 inside sleep 4718
	kill -9 $pid
	wait_for 20 eval '! inside sleep 4718'
	assert_equal "$(http "$host")" one
}

@test "enter: a closed session does not end with its process's restart" {
	run berth enter "$APP" web.9
	assert_equal "$status" 1
	assert_contains "$output" "no running process 'web.9'"
	local pid
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" enter "$APP" web sleep 4719 </dev/null >out 2>&1 3>&- &
	pid=$!
	wait_for 20 inside sleep 4719
	berth ps:restart "$APP"
	# the container that it is in goes: it must not hang
	wait_for 60 eval '! kill -0 '$pid' 2>/dev/null'
	run ! inside sleep 4719
}
