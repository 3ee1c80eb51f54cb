#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Layouts of Go apps beyond one module from a proxy (languages.bats): vendored modules, several
# programs, workspaces. Nothing is fetched but the compiler.

# $app and $dir come from app.bash
# shellcheck disable=SC2154
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	empty_app go
	berth config:set "$app" GOPROXY=off
}

teardown() {
	destroy_new_apps
}

# A program that prints what it was compiled from: program FOLDER PACKAGE EXPRESSION
program() {
	mkdir -p "$dir/$1"
	printf 'package main\n\nimport "%s"\n\nfunc main() { println(%s) }\n' "$2" "$3" >"$dir/$1/main.go"
}

# A package with one word: package FOLDER NAME WORD
package() {
	mkdir -p "$dir/$1"
	printf 'package %s\n\nfunc Word() string { return "%s" }\n' "$2" "$3" >"$dir/$1/$2.go"
}


@test "go: vendored modules need no proxy, every program is a process, GOFLAGS, C that is left out" {
	printf 'module example.test/shop\n\ngo 1.19\n\nrequire example.test/greet v1.0.0\n' >"$dir/go.mod"
	package vendor/example.test/greet greet vendored
	printf '# example.test/greet v1.0.0\n## explicit; go 1.19\nexample.test/greet\n' >"$dir/vendor/modules.txt"
	program cmd/job example.test/greet 'greet.Word()'
	program cmd/mail example.test/shop/lib 'lib.Word()'
	package lib lib free
	sed -i '1i //go:build !paid\n' "$dir/lib/lib.go"
	printf '//go:build paid\n\npackage lib\n\nfunc Word() string { return "paid" }\n' >"$dir/lib/paid.go"
	# the release command runs with every release: no program is one by its name
	program cmd/release example.test/shop/lib 'lib.Word()'
	printf 'package lib\n\nimport "C"\n' >"$dir/lib/native.go"
	berth config:set "$app" GOFLAGS=-tags=paid
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Using the modules in vendor/"
	assert_contains "$output" "without the C code of example.test/shop/lib"
	assert_contains "$output" "Default types for Go -> job, mail"
	refute_contains "$output" "mail, release"
	run berth run "$app" job
	assert_equal "$output" vendored
	run berth run "$app" mail
	assert_equal "$output" paid
	# a vendor folder that does not fit
	sed -i 's/greet v1.0.0/greet v1.1.0/' "$dir/go.mod"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "vendor/ does not fit go.mod: run 'go mod vendor' and commit vendor/"
}

@test "go: a workspace without a module at its top" {
	printf 'go 1.19\n\nuse (\n\t./shop\n\twords\n)\n' >"$dir/go.work"
	package words words shared
	printf 'module example.test/words\n\ngo 1.19\n' >"$dir/words/go.mod"
	program shop example.test/words 'words.Word()'
	printf 'module example.test/shop\n\ngo 1.19\n\nrequire example.test/words v1.0.0\n' >"$dir/shop/go.mod"
	berth ps:scale "$app" web=0
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Go app detected"
	assert_contains "$output" "Default types for Go -> web"
	run berth run "$app" shop
	assert_equal "$output" shared
	sed -i 's/words/none/' "$dir/go.work"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'go list' failed with status"
}
