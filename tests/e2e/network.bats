#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# network:... and links: apps that reach each other only where somebody said so.

# shellcheck disable=SC2016,SC2094 # the dollars are perl's; one file is waited for while it is written
load helper
load machine

setup_file() {
	DIR=$BATS_FILE_TMPDIR/app
	A=$(unique_app net)
	B=$A-b
	C=$A-c
	export A B C DIR
	cp -R "$TEST_SOURCE/tests/apps/web" "$DIR"
	for app in "$A" "$B" "$C"; do push_app "$DIR" "$app" >&2; done
}

teardown_file() {
	destroy_apps "$A" "$B" "$C"
}

setup() {
	NET=net-$BATS_SUITE_TEST_NUMBER-$RANDOM
}

teardown() {
	local app
	kill "${servers[@]}" || true # one test has some
	machine_down "bnet$$"
	for app in "$A" "$B" "$C"; do
		berth network:detach "$app" "$NET" || true
		berth network:set "$app" egress
		berth links:remove "$app" "$A" "$B" "$C"
	done
	berth --force network:destroy "$NET" || true # most tests make none
} >/dev/null 2>&1

# The address of the one process of APP.
address_of() {
	find "$TEST_ROOT/run/addresses" -type l -lname "*.$1.????????:*" -printf '%f\n' | head -n 1
}

# Until the processes that a restart replaced are gone.
settled() {
	[ "$(find "$TEST_ROOT/run/addresses" -type l -lname "*.$1.????????:*" | wc -l)" -eq 1 ]
}

# From the web process of APP to ADDRESS:PORT.
reaches() {
	berth enter "$1" web.1 perl -MIO::Socket::INET -e \
		'exit !IO::Socket::INET->new(PeerAddr => shift, Timeout => 5)' "$2" </dev/null
}

app_reaches() {
	reaches "$1" "$(address_of "$2"):5000"
}

@test "apps reach each other only while they are linked, and in the link's direction" {
	run app_reaches "$A" "$B"
	[ "$status" -ne 0 ]
	berth links:add "$A" "$B"
	app_reaches "$A" "$B"
	run app_reaches "$B" "$A"
	[ "$status" -ne 0 ]
	run app_reaches "$A" "$C"
	[ "$status" -ne 0 ]
	assert_equal "$(berth links "$A" --format json | jq -c .)" "[{\"app\":\"$A\",\"target\":\"$B\"}]"
	assert_equal "$(berth network:report "$B" --network-links-from)" "$A"
	assert_equal "$(berth network:report "$B" --network-addresses)" "web.1 $(address_of "$B")"
	# an open connection ends with the link: the next line is not answered
	berth enter "$A" web.1 perl -MIO::Socket::INET -e '
		$| = 1;
		my $s = IO::Socket::INET->new(PeerAddr => shift, Timeout => 5) or exit 9;
		print "open\n";
		<STDIN>;
		print $s "GET / HTTP/1.0\r\n\r\n";
		$SIG{ALRM} = sub { exit 7 };
		alarm 3;
		exit(defined(<$s>) ? 0 : 7);' "$(address_of "$B"):5000" \
		< <(wait_for 10 grep -q open "$BATS_TEST_TMPDIR/said" && berth links:remove "$A" "$B" >/dev/null &&
			echo) >"$BATS_TEST_TMPDIR/said" || status=$?
	assert_equal "$status" 7
	run app_reaches "$A" "$B"
	[ "$status" -ne 0 ]
}

@test "apps of one network reach each other, also after a restart" {
	berth network:create "$NET"
	run berth network:create "$NET"
	assert_contains "$output" "exists already"
	berth network:attach "$A" "$NET"
	run app_reaches "$A" "$B"
	[ "$status" -ne 0 ]
	berth network:attach "$B" "$NET"
	app_reaches "$A" "$B"
	app_reaches "$B" "$A"
	berth ps:restart "$B"
	wait_for 60 settled "$B"
	app_reaches "$A" "$B"
	# one-offs are the app's too
	berth run "$A" "perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => q($(address_of "$B"):5000), Timeout => 5)'"
	assert_equal "$(berth network:info "$NET" --format json | jq -c .apps)" "[\"$A\",\"$B\"]"
	run berth --force network:destroy "$NET"
	assert_contains "$output" "is attached to network"
	berth network:detach "$B" "$NET"
	run app_reaches "$A" "$B"
	[ "$status" -ne 0 ]
	berth network:detach "$A" "$NET"
	berth --force network:destroy "$NET"
	run berth network:exists "$NET"
	[ "$status" -ne 0 ]
}

@test "links outlive berth-runtime" {
	berth links:add "$A" "$B"
	kill_services berth-runtime
	app_reaches "$A" "$B"
	run app_reaches "$B" "$A"
	[ "$status" -ne 0 ]
}

