#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What an app can do to the builds of others: apps with the same inputs share what was compiled, so
# nothing that only one of them has or made may be in it.

# $app and $dir come from app.bash; some dollars are for the app
# shellcheck disable=SC2154,SC2016
load ../e2e/helper
load ../e2e/app
load ../e2e/index

setup_file() {
	www_up
}

teardown_file() {
	www_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# The app of tests/apps/web with a gem beside it: ruby_app PREFIX GEM
ruby_app() {
	new_app "$1"
	printf 'source "%s"\ngem "%s"\n' "$INDEX_URL" "$2" >"$dir/Gemfile"
	printf 'GEM\n  remote: %s/\n  specs:\n    %s (1.0.0)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  %s\n\nBUNDLED WITH\n   2.3.15\n' \
		"$INDEX_URL" "$2" "$2" >"$dir/Gemfile.lock"
}

@test "what an app put into its cache reaches no other app with the same inputs" {
	"$TEST_SOURCE/tests/tools/gem" "$WWW" greeting 1.0.0 'puts "the real one"'
	ruby_app bad greeting
	# a build that fills the cache with another gem of that name and version
	mkdir -p "$dir/pack/bin"
	printf '#!/bin/sh\n' >"$dir/pack/bin/detect"
	cat >"$dir/pack/bin/compile" <<-'END'
		#!/bin/bash
		set -e
		cd "$1"
		bundle config set --local path vendor/bundle
		bundle install
		sed -i 's/the real one/another one/' vendor/bundle/ruby/*/gems/greeting-1.0.0/lib/greeting.rb
		cp -RP vendor/bundle "$2/bundle"
	END
	chmod +x "$dir"/pack/bin/*
	printf 'ruby\n' >"$dir/.ruby-version"
	printf './pack\nruby\n' >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	# and then one with the inputs of the app to come
	rm -r "$dir/pack" "$dir/.buildpacks" "$dir/.ruby-version"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(berth run "$app" bundle exec ruby -rgreeting -e '')" "another one"

	ruby_app good greeting
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(berth run "$app" bundle exec ruby -rgreeting -e '')" "the real one"
}

@test "a secret that a build made is its own app's, and no file for everybody" {
	local first
	"$TEST_SOURCE/tests/tools/gem" "$WWW" railties 1.0.0 ''
	ruby_app one railties
	mkdir "$dir/config"
	touch "$dir/config/application.rb"
	push_app "$dir" "$app"
	first=$(berth run "$app" printenv SECRET_KEY_BASE)
	assert_equal "${#first}" 128
	# it is the same in the next release
	touch "$dir/more"
	push_app "$dir" "$app"
	assert_equal "$(berth run "$app" printenv SECRET_KEY_BASE)" "$first"
	ruby_app two railties
	mkdir "$dir/config"
	touch "$dir/config/application.rb"
	push_app "$dir" "$app"
	[ "$(berth run "$app" printenv SECRET_KEY_BASE)" != "$first" ]
	run setpriv --reuid 65534 --regid 65534 --clear-groups grep -rl "$first" "$TEST_ROOT/lib"
	assert_equal "$(grep -v 'Permission denied' <<<"$output" || true)" ""
}

# What the steps of a Dockerfile have of the app alone: dockerfile FIRST-STEP...
dockerfile() {
	printf '%s\n' 'FROM debian-12' "$@" 'WORKDIR /srv' 'COPY . /srv' 'CMD ["perl", "server.pl"]' >"$dir/Dockerfile"
	rm -f "$dir/Procfile"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
}

@test "a step that saw an app's cache or secret is taken from no other app" {
	local cache='RUN --mount=type=cache,id=c,target=/c [ -e /c/x ] || echo real >/c/x; cp /c/x /x'
	local secret='RUN --mount=type=secret,id=WORD cp /run/secrets/WORD /word; chmod 444 /word'
	new_app bad
	berth apps:create "$app"
	berth config:set --no-restart "$app" WORD=planted
	dockerfile 'RUN --mount=type=cache,id=c,target=/c echo planted >/c/x'
	dockerfile "$cache" "$secret"
	assert_equal "$(berth run "$app" cat /x /word)" $'planted\nplanted'
	new_app good
	berth apps:create "$app"
	berth config:set --no-restart "$app" WORD=real
	dockerfile "$cache" "$secret"
	assert_equal "$(berth run "$app" cat /x /word | tr -d '\n')" "realreal"
}
