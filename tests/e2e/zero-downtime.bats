#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# No request is lost while an app changes, and none but those on the spot when a process of Berth's
# is killed.

load helper
load app

CLIENTS=5

setup_file() {
	APP=$(unique_app load)
	export APP
	cp -R "$TEST_SOURCE/tests/apps/web" "$BATS_FILE_TMPDIR/app"
	cat >>"$BATS_FILE_TMPDIR/app/Procfile" <<-'END'
		counter: perl -e '$| = 1; for ($n = 1;; $n++) { print "count $n\n"; select undef, undef, undef, 0.01 }'
	END
	push_app "$BATS_FILE_TMPDIR/app" "$APP"
}

teardown_file() {
	destroy_apps "$APP"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	dir=$BATS_FILE_TMPDIR/app
	host=$(host_of "$APP")
}

teardown() {
	touch load.stop
	[ -z "${load:-}" ] || wait "$load" || true
}

begin_load() {
	python3 "$TEST_SOURCE/tests/e2e/load.py" "$HTTP_PORT" "$host" $CLIENTS "$PWD/load" 3>&- &
	load=$!
	wait_for 60 test -e load.begun
}

# Ends the load; sets $good and $bad.
end_load() {
	touch load.stop
	wait "$load"
	load=
	cat load >&2
	read -r good bad <load
	rm -f load load.stop load.begun
	[ "$good" -gt 20 ]
}

assert_none_lost() {
	end_load
	assert_equal "$bad" 0
}

@test "deploys lose no request" {
	local n
	begin_load
	for n in 1 2 3 4; do
		echo "version $n" >"$dir/text"
		push_app "$dir" "$APP"
		assert_equal "$(http "$host")" "version $n"
	done
	# nor do those that fail
	sed -i '1s/.*/web: exit 1/' "$dir/Procfile"
	run push_app "$dir" "$APP"
	[ "$status" -ne 0 ]
	sed -i '1s/.*/web: perl server.pl/' "$dir/Procfile"
	assert_none_lost
	assert_equal "$(http "$host")" "version 4"
}