@test "an app that is gone takes its links with it" {
	push_app "$DIR" "$A-gone" >&2
	berth links:add "$A" "$A-gone"
	berth links:add "$A-gone" "$A"
	app_reaches "$A" "$A-gone"
	destroy_apps "$A-gone"
	assert_equal "$(berth links "$A" --format json | jq length)" 0
}

# Answers at ADDRESS, its argument
serve='import socket, sys, threading
def serve(port):
    s = socket.create_server((sys.argv[1], port))
    while True: s.accept()[0].close()
for p in (7101, 7102): threading.Thread(target=serve, args=(p,)).start()'

@test "egress: open, none, or an allow list" {
	# another address of this machine's is what a container may never reach
	machine_up "bnet$$" 198.18.9
	ip -n "bnet$$" route add default via 198.18.9.1
	ip netns exec "bnet$$" python3 -IS -c "$serve" 198.18.9.2 3>&- &
	servers=("$!")
	python3 -IS -c "$serve" 198.18.9.1 3>&- &
	servers+=("$!")
	wait_for 10 reaches "$A" 198.18.9.2:7101
	# the control: the host answers there, though not to apps
	wait_for 10 ip netns exec "bnet$$" bash -c ': </dev/tcp/198.18.9.1/7101'
	berth network:set "$A" egress none
	run reaches "$A" 198.18.9.2:7101
	[ "$status" -ne 0 ]
	reaches "$B" 198.18.9.2:7101
	berth network:set "$A" egress allow 198.18.9.2:7102 192.0.2.0/24
	run reaches "$A" 198.18.9.2:7101
	[ "$status" -ne 0 ]
	reaches "$A" 198.18.9.2:7102
	assert_equal "$(berth network:report "$A" --network-egress)" "allow 198.18.9.2:7102 192.0.2.0/24"
	# what is closed to everyone stays so
	berth network:set "$A" egress allow 0.0.0.0/0
	reaches "$A" 198.18.9.2:7101
	run reaches "$A" 198.18.9.1:7101
	[ "$status" -ne 0 ]
	run reaches "$A" "$(address_of "$B"):5000"
	[ "$status" -ne 0 ]
	berth network:set "$A" egress
	reaches "$A" 198.18.9.2:7101
}

known_here() {
	getent ahostsv4 "$1" | awk '/STREAM/ { print $1 }' | sort -u
}

# Sets known, the addresses of NAME
told_what_is_known() {
	known=$(known_here "$1")
	berth network:set "$A" egress allow "$1:7103" 192.0.2.0/24
	[ "$(lookup "$A" "$1")" = "$known" ]
}

@test "egress to a host by name: what it is told is what it may use" {
	local name
	# some name of the outside that this machine knows, such as the mirror of its packages
	name=$(grep -hoE 'https?://[a-z0-9.-]+\.[a-z]+/' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
		sed 's,.*://,,; s,/,,' | sort -u | head -n 1)
	[ -n "$(known_here "${name:-none.invalid}")" ] || skip "this machine knows no name of the outside"
	# again when the answers change while they are compared
	wait_for 20 told_what_is_known "$name"
	assert_equal "$(lookup "$A" "www.$name")" ""
	assert_equal "$(berth network:report "$A" --network-egress)" "allow $name:7103 192.0.2.0/24"
	# the rules say the same
	assert_contains "$(nft list set inet "berth-$TEST_NUMBER" ports)" ". ${known%%$'\n'*} . 7103"
	berth network:set "$A" egress none
	assert_equal "$(lookup "$A" "$name")" ""
	berth network:set "$A" egress
}

# What APP's web process is told of NAME.
lookup() {
	berth enter "$1" web.1 getent ahostsv4 "$2" </dev/null | awk '/STREAM/ { print $1 }' | sort -u
}

@test "what makes no sense is refused, by name" {
	run berth network:create Net/1
	assert_contains "$output" "'Net/1' is no name of a network"
	run berth network:attach "$A" nothing-there
	assert_contains "$output" "network 'nothing-there' does not exist"
	run berth network:detach "$A" nothing-there
	[ "$status" -ne 0 ]
	run berth links:add "$A" no-such-app
	[ "$status" -eq 20 ]
	run berth network:set "$A" egress allow
	[ "$status" -eq 2 ]
	run berth network:set "$A" egress allow 10.1.2.3/8
	assert_contains "$output" "did you mean 10.0.0.0/8?"
	run berth network:set "$A" egress allow '*.example.com'
	assert_contains "$output" "'*.example.com' is no target"
	run berth network:set "$A" egress allow no-such-host.invalid:443
	assert_contains "$output" "host 'no-such-host.invalid' has no IPv4 address"
	assert_equal "$(berth network:report "$A" --network-egress)" open
	run berth network:set "$A" color blue
	assert_contains "$output" "no property 'color'"
}
