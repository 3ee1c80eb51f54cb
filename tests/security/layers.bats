#!/usr/bin/env bats
# Archives and layers through the running runtime: what hostile archives do, and what is in use.
# bats file_tags=security
# shellcheck disable=SC2154  # variables come from runtime.bash

load runtime

setup_file() {
	runtime_up
}

teardown_file() {
	runtime_down
}

# Writes a tar with python's tarfile, which checks nothing: archive FILE "PYTHON STATEMENTS", in
# which add(name, type, ...) appends an entry.
archive() {
	python3 -IS - "$1" <<END
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def add(name, type=tarfile.REGTYPE, data=b"x", link="", mode=0o644, uid=0, pax={}):
    i = tarfile.TarInfo(name)
    i.type, i.linkname, i.mode, i.uid, i.gid, i.pax_headers = type, link, mode, uid, uid, dict(pax)
    i.size = len(data) if type == tarfile.REGTYPE else 0
    t.addfile(i, io.BytesIO(data))
DIR, SYM, LNK, CHR, BLK, FIFO = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
    tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
$2
t.close()
END
}

# The import fails, says TEXT, and leaves neither a layer nor a file outside.
refused() {
	local text=$1
	archive "$WORK/bad.tar" "$2"
	run container import "sec-bad-$$" "$WORK/bad.tar"
	[ "$status" -ne 0 ]
	[[ "$output" == *"$text"* ]] || { echo "$output" >&2; return 1; }
	container layers >"$WORK/layers"
	none "^sec-bad-$$" <"$WORK/layers"
	[ -z "$(find "$ROOT/lib/layers/.new" -mindepth 1 2>/dev/null | head -n 1)" ]
	[ ! -e "$ROOT/lib/evil" ] && [ ! -e /evil ] && [ ! -e /var/tmp/evil ]
}

@test "paths that lead out are refused by name" {
	refused "'../evil'" 'add("../evil")'
	refused "'a/../../evil'" 'add("a/../../evil")'
	refused "'/evil'" 'add("/evil")'
	refused "absolute" 'add("//evil")'
	refused "'../../../../../../../../../var/tmp/evil'" \
		'add("ok"); add("../../../../../../../../../var/tmp/evil")'
	refused "'../evil'" 'add("ok", pax={"path": "../evil"})'
	refused "'/evil'" 'add("a/" + "long/" * 40 + "x", pax={"path": "/evil"})'
}

@test "nothing is written through a link" {
	refused "'l/evil'" 'add("l", SYM, link="/var/tmp"); add("l/evil")'
	refused "'l/evil'" 'add("l", SYM, link="../../.."); add("l/evil")'
	refused "'a/b/evil'" 'add("a", DIR); add("a/b", SYM, link="."); add("a/b/evil")'
	refused "'l/evil'" 'add("l", SYM, link="/proc/1/root"); add("l/evil")'
	refused "'l/evil'" 'add("d", DIR); add("l", LNK, link="d"); add("l/evil")' ||
		refused "'l'" 'add("d", DIR); add("l", LNK, link="d"); add("l/evil")'
}

@test "hard links stay inside" {
	refused "'h'" 'add("h", LNK, link="/etc/shadow")'
	refused "'h'" 'add("h", LNK, link="../../../../etc/shadow")'
	refused "'h'" 'add("h", LNK, link="etc/shadow")'
	refused "'h'" 'add("l", SYM, link="/etc"); add("h", LNK, link="l/shadow")'
	refused "'h'" 'add("h", LNK, link="x", pax={"linkpath": "/etc/shadow"})'
}

@test "owners out of range, empty and broken archives are refused" {
	refused "'big'" 'add("big", uid=65536)'
	refused "'big'" 'add("big", pax={"uid": "4294967296"})'
	refused "'big'" 'add("big", pax={"uid": "-1"})' || refused "archive" 'add("big", pax={"uid": "-1"})'
	refused "empty" ''
	head -c 100000 /dev/urandom >"$WORK/noise"
	run container import "sec-bad-$$" "$WORK/noise"
	[ "$status" -ne 0 ]
	archive "$WORK/cut.tar" 'add("f", data=b"y" * 100000)'
	truncate -s 50000 "$WORK/cut.tar"
	run container import "sec-bad-$$" "$WORK/cut.tar"
	[ "$status" -ne 0 ]
	[[ "$output" == *"'f'"* ]]
}

@test "a bomb is stopped before it fills the disk" {
	# 64 GiB in about 64 MB of gzip would take long to make: a sparse file says its size at once
	truncate -s 20G "$WORK/huge"
	(cd "$WORK" && tar --sparse -czf bomb.tar.gz huge)
	rm "$WORK/huge"
	run container import "sec-bad-$$" "$WORK/bomb.tar.gz"
	[ "$status" -ne 0 ]
	[[ "$output" == *"more than 16 GiB"* ]]
}

@test "devices are left out, setuid has no power, attributes of overlayfs are dropped" {
	archive "$WORK/odd.tar" '
add("./", DIR, mode=0o755)
for d in ("app", "dev", "proc", "sys", "tmp", "etc", "run"): add(d, DIR, mode=0o1777)
add("mem", CHR); add("disk", BLK); add("pipe", FIFO)
add("white", CHR, pax={})
add("probe", data=open("'"$BUILD"'/tests/probe", "rb").read(), mode=0o6755)
add("opaque", DIR, mode=0o755, pax={"SCHILY.xattr.trusted.overlay.opaque": "y",
    "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.user.fine": "1"})'
	container import "sec-odd-$$" "$WORK/odd.tar"
	for name in mem disk white; do [ ! -e "$ROOT/lib/layers/sec-odd-$$/data/$name" ]; done
	[ -p "$ROOT/lib/layers/sec-odd-$$/data/pipe" ]
	run python3 -IS -c 'import os, sys; print(os.listxattr(sys.argv[1]))' \
		"$ROOT/lib/layers/sec-odd-$$/data/opaque"
	[ "$output" = "['user.fine']" ]
	container run --layer "layer/sec-odd-$$" "sec-setuid-$$" -- /probe >"$WORK/setuid"
	has "$WORK/setuid" '^id uid 1000 1000 1000$' '^id gid 1000 1000 1000$'
	container remove "sec-odd-$$"
}

