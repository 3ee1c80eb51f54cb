#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a build depends on: the same inputs give the same image, on any instance; a changed one is
# never served from a cache; and the cache stays below its size.

# $app, $dir and $host come from app.bash; most dollars are for the pack
# shellcheck disable=SC2154,SC2016,SC2030,SC2031
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
	rm -rf "$TEST_DIR/do-$BATS_SUITE_TEST_NUMBER"
}

sample() {
	new_app "$1"
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/$1" "$dir"
}

# A pack in $pack that runs the app's own script ./do
make_pack() {
	pack=$TEST_DIR/do-$BATS_SUITE_TEST_NUMBER
	mkdir -p "$pack/bin"
	printf '#!/bin/sh\necho Do\n' >"$pack/bin/detect"
	printf '#!/usr/bin/env bash\nset -e\nbuild=$1 cache=$2\ncd "$build"\n. ./do\n' >"$pack/bin/compile"
	chmod -R a+rX "$pack"
	chmod 755 "$pack"/bin/*
}

image_of() {
	berth builds:info "$1" --format json | jq -er .image
}

# Pushes the samples NAME... and one of all sources with the pack in $pack; prints their images.
push_samples() {
	local name
	for name in "$@"; do
		sample "$name"
		push_app "$dir" "$app" >push.out || { cat push.out && return 1; }
		echo "$name $(image_of "$app")"
	done
	new_app own
	echo 'date +%N >when-$RANDOM; cat when-* | wc -l >lines; rm when-*; touch -d @$RANDOM lines; rm -f text2' >"$dir/do"
	berth apps:create "$app" >/dev/null
	berth buildpacks:set "$app" "file://$pack" >/dev/null
	push_app "$dir" "$app" >push.out || { cat push.out && return 1; }
	echo "own $(image_of "$app")"
}

# The same on an instance of its own, which goes with the subshell.
push_samples_elsewhere() (
	export BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/elsewhere
	mkdir "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	# shellcheck source-path=SCRIPTDIR source=instance.bash
	source "$TEST_SOURCE/tests/e2e/instance.bash"
	trap 'instance_down >&2' EXIT
	instance_up >/dev/null
	push_samples "$@"
)

@test "the same source, packs, stack and config are the same image on two instances" {
	local here there
	make_pack
	push_samples procfile python >here
	there=$(push_samples_elsewhere procfile python)
	here=$(cat here)
	echo "$here"
	assert_equal "$there" "$here"
	assert_equal "$(cut -d' ' -f2 here | sort -u | wc -l)" 3

	# built anew it is the same again, and its layers are there once
	berth repo:purge-cache "$app"
	berth ps:rebuild "$app" >/dev/null
	assert_equal "own $(image_of "$app")" "$(tail -n 1 <<<"$here")"
	assert_equal "$(berth apps:info "$app" --format json | jq -r .release)" v2
	wait_http "$host" one
	# other content is another image; and so is each build where that is turned off
	echo 'date +%N >when' >"$dir/do"
	push_app "$dir" "$app" >/dev/null
	here=$(image_of "$app")
	berth ps:rebuild "$app" >/dev/null
	[ "$(image_of "$app")" != "$here" ]
	echo 'echo 1 >when' >"$dir/do"
	push_app "$dir" "$app" >/dev/null
	here=$(image_of "$app")
	run berth builds:set "$app" reproducible perhaps
	[ "$status" -eq 1 ]
	assert_contains "$output" "reproducible is true or false, not 'perhaps'"
	berth builds:set "$app" reproducible false
	berth ps:rebuild "$app" >/dev/null
	[ "$(image_of "$app")" != "$here" ]
	wait_http "$host" one
}

# Pushes $dir; the output must (not) say that what WHY changed needs no installing.
rebuilds() { # WHY
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ] || fail "$1: $output"
	[[ $output != *"Nothing to install"* ]] || fail "$1 changed, and the old dependencies were taken"
}

reuses() { # WHY
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ] || fail "$1: $output"
	[[ $output == *"Nothing to install"* ]] || fail "$1 changed, and the dependencies were installed anew: $output"
}

fail() {
	echo "$*"
	return 1
}

@test "each input that changes is seen; what is none is not" {
	local image registry resolved compile=$TEST_PREFIX/share/berth/buildpacks/nodejs/bin/compile
	sample nodejs
	rebuilds "a new app"
	echo >>"$dir/server.js"
	reuses "a source file"
	berth config:set --no-restart "$app" GREETING=hello
	reuses "a config var that the pack does not read"
	sed -i 's/"1.0.0"/"1.0.1"/' "$dir/package.json"
	rebuilds package.json
	# with the address of its package, as npm writes it
	registry=$(sed -n 's/^npm-registry *= *//p' "$TEST_ROOT/etc/berth.conf")
	resolved=${registry:-https://registry.npmjs.org/}
	resolved=${resolved%/}/ms/-/ms-2.1.3.tgz
	jq --arg url "$resolved" '.packages["node_modules/ms"].resolved = $url' "$dir/package-lock.json" >lock
	cp lock "$dir/package-lock.json"
	rebuilds package-lock.json
	echo "fund=false" >"$dir/.npmrc"
	rebuilds .npmrc
	# what was downloaded once is in the app's cache
	berth config:set --no-restart "$app" NPM_CONFIG_REGISTRY=http://127.0.0.1:9/
	rebuilds "a config var that the pack reads"
	berth config:unset --no-restart "$app" NPM_CONFIG_REGISTRY
	reuses "that var, back to what it was,"
	cp -p "$compile" compile
	echo "# changed" >>"$compile"
	rebuilds "the pack"
	cp -p compile "$compile"
	reuses "the pack, back to what it was,"
	echo hello >"$dir/Aptfile"
	rebuilds "the list of packages"
	berth repo:purge-cache "$app"
	image=$(image_of "$app")
	rebuilds "the purged cache"
	# and what was installed anew is what was there
	assert_equal "$(image_of "$app")" "$image"
}

@test "the build cache stays below its size: what was used longest ago goes first" {
	make_pack
	new_app cache
	berth apps:create "$app"
	berth buildpacks:set "$app" "file://$pack"
	berth builds:set "$app" cache-size 64m
	echo 'for name in "old one" new; do mkdir -p "$cache/$name"; head -c 30M /dev/zero >"$cache/$name/file"; done
		echo kept >$cache/secret
		touch -d "2020-01-01" "$cache/old one/file" $cache/secret; chmod 555 "$cache/old one"' >"$dir/do"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "is gone"
	echo 'ls $cache; head -c 20M /dev/zero >$cache/newest' >"$dir/do"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Cache: old one is gone (30 MB), since all of it was larger than 64 MB"
	refute_contains "$output" "new is gone"
	echo 'echo has $(ls $cache)' >"$dir/do"
	run push_app "$dir" "$app"
	assert_contains "$output" "has new newest secret"
	# a small file beside the folders is no cache and stays, a large one is
	echo 'mkdir -p $cache/last; head -c 60M /dev/zero >$cache/last/file' >"$dir/do"
	run push_app "$dir" "$app"
	assert_contains "$output" "Cache: newest is gone (20 MB)"
	echo 'echo has $(ls $cache)' >"$dir/do"
	run push_app "$dir" "$app"
	assert_contains "$output" "has last secret"
	run berth builds:set "$app" cache-size lots
	[ "$status" -eq 1 ]
	assert_contains "$output" "cache-size is a size from 64m"
}
