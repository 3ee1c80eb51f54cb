#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The other ways in which source arrives: from a git repository, an archive, a folder of one.
# The repositories are read over ssh from this instance's own door and over http from a small server.

load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	destroy_new_apps
	[ -z "${origin:-}" ] || destroy_apps "$origin"
}

# A server for git's smart protocol below $PWD/web, with user "reader", password "secret": sets $port.
serve_http() {
	mkdir -p web
	python3 "$TEST_SOURCE/tests/e2e/httpgit.py" "$PWD/web" reader secret >port.txt &
	server=$!
	wait_for 10 test -s port.txt
	port=$(cat port.txt)
}

@test "git:sync takes a branch, a tag and a commit over http, with git:auth" {
	new_app sync
	serve_http
	commit_all "$dir" one
	tgit -C "$dir" tag -a -m first v1
	tgit clone -q --bare "$dir" web/it.git
	local url=http://127.0.0.1:$port/it.git first
	first=$(head_of "$dir")

	run berth git:sync --build "$app" "$url"
	[ "$status" -eq 1 ]
	assert_contains "$output" "git:set --global allow-http true"
	berth git:set --global allow-http true
	run berth git:sync --build "$app" "$url"
	[ "$status" -eq 1 ]
	assert_contains "$output" "git:auth 127.0.0.1 USER PASSWORD"
	run berth git:auth-status 127.0.0.1
	[ "$status" -eq 1 ]
	echo secret | berth git:auth 127.0.0.1 reader -
	berth git:auth-status 127.0.0.1 reader secret
	run berth git:auth-status 127.0.0.1 reader other
	[ "$status" -eq 1 ]
	[ "$(stat -c '%a %U' "$TEST_ROOT/lib/git/.netrc")" = "600 berth" ]

	run berth git:sync "$app" "$url" nothing
	[ "$status" -eq 1 ]
	assert_contains "$output" "has no branch, tag or commit 'nothing'"
	run berth git:sync "$app" "http://127.0.0.1:$port/other.git"
	[ "$status" -eq 1 ]
	assert_contains "$output" "does not exist, or may not be read"
	run berth git:sync "$app" "http://127.0.0.1:1/it.git"
	[ "$status" -eq 1 ]
	assert_contains "$output" "cannot be reached"
	run berth git:sync "$app" "file://$PWD/web/it.git"
	[ "$status" -eq 1 ]
	run berth git:sync "$app" "ext::sh -c id"
	[ "$status" -eq 1 ]

	run berth git:sync --build "$app" "$url"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Launched v1"
	assert_equal "$(http "$host")" one
	run berth git:sync --build-if-changes "$app" "$url" v1
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing changed"
	assert_equal "$(berth git:report "$app" --git-sha)" "$first"
	assert_equal "$(berth builds:info "$app" --format json | jq -r .kind)" sync

	echo two >"$dir/text"
	commit_all "$dir" two
	tgit -C "$dir" push -q "$PWD/web/it.git" main
	run berth git:sync "$app" "$url"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" one
	assert_equal "$(berth git:status "$app" --format json | jq .clean)" false
	berth git:sync --build-if-changes "$app" "$url" main
	assert_equal "$(http "$host")" two
	assert_equal "$(berth git:status "$app" --format json | jq .clean)" true
	# back to a commit, whole and short
	berth git:sync "$app" "$url" "$first"
	assert_equal "$(server_ref "$app")" "$first"
	berth git:sync "$app" "$url" main
	berth git:sync "$app" "$url" "${first:0:10}"
	assert_equal "$(server_ref "$app")" "$first"
	berth git:auth 127.0.0.1
	run berth git:sync "$app" "$url"
	[ "$status" -eq 1 ]
	berth git:set --global allow-http
}

