#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What one app can use up: what it takes, no other app and not the host lacks. Most of it the kernel
# counts for users and not for control groups.
# bats file_tags=security
# shellcheck disable=SC2016,SC2154  # the dollars are awk's; variables come from runtime.bash

load runtime
load ../e2e/machine

setup_file() {
	runtime_up
}

teardown_file() {
	runtime_down
}

teardown() {
	machine_down "bsecf$$"
}

# An app that takes all it can get of THING, and keeps it: hold THING [OPTIONS] [-- MOST]
hold() {
	local thing=$1 options=() i
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	container start --layer "$STACK" --range 1 --log "$thing/hog" "${options[@]}" "sec-hog-$thing" -- \
		/hog hold "$thing" "$@" >/dev/null
	for ((i = 0; i < 200; i++)); do
		held=$(grep -o 'held .*' "$ROOT/lib/logs/$thing/hog.log") && return
		sleep 0.05
	done
	cat "$ROOT/lib/logs/$thing/hog.log" >&2
	return 1
}

let_go() {
	container stop "sec-hog-$1" 0
}

# One more for an app of another range, and for the host's root.
others_take() {
	local status=0
	container run --layer "$STACK" --range 2 "sec-take-$1" -- /hog take "$1" >"$WORK/take"
	"$BUILD/tests/hog" take "$1" >>"$WORK/take"
	[ "$(sort -u "$WORK/take")" = "take $1 ok" ] || { cat "$WORK/take" >&2; status=1; }
	return $status
}

# In a user namespace that user 64013 makes, who has 1000 queued signals.
in_one() {
	ulimit -i 1000
	exec setpriv --reuid 64013 --regid 64013 --clear-groups unshare --user "$WORK/tree/hog" "$@"
}

@test "the control: who makes two user namespaces makes one able to starve the other" {
	local thing hog
	for thing in inotify signals queues; do
		# of its own: until the shell empties it, the one before would have held
		(in_one hold "$thing") >"$WORK/control-$thing" 3>&- &
		hog=$!
		for _ in {1..200}; do
			if grep -qs held "$WORK/control-$thing"; then break; fi
			sleep 0.05
		done
		run in_one take "$thing"
		kill "$hog"
		wait "$hog" || true
		[[ $output == "take $thing E"* ]]
	done
}

@test "inotify, queued signals and message queues of one app are no other's" {
	for thing in inotify signals queues; do
		hold "$thing"
		[[ $held == "held $thing "[1-9]*" E"* ]]
		others_take "$thing"
		let_go "$thing"
	done
}

@test "terminals: an app has its own share of those of the machine" {
	hold terminals
	[ "$held" = "held terminals 128 ENOSPC" ]
	others_take terminals
	let_go terminals
	# the control: an instance of devpts without a limit
	run unshare --mount sh -ec 'mount -t devpts -o newinstance,ptmxmode=0666 none /dev/pts
		mount --bind /dev/pts/ptmx /dev/ptmx
		exec "$1" count terminals 200' sh "$BUILD/tests/hog"
	[ "$output" = "held terminals 200 ok" ]
}

# MiB of datagrams that wait in the kernel, of the whole machine
datagrams() {
	awk '$1 == "UDP:" { print int($NF / 256) }' /proc/net/sockstat
}

@test "what waits in sockets is the app's memory" {
	local before control
	"$BUILD/tests/hog" hold datagrams 800 >"$WORK/control" 3>&- &
	control=$!
	for _ in {1..200}; do
		if grep -q held "$WORK/control"; then break; fi
		sleep 0.05
	done
	before=$(datagrams)
	kill "$control"
	wait "$control" || true
	# what the control held, and what else goes on meanwhile; the kernel gives it back when every
	# processor has been through
	for _ in {1..100}; do
		if [ $((before - $(datagrams))) -gt 100 ]; then break; fi
		sleep 0.1
	done
	[ $((before - $(datagrams))) -gt 100 ]
	before=$(datagrams)
	hold datagrams --memory $((64 << 20)) -- 800
	[ $(($(datagrams) - before)) -le 70 ]
	let_go datagrams
}

# As many flows as an app may have, counted where they come out.
@test "the host's table of connections has room for everybody" {
	local table most control name=bsecf$$ sent after
	table=$(cat /proc/sys/net/netfilter/nf_conntrack_max)
	most=$((table / 16))
	[ "$most" -ge 256 ]
	# where the packets go
	machine_up "$name" 198.18.127
	ip route add 198.18.128.0/24 via 198.18.127.2
	# another app has connections, while this one wants more than it may have
	container start --layer "$STACK" --net egress --range 2 sec-flows-2 -- /hog hold flows 10 >/dev/null
	hold flows --net egress -- $((most * 5 / 4))
	sent=$(ip -j -s link show "$name" | jq '.[0].stats64.tx.packets')
	run probe --net egress --range 3 -- udp 0.0.0.0 198.18.128.9:9
	after=$(ip -j -s link show "$name" | jq '.[0].stats64.tx.packets')
	container stop sec-flows-2 0
	let_go flows
	echo "$most allowed, $sent sent of $held"
	[ "$sent" -ge $((most / 2)) ] && [ "$sent" -le $((most + most / 16)) ]
	[ "$after" -gt "$sent" ]
	nft list chain inet "berth-$NUMBER" bounds | grep -q 'counter packets [1-9]'
}

# A datagram to each of N ports of both addresses of the other, IPv6 first: a connection each
each_port='import socket, sys
n, addresses = int(sys.argv[1]), sys.argv[2:]
for address in addresses:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        for port in range(1024, 1024 + n): s.sendto(b"x", (address, port))'

