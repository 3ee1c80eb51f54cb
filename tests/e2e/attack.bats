#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a tenant, another local user or a bad moment can do to the control plane.

load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# An app whose release command sleeps, so that there is time in the middle of its deploy.
slow_app() {
	new_app "$1"
	push_app "$dir" "$app"
	printf 'release: sleep %s\n' "$2" >>"$dir/Procfile"
}

release_is_pending() {
	[ "$(berth releases "$app" --format json | jq -r '.[0].status')" = pending ]
}

only_the_first_runs() {
	[ "$(containers_of "$app" | wc -l)" -eq 1 ] && ! release_is_pending
}

# The sessions of this instance's berthd.
sessions() {
	local pid
	for pid in $(pgrep -x berthd-session); do
		if [[ $(readlink "/proc/$pid/exe") == "$TEST_PREFIX"/* ]]; then echo "$pid"; fi
	done
}

@test "what an app prints does not drive the terminal of who reads its log" {
	new_app esc
	# shellcheck disable=SC1003 # a shell reads it, in the container
	printf 'web: printf "evil \\033]0;title\\a \\033[31mred\\033[0m end\\n"; exec perl server.pl\n' >"$dir/Procfile"
	push_app "$dir" "$app"
	run bssh logs "$app" -n 100
	assert_contains "$output" 'evil \x1b]0;title'
	assert_contains "$output" $'\e[31mred\e[0m end'
	refute_contains "$output" $'\e]'
}

@test "what a failed start printed does not drive the pusher's terminal" {
	new_app esc
	printf 'web: printf "\\033]0;title\\a\\n"; exit 1\n' >"$dir/Procfile"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" '\x1b]0;title'
	refute_contains "$output" $'\e]'
}

@test "releases that nobody can go back to give their images back" {
	local i
	new_app old
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		echo "$i" >"$dir/text"
		push_app "$dir" "$app" >/dev/null
	done
	local first
	first=$(berth releases "$app" --num 100 --format json | jq -r '.[-1].image')
	wait_for 60 test ! -e "$TEST_ROOT/lib/images/$first.json"
	assert_equal "$(http "$host")" 12
	run berth rollback "$app" v1
	[ "$status" -eq 1 ]
	assert_contains "$output" "the image of v1 was collected"
}

@test "maintenance that begins during a deploy stays" {
	slow_app maint 3
	push_app "$dir" "$app" >push.log &
	wait_for 20 release_is_pending
	berth router:maintenance "$app" on
	berth domains:add "$app" "also-$host"
	wait
	assert_contains "$(cat push.log)" "Launched v2"
	assert_equal "$(http_status "$host")" 503
	berth router:maintenance "$app" off
	assert_equal "$(http "also-$host")" one
}

@test "a killed session leaves no half release and no container" {
	slow_app half 30
	push_app "$dir" "$app" >push.log 2>&1 &
	wait_for 20 release_is_pending
	sessions | xargs kill -9 || true # some have answered and end by themselves
	wait
	assert_contains "$(cat push.log)" "remote rejected"
	wait_for 20 only_the_first_runs
	assert_equal "$(http "$host")" one
}

@test "a plugin may change the app that it is told of" {
	local name=p$RANDOM$RANDOM
	mkdir -p plugin/triggers
	printf 'name: %s\nversion: 1.0.0\ndescription: for a test\ntimeout: 20\ntriggers: [post-deploy, config-changed]\n' \
		"$name" >plugin/plugin.yml
	printf '#!/bin/sh\nberth ps:scale "$1" web=2\n' >plugin/triggers/post-deploy
	printf '#!/bin/sh\nberth ps:scale "$1" web=1\n' >plugin/triggers/config-changed
	chmod +x plugin/triggers/*
	berth plugin:install "$PWD/plugin"
	new_app plug
	SECONDS=0
	push_app "$dir" "$app"
	berth config:set "$app" A=1 >out 2>&1 || true
	berth plugin:uninstall "$name"
	cat out
	refute_contains "$(cat out)" "failed"
	assert_equal "$(berth ps:scale "$app" --format json | jq .[0].quantity)" 1
	[ "$SECONDS" -lt 20 ]
}

@test "users that may not ask cannot keep others from asking" {
	cat >flood.py <<'END'
import os, socket, sys, time
os.setgid(65534)
os.setuid(65534)
held = []
for _ in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
print("held", flush=True)
time.sleep(60)
END
	python3 flood.py "$TEST_ROOT/run/control.sock" >held 3>&- &
	local flood=$!
	wait_for 20 grep -q held held
	sleep 0.5
	[ "$(sessions | wc -l)" -le 70 ]
	berth apps:list
	wait_for 20 eval '[ "$(sessions | wc -l)" -le 5 ]'
	kill "$flood"
	wait "$flood" || true
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" apps:list
	[ "$status" -eq 1 ]
	assert_contains "$output" "may not manage Berth here"
}

@test "a damaged table of routes is made anew when berthd starts" {
	new_app routes
	push_app "$dir" "$app"
	local table=$TEST_ROOT/lib/router/routes.json pid
	printf '{"version": 7, "apps": {' >"$table"
	pid=$(service_pid berthd)
	kill -9 "$pid"
	wait_for 20 grep -q "$host" "$table"
	[ -s "$table.damaged" ]
	kill_services berth-router
	wait_http "$host" one
	rm "$table.damaged"
}
