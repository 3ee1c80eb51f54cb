#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Buildpacks that were not written for Berth: where they come from, and every clause of Heroku's
# buildpack API that they rely on. The packs are written here.

# $app, $dir and $host come from app.bash; most dollars are for the packs
# shellcheck disable=SC2154,SC2016
load helper
load app

setup_file() {
	PACKS=$TEST_DIR/packs-$RANDOM
	mkdir -p "$PACKS"
	chmod 755 "$PACKS"
	export PACKS
}

teardown_file() {
	rm -rf "$PACKS"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# A script of a pack, from stdin: script PACK NAME
script() {
	mkdir -p "$PACKS/$1/bin"
	{
		echo '#!/usr/bin/env bash'
		cat
	} >"$PACKS/$1/$2"
	chmod 755 "$PACKS/$1/$2"
}

# A pack that fits everything: simple PACK NAME COMPILE-LINE
simple() {
	script "$1" bin/detect <<<"echo '$2'"
	script "$1" bin/compile <<<"$3"
}

@test "every clause: order, ENV_DIR, export, working folder, release, .profile.d, relocation" {
	script one bin/detect <<'END'
[ -f "$1/server.pl" ] || exit 1
[ "$SOURCE_VERSION" ] && [ -z "${GIT_DIR:-}" ] || exit 1
# an empty name is fine for a pack that was chosen
END
	script one bin/compile <<'END'
set -euo pipefail
build=$1 cache=$2 env=$3
[ "$(cat "$env/SECRET")" = $'two\nlines' ] && [ -z "${SECRET:-}" ]
[ -f bin/compile ] && [ "$PWD" != "$build" ]          # the working folder is the pack's own
[ "$STACK" = heroku-24 ] && [ -n "$REQUEST_ID" ] && [ "$HOME" = /app ]
[ "$CURL_CONNECT_TIMEOUT" = 30 ] && [ "$CURL_TIMEOUT" = 180 ]
[ -s /etc/apt/sources.list ] || ls /etc/apt/sources.list.d/* >/dev/null
[ "$(cat lib/data)" = bundled ]
echo "-----> Compiling for $STACK (build $(cat "$cache/count" 2>/dev/null || echo 0))"
echo $(($(cat "$cache/count" 2>/dev/null || echo 0) + 1)) >"$cache/count"
mkdir -p "$build/.tools/bin" "$build/.profile.d"
printf '#!/bin/sh\necho tool of one\n' >"$build/.tools/bin/tool"
chmod +x "$build/.tools/bin/tool"
# relocated by $HOME at run time
echo 'export PATH="$HOME/.tools/bin:$PATH" ORDER="${ORDER:-}a"' >"$build/.profile.d/10-one.sh"
echo "export PATH=\"$build/.tools/bin:\$PATH\" FROM_ONE=yes" >export
END
	mkdir -p "$PACKS/one/lib"
	echo bundled >"$PACKS/one/lib/data"
	script one bin/release <<'END'
printf -- '---\nconfig_vars:\n  FROM_RELEASE: one\n  ONLY_ONE: yes\ndefault_process_types:\n  web: perl wrong.pl\n  worker: sleep 1\n'
END
	script two bin/detect <<<'echo Second'
	script two bin/compile <<'END'
set -e
[ "$FROM_ONE" = yes ]
tool | sed -u 's/^/       /'
mkdir -p "$1/.profile.d"
echo 'export ORDER="${ORDER:-}b"' >"$1/.profile.d/20-two.sh"
END
	script two bin/release <<'END'
printf -- '---\nconfig_vars:\n  FROM_RELEASE: two\ndefault_process_types:\n  web: perl server.pl\n  cleanup: echo "$ORDER $FROM_RELEASE${ONLY_ONE:-} $(tool)"\n'
END
	(cd "$PACKS" && tar -czf two.tgz two)
	new_app packs
	rm "$dir/Procfile"
	berth apps:create "$app"
	berth config:set "$app" "SECRET=two
lines"
	run berth buildpacks:add "$app" "$PACKS/one"
	assert_contains "$output" "1. $PACKS/one"
	berth buildpacks:add "$app" "file://$PACKS/two"
	berth buildpacks:set-property "$app" stack-name heroku-24
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Compiling for heroku-24 (build 0)"
	assert_contains "$output" "-----> Second app detected"
	assert_contains "$output" "       tool of one"
	assert_equal "$(http "$host")" one
	# the last release that says anything wins
	run berth run "$app" cleanup
	assert_equal "$output" "ab two tool of one"
	refute_contains "$(berth ps:scale "$app")" worker
	run push_app "$dir" "$app"
	assert_contains "$output" "(build 1)"
	run berth buildpacks:detect "$app"
	assert_contains "$output" "chosen by buildpacks:set"
	# a folder of the server is looked at each time
	sed -i 's/Compiling for/Changed for/' "$PACKS/one/bin/compile"
	run berth ps:rebuild "$app"
	assert_contains "$output" "Changed for heroku-24"
}

@test "from git: a branch by name, fetched once, updated when asked" {
	simple git Git 'echo "       version 1"'
	tgit -C "$PACKS/git" init -q
	commit_all "$PACKS/git"
	tgit -C "$PACKS/git" branch stable
	sed -i 's/version 1/version 2/' "$PACKS/git/bin/compile"
	commit_all "$PACKS/git"
	tgit clone -q --bare "$PACKS/git" "$PACKS/git.git"
	chown -R berth "$PACKS/git.git"
	new_app packs
	berth apps:create "$app"
	berth buildpacks:set "$app" "file://$PACKS/git.git#stable"
	run push_app "$dir" "$app"
	assert_contains "$output" "Fetching buildpack file://$PACKS/git.git#stable"
	assert_contains "$output" "version 1"
	assert_equal "$(http "$host")" one
	run berth ps:rebuild "$app"
	refute_contains "$output" "Fetching"
	tgit --git-dir="$PACKS/git.git" -c safe.directory='*' branch -f stable main
	run berth buildpacks:update "$app"
	assert_contains "$output" "The next deploy uses them"
	run berth ps:rebuild "$app"
	assert_contains "$output" "version 2"
	berth buildpacks:set "$app" "file://$PACKS/git.git#nowhere"
	run berth ps:rebuild "$app"
	[ "$status" -eq 1 ]
	assert_contains "$output" "no branch, tag or commit 'nowhere'"
	assert_equal "$(http "$host")" one
}

@test "from an archive over HTTP; what is none, or hostile, is refused by name" {
	simple tgz Archived 'echo "       from an archive"'
	mkdir -p "$PACKS/www"
	(cd "$PACKS" && tar -czf www/pack.tgz tgz && tar -czf www/empty.tgz www/pack.tgz)
	ln -s ../../../etc "$PACKS/tgz/out"
	(cd "$PACKS" && tar -czf www/link.tgz tgz)
	rm "$PACKS/tgz/out"
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	python3 -m http.server --bind 127.0.0.1 --directory "$PACKS/www" "$port" >/dev/null 2>&1 3>&- &
	local server=$!
	wait_for 10 curl -sf -o /dev/null "http://127.0.0.1:$port/"
	new_app packs
	echo "http://127.0.0.1:$port/pack.tgz" >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	assert_contains "$output" "-----> Archived app detected"
	assert_equal "$(http "$host")" one
	assert_contains "$(berth buildpacks:detect "$app" --format json)" "chosen by .buildpacks"
	local bad
	for bad in "empty.tgz:there is no bin/detect" "link.tgz:points out of" "none.tgz:404"; do
		echo "http://127.0.0.1:$port/${bad%%:*}" >"$dir/.buildpacks"
		run push_app "$dir" "$app"
		[ "$status" -ne 0 ]
		assert_contains "$output" "${bad#*:}"
	done
	kill "$server"
	echo "file://$PACKS/tgz" >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	assert_contains "$output" "is chosen by 'buildpacks:set', not by the app"
	assert_equal "$(http "$host")" one
	[ -z "$(find "$TEST_ROOT/lib/packs" -maxdepth 1 -name '.[ng]*')" ]
}

@test "buildpacks:...: a list with places, and what cannot be in it" {
	new_app packs
	berth apps:create "$app"
	berth buildpacks:set "$app" nodejs python
	berth buildpacks:add --index 1 "$app" static
	berth buildpacks:set --index 3 "$app" heroku/nodejs
	assert_equal "$(berth buildpacks:list "$app" --format json | jq -c .)" '["static","nodejs","heroku/nodejs"]'
	berth buildpacks:remove "$app" nodejs
	assert_equal "$(bssh buildpacks:list "$app")" $'static\nheroku/nodejs'
	run berth buildpacks:remove "$app" nodejs
	[ "$status" -eq 1 ]
	assert_contains "$output" "is not set"
	run berth buildpacks:add "$app" no-such-pack
	assert_contains "$output" "use the address of one, or one of"
	run berth buildpacks:add "$app" 'https://example.com/x.git#a..b'
	assert_contains "$output" "is no branch, tag or commit"
	run berth buildpacks:add "$app" static
	assert_contains "$output" "is in the list already"
	run berth buildpacks:add --index 9 "$app" python
	[ "$status" -eq 2 ]
	assert_contains "$(berth buildpacks:report "$app")" "heroku/nodejs"
	berth buildpacks:clear "$app"
	assert_equal "$(berth buildpacks:list "$app")" ""
	run berth buildpacks:detect "$app"
	assert_contains "$output" "push to it first"
}
