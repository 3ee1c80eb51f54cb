#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What doctor names as left over, cleanup removes, and nothing else: each kind is made by hand, with
# something foreign beside it.

bats_require_minimum_version 1.5.0
# $app, $dir and $host come from app.bash; what wait_for evaluates expands later
# shellcheck disable=SC2154,SC2016
load helper
load app
load instance

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	folder=$TEST_ROOT/run/containers/ghost
	address=10.$((200 + TEST_NUMBER)).255.238
	near=b$TEST_NUMBER-ffee far=x$TEST_NUMBER-ffee
	foreign=$BATS_TEST_TMPDIR/foreign
	# berthd looks by itself after whatever failed, and would be faster
	watch=$(pgrep -P "$(service_pid berthd)" -x berthd-watch)
	wait_for 60 eval '! pgrep -P "$watch" >/dev/null'
	kill -STOP "$watch"
}

groups() {
	find /sys/fs/cgroup -type d -name "berth-$TEST_NUMBER"
}

# The address as the table has it: a number.
owner_key() {
	local IFS=.
	# shellcheck disable=SC2086 # four words
	printf '0x%02x%02x%02x%02x' $address
}

teardown() {
	local group
	kill -CONT "$watch"
	umount "$folder/root" "$foreign" 2>/dev/null || true
	rm -rf "$folder" "$TEST_ROOT/run/addresses/$address"
	ip link del "$near" 2>/dev/null || true
	ip link del "$far" 2>/dev/null || true
	for group in $(groups); do
		rmdir "$group/ghost" "$group-foreign" 2>/dev/null || true
	done
	nft delete element inet "berth-$TEST_NUMBER" owners "{ $(owner_key) }" 2>/dev/null || true
	nft delete table inet "berth-foreign-$TEST_NUMBER" 2>/dev/null || true
	destroy_new_apps
}

# Doctor names each LINE, cleanup --dry-run too, and cleanup removes them, and nothing else:
# named_and_removed LINE...
named_and_removed() {
	printf '%s\n' "$@" | sort >expected
	berth doctor --format json >rows || true
	jq -r '.[] | select(.check == "leftovers" and .result == "warning") | .detail' rows | sort >named
	diff expected named || return
	berth cleanup --dry-run | sed 's/^-----> Would remove //' | sort >dry
	diff expected dry || return
	berth cleanup | sed 's/^-----> Removed //' | sort >removed
	diff expected removed
}

# A deploy has old layers collected behind itself, which would find those of a test too: until of
# berthd there are only itself and its watcher.
settled() {
	wait_for 60 eval '[ "$(pgrep -fc "/berthd --root $TEST_ROOT\$")" = 2 ]'
}

nothing_left() {
	assert_equal "$(berth cleanup --dry-run)" "-----> Nothing to clean up"
}

# The processes that hold a lock on PATH (flock(2)), as the kernel lists them by inode
lock_holders() {
	awk -v inode="$(stat -c %i "$1")" '$2 == "FLOCK" && $6 ~ ":" inode "$" { print $5 }' /proc/locks
}

has_holder() {
	[ -n "$(lock_holders "$1" 2>/dev/null)" ]
}

query() {
	python3 - "$TEST_ROOT/lib/berth.db" "$1" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
db.execute("PRAGMA foreign_keys = ON")
for row in db.execute(sys.argv[2]).fetchall():
    print(*row)
db.commit()
END
}

layers_of() {
	jq -r '.layers[]' "$TEST_ROOT/lib/images/$1.json"
}

other_instance() {
	"$TEST_PREFIX/bin/berth" --root "$TEST_DIR/other" "$@"
}

