#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Languages that compile to programs: Rust, and C with make and cmake. Crates come from registries of
# the test's own.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
load helper
load app
load index

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	index_down
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
	assert_contains "$output" "'make' failed with status 2"
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

# A package of a workspace with one program, which prints a word of a crate: member NAME CRATE DEPENDENCY
member() {
	mkdir -p "$dir/$1/src"
	printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n%s = %s\n' \
		"$1" "$2" "$3" >"$dir/$1/Cargo.toml"
	printf 'fn main() { println!("{}", %s::WORD); }\n' "$2" >"$dir/$1/src/main.rs"
}

@test "rust: a workspace, a mirror of crates.io, a registry with a token, vendored crates" {
	local www=$TEST_DIR/www-$RANDOM sum token=token-$RANDOM
	mkdir "$www"
	index_up "$www"
	empty_app rust
	"$TEST_SOURCE/tests/tools/crate" "$www/mirror" "$INDEX_URL/mirror" greeting 1.0.0 'pub const WORD: &str = "mirrored";'
	sum=$("$TEST_SOURCE/tests/tools/crate" "$www/own" "$INDEX_URL/own" secret 2.1.0 'pub const WORD: &str = "private";' auth)
	printf '[workspace]\nresolver = "2"\nmembers = ["job", "mail"]\n' >"$dir/Cargo.toml"
	member job greeting '"1"'
	member mail secret '{ version = "2", registry = "own" }'
	berth config:set "$app" CARGO_REGISTRY_INDEX="sparse+$INDEX_URL/mirror/index/" \
		CARGO_REGISTRIES_OWN_INDEX="sparse+$INDEX_URL/own/index/"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'cargo fetch' failed with status 101"
	assert_contains "$output" "no token found for \`own\`"
	berth config:set "$app" CARGO_REGISTRIES_OWN_TOKEN="$token"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Default types for Rust -> job, mail"
	refute_contains "$output" "$token"
	run berth run "$app" 'job; mail'
	assert_equal "$output" $'mirrored\nprivate'
	# the same from the app itself: nothing is asked
	mkdir -p "$dir/.cargo" "$dir/vendor/secret/src"
	printf '[source."sparse+%s/own/index/"]\nregistry = "sparse+%s/own/index/"\nreplace-with = "vendored-sources"\n[source.vendored-sources]\ndirectory = "vendor"\n' \
		"$INDEX_URL" "$INDEX_URL" >"$dir/.cargo/config.toml"
	printf '[package]\nname = "secret"\nversion = "2.1.0"\nedition = "2021"\n' >"$dir/vendor/secret/Cargo.toml"
	echo 'pub const WORD: &str = "vendored";' >"$dir/vendor/secret/src/lib.rs"
	printf '{"files": {}, "package": "%s"}\n' "$sum" >"$dir/vendor/secret/.cargo-checksum.json"
	rm -r "$dir/job"
	sed -i 's/"job", //' "$dir/Cargo.toml"
	berth config:unset "$app" CARGO_REGISTRIES_OWN_TOKEN
	berth ps:scale "$app" web=0
	: >"$INDEX_LOG"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Default types for Rust -> web"
	run berth run "$app" mail
	assert_equal "$output" vendored
	assert_equal "$(cat "$INDEX_LOG")" ""
	rm -r "$www"
}
