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
sleep 15
echo ' compiled'
END
	echo '{ "healthchecks": { "web": [{ "type": "startup", "listening": true, "timeout": 15 }] } }' >"$dir/app.json"
	printf 'web: echo "Server running at http://localhost:3000"; exec sleep 60\n' >"$dir/Procfile"
	berth apps:create "$app"
	berth buildpacks:set "$app" "file://$PACK"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "-----> Patience app detected"
	[[ $output =~ compiling\ *$'\n'"remote:        ... still building (1"[0-4]" s)" ]]
	[[ $output =~ "Built in 1"[0-9]\.[0-9]\ s ]]
	[[ $output =~ "... still waiting for web.1 to listen on port 5000 (1"[0-4]" s)" ]]
	assert_contains "$output" "Server running at http://localhost:3000"
	refute_contains "$output" $'\033'
	assert_contains "$(last_line "$output")" "within 15 s; it listens on localhost"
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

# What COMMAND shows at a terminal: at_terminal COMMAND...
at_terminal() {
	TERM=${TERM_HERE-xterm} script -qec "$*" /dev/null
}

@test "colours: at the person's terminal only, unless NO_COLOR, TERM=dumb or CLICOLOR_FORCE says otherwise" {
	local berth="$TEST_PREFIX/bin/berth --root $TEST_ROOT" ssh="ssh -F $TEST_DIR/ssh_config"
	local head=$'\e[1;36m----->\e[0m ' yellow=$'\e[33m !     ' red=$'\e[31m !     ' none=$'\e['
	unset NO_COLOR CLICOLOR_FORCE
	new_app colour
	compile <<<'echo "-----> Of the pack"; echo " !     Of the pack"; exit 1'
	berth apps:create "$app"
	berth buildpacks:set "$app" "file://$PACK"
	cd "$dir"
	mkdir inner
	touch inner/file
	commit_all inner
	run at_terminal "$berth up $app"
	assert_contains "$output" "${yellow}'inner/' is left out"
	assert_contains "$output" "${head}Patience app detected"
	assert_contains "$output" "${head}Of the pack"
	assert_contains "$output" "${yellow}Of the pack"
	assert_contains "$output" "${red}the pack-"
	# the log is kept plain, and painted when somebody looks at it
	refute_contains "$(berth builds:output "$app")" "$none"
	assert_contains "$(berth builds:output "$app")" "-----> Of the pack"
	assert_contains "$(at_terminal "$berth builds:output $app")" "${head}Of the pack"
	# neither a pipe nor a push has any
	run berth up "$app"
	[ "$status" -eq 1 ]
	assert_contains "$output" "-----> Of the pack"
	refute_contains "$output" "$none"
	rm -rf inner
	commit_all .
	export GIT_SSH_COMMAND=$ssh GIT_CONFIG_GLOBAL=/dev/null
	run at_terminal "git push berth:$app main"
	assert_contains "$output" "-----> Of the pack"
	refute_contains "$output" "${head}"
	refute_contains "$output" "${yellow}"

	assert_contains "$(at_terminal "$berth apps:info $app")" $'\e[1;36m=====>\e[0m App'
	assert_contains "$(at_terminal "$berth apps:info no-app")" "${red}app 'no-app' does not exist"
	# each of stdout and stderr by itself
	refute_contains "$(at_terminal "$berth buildpacks:clear $app | cat")" "$none"
	assert_contains "$(at_terminal "$berth buildpacks:clear no-app | cat")" "$red"
	refute_contains "$(at_terminal "$berth apps:info no-app 2>&1 | cat")" "$none"
	refute_contains "$(at_terminal "$berth apps:info $app --format json")" "$none"
	refute_contains "$(at_terminal "$berth apps:info no-app --format json")" "$none"

	refute_contains "$(NO_COLOR=1 at_terminal "$berth buildpacks:clear $app")" "$none"
	refute_contains "$(NO_COLOR=1 CLICOLOR_FORCE=1 at_terminal "$berth buildpacks:clear $app")" "$none"
	refute_contains "$(TERM_HERE=dumb at_terminal "$berth buildpacks:clear $app")" "$none"
	assert_contains "$(CLICOLOR_FORCE=1 berth buildpacks:clear "$app")" "$head"
	refute_contains "$(CLICOLOR_FORCE=0 berth buildpacks:clear "$app")" "$none"
	refute_contains "$(CLICOLOR_FORCE=1 berth apps:info "$app" --format json)" "$none"

	# over ssh: a terminal there, or what the berth of a laptop says of its own
	assert_contains "$(at_terminal "$ssh -tt berth buildpacks:clear $app")" "$head"
	refute_contains "$(at_terminal "$ssh berth buildpacks:clear $app")" "$none"
	local laptop="$TEST_PREFIX/bin/berth --remote berth"
	assert_contains "$(at_terminal "$laptop buildpacks:clear $app")" "$head"
	refute_contains "$(NO_COLOR=1 at_terminal "$laptop buildpacks:clear $app")" "$none"
	refute_contains "$($laptop buildpacks:clear "$app")" "$none"
	assert_contains "$(at_terminal "$laptop up $app")" "$head"
}
