#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Rails and Sinatra as they are in Debian, installed by Bundler from a gem source of the test's own.

# $app, $dir and $host come from app.bash; some dollars are for the app
# shellcheck disable=SC2154,SC2016
load ../e2e/helper
load ../e2e/app
load ../e2e/index

setup_file() {
	export DEBIAN=$BATS_FILE_TMPDIR/debian GEMS=$BATS_FILE_TMPDIR/gems
	"$TEST_SOURCE/tests/tools/debian" "$DEBIAN" 'ruby-.*|rake|libruby.*' \
		ruby-rails ruby-sprockets-rails ruby-sqlite3 ruby-sinatra puma
	mkdir -p "$GEMS"
	index_up "$GEMS"
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

# A Gemfile of these gems, and its lock file: gemfile NAME...
gemfile() {
	{
		printf 'source "%s"\n' "$INDEX_URL"
		printf 'gem "%s"\n' "$@"
	} >"$dir/Gemfile"
	"$TEST_SOURCE/tests/tools/debian-gems" "$DEBIAN" "$GEMS" "$INDEX_URL" "$@" >"$dir/Gemfile.lock"
}

stylesheet() {
	http "$host" | grep -o '/assets/application-[0-9a-f]*\.css'
}

@test "rails: gems with compiled parts, assets, puma, a secret that stays, a database" {
	empty_app rails
	cp -R "$TEST_SOURCE/tests/apps/rails/." "$dir"
	gemfile rails puma sprockets-rails sqlite3
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Ruby app detected"
	assert_contains "$output" "Installing nokogiri"
	assert_contains "$output" "Precompiling assets"
	assert_contains "$output" "Default types for Ruby -> web"
	run http "$host" '/?name=greetings'
	assert_contains "$output" "greetings from rails at http://$host:$HTTP_PORT/?name=greetings for 127.0.0.1"
	assert_contains "$output" csrf-token
	run http "$host" "$(stylesheet)"
	assert_contains "$output" "color: #123"
	assert_contains "$output" "color: #456"
	assert_equal "$(http_status "$host" /missing)" 404
	# Rails' log is the app's
	wait_for 5 eval 'berth logs "$app" -n 100 | grep -q "items for greetings"'

	run berth run "$app" 'rails db:migrate && rails runner "Item.create!(name: %q(one)); puts Item.count.inspect, Rails.env"'
	[ "$status" -eq 0 ]
	assert_contains "$output" "CreateItems: migrated"
	assert_contains "$output" $'1\nproduction'
	run berth run "$app" 'puma --version; echo "secret $SECRET_KEY_BASE"'
	assert_contains "$output" "puma version"
	[[ $output =~ secret\ [0-9a-f]{128} ]]
	local secret=${BASH_REMATCH[0]}

	sed -i 's/#456/#654/' "$dir/app/assets/stylesheets/base.css"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	assert_contains "$(http "$host" "$(stylesheet)")" "color: #654"
	assert_contains "$(berth run "$app" 'echo "secret $SECRET_KEY_BASE"')" "$secret"

	# compiled by the developer
	mkdir -p "$dir/public/assets"
	echo '{"files":{},"assets":{"application.css":"application-abc.css"}}' >"$dir/public/assets/.sprockets-manifest-0123456789abcdef0123456789abcdef.json"
	echo 'h1 { color: #abc }' >"$dir/public/assets/application-abc.css"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "The app has compiled assets in public/assets"
	assert_equal "$(http "$host" "$(stylesheet)")" "h1 { color: #abc }"
}

@test "sinatra: puma by default for a config.ru" {
	empty_app sinatra
	gemfile sinatra puma
	cat >"$dir/config.ru" <<-'END'
		require "sinatra"
		get("/:name") { "#{params[:name]} from sinatra at #{request.url} in #{settings.environment}" }
		run Sinatra::Application
	END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Default types for Ruby -> web"
	assert_equal "$(http "$host" /greetings)" "greetings from sinatra at http://$host:$HTTP_PORT/greetings in production"
}
