#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Another build of Berth takes over an app that this one started, and back: its shims write a status
# with one field more. On an instance of its own, whose programs are exchanged.

load ../e2e/helper
load ../e2e/instance

setup_file() {
	export COPY=$BATS_FILE_TMPDIR/source
	mkdir "$COPY"
	(cd "$TEST_SOURCE" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$COPY")
	sed -i 's|^\tuint32_t pids, pids_limit;$|&\n\tuint64_t added[3]; /* by the next version */|' \
		"$COPY/runtime/client.h"
	grep -q 'added\[3\]' "$COPY/runtime/client.h"
	make -s -C "$COPY" all >"$BATS_FILE_TMPDIR/make.log" 2>&1
	export PREFIX=$TEST_DIR/upgrade/usr ROOT=$TEST_DIR/upgrade/root HTTP
	HTTP=$(free_port)
	mkdir "$TEST_DIR/upgrade"
	into "$TEST_SOURCE" "${TEST_BUILD:-build}"
	upgraded server init --http-address 127.0.0.1 --http-port "$HTTP" \
		--ssh-address 127.0.0.1 --ssh-port "$(free_port)" --set http.domain=localhost >&2
	upgraded server start
	upgraded stack:import debian-12 <"$("$TEST_SOURCE/scripts/cached-stack")"
}

teardown_file() {
	upgraded server down >&2
	rm -rf --one-file-system "$TEST_DIR/upgrade"
}

upgraded() {
	"$PREFIX/bin/berth" --root "$ROOT" "$@"
}

# Installs the build BUILD of the tree SOURCE: into SOURCE BUILD
into() {
	make -s -C "$1" B="$2" install PREFIX="$PREFIX" >/dev/null
}

# An upgrade as README.md has it, without systemd
take_over() {
	into "$@"
	upgraded server stop
	upgraded server start
}

deploy() {
	tar -C "$TEST_SOURCE/tests/apps/web" -cf - . | upgraded git:from-archive "$1" -
}

status_size() {
	local folder
	folder=("$ROOT"/run/containers/a*."$1".*)
	stat -c %s "${folder[0]}/status"
}

answers() {
	curl -sS --max-time 20 -H "Host: $1.localhost" "http://127.0.0.1:$HTTP/"
}

# What runs goes on, and is looked after: is_managed APP CONTAINERS
is_managed() {
	assert_equal "$(answers "$1")" one
	assert_equal "$(upgraded ps "$1" --format json | jq -r '.[0].state')" up
	assert_equal "$(containers "$1")" "$2"
	upgraded run "$1" echo in it </dev/null | grep -x 'in it'
	upgraded doctor | grep -E 'ok +leftovers'
}

containers() {
	find "$ROOT/run/containers" -mindepth 1 -maxdepth 1 -name "a*.$1.*" -printf '%f '
}

@test "an app goes on under another version of Berth, newer and older, and is managed there" {
	local old new small large
	deploy old
	old=$(containers old)
	small=$(status_size old)
	take_over "$COPY" build
	is_managed old "$old"
	deploy new
	new=$(containers new)
	large=$(status_size new)
	[ "$large" -gt "$small" ]
	take_over "$TEST_SOURCE" "${TEST_BUILD:-build}"
	is_managed old "$old"
	is_managed new "$new"
	upgraded ps:stop new
	assert_equal "$(containers new)" ""
	upgraded --force apps:destroy old
	assert_equal "$(containers old)" ""
}
