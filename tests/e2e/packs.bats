#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Buildpacks that were not written for Berth: where they come from, and every clause of Heroku's
# buildpack API that they rely on. The packs are written here.

# $app, $dir and $host come from app.bash; most dollars are for the packs
# shellcheck disable=SC2154,SC2016
load helper
load app
load pack

setup_file() {
	packs_up
}

teardown_file() {
	packs_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
	berth buildpacks:set-property --global stack-name
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
[ -s /etc/apt/sources.list ]
[ "$(cat lib/data)" = bundled ] && [ -L circle ] && [ -L dangling ]
[ "$(jq -n 6*7)" = 42 ] # of the tools for packs from elsewhere
# as packs get their binaries
mkdir -p "$build/.vendor"
tar -czf /tmp/vendor.tgz lib
curl -sSf --retry 3 file:///tmp/vendor.tgz | tar -xz -C "$build/.vendor"
# absolute paths of the build are those of the app
echo "$build/.vendor/lib/data" >"$build/.vendor/path"
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
	ln -s . "$PACKS/one/circle"
	ln -s nowhere "$PACKS/one/dangling"
	script one bin/release <<'END'
printf -- '---\nconfig_vars:\n  FROM_RELEASE: one\n  ONLY_ONE: yes\ndefault_process_types:\n  web: perl wrong.pl\n  worker: sleep 1\n'
END
	# more than anybody reads, which must not break a pack's pipe
	script two bin/detect <<<'set -eo pipefail; echo Second; head -c 200000 /dev/zero | tr "\\0" y'
	script two bin/compile <<'END'
set -e
[ "$FROM_ONE" = yes ]
tool | sed -u 's/^/       /'
mkdir -p "$1/.profile.d"
echo 'export ORDER="${ORDER:-}b"' >"$1/.profile.d/20-two.sh"
END
	script two bin/release <<'END'
printf -- '---\nconfig_vars:\n  FROM_RELEASE: two\ndefault_process_types:\n  web: perl server.pl\n  cleanup: echo "$ORDER $FROM_RELEASE${ONLY_ONE:-} $(tool) $(cat $(cat .vendor/path))"\n'
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
	assert_equal "$output" "ab two tool of one bundled"
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

@test "a release with config vars and no process types" {
	simple vars Vars :
	script vars bin/release <<'END'
printf -- '---\nconfig_vars:\n  ONLY_VARS: here\n'
END
	new_app packs
	berth apps:create "$app"
	berth buildpacks:set "$app" "$PACKS/vars"
	push_app "$dir" "$app"
	assert_equal "$(berth run "$app" 'echo $ONLY_VARS')" here
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
	local bad
	for bad in "file://$PACKS/git.git#nowhere:no branch, tag or commit 'nowhere'" \
		"file://$PACKS/git.git#0123456789ab:no branch, tag or commit '0123456789ab'" \
		"ssh://git@127.0.0.1:1/x.git:Connection refused" "file://$PACKS/not-there.git:does not"; do
		berth buildpacks:set "$app" "${bad%:*}"
		run berth ps:rebuild "$app"
		[ "$status" -eq 1 ]
		assert_contains "$output" "buildpack '${bad%:*}'"
		assert_contains "$output" "${bad##*:}"
	done
	assert_equal "$(http "$host")" one
	# a commit by its id; what fails may need the name of a stack that it knows
	simple git Git 'echo "no $STACK"; exit 4'
	commit_all "$PACKS/git"
	local id
	id=$(head_of "$PACKS/git")
	rm -rf "$PACKS/git.git"
	tgit clone -q --bare "$PACKS/git" "$PACKS/git.git"
	chown -R berth "$PACKS/git.git"
	berth buildpacks:set "$app" "file://$PACKS/git.git#${id:0:12}"
	run berth ps:rebuild "$app"
	assert_contains "$output" "no debian-12"
	assert_contains "$output" "bin/compile exited with status 4; if it knows Heroku's stacks only"
}

@test "from an archive over HTTP; what is none, or hostile, is refused by name" {
	simple tgz Archived lib/say
	script tgz lib/say <<<'echo "       from an archive"'
	# some packs have their scripts elsewhere
	mv "$PACKS/tgz/bin/detect" "$PACKS/tgz/lib/detect"
	ln -s ../lib/detect "$PACKS/tgz/bin/detect"
	mkdir -p "$PACKS/www"
	simple zip Zipped lib/say
	script zip lib/say <<<'echo "       from a zip"'
	(cd "$PACKS" && python3 -m zipfile -c www/pack.zip zip)
	(cd "$PACKS" && tar -czf www/pack.tgz tgz && tar -czf www/empty.tgz www/pack.tgz)
	ln -s ../../../etc "$PACKS/tgz/out"
	(cd "$PACKS" && tar -czf www/link.tgz tgz)
	ln -snf ../up "$PACKS/tgz/out"
	(cd "$PACKS" && tar -czf www/up.tgz tgz)
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
	assert_contains "$output" "       from an archive"
	assert_contains "$(berth buildpacks:detect "$app" --format json)" "chosen by .buildpacks"
	local first
	first=$(ls -d "$TEST_ROOT"/lib/packs/pack-*)
	simple tgz Changed 'echo "       changed"'
	(cd "$PACKS" && tar -czf www/pack.tgz tgz)
	run berth buildpacks:update "$app"
	assert_contains "$output" "/pack.tgz is pack-"
	printf '%s\n' "http://127.0.0.1:$port/pack.zip" "http://127.0.0.1:$port/pack.tgz" >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	assert_contains "$output" "       from a zip"
	assert_contains "$output" "       changed"
	# what no address gives any more goes away
	wait_for 10 test ! -e "$first"
	local bad
	for bad in "empty.tgz:there is no bin/detect" "link.tgz:points out of" "none.tgz:404" \
		"up.tgz:points out of its folder"; do
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
	[ "$status" -eq 1 ]
	assert_contains "$output" "push to it first"
}

@test "detect looks at any branch; the report, at what holds for all apps" {
	new_app branches
	commit_all "$dir"
	tgit -C "$dir" push -q "berth:$app" HEAD:refs/heads/next
	run berth buildpacks:detect "$app" --branch next
	[ "$status" -eq 0 ]
	assert_contains "$output" "procfile "
	# the app itself has no release, and gets none
	assert_equal "$(count_releases "$app")" 0
	push_app "$dir" "$app"
	rm "$dir"/*
	echo '<p>page</p>' >"$dir/index.html"
	push_app "$dir" "$app" next
	assert_equal "$(berth buildpacks:detect "$app" --format json | jq -r '.[].buildpack')" procfile
	assert_equal "$(berth buildpacks:detect "$app" --branch next --format json | jq -r '.[].buildpack')" static
	for branch in other ../main; do
		run berth buildpacks:detect "$app" --branch "$branch"
		[ "$status" -eq 1 ]
		assert_contains "$output" "'$branch'"
	done

	berth buildpacks:set-property --global stack-name heroku-22
	assert_equal "$(berth buildpacks:report --global --format json | jq -cS .)" \
		'{"computed-stack-name":"heroku-22","global-stack-name":"heroku-22"}'
	berth buildpacks:set-property "$app" stack-name heroku-24
	assert_equal "$(berth buildpacks:report "$app" --format json | jq -r '"\(.app) \(."stack-name") \(."global-stack-name") \(."computed-stack-name")"')" \
		"$app heroku-24 heroku-22 heroku-24"
	berth buildpacks:set-property --global stack-name
}
