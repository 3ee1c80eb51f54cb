#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Go, Ruby and PHP, each from a small app to a process that answers. Packages come from an index of the
# test's own, which the app's usual setting names. Java is in tests/slow.

# $app, $dir and $host come from app.bash; some dollars are for the app
# shellcheck disable=SC2154,SC2016
load helper
load app
load index

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

@test "go: modules through a proxy, every main a program, what is too new, vendored" {
	empty_app go
	mkdir -p "$dir/cmd/web" "$dir/cmd/job"
	printf 'module example.test/shop\n\ngo 1.19\n\nrequire example.test/greet v1.0.0\n' >"$dir/go.mod"
	"$TEST_SOURCE/tests/tools/gomod" "$WWW" example.test/greet v1.0.0 \
		$'package greet\n\nfunc Word() string { return "greetings" }\n' >"$dir/go.sum"
	cat >"$dir/cmd/web/main.go" <<-'END'
		package main

		import (
			"fmt"
			"net/http"
			"os"

			"example.test/greet"
		)

		func main() {
			http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, greet.Word(), "from go") })
			panic(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
		}
	END
	printf 'package main\n\nfunc main() { println("job ran") }\n' >"$dir/cmd/job/main.go"
	berth config:set "$app" GOPROXY="$INDEX_URL" GOFLAGS=-modcacherw
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Go app detected"
	assert_contains "$output" "bin/job"
	assert_equal "$(http "$host")" "greetings from go"
	run berth run "$app" job
	assert_contains "$output" "job ran"
	# the compiler is no part of the app
	run berth run "$app" 'command -v go || echo none'
	assert_equal "$output" none
	# modules and compiled packages are kept
	: >"$INDEX_LOG"
	sed -i 's/from go/again/' "$dir/cmd/web/main.go"
	run push_app "$dir" "$app"
	assert_equal "$(http "$host")" "greetings again"
	refute_contains "$(cat "$INDEX_LOG")" .zip
	sed -i 's/^go 1.19/go 1.99/' "$dir/go.mod"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "go.mod asks for Go 1.99, but this stack has"
}

@test "ruby: gems from the lock file, once; a version that is not there; no lock file" {
	empty_app ruby
	"$TEST_SOURCE/tests/tools/gem" "$WWW" greeting 1.0.0 'module Greeting; WORD = "greetings"; end'
	printf 'source "%s"\ngem "greeting", require: false\ngroup :test do\n  gem "greeting"\nend\n' "$INDEX_URL" >"$dir/Gemfile"
	cat >"$dir/Gemfile.lock" <<-END
		GEM
		  remote: $INDEX_URL/
		  specs:
		    greeting (1.0.0)

		PLATFORMS
		  ruby

		DEPENDENCIES
		  greeting

		BUNDLED WITH
		   2.3.15
	END
	cat >"$dir/server.rb" <<-'END'
		require "socket"
		require "greeting"
		server = TCPServer.new("0.0.0.0", ENV.fetch("PORT"))
		loop do
		  client = server.accept
		  while (line = client.gets) && line != "\r\n"; end
		  body = "#{Greeting::WORD} from ruby in #{ENV["RACK_ENV"]}\n"
		  client.write "HTTP/1.1 200 OK\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}"
		  client.close
		end
	END
	echo 'web: bundle exec ruby server.rb' >"$dir/Procfile"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Ruby app detected"
	assert_contains "$output" "Installing greeting 1.0.0"
	assert_equal "$(http "$host")" "greetings from ruby in production"
	sed -i 's/from ruby/again/' "$dir/server.rb"
	run push_app "$dir" "$app"
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	assert_equal "$(http "$host")" "greetings again in production"
	# and another app with the same lock file has them too
	first=$app files=$dir
	empty_app ruby2
	cp "$files"/* "$dir/"
	run push_app "$dir" "$app"
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	assert_equal "$(http "$host")" "greetings again in production"
	app=$first dir=$files host=$(host_of "$first")
	# a Gemfile that reads another file and a config var
	printf 'source ENV.fetch("GEMS")\neval_gemfile "more.rb"\n' >"$dir/Gemfile"
	echo 'gem "greeting"' >"$dir/more.rb"
	berth config:set --no-restart "$app" GEMS="$INDEX_URL"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "greetings again in production"
	echo 2.7.8 >"$dir/.ruby-version"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" ".ruby-version asks for Ruby 2.7.8, but this stack has"
	rm "$dir/Gemfile.lock" "$dir/.ruby-version"
	run push_app "$dir" "$app"
	assert_contains "$output" "there is no Gemfile.lock"
}

@test "php: packages from the lock file, nginx and php-fpm, a document root, hidden files" {
	empty_app php
	mkdir -p "$dir/public" lib/src "$WWW/dist"
	printf '{"name":"test/greeting","version":"1.0.0","autoload":{"psr-4":{"Greeting\\\\":"src/"}}}\n' >lib/composer.json
	printf '<?php\nnamespace Greeting;\nclass Word { public static function say() { return "greetings"; } }\n' >lib/src/Word.php
	python3 -c 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", "lib")' "$WWW/dist/greeting"
	cat >"$dir/composer.json" <<-END
		{"require": {"php": ">=8.0", "test/greeting": "1.0.0"},
		 "repositories": [{"packagist.org": false}], "config": {"secure-http": false}}
	END
	cat >"$dir/composer.lock" <<-END
		{"content-hash": "$(printf '0%.0s' {1..32})", "packages": [{"name": "test/greeting", "version": "1.0.0",
		  "dist": {"type": "zip", "url": "$INDEX_URL/dist/greeting.zip"},
		  "autoload": {"psr-4": {"Greeting\\\\": "src/"}}, "type": "library"}],
		 "packages-dev": [], "aliases": [], "minimum-stability": "stable", "stability-flags": [],
		 "prefer-stable": false, "prefer-lowest": false, "platform": {}, "platform-dev": []}
	END
	cat >"$dir/public/index.php" <<-'END'
		<?php
		require __DIR__ . '/../vendor/autoload.php';
		echo Greeting\Word::say(), " from php at ", $_SERVER['REQUEST_URI'], "\n";
		error_log("served");
	END
	echo body >"$dir/public/style.css"
	echo secret >"$dir/public/.env"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> PHP app detected"
	assert_contains "$output" "Installing test/greeting"
	assert_contains "$output" "Default types for PHP -> web"
	assert_equal "$(http "$host" /any/path?q=1)" "greetings from php at /any/path?q=1"
	assert_equal "$(http "$host" /style.css)" body
	assert_equal "$(http_status "$host" /.env)" 404
	# php-fpm's log is the app's
	wait_for 5 eval 'berth logs "$app" -n 100 | grep -q served'
	sed -i 's/from php/again/' "$dir/public/index.php"
	run push_app "$dir" "$app"
	assert_contains "$output" "Nothing to install"
	assert_contains "$(http "$host" /)" "greetings again"
	# a class map that is the last word has the app's own classes
	jq '.config["classmap-authoritative"] = true | .autoload = {"psr-4": {"App\\": "src/"}}' \
		"$dir/composer.json" >composer.json
	mv composer.json "$dir/"
	mkdir "$dir/src"
	printf '<?php\nnamespace App;\nclass Own { const WORD = "of its own"; }\n' >"$dir/src/Own.php"
	sed -i 's/Greeting.Word::say()/App\\Own::WORD/' "$dir/public/index.php"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host" /)" "of its own again"
}
