#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a push shows: that long steps live, how long they took, why something failed and what to do.

# $app and $dir come from app.bash
# shellcheck disable=SC2154
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	PACK=$TEST_DIR/pack-$RANDOM
	mkdir -p "$PACK/bin"
	chmod 755 "$PACK"
	printf '#!/bin/sh\necho Patience\n' >"$PACK/bin/detect"
}

teardown() {
	destroy_new_apps
	rm -rf "$PACK"
}

# The compile script of the pack, from stdin.
compile() {
	{
		echo '#!/usr/bin/env bash'
		cat
	} >"$PACK/bin/compile"
	chmod 755 "$PACK"/bin/*
}

# The last line that the server said.
last_line() {
	grep '^remote: ' <<<"$1" | tail -n 1
}

@test "quiet steps show that they live; a web process that does not listen is explained" {
	new_app
	compile <<'END'
printf 'compiling'
sleep 10.5
echo ' compiled'
END
	echo '{ "healthchecks": { "web": [{ "type": "startup", "listening": true, "timeout": 11 }] } }' >"$dir/app.json"
	printf 'web: echo "Server running at http://localhost:3000"; exec sleep 60\n' >"$dir/Procfile"
	berth apps:create "$app"
	berth buildpacks:set "$app" "file://$PACK"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "-----> Patience app detected"
	[[ $output =~ compiling\ *$'\n'"remote:        ... still building (10 s)" ]]
	[[ $output =~ "Built in 1"[0-9]\.[0-9]\ s ]]
	assert_contains "$output" "... still waiting for web.1 to listen on port 5000 (10 s)"
	assert_contains "$output" "Server running at http://localhost:3000"
	refute_contains "$output" $'\033'
	assert_contains "$(last_line "$output")" "within 11 s; it listens on localhost"
}

@test "a build that fails ends with a hint; a crash at the start, too" {
	new_app
	compile <<'END'
echo 'sh: 1: tsc: not found' >&2
exit 127
END
	berth apps:create "$app"
	berth buildpacks:set "$app" "file://$PACK"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$(last_line "$output")" "bin/compile exited with status 127; a command is missing"
	compile <<<'echo fine'
	berth buildpacks:update "$app"
	printf 'web: gunicorm app\n' >"$dir/Procfile"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "gunicorm: "
	assert_contains "$(last_line "$output")" "a command is missing"
	printf 'no-such-package-of-debian\n' >"$dir/Aptfile"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$(last_line "$output")" "Debian has no package of that name"
}

@test "a release command or a script of app.json that fails: its last words and a hint" {
	new_app
	# shellcheck disable=SC2016 # the container expands it
	printf 'web: perl server.pl\nrelease: for i in $(seq 5000); do echo "step $i"; done; bin/migrate\n' >"$dir/Procfile"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "remote: step 1 "
	assert_contains "$output" "remote: step 5000 "
	assert_contains "$(last_line "$output")" "the release command 'for i in"
	assert_contains "$(last_line "$output")" "failed with status 127, its last words '"
	assert_contains "$(last_line "$output")" "bin/migrate: No such file or directory'; status 127 means"
	assert_contains "$(berth builds:info "$app" --format json | jq -r .reason)" "bin/migrate: No such file"

	echo 'web: perl server.pl' >"$dir/Procfile"
	echo '{ "scripts": { "dokku": { "predeploy": "echo connect ECONNREFUSED 10.0.0.9:5432 >&2; echo; exit 3" } } }' >"$dir/app.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "-----> Running predeploy script of app.json"
	assert_contains "$(last_line "$output")" "the predeploy script of app.json 'echo connect"
	assert_contains "$(last_line "$output")" "failed with status 3, its last words 'connect ECONNREFUSED 10.0.0.9:5432'; a database does not answer"

	# after the release a failure is a warning, and the release stays
	cat >"$dir/app.json" <<-'END'
		{ "scripts": { "postdeploy": "printf \"\\\\033[31mred\"; nosuch" } }
	END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" " !     the postdeploy script of app.json 'printf"
	assert_contains "$output" "nosuch: command not found'; a command is missing"
	assert_contains "$output" "-----> Launched v"
	assert_equal "$(http "$host")" one
}
