#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Sites of files: what is served, what is refused, and the rules of static.json, _headers and
# _redirects.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	new_app static
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/static" "$dir"
}

teardown() {
	destroy_new_apps
}

# Status, Location and the headers that a rule set: answer PATH [CURL OPTIONS...]
answer() {
	local path=$1
	shift
	curl -s -o /dev/null -D - --path-as-is --max-time 30 --connect-to "::127.0.0.1:$HTTP_PORT" "$@" \
		"http://$host:$HTTP_PORT$path" | tr -d '\r'
}

@test "files, an index, clean addresses, a page for what is not there, nothing hidden" {
	mkdir -p "$dir/docs"
	echo 'about us' >"$dir/about.html"
	echo 'the docs' >"$dir/docs/index.html"
	yes 'a { color: red }' | head -n 500 >"$dir/large.css"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Static site app detected"
	assert_contains "$output" "Default types for Static site -> web"
	assert_contains "$(http "$host")" "A static site"
	assert_contains "$(http "$host" /style.css -i)" "text/css"
	assert_contains "$(http "$host" /about)" "about us"
	assert_contains "$(answer /docs)" "ocation: /docs/"
	assert_contains "$(http "$host" /docs/)" "the docs"
	assert_equal "$(http_status "$host" /nope)" 404
	assert_contains "$(http "$host" /nope || true)" "This page is not here"
	for path in /.static/nginx.conf /Procfile /static.json /_headers; do
		assert_equal "$(http_status "$host" "$path")" 403
	done
	assert_contains "$(answer /large.css -H 'Accept-Encoding: gzip')" "ontent-Encoding: gzip"
	etag=$(answer /style.css | sed -n 's/^[Ee][Tt]ag: //p')
	[ "$etag" ]
	assert_contains "$(answer /style.css -H "If-None-Match: $etag")" " 304"
}

@test "static.json: root, one page for all paths, headers; the second push builds nothing" {
	mkdir "$dir/site"
	mv "$dir"/*.html "$dir"/*.css "$dir/site/"
	cat >"$dir/static.json" <<'END'
{ "root": "site/", "routes": { "/**": "index.html" }, "https_only": false,
  "headers": { "/any/*": { "X-Any": "one \"part\"" } }, "redirects": { "/old/": { "url": "/new", "status": 302 } } }
END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Serving site/"
	assert_contains "$(http "$host" /any/path)" "A static site"
	assert_contains "$(answer /any/path)" 'X-Any: one "part"'
	refute_contains "$(answer /any/path/more)" X-Any
	assert_contains "$(answer /old/)" "ocation: /new"
	echo '<h1>Second</h1>' >"$dir/site/index.html"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install"
	assert_contains "$(http "$host")" "Second"
	echo '{ "proxies": { "/api/": { "origin": "http://10.0.0.1/" } } }' >"$dir/static.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'proxies' are not supported"
}

@test "_headers and _redirects: patterns, captures, force, nothing that nginx would take for its own" {
	echo 'about us' >"$dir/about.html"
	cat >"$dir/_headers" <<'END'
# all of the site
/*
  X-Frame-Options: DENY
/about
  Cache-Control: public, max-age=60
END
	cat >"$dir/_redirects" <<'END'
# a file comes first, unless there is a "!"
/about /elsewhere
/style.css /elsewhere 302!
/news/:year/:slug /blog/:slug/:year 308
/ext/* https://example.com/:splat
/app/* /index.html 200
END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(answer /about)" "Cache-Control: public, max-age=60"
	assert_contains "$(answer /about)" "X-Frame-Options: DENY"
	refute_contains "$(answer /)" Cache-Control
	assert_contains "$(http "$host" /about)" "about us"
	assert_contains "$(answer /style.css)" "ocation: /elsewhere"
	assert_contains "$(answer '/news/2026/hi?q=1')" "ocation: /blog/hi/2026?q=1"
	assert_contains "$(answer /ext/a/b)" "ocation: https://example.com/a/b"
	refute_contains "$(answer /ext/a%0d%0aX-Evil:yes)" "X-Evil"
	assert_contains "$(http "$host" '/app/deep/a%20b')" "A static site"
	# what must not reach the configuration, and what is not there
	while IFS='|' read -r file line reason; do
		printf '/*\n  A: b\n' >"$dir/_headers"
		printf '/a /b\n' >"$dir/_redirects"
		printf '%b\n' "$line" >>"$dir/$file"
		run bash "$TEST_SOURCE/buildpacks/static/bin/compile" "$dir"
		[ "$status" -ne 0 ]
		assert_contains "$output" "$reason"
	done <<'END'
_headers|  X-A: $host|must not have a $ or a backslash
_headers|  X-A: a\x5c|must not have a $ or a backslash
_headers|  X-A: \xc3\xa9|printable ASCII
_headers|  X A: b|expected 'NAME: VALUE'
_headers|  X_A;: b|is no name of a header
_headers|  Content-Length: 1|the server's own
_headers|/"{\n  A: b|has characters that a path pattern must not have
_redirects|/x /y /z 301|expected 'FROM TO
_redirects|/x /y";}|has a character that an address must not have
_redirects|/x javascript:alert(1)|must start with a slash
_redirects|/x /y 999|the status '999'
_redirects|/api/* https://api.example.com/:splat 200|proxies are not supported
_redirects|/x /y 301 Country=de|conditions and query parameters
END
}

@test "a site that Node.js builds: both packs in order, what was built is served" {
	mkdir "$dir/src"
	cat >"$dir/package.json" <<'END'
{ "name": "site", "version": "1.0.0", "private": true, "scripts": { "build": "node src/build.js" } }
END
	echo "require('fs').cpSync('src/site', 'dist', { recursive: true })" >"$dir/src/build.js"
	mkdir "$dir/src/site"
	echo 'built by node' >"$dir/src/site/index.html"
	printf 'nodejs\nstatic\n' >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Serving dist/"
	assert_contains "$(http "$host")" "built by node"
}

@test "a site whose pages are in build/, by the pack that was chosen" {
	rm -rf "${dir:?}"/*
	mkdir "$dir/build"
	echo 'built pages' >"$dir/build/index.html"
	berth apps:create "$app"
	berth buildpacks:set "$app" static
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "built pages"
}
