#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Symfony as it is in Debian, installed by Composer from archives on an index of the test's own.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
load helper
load app
load index

setup_file() {
	export DEBIAN=$BATS_FILE_TMPDIR/debian WWW=$BATS_FILE_TMPDIR/www
	"$TEST_SOURCE/tests/tools/debian" "$DEBIAN" 'php-(symfony|psr)-.*' \
		php-symfony-framework-bundle php-symfony-runtime php-symfony-yaml php-symfony-console
	mkdir -p "$WWW"
	index_up "$WWW"
}

teardown_file() {
	index_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

@test "symfony: a plugin of Composer, scripts of the app, its own addresses; a lock file that does not fit" {
	empty_app symfony
	cp -R "$TEST_SOURCE/tests/apps/symfony/." "$dir"
	"$TEST_SOURCE/tests/tools/debian-composer" "$DEBIAN" "$WWW" "$INDEX_URL" "$dir/composer.json" >"$dir/composer.lock"
	berth config:set --no-restart "$app" APP_ENV=prod APP_SECRET=secret
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> PHP app detected"
	assert_contains "$output" "Installing symfony/framework-bundle"
	assert_contains "$output" 'Cache for the "prod" environment (debug=false) was successfully cleared'
	assert_contains "$output" "Default types for PHP -> web"
	assert_equal "$(http "$host" '/items/one?q=1' | jq -c)" \
		"{\"name\":\"one\",\"uri\":\"http://$host:$HTTP_PORT/items/one?q=1\",\"env\":\"prod\"}"
	assert_equal "$(http_status "$host" /missing)" 404
	run berth run "$app" php bin/console debug:router
	assert_contains "$output" '/items/{name}'

	sed -i "s/'name' => .name/'name' => strtoupper(\$name)/" "$dir/src/Controller/ItemController.php"
	: >"$INDEX_LOG"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host" /items/one | jq -r .name)" ONE
	assert_equal "$(grep -c GET "$INDEX_LOG")" 0

	sed -i 's,"symfony/yaml",&: "^5.4"\, "symfony/absent",' "$dir/composer.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "composer.lock does not fit composer.json"
}