@test "git:sync reads over ssh with the deploy key; the key must be known" {
	new_app ssh
	origin=$app-origin
	push_app "$dir" "$origin"
	# the instance may have them of another file's test
	rm -f "$TEST_ROOT"/lib/git/{id_ed25519*,known_hosts*}
	run berth git:public-key
	[ "$status" -eq 1 ]
	assert_contains "$output" "git:generate-deploy-key"
	berth git:generate-deploy-key
	local url=ssh://berth@127.0.0.1:$SSH_PORT/$origin
	run berth git:sync --build "$app" "$url"
	[ "$status" -eq 1 ]
	assert_contains "$output" "git:allow-host 127.0.0.1:$SSH_PORT"
	run berth git:allow-host "127.0.0.1:$SSH_PORT"
	assert_contains "$output" SHA256:
	run berth git:sync --build "$app" "$url"
	[ "$status" -eq 1 ]
	assert_contains "$output" "git:public-key"
	berth git:public-key | berth ssh-keys:add deploy
	run berth git:sync --build "$app" "$url"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" one
	berth ssh-keys:remove deploy
}

@test "git:from-archive takes an address; a wrong one changes nothing" {
	new_app archive
	serve_http
	mkdir -p web/plain
	(cd "$dir/.." && tar -czf "$OLDPWD/web/plain/it.tar.gz" "$(basename "$dir")" &&
		tar -cJf "$OLDPWD/web/plain/it.tar.xz" "$(basename "$dir")")
	echo "no archive" >web/plain/text
	berth git:set --global allow-http true
	berth git:auth 127.0.0.1 reader secret
	run berth git:from-archive "$app" "http://127.0.0.1:$port/plain/it.tar.gz"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" one
	run berth git:from-archive "$app" "http://127.0.0.1:$port/plain/missing.tar.gz"
	[ "$status" -eq 1 ]
	assert_contains "$output" 404
	run berth git:from-archive "$app" "http://127.0.0.1:$port/plain/text"
	[ "$status" -eq 1 ]
	assert_contains "$output" "no tar"
	run berth git:from-archive "$app" "file:///etc/passwd"
	[ "$status" -eq 1 ]
	assert_equal "$(release_of "$app")" v1
	berth git:from-archive "$app" web/plain/it.tar.xz
	assert_equal "$(release_of "$app")" v2
	berth git:set --global allow-http
	berth git:auth 127.0.0.1
}

@test "build-dir makes one folder of the source the app" {
	new_app dir
	mkdir -p whole/services
	mv "$dir" whole/services/api
	dir=whole
	ln -s services/api "$dir/link"
	for bad in .. /etc a/../b ./a a//b; do
		berth apps:create "$app" >/dev/null 2>&1 || true
		run berth builder:set "$app" build-dir "$bad"
		[ "$status" -eq 1 ]
	done
	berth builder:set "$app" build-dir link
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'link' is no folder"
	berth builder:set "$app" build-dir services/none
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "no folder 'services/none'"
	berth builder:set "$app" build-dir services/api/
	assert_equal "$(berth builder:report "$app" --build-dir)" services/api
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" one
	assert_equal "$(berth run "$app" 'test ! -e services && test -e Procfile && echo yes')" yes
}

@test "berth up sends what changed, from the server and from a laptop; nobody commits" {
	new_app up
	cd "$dir"
	echo secret >ignored
	echo ignored >.gitignore
	echo here >local.txt
	echo local.txt >.berthignore
	ln -s text link
	run berth up "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Received 6 of 6 files"
	assert_equal "$(http "$host")" one
	echo two >text
	run berth up "$app"
	assert_contains "$output" "Received 1 of 6 files, 4 bytes"
	assert_equal "$(http "$host")" two
	run berth up "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing changed"
	assert_equal "$(release_of "$app")" v2

	# a laptop: no instance of its own, a git remote; local.txt is tracked, and stays at home
	tgit init -q
	tgit add -A
	tgit commit -q -m one
	tgit remote add berth "berth:$app"
	export GIT_SSH_COMMAND="ssh -F $TEST_DIR/ssh_config"
	local laptop=$TEST_PREFIX/bin/berth
	echo three >text
	run "$laptop" up
	[ "$status" -eq 0 ]
	assert_contains "$output" "Received 1 of 6 files, 6 bytes"
	assert_contains "$output" "-----> Launched v3"
	assert_equal "$(http "$host")" three
	assert_equal "$("$laptop" run 'cat text; ls -A')" "$(printf 'three\n.berthignore\n.gitignore\nProcfile\nlink\nserver.pl\ntext')"
	"$laptop" config:set "A=b 'c' \$d"
	assert_equal "$("$laptop" config:get A)" "b 'c' \$d"
	assert_contains "$("$laptop" logs -n 100)" "app[web.1]"
	assert_contains "$("$laptop" --remote berth apps:list)" "$app"
	echo "echo 'no Procfile' >&2; exit 1" >Procfile
	run "$laptop" up
	[ "$status" -ne 0 ]
	assert_equal "$(http "$host")" three
	run "$laptop" --remote berth up Bad_Name
	[ "$status" -ne 0 ]
	assert_contains "$output" "is not valid"
}

