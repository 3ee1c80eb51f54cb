#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The bundled buildpacks, by pushing an app of each kind. npm's packages come from its registry;
# Python's wheel is in the app.

# $app, $dir and $host come from app.bash; some dollars are for the app
# shellcheck disable=SC2154,SC2016
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# A copy of a sample app in $dir, to be pushed as $app: sample NAME
sample() {
	new_app "$1"
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/$1" "$dir"
}

@test "nodejs: npm ci from the lock file, once" {
	sample nodejs
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Node.js app detected"
	assert_contains "$output" "added 1 package"
	assert_contains "$(http "$host")" "a day is 86400000 ms"
	sed -i 's/a day/one day/' "$dir/server.js"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	refute_contains "$output" "added"
	assert_contains "$(http "$host")" "one day is 86400000 ms"
}

@test "nodejs: the build script has the development dependencies, the app does not" {
	sample nodejs-build
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Removing 1 development packages"
	assert_contains "$(http "$host")" "built with semver 1, an hour is 3600000 ms"
	run berth run "$app" ls node_modules
	assert_contains "$output" ms
	refute_contains "$output" semver
}

@test "nodejs: a build that fails, and a version that cannot be had" {
	sample nodejs-build
	echo 'console.error("no luck"); process.exit(3)' >"$dir/build.js"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "no luck"
	assert_contains "$output" "the Node.js buildpack failed: bin/compile exited with status 3"
	sed -i 's/"private": true,/"private": true, "engines": { "node": "not a range" },/' "$dir/package.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "engines.node 'not a range' is no version range"
}

@test "python: requirements in a virtual environment, once; a version that is not there" {
	sample python
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Successfully installed berth-greeting-1.0"
	assert_contains "$(http "$host")" "says hello"
	echo '# changed' >>"$dir/server.py"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install"
	echo 2.7 >"$dir/.python-version"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" ".python-version asks for Python '2.7'"
	echo 3.99 >"$dir/.python-version"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "asks for Python 3.99, but this stack has"
}

@test "procfile: .slugignore leaves files out, .profile.d is sourced" {
	sample procfile
	mkdir -p "$dir/docs" "$dir/.profile.d"
	touch "$dir/docs/large" "$dir/notes.psd"
	printf 'docs\n*.psd\n' >"$dir/.slugignore"
	echo 'export FROM_PROFILE=yes' >"$dir/.profile.d/a.sh"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host")" "hello from web.1"
	run berth run "$app" 'ls; echo "profile $FROM_PROFILE"'
	refute_contains "$output" docs
	refute_contains "$output" notes.psd
	assert_contains "$output" "profile yes"
}
