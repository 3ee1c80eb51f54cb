#!/usr/bin/env bats
# Point nine of isolation: what a container reaches over the network, and with which addresses.
# bats file_tags=security
# shellcheck disable=SC2016,SC2153,SC2154  # the dollars are awk's; variables come from runtime.bash

load runtime
load ../e2e/machine

setup_file() {
	SWITCHES=$(host_switches)
	export SWITCHES
	runtime_up
	# a service of the host's own, on all its addresses; also the positive control
	"$BUILD/tests/probe" listen 7799 </dev/null >/dev/null 2>&1 3>&- &
	export HOST_PID=$!
	for _ in $(seq 100); do
		if ss -Hltn | grep -q :7799; then break; else sleep 0.1; fi
	done
	VICTIM=$(container start --layer "$STACK" --net egress --range 7 sec-victim -- /probe listen 8080)
	VICTIM6=$(ula "$VICTIM")
	GATEWAY6=$(ula "$GATEWAY")
	listens sec-victim
	export VICTIM VICTIM6 GATEWAY6
	UPLINK=$(ip -4 -o addr show scope global | awk '$2 != "lo" { sub("/.*", "", $4); print $4; exit }')
	export UPLINK
}

# A container runs from when its program is executed: until that listens
listens() {
	for _ in $(seq 100); do
		if inside "$1" ss -Hltn | grep -q :8080; then return; else sleep 0.1; fi
	done
	return 1
}

teardown_file() {
	kill "$HOST_PID"
	runtime_down
}

teardown() {
	machine_down "bsec$$"
	machine_down "bsecr$$"
}

uplinks() {
	{ ip route show default; ip -6 route show default; } | grep -oP ' dev \K\S+' | sort -u
}