# Datagrams that came to container ID by both
arrived_by_both() {
	inside "$1" awk '$1 == "Udp6NoPorts" { n += $2 }
		$1 == "Udp:" && $3 ~ /^[0-9]/ { n += $3 }
		END { print n }' /proc/self/net/snmp6 /proc/self/net/snmp
}

@test "connections over IPv6 count with those over IPv4" {
	local table most peer arrived
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	table=$(cat /proc/sys/net/netfilter/nf_conntrack_max)
	most=$((table / 16))
	[ "$most" -ge 256 ]
	peer=$(container start --layer "$STACK" --net egress --range 2 sec-peer -- /probe listen 8080)
	container start --layer "$STACK" --net egress --range 1 sec-floods -- /probe listen 8080 >/dev/null
	container policy 1:2 3:2
	inside sec-floods python3 -IS -c "$each_port" "$most" "$(ula "$peer")" "$peer"
	arrived=$(arrived_by_both sec-peer)
	echo "$most allowed, $arrived arrived of $((2 * most))"
	[ "$arrived" -ge $((most / 2)) ] && [ "$arrived" -le $((most + most / 4)) ]
	# and another app has room
	run probe --net egress --range 3 -- net "[$(ula "$peer")]:8080" "$peer:8080"
	[ "$(grep -c ' connected$' <<<"$output")" -eq 2 ]
	container policy
	container stop sec-floods 0
	container stop sec-peer 0
}

# Seconds of processor that the shim of container ID has used.
shim_seconds() {
	awk '{ printf "%d\n", ($14 + $15) / 100 }' \
		"/proc/$(container list | sed -n "s/^$1 .* shim=\([0-9]*\) .*/\1/p")/stat"
}

# What the flood has written, and what of it is on the disk: the log is rotated, its size alone would
# not say how fast it grows
log_written() {
	awk '/^wchar/ { print $2 }' "/proc/$(pgrep -P "$(pid_of sec-hog-log)")/io"
}
log_size() {
	du -sb "$ROOT/lib/logs/flood" | cut -f1
}

# Whether both stayed below 5 MiB a second, for one
log_is_slow() {
	local written size most begun=$EPOCHREALTIME
	written=$(log_written) size=$(log_size)
	sleep 1
	written=$(($(log_written) - written)) size=$(($(log_size) - size))
	most=$(((${EPOCHREALTIME/./} - ${begun/./}) * 5 * 1024 / 1000 * 1024 / 1000))
	echo "written $written, on disk $size, at most $most"
	[ "$written" -gt 0 ] && [ "$written" -lt "$most" ] && [ "$size" -lt "$most" ]
}

@test "a log flood waits for its reader, is named, and costs neither disk nor processor" {
	container start --layer "$STACK" --range 1 --log flood/hog sec-hog-log -- /hog storm log >/dev/null
	for ((i = 0; i < 400; i++)); do
		if grep -qs 'Error R83 (log rate exceeded)' "$ROOT"/lib/logs/flood/hog.log*; then break; fi
		sleep 0.05
	done
	grep -h 'Error R83' "$ROOT"/lib/logs/flood/hog.log*
	# 2 MiB a second, with what each line is given; in the first one a shim that was kept from
	# reading may use up its credit
	local slow=no
	for ((i = 0; i < 10; i++)); do
		if log_is_slow; then
			slow=yes
			break
		fi
	done
	[ "$slow" = yes ]
	[ "$(shim_seconds sec-hog-log)" -lt 3 ]
	container stop sec-hog-log 0
	# the control: the same program gives who just reads more than that
	[ "$({ timeout 8 "$BUILD/tests/hog" storm log || true; } | head -c $((40 << 20)) | wc -c)" -eq $((40 << 20)) ]
}

@test "files without bytes count, in a layer that is made and in a build's cache" {
	run container run --profile layer --range 0 --layer "$STACK" --upper "sec-many-$$" --cwd /usr \
		--disk $((2 << 20)) sec-many -- /hog hold inodes 4000
	[[ $output == *disk-full* ]]
	run container run --profile build --layer "$STACK" --mount cache:sec-many:/cache --cwd /cache \
		--disk $((2 << 20)) sec-many -- /hog hold inodes 4000
	[[ $output == *disk-full* ]]
	# the control: so many and no more bytes are no matter
	run container run --profile layer --range 0 --layer "$STACK" --upper "sec-few-$$" --cwd /usr \
		--disk $((2 << 20)) --time 3000 sec-many -- /hog hold inodes 400
	[[ $output == *timed-out* ]]
	container remove "sec-many-$$"
	container remove "sec-few-$$"
	rm -r "$ROOT/lib/cache/sec-many"
}

@test "whoever was given an app's output does not keep its shim" {
	local i
	container start --layer "$STACK" --range 1 --log given/hog --mount volume:given:/data sec-give -- \
		/hog give /data/socket >/dev/null
	for ((i = 0; i < 100; i++)); do
		if [ -S "$ROOT/lib/volumes/given/socket" ]; then break; fi
		sleep 0.05
	done
	container start --layer "$STACK" --range 2 --log given/keep --mount volume:given:/data sec-keep -- \
		/hog keep /data/socket >/dev/null
	for ((i = 0; i < 100; i++)); do
		if grep -q 'app.keep.: kept' "$ROOT/lib/logs/given/keep.log"; then break; fi
		sleep 0.05
	done
	grep -q 'app.keep.: kept' "$ROOT/lib/logs/given/keep.log"
	timeout 20 "$BUILD/tests/container" --root "$ROOT" stop sec-give 0
	container stop sec-keep 0
	container volume-remove given
}
