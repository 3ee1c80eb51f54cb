#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# storage:...: volumes that outlive deploys, restarts and apps; shared, backed up and restored.

# shellcheck disable=SC2016 # the dollars are for the shell inside
load helper

setup_file() {
	DIR=$BATS_FILE_TMPDIR/app
	APP=$(unique_app storage)
	OTHER=$APP-other
	export APP OTHER DIR
	cp -R "$TEST_SOURCE/tests/apps/web" "$DIR"
	push_app "$DIR" "$APP" >&2
	push_app "$DIR" "$OTHER" >&2
}

teardown_file() {
	destroy_apps "$APP" "$OTHER"
}

setup() {
	# of this test alone
	VOLUME=vol-$BATS_SUITE_TEST_NUMBER-$RANDOM
}

teardown() {
	local app volume path
	destroy_apps "$APP-gone"
	for app in "$APP" "$OTHER"; do
		berth storage:list "$app" --format json | jq -r '.[] | "\(.volume) \(.path)"' |
			while read -r volume path; do berth storage:unmount "$app" "$volume:$path"; done
	done
	berth ps:restart "$APP"
	berth ps:restart "$OTHER"
	for volume in $(berth storage:list --format json | jq -r '.[].volume'); do
		wait_for 20 destroyed "$volume"
	done
} >/dev/null

# The processes that a restart replaced hold on to it for a moment.
destroyed() {
	berth --force storage:destroy "$1" 2>"$BATS_TEST_TMPDIR/why"
}

# A volume that APP has on /app/data: mounted APP [MODE]
mounted() {
	berth storage:ensure-directory "$VOLUME"
	berth storage:mount "$1" "$VOLUME:/app/data${2:+:$2}"
	berth ps:restart "$1"
}

in_web() { # APP COMMAND
	berth enter "$1" web.1 /bin/sh -c "$2"
}

# All of the volume that APP sees: kinds, modes, owners, sizes, links, sums
tree_of() {
	berth run "$1" 'cd /app/data && stat -c "%a %u" . && find . -mindepth 1 -printf "%y %m %U %s %T@ %P %l\n" | sed "s/^\(d [^ ]* [^ ]*\) [^ ]*/\1/" | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum'
}

# archive FILE "PYTHON": a tar by python's tarfile, which checks nothing; add(name, type, ...)
archive() {
	python3 -IS - "$1" <<-END
		import io, sys, tarfile
		t = tarfile.open(sys.argv[1], "w")
		def add(name, type=tarfile.REGTYPE, data=b"x", link="", mode=0o644, uid=1000):
		    i = tarfile.TarInfo(name)
		    i.type, i.linkname, i.mode, i.uid, i.gid = type, link, mode, uid, uid
		    i.size = len(data) if type == tarfile.REGTYPE else 0
		    t.addfile(i, io.BytesIO(data))
		DIR, SYM, LNK, CHR = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
		$2
		t.close()
	END
}

@test "volumes are made once, listed, looked at and destroyed by name" {
	berth storage:create "$VOLUME"
	run berth storage:create "$VOLUME"
	[ "$status" -eq 1 ]
	assert_contains "$output" "volume '$VOLUME' exists already"
	berth storage:ensure-directory "$VOLUME"
	berth storage:mount "$APP" "$VOLUME:/app/data/"
	berth storage:mount "$OTHER" "$VOLUME" --container-dir /srv/data --volume-readonly
	assert_equal "$(berth storage:info "$VOLUME" --format json | jq -r '.mounts | join(" ")')" \
		"$APP:/app/data $OTHER:/srv/data:ro"
	assert_equal "$(berth storage:list "$OTHER" --format json | jq -c '.[]')" \
		"{\"volume\":\"$VOLUME\",\"path\":\"/srv/data\",\"mode\":\"ro\"}"
	assert_contains "$(berth storage:list)" "$VOLUME"
	assert_equal "$(berth storage:report "$OTHER" --storage-deploy-mounts)" "$VOLUME:/srv/data:ro"
	run berth storage:destroy "$VOLUME" </dev/null
	assert_contains "$output" "needs --force"
	run berth --force storage:destroy "$VOLUME"
	[ "$status" -ne 0 ]
	assert_contains "$output" "storage:unmount $APP $VOLUME:/app/data"
	run berth storage:mount "$APP" "no$VOLUME:/app/x"
	assert_contains "$output" "storage:create no$VOLUME"
	run berth storage:unmount "$APP" "$VOLUME:/elsewhere"
	assert_contains "$output" "storage:list $APP"
}

