#!/usr/bin/env bats
# Point nine of isolation: what a container reaches over the network, and with which addresses.
# bats file_tags=security
# shellcheck disable=SC2154  # variables come from runtime.bash

load runtime
load ../e2e/machine

setup_file() {
	runtime_up
	# a service of the host's own, on all its addresses; also the positive control
	"$BUILD/tests/probe" listen 7799 </dev/null >/dev/null 2>&1 3>&- &
	export HOST_PID=$!
	VICTIM=$(container start --layer "$STACK" --net egress --range 7 sec-victim -- /probe listen 8080)
	export VICTIM
	UPLINK=$(ip -4 -o addr show scope global | awk '$2 != "lo" { sub("/.*", "", $4); print $4; exit }')
	export UPLINK
}

teardown_file() {
	kill "$HOST_PID"
	runtime_down
}

teardown() {
	machine_down "bsec$$"
}

@test "9: the host reaches the app" {
	run "$BUILD/tests/probe" net "$VICTIM:8080" "127.0.0.1:7799" "$GATEWAY:7799"
	[ "$(grep -c ' connected$' <<<"$output")" -eq 3 ]
}

@test "9: no route to another app, the host, link-local and multicast" {
	run probe --net egress -- net "$VICTIM:8080" "$GATEWAY:7799" 127.0.0.1:7799 0.0.0.0:7799 \
		"${UPLINK:-127.0.0.1}:7799" 169.254.169.254:80 169.254.1.1:80 224.0.0.1:80 \
		255.255.255.255:80 100.100.100.200:80 168.63.129.16:80 "$GATEWAY:22" "$GATEWAY:53"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^net ' <<<"$output")" -eq 13 ]
	none ' connected$' <<<"$output"
	# refused at once, not after a timeout
	none ' timeout$' <<<"$output"
}

# The first packet of a link that was just made may be lost, and the probe does not wait until it is
# sent again: where an answer is expected, something else is asked for first.

@test "9: only a linked app is reached, by the linked one, and while it is linked" {
	# positive control: with the link the same probe connects
	container policy 8:7
	run probe --net egress --range 8 -- net "$GATEWAY:9" "$VICTIM:8080"
	grep -q ' connected$' <<<"$output"
	# not another app, nor what builds for the linked one, nor the other way round
	run probe --net egress --range 9 -- net "$GATEWAY:9" "$VICTIM:8080"
	none ' connected$' <<<"$output"
	run probe --net egress --range 8 --profile build -- net "$GATEWAY:9" "$VICTIM:8080"
	none ' connected$' <<<"$output"
	run probe --net egress --range 8 -- net "$GATEWAY:7799" 127.0.0.1:7799 169.254.169.254:80
	none ' connected$' <<<"$output"
	container policy
	run probe --net egress --range 8 -- net "$GATEWAY:9" "$VICTIM:8080"
	[ "$(grep -c '^net ' <<<"$output")" -eq 2 ]
	none ' connected$' <<<"$output"
}

@test "9: a closed app reaches no resolver of the host either" {
	container policy closed:8
	run probe --net egress --range 8 -- net "$GATEWAY:9" "$VICTIM:8080" 198.18.7.2:80 1.1.1.1:53
	[ "$(tail -n 3 <<<"$output" | grep -c ' \(ECONNREFUSED\|ENETUNREACH\|EHOSTUNREACH\)$')" -eq 3 ]
	container policy
}

@test "9: a policy that is not sound is refused whole" {
	container policy 8:7
	run container policy 8:7 9:4096
	[ "$status" -ne 0 ]
	run container policy allow:8:10.0.0.0:8:0
	[ "$status" -ne 0 ]
	run probe --net egress --range 8 -- net "$GATEWAY:9" "$VICTIM:8080"
	grep -q ' connected$' <<<"$output"
	container policy
}

@test "9: no route to any other instance's addresses" {
	targets=()
	for n in {0..13}; do targets+=("10.$((200 + n)).0.1:80" "10.$((200 + n)).7.7:8080"); done
	run probe --net egress -- net "${targets[@]}"
	[ "$(grep -c '^net ' <<<"$output")" -eq 28 ]
	none ' connected$' <<<"$output"
}

@test "9: without network there is only the loopback" {
	run probe --net none -- net "$VICTIM:8080" "$GATEWAY:7799" 1.1.1.1:53
	[ "$(grep -c ' ENETUNREACH$' <<<"$output")" -eq 3 ]
}

