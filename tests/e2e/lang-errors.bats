#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What people get wrong with Go, Ruby and PHP, the layouts that need no setting, and how packs fail.

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

@test "php: index.php at the top, a document root from composer.json, a missing extension" {
	empty_app php
	printf '<?php\necho "top of ", basename($_SERVER["DOCUMENT_ROOT"]), "\\n";\n' >"$dir/index.php"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "top of app"
	run berth run "$app" 'heroku-php-nginx -C nginx.conf public/'
	[ "$status" -eq 2 ]
	assert_contains "$output" "only a document root is known here"
	mkdir -p "$dir/site/docs"
	mv "$dir/index.php" "$dir/site/docs"
	echo '{"extra": {"heroku": {"document-root": "site/docs/"}}}' >"$dir/composer.json"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "top of docs"
	echo '{"extra": {"heroku": {"document-root": "$(id)"}}}' >"$dir/composer.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "extra.heroku.document-root has letters"
	echo '{"require": {"ext-redis": "*"}, "repositories": [{"packagist.org": false}]}' >"$dir/composer.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "Aptfile with a line for each of: php-redis"
	assert_equal "$(http "$host")" "top of docs"
}

@test "go: what go list says is shown" {
	empty_app go
	printf 'module example.test/shop\n\ngo 1.19\n' >"$dir/go.mod"
	printf 'package main\n\nimport _ "example.test/shop/none"\n\nfunc main() {}\n' >"$dir/main.go"
	berth config:set "$app" GO_INSTALL_PACKAGE_SPEC=./missing
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'go list ./missing' failed with status"
	assert_contains "$output" "missing: directory not found"
}

@test "ruby: a Gemfile goes before package.json, and its version is looked at" {
	empty_app ruby
	echo '{}' >"$dir/package.json"
	printf 'ruby "2.7.8"\n' >"$dir/Gemfile"
	printf 'GEM\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n' >"$dir/Gemfile.lock"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "-----> Ruby app detected"
	assert_contains "$output" "Gemfile asks for Ruby 2.7.8, but this stack has"
}

# Lines of a pack's compile after those that all have: pack_script
pack_script() {
	bash -euo pipefail -c ". '$TEST_SOURCE/buildpacks/lib/shell.sh'"$'\n'"$1"
}

@test "packs: whatever ends a build is named once, in its last line" {
	run pack_script 'work() { local x; x=$(cat none 2>&1); }; work'
	[ "$status" -eq 1 ]
	assert_equal "$output" " !     'x=\$(cat none 2>&1)' failed with status 1"
	run pack_script 'version=$(die "no such version")'
	[ "$status" -eq 1 ]
	assert_equal "$output" " !     no such version"
	run pack_script 'explain() { warn "try another"; }; run "make all" sh -c "echo broken; exit 7"'
	[ "$status" -eq 7 ]
	assert_equal "$output" $'       broken\n !     \'make all\' failed with status 7\n !     try another'
	run pack_script 'say done'
	assert_equal "$output" "       done"
}