# A list of files as a hostile client may send it: send_list APP LINE
send_list() {
	printf 'berth-up 1\n%b\0\0' "$2" | command ssh -F "$TEST_DIR/ssh_config" -- berth up "$1" 2>&1
}

@test "a hostile list of files is refused, and leaves nothing" {
	new_app hostile
	local hash=83baae61804e65cc73a7201a7252750c76066a30 line
	berth apps:create "$app"
	for line in "100644 $hash 1 ../x" "100644 $hash 1 /etc/x" "100644 $hash 1 .git/config" \
		"100644 $hash 1 .GIT/x" "160000 $hash 1 x" "100644 $hash 99999999999999999 x" \
		"100644 nothing 1 x" "120000 $hash 99999 x" "100644 $hash 1 x" ""; do
		run send_list "$app" "$line"
		[ "$status" -ne 0 ]
		assert_contains "$output" " !     "
	done
	assert_equal "$(server_ref "$app")" ""
	[ -z "$(find "$TEST_ROOT/lib/repos/$app.git/objects" -type f)" ]
}

# A link to COMMIT of the repository NAME.git below web: add_submodule DIR PATH NAME COMMIT
add_submodule() {
	tgit config -f "$1/.gitmodules" "submodule.$2.path" "$2"
	tgit config -f "$1/.gitmodules" "submodule.$2.url" "http://127.0.0.1:$port/$3.git"
	mkdir -p "$1/$2"
	[ -d "$1/.git" ] || tgit -C "$1" init -q
	tgit -C "$1" update-index --add --cacheinfo "160000,$4,$2"
}

@test "submodules, and theirs, come from allowed hosts; LFS pointers are named" {
	new_app sub
	serve_http
	mkdir deep lib
	echo deep >deep/file
	commit_all deep
	tgit clone -q --bare deep web/deep.git
	echo lib >lib/file
	add_submodule lib in/deep deep "$(head_of deep)"
	commit_all lib
	tgit clone -q --bare lib web/lib.git
	add_submodule "$dir" vendor/lib lib "$(head_of lib)"
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 0 >"$dir/big.bin"
	berth git:set --global allow-http true
	berth git:auth 127.0.0.1 reader secret
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "submodule 'vendor/lib' is left empty: 'git:allow-host 127.0.0.1:$port'"
	assert_contains "$output" " !     these are Git LFS pointers, not the files themselves: 'big.bin'"
	berth git:allow-host "127.0.0.1:$port"
	echo two >"$dir/text"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Submodule vendor/lib at "
	refute_contains "$output" "left empty"
	assert_equal "$(berth run "$app" 'cat vendor/lib/file vendor/lib/in/deep/file text')" "$(printf 'lib\ndeep\ntwo')"
	# the second time nothing is fetched: the server is not even there
	kill "$server"
	echo three >"$dir/text"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(berth run "$app" 'cat vendor/lib/in/deep/file text')" "$(printf 'deep\nthree')"
	# a commit that the server cannot have
	tgit -C "$dir" update-index --cacheinfo "160000,$(head_of "$dir"),vendor/lib"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "submodule 'vendor/lib'"
	assert_equal "$(http "$host")" three
	berth git:set --global allow-http
	berth git:auth 127.0.0.1
}
