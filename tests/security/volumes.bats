#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Volumes through the running runtime: nobody reads what he does not mount, and links that change
# while a volume is mounted lead nowhere (CVE-2021-30465).
# bats file_tags=security
# shellcheck disable=SC2154  # variables come from runtime.bash

load runtime

setup_file() {
	runtime_up
	# a folder of the host that a link may point to
	mkdir "$WORK/host"
	echo host-secret >"$WORK/host/file"
}

teardown_file() {
	runtime_down
}

# A volume with one file, owned by the app of range 1: volume NAME
volume() {
	probe --mount "volume:$1:/data" -- disk /data/file 1 >/dev/null
	echo "secret-of-$1" >"$ROOT/lib/volumes/$1/file"
}

@test "a volume of one app is not readable by another" {
	volume theirs
	volume mine
	probe --range 2 --mount volume:mine:/data -- show /data/file /theirs/file /data/../theirs/file \
		/proc/self/mountinfo >"$WORK/out"
	has "$WORK/out" '^show secret-of-mine$' '^show /theirs/file ENOENT$' \
		'^show /data/../theirs/file ENOENT$' '/lib/volumes/mine /data '
	lacks "$WORK/out" 'secret-of-theirs' 'volumes/theirs'
	# links out of its own volume: the container's root is their root
	ln -s ../theirs/file "$ROOT/lib/volumes/mine/up"
	ln -s "$ROOT/lib/volumes/theirs/file" "$ROOT/lib/volumes/mine/absolute"
	probe --range 2 --mount volume:mine:/data -- show /data/up /data/absolute >"$WORK/out"
	has "$WORK/out" '^show /data/up ENOENT$' '^show /data/absolute ENOENT$'
	# the control: here they lead there
	[ "$(cat "$ROOT/lib/volumes/mine/up" "$ROOT/lib/volumes/mine/absolute")" = \
		"$(printf 'secret-of-theirs\nsecret-of-theirs')" ]
}

@test "ids of one app's range open nothing among the volumes" {
	local uid
	volume theirs
	chmod 644 "$ROOT/lib/volumes/theirs/file"
	uid=$(stat -c %u "$ROOT/lib/volumes/theirs")
	run setpriv --reuid $((uid + 65536)) --regid $((uid + 65536)) --clear-groups \
		cat "$ROOT/lib/volumes/theirs/file"
	[ "$status" -ne 0 ]
	# nor those of the owner itself, who gets there through his mounts alone
	run setpriv --reuid "$uid" --regid "$uid" --clear-groups cat "$ROOT/lib/volumes/theirs/file"
	[ "$status" -ne 0 ]
	# the control: it is the folder above that keeps them out
	mkdir "$WORK/open"
	cp -Rp "$ROOT/lib/volumes/theirs" "$WORK/open/"
	run setpriv --reuid $((uid + 65536)) --regid $((uid + 65536)) --clear-groups \
		cat "$WORK/open/theirs/file"
	[ "$output" = secret-of-theirs ]
	rm -rf "$WORK/open"
}

@test "shared read-only is read-only, and the owner's ids are the reader's own" {
	volume theirs
	chmod 600 "$ROOT/lib/volumes/theirs/file"
	probe --range 2 --mount volume:theirs:/data:ro -- show /data/file >"$WORK/out"
	has "$WORK/out" '^show secret-of-theirs$'
	run probe --range 2 --mount volume:theirs:/data:ro -- disk /data/more 1
	[ "$output" = "disk 0 EROFS" ]
	run probe --range 2 --mount volume:theirs:/data -- disk /data/more 1
	[ "$output" = "disk 1 ok" ]
	[ "$(stat -c %u "$ROOT/lib/volumes/theirs/more")" = "$(stat -c %u "$ROOT/lib/volumes/theirs")" ]
}

# Sets $link up as the place for a second volume, inside the first one, and beside it what it is
# swapped with: a link to TARGET.
nest() {
	volume outer
	volume inner
	link=$ROOT/lib/volumes/outer/x
	rm -rf "$link" "$link.other"
	mkdir "$link"
	ln -s "${1:-$WORK/host}" "$link.other"
}