# The socket is made by the supervisor. A worker would wait in accept(2) for a connection that
# another one took, and let its own hang: seldom enough that the loads here may miss it.
@test "nginx listens on a socket that does not block" {
	local pid fd flags
	read -r pid fd < <(ss -ltnpH "sport = :$HTTP_PORT" | sed -n 's/.*("nginx",pid=\([0-9]*\),fd=\([0-9]*\)).*/\1 \2/p')
	flags=$(sed -n 's/^flags:\t//p' "/proc/$pid/fdinfo/$fd")
	((8#$flags & 8#4000))
}

@test "scaling, config, rollback and restarts lose no request" {
	begin_load
	berth ps:scale "$APP" web=3
	berth config:set "$APP" COLOUR=red
	berth ps:scale "$APP" web=1
	berth config:set "$APP" COLOUR=blue
	berth rollback "$APP"
	berth ps:restart "$APP"
	berth domains:add "$APP" other.load.test
	berth domains:remove "$APP" other.load.test
	assert_none_lost
	assert_equal "$(http "$host" /env/COLOUR)" red
}

container_of() {
	# one that a release before replaced may still serve its last requests
	berth ps "$APP" --format json |
		jq -r --arg p "$1" '.[] | select(.process == $p and .state != "leaving") | .container'
}

@test "kill -9 of berthd: no request is lost, and commands work again" {
	local before
	before=$(container_of web.1)
	begin_load
	kill_services berthd
	wait_for 10 eval 'berth apps:exists "$APP"'
	assert_none_lost
	assert_equal "$(container_of web.1)" "$before"
	echo "after berthd" >"$dir/text"
	push_app "$dir" "$APP"
	assert_equal "$(http "$host")" "after berthd"
}

@test "kill -9 of berth-runtime: no request is lost, and deploys work again" {
	local before
	before=$(container_of web.1)
	begin_load
	kill_services berth-runtime
	assert_equal "$(container_of web.1)" "$before"
	echo "after berth-runtime" >"$dir/text"
	push_app "$dir" "$APP"
	assert_none_lost
	assert_equal "$(http "$host")" "after berth-runtime"
}

@test "old containers are ended though berth-runtime was away when their last request was done" {
	local socket=$TEST_ROOT/run/runtime.sock slow old
	old=$(container_of web.1)
	http "$host" /slow/3 >/dev/null 3>&- &
	slow=$!
	echo "while it was away" >"$dir/text"
	wait_for 10 eval 'berth logs "$APP" -n 100 | grep -q "slow begun"'
	push_app "$dir" "$APP"
	mv "$socket" "$socket.away"
	wait "$slow"
	sleep 1
	[ -e "$socket" ] || mv "$socket.away" "$socket"
	# berthd looks every half minute
	wait_for 60 eval '[ ! -e "$TEST_ROOT/run/containers/'"$old"'" ]'
}

@test "old containers are ended though the process that waits for their last request is killed" {
	local slow old keeper
	old=$(container_of web.1)
	http "$host" /slow/8 >slow.out 3>&- &
	slow=$!
	wait_for 10 eval 'berth logs "$APP" -n 100 | tail -n 5 | grep -q "slow begun"'
	echo "while it was killed" >"$dir/text"
	push_app "$dir" "$APP"
	keeper=$(find /proc/[0-9]*/fd -lname "$(grep -lF "$old" "$TEST_ROOT"/run/leaving/*)" 2>/dev/null | cut -d/ -f3)
	kill -9 "$keeper"
	wait_for 60 eval '[ ! -e "$TEST_ROOT/run/containers/'"$old"'" ]'
	# and its last request was answered all the same
	wait "$slow"
	[ -s slow.out ]
	wait_for 20 eval '[ -z "$(ls "$TEST_ROOT/run/leaving")" ]'
}

@test "kill -9 of berth-plugins and berth-web: no request is lost" {
	begin_load
	kill_services berth-plugins
	kill_services berth-web
	assert_none_lost
	wait_for 10 eval '[ "$(http berth.localhost /healthz)" != "" ]'
}

@test "kill -9 of berthd and berth-runtime together: no app stops, no log line is lost" {
	local before last
	berth ps:scale "$APP" counter=1
	before=$(container_of counter.1)
	begin_load
	sleep 1
	kill_services berthd berth-runtime
	wait_for 10 eval 'berth apps:exists "$APP"'
	sleep 1
	assert_none_lost
	assert_equal "$(container_of counter.1)" "$before"
	berth logs "$APP" -p counter -n 100000 | sed -n 's/.*: count //p' >counted
	last=$(tail -n 1 counted)
	[ "$last" -gt 100 ]
	seq 1 "$last" | diff - counted
	berth ps:scale "$APP" counter=0
}

@test "kill -9 of a shim: its container is replaced; only requests inside it may be lost" {
	local shim before
	berth ps:scale "$APP" web=2
	before=$(container_of web.1)
	begin_load
	shim=$(shim_of "$before")
	[ "$shim" -gt 1 ]
	kill -9 "$shim"
	wait_for 20 eval '[ -n "$(container_of web.1)" ] && [ "$(container_of web.1)" != "'"$before"'" ]'
	wait_for 20 eval '[ "$(berth ps "$APP" --format json | jq "[.[] | select(.state == \"up\")] | length")" = 2 ]'
	end_load
	[ "$bad" -le $CLIENTS ]
	# and from then on all is well
	begin_load
	sleep 1
	assert_none_lost
	# the dead container left nothing
	wait_for 20 eval '[ ! -e "$TEST_ROOT/run/containers/'"$before"'" ]'
	berth ps:scale "$APP" web=1
}

# The supervisor of a container: the parent of its first process, outside of its cgroup.
shim_of() {
	local file parent
	for file in $(grep -lF "$1" /proc/[0-9]*/cgroup 2>/dev/null); do
		parent=$(sed -n 's/^PPid:\t//p' "${file%cgroup}status")
		[ "$parent" -gt 1 ] && ! grep -qF "$1" "/proc/$parent/cgroup" || continue
		echo "$parent"
		return
	done
}

@test "kill -9 of an nginx worker: only its own connections break" {
	local worker
	begin_load
	worker=$(pgrep -P "$(service_pid berth-router)" | head -n 1)
	kill -9 "$worker"
	wait_for 10 eval '[ "$(http "$host")" != "" ]'
	sleep 1
	end_load
	# every client has one connection: at most one failure each
	[ "$bad" -le $CLIENTS ]
	begin_load
	sleep 1
	assert_none_lost
}

@test "kill -9 of nginx: it is back on the same port with the same routes" {
	kill_services berth-router
	wait_for 10 eval '[ "$(http_status "$host")" = 200 ]'
	begin_load
	echo "after nginx" >"$dir/text"
	push_app "$dir" "$APP"
	assert_none_lost
	assert_equal "$(http "$host")" "after nginx"
}

@test "afterwards the doctor finds nothing wrong" {
	run berth doctor
	assert_equal "$status" 0
}