# kill -9 to all of its processes, as long as there are any
end_other() {
	local all pids
	for _ in $(seq 100); do
		all=(/proc/[0-9]*/cmdline)
		mapfile -t pids < <(grep -lsF -- "$TEST_DIR/other" "${all[@]}" | grep -oE '[0-9]+')
		[ ${#pids[@]} -gt 0 ] || return 0
		kill -KILL "${pids[@]}" 2>/dev/null || true
		sleep 0.1
	done
	return 1
}

@test "each kind of leftover is named and removed; what is used or foreign stays" {
	local group name kind
	new_app used
	push_app "$dir" "$app"
	settled
	name=$(berth run:detached "$app" true)
	wait_for 20 eval '[ "$(berth run:list "$app" --format json | jq -r .[0].state)" = exited ]'
	assert_equal "$(berth cleanup --dry-run)" "-----> Nothing to clean up"
	for group in $(groups); do mkdir "$group/ghost" "$group-foreign"; done
	ln -s ghost "$TEST_ROOT/run/addresses/$address"
	ip link add "$near" type veth peer name "$far.q"
	ip link add "$far" type veth peer name "$far.p"
	mkdir -p "$folder/root" "$foreign"
	mount -t tmpfs none "$folder/root"
	mount -t tmpfs none "$foreign"
	# a folder without status may be a container that is being made, for a while
	touch -d '1 hour ago' "$folder"
	berth doctor >named || true
	berth cleanup --dry-run >dry
	for kind in "cgroup ghost" "address $address of ghost" "mount $folder/root" "container ghost"; do
		grep -qF "$kind" named
		grep -qF "Would remove $kind" dry
	done
	refute_contains "$(cat named dry)" foreign
	refute_contains "$(cat named dry)" "$far"
	refute_contains "$(cat named dry)" "$app"
	mountpoint -q "$folder/root"
	berth cleanup >removed
	sed 's/Would remove/Removed/' dry >expected
	grep -vF "interface $near" removed | diff expected - || diff expected removed
	run ! mountpoint -q "$folder/root"
	[ ! -e "$folder" ]
	[ ! -L "$TEST_ROOT/run/addresses/$address" ]
	[ -z "$(find /sys/fs/cgroup -type d -path "*berth-$TEST_NUMBER/ghost")" ]
	run ! ip link show "$near"
	ip link show "$far" >/dev/null
	mountpoint -q "$foreign"
	for group in $(groups); do [ -d "$group-foreign" ]; done
	assert_equal "$(http "$host")" one
	assert_equal "$(berth run:list "$app" --format json | jq -r .[0].name)" "$name"
	assert_equal "$(berth cleanup)" "-----> Nothing to clean up"
}

@test "an interface without an address is a leftover; one of another instance's number is not" {
	ip link add "$near" type veth peer name "$far.q"
	ip link add "$far" type veth peer name "$far.p"
	assert_contains "$(berth doctor)" "interface $near"
	assert_equal "$(berth cleanup)" "-----> Removed interface $near"
	run ! ip link show "$near"
	ip link show "$far" >/dev/null
}

@test "images are kept for rollback by how many there are, not by releases" {
	local first i
	new_app keeps
	push_app "$dir" "$app"
	first=$(query "SELECT image FROM releases WHERE app = (SELECT id FROM apps WHERE name = '$app') AND image IS NOT NULL")
	for i in $(seq 12); do berth config:set "$app" "N=$i"; done
	echo "# two" >>"$dir/Procfile"
	push_app "$dir" "$app"
	wait_for 10 berth cleanup # the last build may have something to do behind its push
	[ -e "$TEST_ROOT/lib/images/$first.json" ]
	berth rollback "$app" v1
	for i in $(seq 10); do
		echo "# $i" >>"$dir/Procfile"
		push_app "$dir" "$app"
	done
	wait_for 10 berth cleanup
	[ ! -e "$TEST_ROOT/lib/images/$first.json" ]
	run -1 berth rollback "$app" v1
	assert_contains "$output" "v1"
}

@test "an app that is destroyed while another builds: its image, layers and source are left, then go" {
	local id image layer source other builds
	new_app stays
	push_app "$dir" "$app"
	other=$host
	new_app goes
	cp -R "$TEST_SOURCE"/tests/apps/web/. "$dir"
	echo "# its own source" >>"$dir/Procfile"
	push_app "$dir" "$app"
	id=$(query "SELECT id FROM apps WHERE name = '$app'")
	image=$(query "SELECT image FROM releases WHERE app = $id AND image IS NOT NULL")
	source=$(query "SELECT tree FROM releases WHERE app = $id AND image IS NOT NULL")
	builds=$(query "SELECT id FROM builds WHERE app = $id")
	[ -e "$TEST_ROOT/lib/build-logs/$builds.log" ]
	[ -d "$TEST_ROOT/lib/sources/$source" ]
	settled
	# what a build holds while it runs
	exec {hold}<"$TEST_ROOT/run/locks/collect"
	flock -s "$hold"
	berth --force apps:destroy "$app"
	run -1 berth cleanup
	assert_contains "$output" "a build is running"
	exec {hold}<&-
	[ ! -e "$TEST_ROOT/lib/build-logs/$builds.log" ]
	named_and_removed "image $image of no release" "source $source of no release"
	[ ! -e "$TEST_ROOT/lib/images/$image.json" ]
	[ ! -e "$TEST_ROOT/lib/sources/$source" ]
	assert_equal "$(http "$other")" one
}

@test "a layer of no image goes, unless something uses it" {
	local layer other
	new_app layers
	push_app "$dir" "$app"
	settled
	for layer in app-0123456789abcdef deps-0123456789abcdef; do
		tar -cf layer.tar -C "$dir" .
		"$TEST_SOURCE/${TEST_BUILD:-build}/tests/hand" --root "$TEST_ROOT" import "$layer" layer.tar
	done
	other=$(find "$TEST_ROOT/lib/layers" -mindepth 1 -maxdepth 1 ! -name '.*' ! -name '*-0123456789abcdef' | sort)
	exec {hold}<"$TEST_ROOT/lib/layers/deps-0123456789abcdef/data"
	flock -s "$hold"
	named_and_removed "layer app-0123456789abcdef of no image"
	exec {hold}<&-
	named_and_removed "layer deps-0123456789abcdef of no image"
	assert_equal "$(find "$TEST_ROOT/lib/layers" -mindepth 1 -maxdepth 1 ! -name '.*' | sort)" "$other"
	assert_equal "$(http "$host")" one
}

@test "a state put back from an earlier copy: containers of no release and files of no app go" {
	local id image source build other
	new_app stays
	push_app "$dir" "$app"
	other=$host
	new_app later
	echo "# its own source" >>"$dir/Procfile"
	push_app "$dir" "$app"
	settled
	http "$host" >/dev/null
	berth run:detached "$app" sleep 1000
	id=$(query "SELECT id FROM apps WHERE name = '$app'")
	image=$(query "SELECT image FROM releases WHERE app = $id AND image IS NOT NULL")
	source=$(query "SELECT tree FROM releases WHERE app = $id AND image IS NOT NULL")
	build=$(query "SELECT id FROM builds WHERE app = $id")
	mapfile -t containers < <(find "$TEST_ROOT/run/containers" -mindepth 1 -maxdepth 1 -name "a$id.*" -printf '%f\n')
	assert_equal "${#containers[@]}" 2
	containers=("${containers[@]/%/ of no release}")
	wait_for 10 test -e "$TEST_ROOT/lib/router/logs/$app.log"
	# of a build with packs, and with a Dockerfile
	install -d -o berth -g berth "$TEST_ROOT/lib/builds"
	mkdir -p "$TEST_ROOT/lib/cache/app-$id" "$TEST_ROOT/lib/cache/app-$id.abc" "$TEST_ROOT/lib/cache/foreign"
	touch "$TEST_ROOT/lib/builds/app-$id.cached"
	[ -e "$TEST_ROOT/lib/events/$app.log" ]
	query "DELETE FROM apps WHERE id = $id"
	named_and_removed "image $image of no release" "route of $app, which is no app" \
		"file builds/app-$id.cached of no app" "file events/$app.log of no app" \
		"file router/logs/$app.log of no app" "${containers[@]/#/container }" \
		"cache app-$id of no app" \
		"cache app-$id.abc of no app" "logs app-$id of no app" "log of build $build, which is gone"
	# now that no container uses it any more
	named_and_removed "source $source of no release"
	nothing_left
	run ! http "$host"
	[ -z "$(find "$TEST_ROOT/run/containers" -mindepth 1 -maxdepth 1 -name "a$id.*")" ]
	[ ! -e "$TEST_ROOT/lib/logs/app-$id" ] && [ -d "$TEST_ROOT/lib/logs/berth" ]
	rmdir "$TEST_ROOT/lib/cache/foreign"
	# history is nobody's to throw away
	[ -d "$TEST_ROOT/lib/repos/$app.git" ]
	rm -rf "$TEST_ROOT/lib/repos/$app.git"
	assert_equal "$(http "$other")" one
}

@test "what a build or a restore that was killed had half written" {
	local volume lib=$TEST_ROOT/lib layer
	new_app stays
	push_app "$dir" "$app"
	settled
	volume=$(unique_app volume)
	berth storage:create "$volume"
	mkfifo layer.tar volume.tar
	berth stack:import "$volume" <layer.tar >/dev/null 2>&1 3>&- &
	berth storage:restore "$volume" <volume.tar >/dev/null 2>&1 3>&- &
	# a piece of each, and no end
	exec {layer}>layer.tar {restore}>volume.tar
	tar -cf - -C "$dir" . | head -c 512 | tee "/proc/self/fd/$layer" >"/proc/self/fd/$restore"
	wait_for 20 eval 'has_holder "$lib"/layers/.new/*/data && has_holder "$lib"/volumes/.new.*'
	layer_id=$(ls "$lib/layers/.new")
	volume_id=$(cd "$lib/volumes" && ls -d .new.*)
	nothing_left # they may go on
	mapfile -t pids < <(
		lock_holders "$lib/layers/.new/$layer_id/data"
		lock_holders "$lib/volumes/$volume_id"
	)
	kill -KILL "${pids[@]}"
	exec {layer}>&- {restore}>&-
	wait
	wait_for 20 eval '! has_holder "$lib/layers/.new/$layer_id/data" && ! has_holder "$lib/volumes/$volume_id"'
	# where nothing can be killed at the right moment
	mkdir "$lib/sources/.new-0123456789abcdef" "$lib/packs/.new-0123456789abcdef" "$lib/packs/pack-0123456789abcdef"
	touch -d '1 hour ago' "$lib"/{images/x.json,router/routes.json}.01234567.tmp "$TEST_ROOT/run/policy.01234567.tmp"
	# one that is being written, one that only looks like it
	touch "$lib/images/y.json.01234567.tmp"
	touch -d '1 hour ago' "$lib/images/z.json.0123456x.tmp"
	named_and_removed "layer $layer_id (not committed)" "volume $volume_id" \
		"half-written source .new-0123456789abcdef" "buildpack .new-0123456789abcdef" \
		"buildpack pack-0123456789abcdef" "half-written file images/x.json.01234567.tmp" \
		"half-written file router/routes.json.01234567.tmp" "half-written file run/policy.01234567.tmp"
	[ -e "$lib/images/y.json.01234567.tmp" ] && [ -e "$lib/images/z.json.0123456x.tmp" ]
	rm "$lib"/images/[yz].json.*.tmp
	nothing_left
	assert_equal "$(http "$host")" one
	berth --force storage:destroy "$volume"
}

@test "a tree that was kept for a source which is gone is not kept any more; one in use is" {
	local repo tree
	new_app trees
	push_app "$dir" "$app"
	settled
	repo=$TEST_ROOT/lib/repos/$app.git
	tree=$(tgit -C "$dir" rev-parse 'HEAD^{tree}')
	git() {
		setpriv --reuid berth --regid berth --clear-groups git -C "$repo" "$@"
	}
	gone=$(git mktree </dev/null)
	git update-ref "refs/berth/trees/$tree" "$tree"
	git update-ref "refs/berth/trees/$gone" "$gone"
	named_and_removed "reference refs/berth/trees/$gone of $app"
	assert_equal "$(git for-each-ref --format '%(refname)' refs/berth/trees)" "refs/berth/trees/$tree"
	nothing_left
}

# The container of $app that has ended: its shim takes its socket with it
without_socket() {
	local folder
	for folder in "$TEST_ROOT"/run/containers/a*."$app".*; do
		[ -S "$folder/control" ] || echo "${folder##*/}"
	done
}

@test "an address in the table that no container has; the socket of a dead shim" {
	local name id before
	new_app stays
	push_app "$dir" "$app"
	name=$(berth run:detached "$app" true)
	settled
	wait_for 20 eval 'id=$(without_socket) && [ -n "$id" ]'
	assert_equal "$(berth run:list "$app" --format json | jq -r .[0].state)" exited
	before=$(nft -j list map inet "berth-$TEST_NUMBER" owners | jq -S .)
	nft add element inet "berth-$TEST_NUMBER" owners "{ $(owner_key) : 5 }"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind("/proc/self/cwd/control")' 2>/dev/null || true
	mv control "$TEST_ROOT/run/containers/$id/control"
	named_and_removed "owner of address $address" "socket of container $id"
	assert_equal "$(nft -j list map inet "berth-$TEST_NUMBER" owners | jq -S .)" "$before"
	assert_equal "$(berth run:list "$app" --format json | jq -r .[0].name)" "$name"
	assert_equal "$(http "$host")" one
	nothing_left
}

@test "instances that are made at the same moment have numbers of their own" {
	local i pids=() pid lock
	exec {lock}>/run/berth-instances/lock # so that all of them come to it together
	flock "$lock"
	for i in 1 2 3 4 5 6 7 8; do
		"$TEST_PREFIX/bin/berth" server init --root "$TEST_DIR/made$i" >/dev/null {lock}>&- &
		pids+=("$!")
	done
	sleep 0.5
	exec {lock}>&-
	for pid in "${pids[@]}"; do wait "$pid"; done
	assert_equal "$(sed -n 's/^number = //p' "$TEST_DIR"/made*/etc/berth.conf "$TEST_ROOT/etc/berth.conf" | sort -u | wc -l)" 9
	rm -rf --one-file-system "$TEST_DIR"/made*
}

# An instance whose folder was removed; sets $number and $groups, its own.
gone_instance() {
	local pid group
	"$TEST_PREFIX/bin/berth" server init --root "$TEST_DIR/other" --http-address 127.0.0.1 --http-port "$(free_port)" \
		--ssh-address 127.0.0.1 --ssh-port "$(free_port)" >/dev/null
	number=$(sed -n 's/^number = //p' "$TEST_DIR/other/etc/berth.conf")
	other_instance server start
	nft list table inet "berth-$number" >/dev/null
	end_other
	ip link add "b$number-ffee" type veth peer name "$far.q"
	nothing_left # it may be started again
	group=$(find /sys/fs/cgroup -type d -name "berth-$number" | head -n 1)
	mkdir "$group/app"
	sleep 1000 3>&- &
	pid=$!
	echo "$pid" >"$group/app/cgroup.procs"
	rm -rf --one-file-system "$TEST_DIR/other"
	nothing_left # what runs there is somebody's
	kill "$pid"
	wait "$pid" || true
	mapfile -t groups < <(find /sys/fs/cgroup -type d \( -path "*/berth-$number" -o -path "*/berth-$number/*" \))
	groups=("${groups[@]/#/cgroup }")
}

@test "what an instance left whose folder was removed; nothing of it while something runs" {
	local number groups=() try
	nft add table inet "berth-foreign-$TEST_NUMBER"
	# again when another instance of this machine was the first to look: then it has removed it
	for try in 1 2 3; do
		gone_instance
		run named_and_removed "${groups[@]/%/ of an instance that is gone}" \
			"interface b$number-ffee of an instance that is gone" "table berth-$number of an instance that is gone"
		[ "$status" -ne 0 ] || break
		echo "try $try: $output" >&2
		berth cleanup
	done
	assert_equal "$status" 0
	run ! nft list table inet "berth-$number"
	nft list table inet "berth-$TEST_NUMBER" >/dev/null
	nft delete table inet "berth-foreign-$TEST_NUMBER"
	refute_contains "$(ip -o addr show dev lo)" "10.$((200 + number)).0.1/"
	nothing_left
}