@test "9: from the outside no route leads to a container, nor to where containers ask for names" {
	# at this address alone: the resolvers of other instances have the port at theirs
	python3 -IS -c 'import socket, sys
s = socket.create_server((sys.argv[1], 1053))
while True: s.accept()[0].close()' "$GATEWAY" </dev/null 3>&- &
	local names=$!
	# a namespace behind the host, as a machine of the same network would be
	ns=bsec$$
	machine_up "$ns" 198.18.7
	ip -n "$ns" route add default via 198.18.7.1
	run ip netns exec "$ns" "$BUILD/tests/probe" net 198.18.7.1:7799 "$VICTIM:8080" \
		"$GATEWAY:1053"
	# and a container reaches that machine: egress
	ip netns exec "$ns" "$BUILD/tests/probe" listen 7700 </dev/null >/dev/null 2>&1 3>&- &
	there=$!
	for _ in $(seq 100); do
		if ip netns exec "$ns" ss -Hltn | grep -q :7700; then break; else sleep 0.1; fi
	done
	egress=$(probe --net egress -- net "$GATEWAY:9" 198.18.7.2:7700 198.18.7.1:7799 "$GATEWAY:1053" "$GATEWAY:53")
	kill "$there" "$names"
	grep -q '198.18.7.1:7799 connected' <<<"$output"
	none "$VICTIM:8080 connected" <<<"$output"
	none "$GATEWAY:1053 connected" <<<"$output"
	grep -q '198.18.7.2:7700 connected' <<<"$egress"
	grep -q "$GATEWAY:1053 connected" <<<"$egress"
	grep -q "$GATEWAY:53 connected" <<<"$egress"
	none '198.18.7.1:7799 connected' <<<"$egress"
}

@test "9: sources cannot be spoofed, neighbours and interfaces not changed" {
	run probe --net egress -- udp 8.8.8.8 "$GATEWAY:7799"
	[[ "$output" == *"udp bind 8.8.8.8 ok"* || "$output" == *"udp bind 8.8.8.8 E"* ]]
	# with every privilege over its network namespace a packet still does not pass: sent from the
	# victim's namespace by the host's root, which a container's root never is
	pid=$(container list | sed -n 's/^sec-victim .* pid=\([0-9]*\) .*/\1/p')
	before=$(dropped)
	nsenter -t "$pid" -n ip addr add 8.8.8.8/32 dev eth0
	nsenter -t "$pid" -n "$BUILD/tests/probe" udp 8.8.8.8 198.18.9.9:9
	nsenter -t "$pid" -n ip addr add "${GATEWAY%.1}.9/32" dev eth0
	nsenter -t "$pid" -n "$BUILD/tests/probe" udp "${GATEWAY%.1}.9" 198.18.9.9:9
	after=$(dropped)
	nsenter -t "$pid" -n ip addr del 8.8.8.8/32 dev eth0
	nsenter -t "$pid" -n ip addr del "${GATEWAY%.1}.9/32" dev eth0
	[ "$after" -ge $((before + 2)) ]
}

# Packets that the source chain has dropped so far.
dropped() {
	nft -j list chain inet "berth-$NUMBER" source |
		jq '[.. | objects | select(has("counter")) | .counter.packets] | add'
}

@test "9: no IPv6 leaves a container, not even link-local" {
	pid=$(container list | sed -n 's/^sec-victim .* pid=\([0-9]*\) .*/\1/p')
	[ -z "$(nsenter -t "$pid" -n ip -6 -o addr show dev eth0)" ]
	name=$(ip -o link | grep -oE "b$NUMBER-[0-9a-f]{4}" | head -n 1)
	[ -n "$name" ]
	[ -z "$(ip -6 -o addr show dev "$name")" ]
	before=$(dropped)
	nsenter -t "$pid" -n ip -6 addr add fe80::5/64 dev eth0 nodad
	nsenter -t "$pid" -n python3 -IS -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.sendto(b"x", ("ff02::1", 7799, 0, socket.if_nametoindex("eth0")))' || true
	nsenter -t "$pid" -n ip -6 addr del fe80::5/64 dev eth0
	[ "$(dropped)" -gt "$before" ]
}

@test "9: a container image's program is its app's, linked and closed as others" {
	image=$(container start --layer "$STACK" --net egress --range 6 --profile image sec-image -- /probe listen 8080)
	run probe --net egress --range 8 -- net "$GATEWAY:9" "$image:8080"
	none ' connected$' <<<"$output"
	container policy 8:6 closed:6
	run probe --net egress --range 8 -- net "$GATEWAY:9" "$image:8080"
	[ "$(grep -c ' connected$' <<<"$output")" -eq 1 ]
	run probe --net egress --range 6 --profile image -- net "$GATEWAY:9" 198.18.7.2:80
	grep -q '^net 198.18.7.2:80 ECONNREFUSED$' <<<"$output"
	container stop sec-image 0
	container policy
}

@test "9: the address of a container that ended is not left behind" {
	probe --net egress -- true
	# the kernel takes the interface away with the namespace, a little later
	for ((i = 0; i < 50; i++)); do
		[ "$(ip -o link | grep -cE " b$NUMBER-")" -gt 1 ] || break
		sleep 0.1
	done
	[ "$(ip -o link | grep -cE " b$NUMBER-")" -eq 1 ]
	[ "$(find "$ROOT/run/addresses" -type l | wc -l)" -eq 1 ]
}
