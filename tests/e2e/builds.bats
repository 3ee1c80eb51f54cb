#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Builds as objects: listed, watched, cancelled, queued, capped. A pack that runs the app's own
# script ./do stands for all compilers.

# $app, $dir and $host come from app.bash; most dollars are for the pack
# shellcheck disable=SC2154,SC2016
load helper
load app

setup_file() {
	PACK=$TEST_DIR/do-$RANDOM
	mkdir -p "$PACK/bin"
	printf '#!/bin/sh\necho Do\n' >"$PACK/bin/detect"
	printf '#!/usr/bin/env bash\nset -e\nbuild=$1 cache=$2\n. "$1/do"\n' >"$PACK/bin/compile"
	chmod -R a+rX "$PACK"
	chmod 755 "$PACK"/bin/*
	export PACK
	cp -p "$TEST_ROOT/etc/berth.conf" "$PACK/berth.conf"
	printf '\n[build]\nparallel = 1\n' >>"$TEST_ROOT/etc/berth.conf"
	restart_berthd
}

# The settings are read when it starts; its supervisor starts it again.
restart_berthd() {
	local old
	old=$(service_pid berthd)
	kill "$old"
	wait_for 30 is_another berthd "$old"
}

teardown_file() {
	cp -p "$PACK/berth.conf" "$TEST_ROOT/etc/berth.conf"
	restart_berthd
	rm -rf "$PACK"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# An app that the script on stdin builds: app_of PREFIX
app_of() {
	new_app "$1"
	cat >"$dir/do"
	berth apps:create "$app" >/dev/null
	berth buildpacks:set "$app" "file://$PACK" >/dev/null
}

build_field() { # APP FIELD [ID]
	berth builds:info "$1" ${3:+"$3"} --format json | jq -r ".$2"
}

build_is() { # APP STATUS
	[ "$(build_field "$1" status 2>/dev/null)" = "$2" ]
}

output_has() { # APP TEXT
	berth builds:output "$1" --no-follow 2>/dev/null | grep -q "$2"
}

# A push in the background, what it printed in FILE, its status as the last line: push_later DIR APP FILE
push_later() {
	(
		local status=0
		push_app "$1" "$2" >"$3" 2>&1 || status=$?
		echo "status $status" >>"$3"
	) 3>&- &
}

# Kills the workers that build, and nothing else.
kill_sessions() {
	local proc
	for proc in /proc/[0-9]*; do
		[ "$(cat "$proc/comm" 2>/dev/null)" = berthd-session ] || continue
		[[ $(readlink "$proc/exe") == "$TEST_PREFIX"/* ]] || continue
		kill -9 "${proc#/proc/}"
	done
}

@test "a push, an archive and a rebuild are builds with all that was printed; old ones go" {
	app_of builds <<<'printf "\033[31mred\033[0m\n"; echo words >&2'
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	run berth builds:output "$app"
	assert_contains "$output" $'\e[31mred\e[0m'
	assert_contains "$output" "words"
	assert_contains "$output" "-----> Launched v1 in"
	assert_contains "$output" "http://$host"
	assert_equal "$(build_field "$app" status)" succeeded
	assert_equal "$(build_field "$app" user)" admin
	assert_equal "$(build_field "$app" kind)" push
	assert_equal "$(build_field "$app" release)" v1
	assert_equal "$(build_field "$app" commit)" "$(head_of "$dir")"
	assert_contains "$(build_field "$app" timings)" "build "
	assert_equal "$(build_field "$app" image)" "$(berth releases "$app" --format json | jq -r '.[0].image')"

	tar -C "$dir" --exclude .git -cf - . | bssh git:from-archive "$app" - >archive.out
	assert_equal "$(build_field "$app" kind)" archive
	assert_contains "$(cat archive.out)" "Launched v2"

	# a terminal stays one, and what it shows is kept
	run script -qec "'$TEST_PREFIX/bin/berth' --root '$TEST_ROOT' ps:rebuild $app" /dev/null
	assert_contains "$output" "Launched v3"
	assert_equal "$(build_field "$app" kind)" rebuild
	assert_contains "$(berth builds:output "$app" current)" "Launched v3"
	assert_equal "$(berth builds:list "$app" --status succeeded --format json | jq length)" 3

	cp -R "$dir" folder
	rm -rf folder/.git
	echo two >folder/text
	(cd folder && berth up "$app")
	assert_equal "$(berth builds:list "$app" --format json | jq -r '[.[].kind] | join(" ")')" "up rebuild archive push"
	run berth builds:list "$app" --kind up
	assert_contains "$output" " up "
	refute_contains "$output" " push "
	run berth builds:list "$app" --kind build
	[ "$status" -eq 2 ]
	assert_contains "$output" "'build' is no kind of a build: one of push, up, sync, archive, rebuild"

	run berth builds:info "$app" 999999
	[ "$status" -eq 1 ]
	assert_contains "$output" "has no build 999999"
	run berth builds:set "$app" memory lots
	[ "$status" -eq 1 ]
	assert_contains "$output" "such as 512m or 2g"
	berth builds:set "$app" retention 2
	berth builds:prune "$app"
	assert_equal "$(berth builds:list "$app" --format json | jq length)" 2
}

@test "a build is watched and cancelled by another; a killed worker leaves a failed build and its log" {
	app_of cancel <<<'echo begun; sleep 60'
	push_later "$dir" "$app" push.out
	wait_for 15 output_has "$app" begun
	assert_equal "$(build_field "$app" status)" building
	timeout 30 "$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" builds:output "$app" >watch.out 2>&1 3>&- &
	local watcher=$!
	run bssh builds:cancel "$app"
	[ "$status" -eq 0 ]
	wait "$watcher"
	assert_contains "$(cat watch.out)" "begun"
	assert_contains "$(cat watch.out)" "Cancelled by admin"
	wait
	assert_contains "$(cat push.out)" "Cancelled by admin"
	assert_contains "$(cat push.out)" "(cancelled by admin)"
	assert_equal "$(tail -n 1 push.out)" "status 1"
	assert_equal "$(build_field "$app" status)" cancelled
	assert_equal "$(build_field "$app" reason)" "cancelled by admin"
	run berth builds:cancel "$app"
	[ "$status" -eq 1 ]
	assert_contains "$output" "has ended"

	push_later "$dir" "$app" push.out
	wait_for 15 build_is "$app" building
	wait_for 15 output_has "$app" begun
	kill_sessions
	wait_for 15 build_is "$app" failed
	wait
	assert_equal "$(build_field "$app" reason)" "berthd ended"
	assert_contains "$(berth builds:output "$app")" "begun"
	assert_equal "$(release_of "$app")" null
}

@test "builds wait for their turn in order; a newer push takes the place of one that waits" {
	local first second first_dir
	app_of first <<<'touch "$cache/here"; echo begun; while [ -e "$cache/here" ]; do sleep 0.1; done'
	first=$app
	first_dir=$dir
	app_of second <<<'echo "second"'
	second=$app
	push_later "$first_dir" "$first" first.out
	wait_for 15 output_has "$first" begun
	push_later "$dir" "$second" second.out
	wait_for 15 output_has "$second" "Waiting for 1 build before this one"
	assert_equal "$(build_field "$second" position)" 1
	assert_equal "$(build_field "$first" position)" null
	# two more of the same app: only the newest is built
	echo 2 >"$dir/change"
	push_later "$dir" "$second" third.out
	wait_for 15 output_has "$second" "Waiting for the deploy of"
	find "$TEST_ROOT/lib/cache" -name here -delete
	wait
	assert_contains "$(cat first.out)" "status 0"
	assert_contains "$(cat third.out)" "status 0"
	assert_contains "$(berth builds:info "$second" --format json | jq -r .status)" succeeded
}

@test "a build that eats everything fails alone and says so" {
	app_of eats <<<'perl -e "\$x = q(a) x 300_000_000; print length \$x"'
	berth builds:set "$app" memory 64m
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "Build used more than 64 MB of memory"
	assert_equal "$(build_field "$app" status)" failed
	assert_contains "$(berth builds:output "$app")" "Build used more than 64 MB of memory"
	berth builds:set "$app" memory 1g
	berth builds:set "$app" disk 64m
	echo 'head -c 200000000 /dev/zero >"$build/big"; sleep 20' >"$dir/do"
	run push_app "$dir" "$app"
	assert_contains "$output" "Build used more than 64 MB of disk"
	# also at once, before anybody has looked
	echo 'head -c 200000000 /dev/zero >"$build/big"' >"$dir/do"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "Build used more than 64 MB of disk"
	berth builds:set "$app" disk
	berth builds:set "$app" pids 32
	echo 'exec dash -c "for i in \$(seq 50); do sleep 30 & done; wait"' >"$dir/do"
	run push_app "$dir" "$app"
	assert_contains "$output" ", and wanted more than 32 processes"
	berth builds:set "$app" pids
	berth builds:set "$app" time 10
	echo 'sleep 40' >"$dir/do"
	run push_app "$dir" "$app"
	assert_contains "$output" "Build took longer than 10 seconds"
	assert_equal "$(berth builds:report "$app" --format json | jq -r '.["computed-memory"]')" 1g
}

@test "apps with the same inputs share what was compiled, until one purges its cache" {
	local first
	new_app one
	first=$app
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/static" "$dir"
	echo "{ \"clean_urls\": true, \"root\": \"./\" }" >"$dir/static.json"
	cp -R "$dir" shared
	push_app "$dir" "$first"
	new_app two
	rm -rf "$dir"
	mv shared "$dir"
	echo "<h1>Two</h1>" >"$dir/index.html"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install"
	assert_contains "$(http "$host")" "Two"
	berth repo:purge-cache "$app"
	echo more >"$dir/more.html"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "Nothing to install"
	assert_contains "$(http "$host")" "Two"
	# another input is another layer
	echo "{ \"clean_urls\": false, \"root\": \"./\" }" >"$dir/static.json"
	run push_app "$dir" "$app"
	refute_contains "$output" "Nothing to install"
}