@test "names and places that cannot be are refused, and say what can" {
	local name place
	for name in .. . ../x /etc a/b A 'a b' .hidden "$(printf 'x%.0s' {1..64})" ''; do
		run berth storage:create "$name"
		[ "$status" -ne 0 ]
	done
	run berth storage:mount "$APP" /var/lib/dokku/data/storage/x:/app/x
	assert_contains "$output" "volumes have names"
	berth storage:create "$VOLUME"
	for place in / /proc /proc/x /sys /dev /dev/shm /app /etc /usr relative /a/../b /a//b /a/./b '' \
		/x:rx $'/a\nb'; do
		run berth storage:mount "$APP" "$VOLUME:$place"
		[ "$status" -ne 0 ]
	done
	run berth storage:mount "$APP" "$VOLUME:/app"
	assert_contains "$output" "such as /app/data"
	berth storage:mount "$APP" "$VOLUME:/app/data"
	for place in /app/data /app/data/deeper; do
		run berth storage:mount "$APP" "$VOLUME:$place"
		[ "$status" -ne 0 ]
	done
	assert_equal "$(berth storage:list "$APP" --format json | jq length)" 1
	[ ! -e "$TEST_ROOT/lib/volumes/x" ]
}

@test "files survive restarts, deploys and rollbacks, and belong to the app" {
	mounted "$APP"
	in_web "$APP" 'echo kept >/app/data/file; stat -c "%u %g" /app/data /app/data/file' >"$BATS_TEST_TMPDIR/owners"
	assert_equal "$(sort -u "$BATS_TEST_TMPDIR/owners")" "1000 1000"
	berth ps:restart "$APP"
	assert_equal "$(in_web "$APP" 'cat /app/data/file')" kept
	push_app "$DIR" "$APP"
	assert_equal "$(in_web "$APP" 'cat /app/data/file')" kept
	berth rollback "$APP"
	assert_equal "$(in_web "$APP" 'cat /app/data/file')" kept
	assert_equal "$(berth run "$APP" cat /app/data/file)" kept
	[ "$(berth storage:info "$VOLUME" --format json | jq '.size_mb > 0')" = true ]
}

@test "shared with another app: read-only where it says so, each sees its own ids" {
	mounted "$APP"
	in_web "$APP" 'echo first >/app/data/file; chmod 600 /app/data/file'
	mounted "$OTHER" ro
	assert_equal "$(in_web "$OTHER" 'cat /app/data/file; stat -c %u /app/data/file')" "$(printf 'first\n1000')"
	run in_web "$OTHER" 'echo x >/app/data/file'
	assert_contains "$output" "Read-only file system"
	run in_web "$OTHER" 'mount -o remount,rw /app/data || mount -o remount,rw,bind /app/data'
	[ "$status" -ne 0 ]
	berth storage:unmount "$OTHER" "$VOLUME:/app/data"
	mounted "$OTHER"
	in_web "$OTHER" 'echo second >/app/data/more'
	assert_equal "$(in_web "$APP" 'cat /app/data/more; stat -c %u /app/data/more')" "$(printf 'second\n1000')"
	# on disk all of it is the range's that mounted it first
	assert_equal "$(find "$TEST_ROOT/lib/volumes/$VOLUME" -printf '%U\n' | sort -u | wc -l)" 1
}

@test "a volume in use is not destroyed, and goes with nobody" {
	mounted "$APP"
	in_web "$APP" 'echo kept >/app/data/file'
	berth storage:unmount "$APP" "$VOLUME:/app/data"
	run berth --force storage:destroy "$VOLUME"
	[ "$status" -ne 0 ]
	assert_contains "$output" "ps:restart APP"
	assert_equal "$(in_web "$APP" 'cat /app/data/file')" kept

	local gone=$APP-gone
	push_app "$DIR" "$gone"
	berth storage:mount "$gone" "$VOLUME:/app/data"
	run berth --force apps:destroy "$gone"
	[ "$status" -eq 0 ]
	assert_contains "$output" "'storage:destroy $VOLUME' destroys it too"
	# an app of the same name finds nothing of it, until it mounts it
	push_app "$DIR" "$gone"
	run in_web "$gone" 'cat /app/data/file'
	[ "$status" -ne 0 ]
	berth storage:mount "$gone" "$VOLUME:/app/data"
	berth ps:restart "$gone"
	assert_equal "$(in_web "$gone" 'cat /app/data/file')" kept
	destroy_apps "$gone"
	berth ps:restart "$APP"
	wait_for 20 destroyed "$VOLUME"
	[ ! -e "$TEST_ROOT/lib/volumes/$VOLUME" ]
	run berth storage:info "$VOLUME"
	[ "$status" -ne 0 ]
}

@test "backup and restore over ssh give the same tree" {
	mounted "$APP"
	in_web "$APP" 'cd /app/data; mkdir -p dir/empty; head -c 3000000 /dev/urandom >dir/random
		truncate -s 100M sparse; ln -s dir/random link; ln dir/random hard; ln -s ../../../etc/passwd out
		echo x >"$(printf "\303\251 and space")"; chmod 4751 dir/random; chmod 700 dir; touch -d 2020-01-02 link
		echo x >"$(printf "latin\351")"; ln -s "$(printf "latin\351")" "$(printf "to\351")"; mkfifo pipe'
	tree_of "$APP" >"$BATS_TEST_TMPDIR/before"
	bssh storage:backup "$VOLUME" >"$BATS_TEST_TMPDIR/tar"
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/tar")" -lt 20000000 ]

	local copy=$VOLUME-copy
	berth storage:create "$copy"
	bssh storage:restore "$copy" <"$BATS_TEST_TMPDIR/tar"
	berth storage:unmount "$APP" "$VOLUME:/app/data"
	berth storage:mount "$APP" "$copy:/app/data"
	berth ps:restart "$APP"
	tree_of "$APP" >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	in_web "$APP" 'echo more >>/app/data/hard; cmp /app/data/hard /app/data/dir/random'
	[ "$(du -sm "$TEST_ROOT/lib/volumes/$copy" | cut -f1)" -lt 20 ]
}