# The process that unpacks layer NAME and has begun to, or nothing: unpacker NAME
unpacker() {
	local pid
	for pid in $(pgrep -x berth-cell); do
		if [ "/proc/$pid/root" -ef "$ROOT/lib/layers/.new/$1/data" ] && [ -e "/proc/$pid/root/f" ] &&
			[ "$(awk '/^NSpid:/ { print NF }' "/proc/$pid/status")" = 3 ]; then
			echo "$pid"
		fi
	done
}

@test "whoever finds a hole in what unpacks is in a cell" {
	local pid server i
	mkfifo "$WORK/slow"
	container import "sec-slow-$$" "$WORK/slow" >"$WORK/said" 2>&1 3>&- &
	archive "$WORK/long.tar" 'add("f", data=b"y" * 100000)'
	exec 8>"$WORK/slow"
	head -c 20000 "$WORK/long.tar" >&8
	for ((i = 0; i < 100; i++)); do
		pid=$(unpacker "sec-slow-$$")
		if [ -n "$pid" ] && grep -q '^Seccomp:.*2$' "/proc/$pid/status"; then break; fi
		sleep 0.05
	done
	[ -n "$pid" ]
	server=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
	cp "/proc/$pid/status" "$WORK/cell"
	cp "/proc/$pid/limits" "$WORK/cell-limits"
	cp "/proc/$server/status" "$WORK/server"
	cp "/proc/$server/maps" "$WORK/server-maps"
	cp "/proc/$pid/maps" "$WORK/cell-maps"
	ls -l "/proc/$pid/ns" >"$WORK/cell-ns"
	ls "/proc/$pid/root" >"$WORK/cell-root"
	ls "/proc/$pid/fd" >"$WORK/cell-fds"
	exec 8>&-
	wait $! || true
	has "$WORK/cell" '^NSpid:[[:space:]]+[0-9]+[[:space:]]+1$' '^Seccomp:[[:space:]]+2$' \
		'^NoNewPrivs:[[:space:]]+1$' '^Uid:[[:space:]]+[1-9][0-9]+' '^Groups:[[:space:]]*$' \
		'^CapEff:[[:space:]]+000000008000001b$'
	# its null device, the archive, the server, and what it writes
	[ "$(wc -w <"$WORK/cell-fds")" -le 7 ]
	for kind in user pid mnt net ipc uts; do
		lacks "$WORK/cell-ns" "$(readlink "/proc/self/ns/$kind" | tr '[]' '..')"
	done
	[ "$(cat "$WORK/cell-root")" = f ]
	has "$WORK/cell-limits" '^Max core file size +1 +1 '
	# it is not a copy of root's memory, and what reads archives is in no other process
	lacks "$WORK/cell-maps" berth-runtime
	lacks "$WORK/server-maps" libarchive
	has "$WORK/cell-maps" libarchive
	# the control: who started it has all that
	has "$WORK/server" '^Seccomp:[[:space:]]+0$' '^Uid:[[:space:]]+0'
}

@test "a layer that a container uses cannot be removed" {
	container start --layer "$STACK" sec-user -- /probe sleep 30
	run container remove "${STACK#layer/}"
	[ "$status" -ne 0 ]
	[[ "$output" == *"in use"* ]]
	container stop sec-user 0
	container layers | grep -qx "${STACK#layer/}"
}

@test "what a container writes into a new layer is there after the commit, and not before" {
	run container run --profile layer --range 0 --layer "$STACK" --upper "sec-new-$$" sec-w -- \
		/probe disk /usr/made 1
	[ "$output" = "disk 1 ok" ]
	container layers >"$WORK/layers"
	none "^sec-new-$$" <"$WORK/layers"
	container commit "sec-new-$$"
	[ -s "$ROOT/lib/layers/sec-new-$$/data/usr/made" ]
	# seen by an app of another range as root's, and not writable
	run container run --layer "layer/sec-new-$$" --layer "$STACK" --range 9 sec-r -- /probe disk /usr/made 1
	[ "$output" = "disk 0 EEXIST" ]
	container remove "sec-new-$$"
}

@test "a dead shim leaves nothing that cleanup does not find" {
	container start --layer "$STACK" --net egress --restart always sec-dead -- /probe sleep 60
	kill -9 "$(container list | sed -n 's/^sec-dead .* shim=\([0-9]*\) .*/\1/p')"
	for _ in {1..100}; do
		if container list | grep -q '^sec-dead lost'; then break; else sleep 0.05; fi
	done
	container cleanup --dry | grep -q '^container sec-dead'
	container list | grep -q '^sec-dead lost'
	container cleanup | grep -q '^address .* of sec-dead'
	container list >"$WORK/list"
	none '^sec-dead' <"$WORK/list"
	[ -z "$(find /sys/fs/cgroup -type d -path "*berth-$NUMBER/sec-dead" 2>/dev/null)" ]
	container cleanup >"$WORK/list"
	none 'sec-dead' <"$WORK/list"
}