# What makes a router of the host, and what its own routers may tell it: not of interfaces that other
# tests make.
host_switches() {
	(cd /proc/sys/net/ipv6/conf && for name in all default lo $(uplinks); do
		grep -s . "$name"/*forwarding "$name"/accept_ra
	done) || true
}

# The host's IPv6 addresses, in brackets.
host_addresses6() {
	ip -6 -o addr show scope global | awk '{ sub("/.*", "", $4); print "[" $4 "]" }'
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
	for _ in $(seq 100); do
		if ss -Hltn | grep -qF "$GATEWAY:1053"; then break; else sleep 0.1; fi
	done
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
	before=$(dropped)
	inside sec-victim ip addr add 8.8.8.8/32 dev eth0
	inside sec-victim "$BUILD/tests/probe" udp 8.8.8.8 198.18.9.9:9
	inside sec-victim ip addr add "${GATEWAY%.1}.9/32" dev eth0
	inside sec-victim "$BUILD/tests/probe" udp "${GATEWAY%.1}.9" 198.18.9.9:9
	counted $((before + 2)) dropped
	inside sec-victim ip addr del 8.8.8.8/32 dev eth0
	inside sec-victim ip addr del "${GATEWAY%.1}.9/32" dev eth0
}

# Packets that the source chains have dropped so far.
dropped() {
	nft -j list table inet "berth-$NUMBER" |
		jq '[.nftables[].rule | select(.chain == "source" or .chain == "source6")
			| .. | objects | select(has("counter")) | .counter.packets] | add'
}

@test "9: over IPv6 neither the host, nor another app, nor the outside is reached" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	local address other=()
	[ -n "$(host_addresses6)" ]
	# the control: all of it answers the host
	run "$BUILD/tests/probe" net "[$VICTIM6]:8080" "[::1]:7799" "[$GATEWAY6]:7799"
	[ "$(grep -c ' connected$' <<<"$output")" -eq 3 ]
	targets=("[$VICTIM6]:8080" "[$GATEWAY6]:7799" "[$GATEWAY6]:53" "[$GATEWAY6]:1053" "[::1]:7799"
		"[::]:7799" "[::ffff:127.0.0.1]:7799" "[fe80::1]:7799" "[ff02::1]:7799" "[2001:db8::1]:80"
		"[$(ula "10.$((200 + NUMBER)).77.77")]:80" "[$(ula 10.220.0.1)]:80" "[$(ula 10.220.7.7)]:80")
	for address in $(host_addresses6); do targets+=("$address:7799"); done
	run probe --net egress -- net "${targets[@]}"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^net ' <<<"$output")" -eq "${#targets[@]}" ]
	none ' connected$' <<<"$output"
	# refused at once, and the outside by the container's own kernel
	none ' timeout$' <<<"$output"
	grep -qF "[2001:db8::1]:80 ENETUNREACH" <<<"$output"
	grep -qF "[$VICTIM6]:8080 ECONNREFUSED" <<<"$output"
	# nor when the container's kernel has a way there, as it never has
	inside sec-victim ip -6 route add default via "$GATEWAY6" dev eth0 onlink
	inside sec-victim ip -6 addr add fe80::5/64 dev eth0 nodad
	for address in "${targets[@]}"; do
		[[ $address == "[$VICTIM6]"* || $address == "[::"* ]] || other+=("$address")
	done
	run inside sec-victim "$BUILD/tests/probe" net "${other[@]}"
	inside sec-victim ip -6 route del default
	inside sec-victim ip -6 addr del fe80::5/64 dev eth0
	[ "$(grep -c '^net ' <<<"$output")" -eq "${#other[@]}" ]
	none ' connected$' <<<"$output"
}

@test "9: over IPv6 the linked app is reached, and only by the linked one" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	container policy 8:7
	run probe --net egress --range 8 -- net "$GATEWAY:9" "[$VICTIM6]:8080"
	grep -qF "[$VICTIM6]:8080 connected" <<<"$output"
	run probe --net egress --range 9 -- net "$GATEWAY:9" "[$VICTIM6]:8080"
	grep -qF "[$VICTIM6]:8080 ECONNREFUSED" <<<"$output"
	run probe --net egress --range 8 --profile build -- net "$GATEWAY:9" "[$VICTIM6]:8080"
	grep -qF "[$VICTIM6]:8080 ENETUNREACH" <<<"$output"
	# the other way round: what asked is asked
	asker=$(container start --layer "$STACK" --net egress --range 8 sec-asker -- /probe listen 8080)
	run inside sec-victim "$BUILD/tests/probe" net "[$(ula "$asker")]:8080"
	none ' connected$' <<<"$output"
	container policy 7:8
	run inside sec-victim "$BUILD/tests/probe" net "[$(ula "$asker")]:8080"
	grep -q ' connected$' <<<"$output"
	container stop sec-asker 0
	container policy
	run probe --net egress --range 8 -- net "$GATEWAY:9" "[$VICTIM6]:8080"
	grep -qF "[$VICTIM6]:8080 ECONNREFUSED" <<<"$output"
}

@test "9: an IPv6 address for what an app runs, from Berth alone; none for builds" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	run probe --net egress -- show /proc/net/if_inet6
	[ "$(grep -c ' eth0$' <<<"$output")" -eq 1 ]
	grep -q '^show fd62657274680\{12\}0a[0-9a-f]\{6\} .* eth0$' <<<"$output"
	run probe --net egress --profile build -- show /proc/net/if_inet6
	none ' eth0$' <<<"$output"
	run probe --net none -- show /proc/net/if_inet6
	none ' eth0$' <<<"$output"
	# the host end has none at all
	name=$(ip -o link | grep -oE "b$NUMBER-[0-9a-f]{4}" | head -n 1)
	[ -n "$name" ]
	[ -z "$(ip -6 -o addr show dev "$name")" ]
}

@test "9: the host is no router because of it" {
	[ "$(host_switches)" = "$SWITCHES" ]
}

@test "9: IPv6 sources cannot be spoofed" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	container policy 7:8
	peer=$(ula "$(container start --layer "$STACK" --net egress --range 8 sec-other -- /probe listen 8080)")
	third=$(ula "$(container start --layer "$STACK" --net egress --range 7 sec-third -- /probe listen 8080)")
	seen=$(arrived sec-other)
	# the control
	inside sec-victim python3 -IS "$SOURCE/tests/security/packets.py" --from "$VICTIM6" --to "$peer" plain
	counted $((seen + 1)) arrived sec-other
	[ "$(arrived sec-other)" -eq $((seen + 1)) ]
	before=$(dropped)
	for address in 2001:db8::5 fe80::5 ::1 :: ff02::5 "$third" "$GATEWAY6" "$peer"; do
		inside sec-victim python3 -IS "$SOURCE/tests/security/packets.py" --from "$address" \
			--to "$peer" plain
	done
	# what the kernel drops by itself is not counted: from ::1 and a group
	counted $((before + 6)) dropped
	[ "$(arrived sec-other)" -eq $((seen + 1)) ]
	container stop sec-other 0
	container stop sec-third 0
	container policy
}

# Until COMMAND prints NUMBER or more: the kernel counts some time after who sent: counted NUMBER COMMAND...
counted() {
	local i
	for ((i = 0; i < 200; i++)); do
		[ "$("${@:2}")" -lt "$1" ] || return 0
		sleep 0.05
	done
	"${@:2}"
	return 1
}

# Until this instance has so many interfaces: the kernel takes one away with its namespace, later
# when it has much to do.
links_are() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ "$(ip -o link | grep -cE " b$NUMBER-")" -gt "$1" ] || break
		sleep 0.1
	done
	container list
	ip -o link
	[ "$(ip -o link | grep -cE " b$NUMBER-")" -eq "$1" ]
}

# Datagrams of IPv6 that came to container ID: nobody listens for them.
arrived() {
	inside "$1" awk '$1 == "Udp6NoPorts" { print $2 }' /proc/self/net/snmp6
}

@test "9: fragments and extension headers do not pass the rules" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	peer=$(ula "$(container start --layer "$STACK" --net egress --range 8 sec-other -- /probe listen 8080)")
	packets=(python3 -IS "$SOURCE/tests/security/packets.py" --from "$VICTIM6" --to "$peer")
	kinds=(hop options routing shim)
	before=$(dropped)
	inside sec-victim "${packets[@]}" plain fragments atomic "${kinds[@]}"
	[ "$(arrived sec-other)" -eq 0 ]
	# not even where both may talk; the controls: the same without, and in fragments
	container policy 7:8
	inside sec-victim "${packets[@]}" "${kinds[@]}"
	[ "$(arrived sec-other)" -eq 0 ]
	counted $((before + 2 * ${#kinds[@]})) dropped
	inside sec-victim "${packets[@]}" plain fragments atomic
	counted 3 arrived sec-other
	[ "$(arrived sec-other)" -eq 3 ]
	container stop sec-other 0
	container policy
}

# All that the kernel of a network namespace has learned of others: learned PROGRAM-PREFIX...
learned() {
	"$@" ip -6 -o addr
	"$@" ip -6 route
	"$@" ip -6 neigh | sort
}

# The same of the host, by its uplinks and our links: other tests have others, and whom the uplinks
# have as neighbours changes with time.
host_learned() {
	{ ip -6 -o addr; ip -6 route; } | grep -E " ($(uplinks | paste -sd '|')|b$NUMBER-[0-9a-f]{4}) " || true
	ip -6 neigh | grep " b$NUMBER-" | sort || true
}

@test "9: what a container says of routers and neighbours nobody hears" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	kinds=(router neighbour redirect solicit listener)
	peer=$(ula "$(container start --layer "$STACK" --net egress --range 8 sec-other -- /probe listen 8080)")
	container policy 7:8 8:7
	inside sec-victim "$BUILD/tests/probe" net "[$peer]:8080"
	# what the tests before had goes when the kernel has the time
	links_are 2
	learned inside sec-other >"$WORK/other"
	host_learned >"$WORK/host"
	before=$(dropped)
	for from in fe80::5 "$VICTIM6"; do
		for to in ff02::1 "$GATEWAY6" "$peer"; do
			inside sec-victim python3 -IS "$SOURCE/tests/security/packets.py" \
				--from "$from" --to "$to" "${kinds[@]}"
		done
	done
	counted "$((before + 6 * ${#kinds[@]}))" dropped
	[ "$(dropped)" -eq $((before + 6 * ${#kinds[@]})) ]
	diff <(learned inside sec-other) "$WORK/other"
	diff <(host_learned) "$WORK/host"
	container stop sec-other 0
	container policy
	# the control: a machine that is sent the same has a router and an address by it
	ns=bsecr$$
	ip netns add "$ns"
	ip link add "$ns" type veth peer name eth0 netns "$ns"
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.eth0.accept_ra=2
	ip netns add "$ns-2"
	ip link set "$ns" netns "$ns-2"
	ip -n "$ns-2" link set "$ns" name eth0 address 02:62:65:72:74:69 up
	ip -n "$ns" link set eth0 address 02:62:65:72:74:68 up
	for ((i = 0; i < 100; i++)); do
		ip netns exec "$ns-2" python3 -IS "$SOURCE/tests/security/packets.py" router
		[ -z "$(ip -n "$ns" -6 route show default)" ] || break
		sleep 0.1
	done
	route=$(ip -n "$ns" -6 route show default)
	ip netns del "$ns-2"
	[[ $route == *"via fe80::5"* ]]
}

# As a daemon of the host's that tells all its links of routers would
advertise='import socket, struct, sys
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    s.bind(("fe80::9", 0, 0, socket.if_nametoindex(sys.argv[1])))
    body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    s.sendto(body, ("ff02::1", 0, 0, socket.if_nametoindex(sys.argv[1])))'

@test "9: no container hears of a router from the host either" {
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	peer=$(container start --layer "$STACK" --net egress --range 8 sec-other -- /probe listen 8080)
	link=$(ip -o route get "$peer" | grep -oE "b$NUMBER-[0-9a-f]{4}")
	ip -6 addr add fe80::9/64 dev "$link" nodad
	learned inside sec-other >"$WORK/other"
	python3 -IS -c "$advertise" "$link" || true
	sleep 0.2
	diff <(learned inside sec-other) "$WORK/other"
	# the control: without the rule it does; the next start brings the table back
	nft flush chain inet "berth-$NUMBER" answers
	for ((i = 0; i < 100; i++)); do
		python3 -IS -c "$advertise" "$link"
		[ -z "$(inside sec-other ip -6 route show default)" ] || break
		sleep 0.1
	done
	route=$(inside sec-other ip -6 route show default)
	nft delete table inet "berth-$NUMBER"
	container stop sec-other 0
	probe --net egress -- true
	nft list table inet "berth-$NUMBER" >/dev/null
	[[ $route == *"via fe80::9"* ]]
}

@test "9: a table that somebody flushed comes back by itself, with whose each address is" {
	peer=$(container start --layer "$STACK" --net egress --range 8 sec-flushed -- /probe listen 8080)
	# shellcheck disable=SC2086
	element=$(printf '0x%x%02x%02x%02x' ${peer//./ })
	nft list map inet "berth-$NUMBER" owners | grep -wF "$element"
	nft delete table inet "berth-$NUMBER"
	for ((i = 0; i < 200; i++)); do
		! nft list map inet "berth-$NUMBER" owners 2>/dev/null | grep -qwF "$element" || break
		sleep 0.1
	done
	nft list map inet "berth-$NUMBER" owners | grep -wF "$element"
	container stop sec-flushed 0
}

@test "9: a container image's program is its app's, linked and closed as others" {
	image=$(container start --layer "$STACK" --net egress --range 6 --profile image sec-image -- /probe listen 8080)
	listens sec-image
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
	# the answer comes before what it had is given back
	for ((i = 0; i < 200; i++)); do
		[ "$(find "$ROOT/run/addresses" -type l | wc -l)" -gt 1 ] || break
		sleep 0.05
	done
	links_are 1
	[ "$(find "$ROOT/run/addresses" -type l | wc -l)" -eq 1 ]
}