@test "the control: who resolves first and mounts by path mounts where the link says" {
	nest
	mkdir -p "$WORK/naive/data"
	# what runtimes did until 2021, with the swap where the race would put it
	unshare -m sh -ec '
		mount --bind "$2" "$1/data"
		place=$(realpath "$1/data/x")
		case $place in "$1"/*) ;; *) exit 1 ;; esac
		rmdir "$2/x"
		mv "$2/x.other" "$2/x"
		mount --bind "$3" "$place"
		cat /proc/self/mountinfo' sh "$WORK/naive" "$ROOT/lib/volumes/outer" "$ROOT/lib/volumes/inner" \
		>"$WORK/out"
	has "$WORK/out" "/lib/volumes/inner $WORK/host "
}

@test "a link where a volume is to be mounted stays inside the container" {
	# there and here
	nest ../../../../../../../../../../var
	rmdir "$link"
	mv "$link.other" "$link"
	probe --mount volume:outer:/data --mount volume:inner:/data/x -- \
		show /var/file /proc/self/mountinfo >"$WORK/out"
	has "$WORK/out" '^show secret-of-inner$' "/lib/volumes/inner /var "
}

@test "links that change while volumes are mounted lead nowhere" {
	local i ok=0 through=0
	nest ../../../../../../../../../../var
	python3 -IS - "$link" 3>&- <<-'END' &
		import ctypes, os, sys
		libc, a = ctypes.CDLL(None), os.fsencode(sys.argv[1])
		while os.path.lexists(a): libc.renameat2(-100, a, -100, a + b".other", 2)
	END
	local racer=$!
	for ((i = 0; i < 40; i++)); do
		# it may fail, but not land outside: then it would not be among the container's mounts
		if probe --mount volume:outer:/data --mount volume:inner:/data/x -- \
			show /proc/self/mountinfo >"$WORK/out" 2>"$WORK/why"; then
			ok=$((ok + 1))
			has "$WORK/out" '/lib/volumes/inner (/data/x|/data/x.other|/var) '
			! grep -q '/lib/volumes/inner /var ' "$WORK/out" || through=$((through + 1))
		else
			has "$WORK/why" "/data/x"
		fi
	done
	kill "$racer"
	wait "$racer" || true
	echo "$ok of 40 started, $through followed the link inside"
	[ "$ok" -gt 0 ]
}

# A layer above STACK with what an image may have where a volume is mounted: image NAME. What no
# archive may bring in is put into it by hand.
image() {
	local tree=$WORK/image
	rm -rf "$tree"
	mkdir -p "$tree/seed/sub/deep"
	echo one >"$tree/seed/file"
	echo two >"$tree/seed/sub/deep/file"
	chown -R 999:998 "$tree/seed"
	chmod 4640 "$tree/seed/file"
	chmod 2750 "$tree/seed"
	ln -s seed "$tree/link"
	tar -C "$tree" -cf "$WORK/image.tar" .
	container import "$1" "$WORK/image.tar"
	files=$ROOT/lib/layers/$1
	[ -d "$files/seed" ] || files=$files/data
	ln -s "$WORK/host/file" "$files/seed/absolute"
	ln -s ../../../../../../../../../../../../../../..$WORK/host "$files/seed/up"
	ln -s "$WORK/host" "$files/out"
	mknod "$files/seed/null" c 1 3
	mkfifo "$files/seed/fifo"
	chown -h --reference="$files" "$files"/seed/{absolute,up,null,fifo} "$files/out"
}

# seeded IMAGE VOLUME:DEST [OPTIONS] -- ARGS...
seeded() {
	local image=$1 volume=$2
	shift 2
	container run --layer "layer/$image" --layer "$STACK" --profile image --mount "volume:$volume" \
		"${@:1:$#}"
}

@test "a new volume begins as the image's folder: its owner and mode, its files and links, nothing else" {
	local base volume=$ROOT/lib/volumes/fresh
	image seed-1
	seeded seed-1 fresh:/seed --user 999 sec-seed -- /probe show /seed/sub/deep/file >"$WORK/out"
	has "$WORK/out" '^show two$'
	base=$(($(stat -c %u "$volume") - 999))
	[ $((base % 65536)) -eq 0 ] && [ "$base" -gt 0 ]
	# all of it is the range's; no device, no pipe, and links are what they were
	diff -u - <(cd "$volume" && find . -printf '%p %y %m %u-%l\n' | sed "s/ $((base + 999))-/ 999-/" | sort) <<-END
		. d 2750 999-
		./absolute l 777 $base-$WORK/host/file
		./file f 4640 999-
		./sub d 755 999-
		./sub/deep d 755 999-
		./sub/deep/file f 644 999-
		./up l 777 $base-../../../../../../../../../../../../../../..$WORK/host
	END
	# it is new once: what is taken away stays away, and its owner is whoever it was given to
	rm -rf "$volume"/{absolute,file,sub,up}
	chown $((base + 7)) "$volume"
	seeded seed-1 fresh:/seed sec-seed -- /probe true
	[ -z "$(ls -A "$volume")" ] && [ "$(stat -c %u "$volume")" -eq $((base + 7)) ]
}

@test "a new volume where the image has a link, or nothing, is looked up inside" {
	image seed-2
	# a link to its own folder is that folder, as it is for the mount
	seeded seed-2 linked:/link sec-seed -- /probe show /seed/file >"$WORK/out"
	has "$WORK/out" '^show one$'
	# one that leads out leads nowhere; then it belongs to the user, as where there is nothing
	seeded seed-2 outside:/out --user 1234 sec-seed -- /probe disk /out/file 1 >"$WORK/out"
	has "$WORK/out" '^disk 1 ok$'
	[ "$(ls -A "$ROOT/lib/volumes/outside")" = file ]
	[ "$(ls -A "$WORK/host")" = file ]
	seeded seed-2 nothing:/not/there --user 1234 sec-seed -- /probe disk /not/there/file 1 >"$WORK/out"
	has "$WORK/out" '^disk 1 ok$'
	[ $(($(stat -c %u "$ROOT/lib/volumes/nothing") % 65536)) -eq 1234 ]
	# the control: the link does lead there
	[ "$(cat "$files/out/file")" = host-secret ]
}

@test "an image that has too much there is named, and the volume stays new" {
	image seed-3
	truncate -s 2G "$files/seed/sub/large"
	run seeded seed-3 large:/seed sec-seed -- /probe true
	[ "$status" -ne 0 ]
	[[ $output == *"the image has too much on '/seed'"*"another folder"* ]]
	[ "$(du -sm "$ROOT/lib/volumes/large" | cut -f1)" -lt 2 ]
	# what was begun is begun anew
	seeded seed-3 large:/elsewhere --user 1234 sec-seed -- /probe disk /elsewhere/file 1 >"$WORK/out"
	has "$WORK/out" '^disk 1 ok$'
	[ "$(ls -A "$ROOT/lib/volumes/large")" = file ]
}

@test "processes that mount a new volume at one time all find it filled, once" {
	local i pids=()
	image seed-4
	for i in 1 2 3 4; do
		seeded seed-4 shared:/seed "sec-seed-$i" -- /probe show /seed/sub/deep/file >"$WORK/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for i in 1 2 3 4; do has "$WORK/out.$i" '^show two$'; done
	# nothing holds on to it
	container volume-remove shared
}

@test "an image's volumes are folders of root's where no layer has them, and nothing that hides" {
	image seed-5
	container run --layer layer/seed-5 --layer "$STACK" --profile image --user 1234 --folder /made/deep \
		--folder /seed --folder /link --folder /probe --mount volume:hides:/other --folder /other \
		sec-seed -- /probe disk /made/deep/file 1 >"$WORK/out" 2>&1
	has "$WORK/out" '^disk 0 EACCES$'
	container run --layer layer/seed-5 --layer "$STACK" --profile image --folder /made/deep --folder /out/x \
		sec-seed -- /probe disk /made/deep/file 1 >"$WORK/out" 2>&1
	has "$WORK/out" '^disk 1 ok$'
	[ "$(ls -A "$WORK/host")" = file ]
	[ $(($(stat -c %u "$ROOT/lib/volumes/hides") % 65536)) -eq 1234 ]
}

@test "once it has answered, a run is not listed, and its name and volume are free" {
	local i
	for i in $(seq 40); do
		container run --layer "$STACK" --mount volume:brief:/data sec-brief -- /probe true >"$WORK/out"
		container list >"$WORK/list"
		none '^sec-brief ' <"$WORK/list"
		container volume-remove brief
	done
}

@test "a volume in use is neither removed nor replaced; what a restoring left is found" {
	volume mine
	container start --layer "$STACK" --mount volume:mine:/data sec-holds -- /probe sleep 60
	run container volume-remove mine
	[ "$status" -ne 0 ]
	[[ $output == *"volume 'mine' is in use"* ]]
	run container volume-restore mine <"$WORK/probe.tar"
	[ "$status" -ne 0 ]
	[[ $output == *"volume 'mine' is in use"* ]]
	container stop sec-holds 0
	[ "$(cat "$ROOT/lib/volumes/mine/file")" = secret-of-mine ]

	mkdir "$ROOT/lib/volumes/.new.mine.1" "$ROOT/lib/volumes/.new.mine.2"
	exec 8<"$ROOT/lib/volumes/.new.mine.2"
	flock -x 8
	container cleanup --dry >"$WORK/out"
	has "$WORK/out" '^volume \.new\.mine\.1$'
	lacks "$WORK/out" 'volume \.new\.mine\.2'
	exec 8<&-
	container cleanup >"$WORK/out"
	has "$WORK/out" '^volume \.new\.mine\.2$'
	[ -z "$(find "$ROOT/lib/volumes" -mindepth 1 -maxdepth 1 -name '.*')" ]
	container volume-remove mine
	[ ! -e "$ROOT/lib/volumes/mine" ]
}
