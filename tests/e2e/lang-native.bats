#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Languages that compile to programs: Rust, and C with make and cmake. Nothing is fetched but the
# compilers.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
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

@test "c: make, the one program is web, a change is compiled, compilers stay out, a missing header" {
	sample c
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> C/C++ app detected"
	assert_contains "$output" "Default types for C/C++ -> web"
	assert_contains "$(http "$host")" "hello from c"
	run berth run "$app" 'command -v gcc cc make || echo no compiler'
	assert_contains "$output" "no compiler"
	sed -i 's/hello from c/changed in c/' "$dir/server.c"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host")" "changed in c"
	sed -i '3i #include <no/such.h>' "$dir/server.c"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'make ' failed with status 2"
	assert_contains "$output" "a header file is missing"
}

@test "cmake: a program with a library of its own, in build/" {
	sample cmake
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Compiling"
	assert_contains "$output" "build/shop"
	assert_contains "$(http "$host")" "hello from cmake"
}

@test "rust: cargo with its lock file, a change, a lock file that does not fit, another toolchain" {
	sample rust
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Rust app detected"
	assert_contains "$output" "Default types for Rust -> web"
	assert_contains "$(http "$host")" "hello from rust"
	sed -i 's/hello from/changed in/' "$dir/src/main.rs"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host")" "changed in rust"
	sed -i 's/0\.1\.0/0.2.0/' "$dir/Cargo.toml"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "Cargo.lock does not fit Cargo.toml"
	printf '[toolchain]\nchannel = "nightly-2026-01-01"\n' >"$dir/rust-toolchain.toml"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "asks for Rust 'nightly-2026-01-01', but this stack has 1."
}
