#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every trick with an archive (tricks.py) at every door that takes one: what leads out is refused,
# by name and at every door; the rest is refused or does no harm; nothing is left of what was refused.
# bats file_tags=security
# shellcheck disable=SC2154  # variables come from helper.bash

load ../e2e/helper

setup_file() {
	APP=$(unique_app tricks)
	VOLUME=$APP
	# whoever gets here may change it: with nobody's privileges too
	CANARY=$TEST_DIR/canary
	TRICKS=$BATS_FILE_TMPDIR/tricks
	mkdir -m 1777 "$CANARY"
	mkdir "$TRICKS"
	new_canary
	python3 -IS "$TEST_SOURCE/tests/security/tricks.py" "$TRICKS" "$CANARY"
	export APP VOLUME CANARY TRICKS
	berth apps:create "$APP"
	berth storage:create "$VOLUME"
}

teardown_file() {
	berth --force storage:destroy "$VOLUME" </dev/null || true
	destroy_apps "$APP"
	rm -rf "$CANARY"
}

new_canary() {
	rm -rf "${CANARY:?}"/*
	chmod 1777 "$CANARY"
	echo sings >"$CANARY/file"
	chmod 666 "$CANARY/file"
}

canary_lives() {
	[ "$(stat -c %a "$CANARY") $(cat "$CANARY"/*) $(ls "$CANARY") $(stat -c '%a %h' "$CANARY/file")" = "1777 sings file 666 1" ]
}

# What there is of the instance besides logs, the state itself, and trees of sources: one that was
# taken stays until it is collected, built or not
left() {
	find "$TEST_ROOT/lib" -mindepth 1 -maxdepth 2 | grep -vE '/(build-logs|logs|sources|cache|web|metrics)/|\.db|/\.(new|gone)$' | sort
}

# Each trick at a door, which is a function that takes the archive on stdin: try PREFIX DOOR
try() {
	local archive name before status bad=0
	# what is there after the first time is there for good: folders that are made when needed
	"$2" <"$TRICKS/$1escape-dotdot.tar" >/dev/null 2>&1 || true
	for archive in "$TRICKS/$1"{escape,odd}-*.tar; do
		name=$(basename "$archive" .tar)
		before=$(left)
		status=0
		"$2" <"$archive" >"$TEST_DIR/said" 2>&1 || status=$?
		if ! canary_lives; then
			echo "$2: $name led out" >&2
			new_canary
			bad=1
		fi
		if [[ $name == *escape-* && $status -eq 0 ]]; then
			echo "$2: $name was taken" >&2
			bad=1
		fi
		# one line that names something, and drives no terminal
		if [ "$status" -ne 0 ]; then
			if ! grep -q ' ! ' "$TEST_DIR/said" || grep -q $'\x1b\\[2J' "$TEST_DIR/said"; then
				echo "$2: $name is refused with: $(cat "$TEST_DIR/said")" >&2
				bad=1
			fi
			if [ "$(left)" != "$before" ]; then
				echo "$2: $name left: $(diff <(echo "$before") <(left))" >&2
				bad=1
			fi
		fi
	done
	return $bad
}

@test "the control: who unpacks as the archive says is led out by most" {
	# on the canary's file system, for hard links
	local archive led=0 naive=$TEST_DIR/naive
	for archive in "$TRICKS"/escape-*.tar; do
		mkdir "$naive"
		python3 -IS - "$archive" "$naive" 2>/dev/null <<-'END' || true
			import os, sys, tarfile
			os.chdir(sys.argv[2])
			tarfile.open(sys.argv[1]).extractall()
		END
		canary_lives || led=$((led + 1))
		new_canary
		rm -rf "$naive"
	done
	echo "$led led out"
	[ "$led" -ge 12 ]
}

door_source() {
	berth git:from-archive "$APP" -
}

@test "the source of an app" {
	try "" door_source
}

door_root() {
	berth image:import "$APP" && berth image:remove "$APP"
}

@test "the root file system of an image" {
	try "" door_root
}

@test "a layer of an image" {
	try image- door_root
}

door_volume() {
	berth --force storage:restore "$VOLUME"
}

@test "the files of a volume" {
	try "" door_volume
	find "$TEST_ROOT/lib/volumes" ! -type d ! -type f ! -type l >"$BATS_TEST_TMPDIR/special"
	[ ! -s "$BATS_TEST_TMPDIR/special" ]
}

door_plugin() {
	berth plugin:install -
}

@test "a plugin" {
	try "" door_plugin
}

door_stack() {
	berth stack:import "$APP"
}

@test "a stack" {
	# what is taken stays a stack, so only what must not be
	mkdir -p "$TRICKS/stack"
	cp "$TRICKS"/escape-*.tar "$TRICKS/stack"
	cp "$TRICKS/odd-cut.tar" "$TRICKS/stack"
	TRICKS=$TRICKS/stack try "" door_stack
}