@test "restore: not over files without --force, not while in use, and whole or not at all" {
	archive "$BATS_TEST_TMPDIR/good.tar" 'add("./", DIR, mode=0o755); add("new", data=b"new\n")'
	mounted "$APP"
	in_web "$APP" 'echo old >/app/data/file'
	run berth storage:restore "$VOLUME" <"$BATS_TEST_TMPDIR/good.tar"
	[ "$status" -eq 2 ]
	assert_contains "$output" "--force"
	run berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/good.tar"
	[ "$status" -ne 0 ]
	assert_contains "$output" "ps:stop APP"
	berth ps:stop "$APP"

	local n=0 statements
	for statements in 'add("../evil")' 'add("/evil")' 'add("l", SYM, link="/var/tmp"); add("l/evil")' \
		'add("l", SYM, link=".."); add("l/evil")' 'add("h", LNK, link="../../../berth.db")' \
		'add("big", uid=70000)'; do
		archive "$BATS_TEST_TMPDIR/bad.tar" "add('fine'); $statements"
		run berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/bad.tar"
		[ "$status" -ne 0 ]
		assert_contains "$output" "archive entry"
		n=$((n + 1))
	done
	[ "$n" -eq 6 ]
	head -c 700 "$BATS_TEST_TMPDIR/good.tar" >"$BATS_TEST_TMPDIR/cut.tar"
	run berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/cut.tar"
	[ "$status" -ne 0 ]
	# in the middle of an extended header
	(cd "$BATS_TEST_TMPDIR" && tar --format=pax --pax-option=comment=x -cf - good.tar | head -c 600 >cut.tar)
	run berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/cut.tar"
	[ "$status" -ne 0 ]
	refute_contains "$output" "(null)"
	# also where an entry ends and the next would begin
	(cd "$BATS_TEST_TMPDIR" && echo a >a && echo b >b && tar --format=ustar -cf - a b | head -c 1024 >cut.tar)
	run berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/cut.tar"
	[ "$status" -ne 0 ]
	assert_contains "$output" "the archive is cut short"
	assert_equal "$(ls -A "$TEST_ROOT/lib/volumes/$VOLUME")" file
	assert_equal "$(find "$TEST_ROOT/lib/volumes" -mindepth 1 -maxdepth 1 -name '.*')" ""
	[ ! -e "$TEST_ROOT/lib/evil" ] && [ ! -e /evil ] && [ ! -e /var/tmp/evil ]

	# whose client goes away, while the archive goes on
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/pipe" \
		>/dev/null 2>&1 3>&- &
	local pid=$!
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	head -c 512 "$BATS_TEST_TMPDIR/good.tar" >&7
	wait_for 10 eval '[ -n "$(find "$TEST_ROOT/lib/volumes" -mindepth 1 -maxdepth 1 -name ".*")" ]'
	# meanwhile nothing starts with it, for a reason that has nothing to do with the machine
	run berth run "$APP" true
	[ "$status" -ne 0 ]
	assert_contains "$output" "volume '$VOLUME' is being restored or removed"
	refute_contains "$output" "no room"
	kill -TERM "$pid"
	! wait "$pid" || return 1
	tail -c +513 "$BATS_TEST_TMPDIR/good.tar" >&7
	exec 7>&-
	wait_for 10 eval '[ -z "$(find "$TEST_ROOT/lib/volumes" -mindepth 1 -maxdepth 1 -name ".*")" ]'
	assert_equal "$(ls -A "$TEST_ROOT/lib/volumes/$VOLUME")" file

	# folders that no entry names are the owner's of what is in them
	archive "$BATS_TEST_TMPDIR/deep.tar" 'add("./a/b/c", data=b"x", uid=1000)'
	berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/deep.tar"
	assert_equal "$(stat -c %u "$TEST_ROOT/lib/volumes/$VOLUME/a" "$TEST_ROOT/lib/volumes/$VOLUME/a/b")" \
		"$(stat -c %u "$TEST_ROOT/lib/volumes/$VOLUME/a/b/c" "$TEST_ROOT/lib/volumes/$VOLUME/a/b/c")"
	berth storage:restore "$VOLUME" --force <"$BATS_TEST_TMPDIR/good.tar"
	berth ps:start "$APP"
	assert_equal "$(in_web "$APP" 'ls -A /app/data; cat /app/data/new')" "$(printf 'new\nnew')"
	in_web "$APP" 'touch /app/data/mine'
}

@test "a volume that nothing has mounted has nothing to back up" {
	berth storage:create "$VOLUME"
	run berth storage:backup "$VOLUME"
	[ "$status" -ne 0 ]
	assert_contains "$output" "has no files yet"
	assert_equal "$(berth storage:info "$VOLUME" --format json | jq '.size_mb == 0')" true
}
