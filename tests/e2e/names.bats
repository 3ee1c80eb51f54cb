#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# APP.TYPE.internal: linked apps find each other by name.

# shellcheck disable=SC2016 # the dollars are perl's
load helper
load ula

setup_file() {
	DIR=$BATS_FILE_TMPDIR/app
	A=$(unique_app name)
	B=$A-b
	C=$A-c
	export A B C DIR
	cp -R "$TEST_SOURCE/tests/apps/web" "$DIR"
	echo 'work: sleep 1000' >>"$DIR/Procfile"
	# listens over IPv6 too
	if has_ipv6; then
		sed -i "s/IO::Socket::INET/IO::Socket::IP/; s/'0.0.0.0'/'::'/" "$DIR/server.pl"
		grep -q "'::'" "$DIR/server.pl"
	fi
	for app in "$A" "$B" "$C"; do push_app "$DIR" "$app" >&2; done
	berth links:add "$A" "$B" >&2
}

teardown_file() {
	destroy_apps "$A" "$B" "$C" "$A-d"
}

# What APP's web process is told of NAME, one address in each line.
lookup() {
	berth enter "$1" web.1 getent ahostsv4 "$2" </dev/null | awk '/STREAM/ { print $1 }'
}

lookup6() {
	berth enter "$1" web.1 getent ahostsv6 "$2" </dev/null | awk '/STREAM/ && !/^::ffff:/ { print $1 }'
}

addresses_of() {
	berth network:report "$1" --network-addresses | tr ' ' '\n' | grep -F .
}

# From the web process of APP: the body of GET http://HOST:5000/
get() {
	get_by INET "$@"
}

# By IPv6 alone, and by whichever answers.
get6() {
	get_by IP "$@" 'Family => AF_INET6'
}

get_any() {
	get_by IP "$@"
}

# get_by INET|IP APP HOST [OPTION]
get_by() {
	berth enter "$2" web.1 perl -MSocket -MIO::Socket::"$1" -e '
		my $s = IO::Socket::'"$1"'->new(PeerHost => shift, PeerPort => 5000, Timeout => 5, '"${4:-}"')
			or do { print STDERR "$!\n"; exit 1 };
		print $s "GET / HTTP/1.0\r\nConnection: close\r\n\r\n";
		local $/;
		print((split /\r\n\r\n/, <$s>, 2)[1]);' "$3" </dev/null
}

@test "a linked app is found by its name, over HTTP; others have none" {
	local address
	address=$(berth network:report "$B" --network-addresses | sed 's/^web.1 //')
	assert_equal "$(lookup "$A" "$B.web.internal")" "$address"
	assert_equal "$(lookup "$A" "$B.internal")" "$address"
	assert_equal "$(lookup "$A" "$B.web.1.internal")" "$address"
	assert_equal "$(get "$A" "$B.web.internal")" one
	assert_equal "$(lookup "$A" "$B.work.internal")" ""
	assert_equal "$(lookup "$A" "$C.web.internal")" ""
	assert_equal "$(lookup "$B" "$A.web.internal")" ""
	assert_equal "$(lookup "$A" nothing.internal)" ""
	run get "$A" "$C.web.internal"
	[ "$status" -ne 0 ]
	# from a one-off too
	assert_contains "$(berth run "$A" "getent ahostsv4 $B.web.internal" </dev/null)" "$address"
	# the name goes with the link
	berth links:remove "$A" "$B"
	assert_equal "$(lookup "$A" "$B.web.internal")" ""
	berth links:add "$A" "$B"
	assert_equal "$(lookup "$A" "$B.web.internal")" "$address"
}

@test "a linked app is found over IPv6, by name and over HTTP; others have none" {
	local address address6 holder
	has_ipv6 || skip "this kernel does not forward IPv6 for single interfaces"
	address=$(berth network:report "$B" --network-addresses | sed 's/^web.1 //')
	address6=$(berth network:report "$B" --network-ipv6-addresses | sed 's/^web.1 //')
	assert_equal "$address6" "$(ula "$address")"
	assert_equal "$(lookup6 "$A" "$B.web.internal")" "$address6"
	assert_equal "$(lookup6 "$A" "$B.internal")" "$address6"
	assert_equal "$(lookup6 "$A" "$B.web.1.internal")" "$address6"
	assert_equal "$(get6 "$A" "$B.web.internal")" one
	assert_equal "$(get6 "$A" "$address6")" one
	# from a one-off too
	assert_contains "$(berth run "$A" "getent ahostsv6 $B.web.internal" </dev/null)" "$address6"
	# not the unlinked app, nor the other way round
	assert_equal "$(told "$C" "$B.web.internal" AAAA)" NXDOMAIN
	assert_equal "$(told "$A" "$C.web.internal" AAAA)" NXDOMAIN
	run get6 "$C" "$address6"
	[ "$status" -eq 1 ]
	assert_contains "$output" "Connection refused"
	run get6 "$B" "$(berth network:report "$A" --network-ipv6-addresses | sed 's/^web.1 //')"
	[ "$status" -eq 1 ]
	assert_contains "$output" "Connection refused"
	# a process that was started before there was IPv6 has no such address
	holder=$(readlink "$TEST_ROOT/run/addresses/$address")
	assert_equal "${holder##*:}" 6
	ln -sfn "${holder%:6}" "$TEST_ROOT/run/addresses/$address"
	assert_equal "$(told "$A" "$B.web.internal" AAAA)" NOERROR
	assert_equal "$(told "$A" "$B.web.internal")" "NOERROR $address"
	assert_equal "$(berth network:report "$B" --network-ipv6-addresses)" ""
	ln -sfn "$holder" "$TEST_ROOT/run/addresses/$address"
	assert_equal "$(told "$A" "$B.web.internal" AAAA)" "NOERROR $address6"
	# it goes with the link
	berth links:remove "$A" "$B"
	assert_equal "$(told "$A" "$B.web.internal" AAAA)" NXDOMAIN
	run get6 "$A" "$address6"
	assert_contains "$output" "Connection refused"
	berth links:add "$A" "$B"
	assert_equal "$(get6 "$A" "$B.web.internal")" one
}

@test "an app that listens over IPv4 alone is reached by its name all the same" {
	local dir=$BATS_TEST_TMPDIR/app
	cp -R "$TEST_SOURCE/tests/apps/web" "$dir"
	push_app "$dir" "$A-d" >&2
	berth links:add "$A" "$A-d"
	if has_ipv6; then
		[ -n "$(lookup6 "$A" "$A-d.internal")" ]
		run get6 "$A" "$A-d.internal"
		assert_contains "$output" "Connection refused"
	fi
	assert_equal "$(get_any "$A" "$A-d.internal")" one
	destroy_apps "$A-d"
}

@test "a name follows scale, stop, rename and destruction" {
	push_app "$DIR" "$A-d" >&2
	berth links:add "$A" "$A-d"
	berth ps:scale "$A-d" work=2 >&2
	[ "$(lookup "$A" "$A-d.work.internal" | sort -u | wc -l)" -eq 2 ]
	[ "$(lookup "$A" "$A-d.work.2.internal" | wc -l)" -eq 1 ]
	berth ps:scale "$A-d" work=0 >&2
	assert_equal "$(lookup "$A" "$A-d.work.internal")" ""
	berth ps:stop "$A-d" >&2
	assert_equal "$(lookup "$A" "$A-d.internal")" ""
	berth ps:start "$A-d" >&2
	[ -n "$(lookup "$A" "$A-d.internal")" ]
	berth apps:rename "$A-d" "$A-e" >&2
	assert_equal "$(lookup "$A" "$A-d.internal")" ""
	[ -n "$(lookup "$A" "$A-e.internal")" ]
	destroy_apps "$A-e"
	assert_equal "$(lookup "$A" "$A-e.internal")" ""
}

@test "deploys switch the name, and no request by it fails" {
	local asker
	# uses an answer to the end of the second, which is as long as it is good
	berth enter "$A" web.1 perl -MIO::Socket::INET -e '
		$| = 1;
		my ($name, $good, $bad, %seen) = (shift, 0, 0);
		my ($address, $at, $told) = ("", 0, 0);
		until (-e "/tmp/stop") {
			if (time != $at) {
				$at = time;
				$address = inet_ntoa(inet_aton($name) // "\0\0\0\0");
				$told = time;
			}
			# one that was kept from using its answer in time: that is not good any more
			next if time > $told + 1;
			my $s = IO::Socket::INET->new(PeerHost => $address, PeerPort => 5000, Timeout => 5);
			my $body = "";
			if ($s) {
				print $s "GET / HTTP/1.0\r\nConnection: close\r\n\r\n";
				local $/;
				$body = (split /\r\n\r\n/, <$s> // "", 2)[1] // "";
			}
			$body =~ /^(\w+)\n$/ ? $good++ : $bad++;
			print "$1\n" if $body =~ /^(\w+)\n$/ && !$seen{$1}++;
			print "begun\n" if $good == 1;
			select undef, undef, undef, 0.005;
		}
		print "$good $bad ", join(",", sort keys %seen), "\n";' "$B.web.internal" \
		</dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	asker=$!
	wait_for 20 grep -q begun "$BATS_TEST_TMPDIR/said"
	for word in two three; do
		echo "$word" >"$DIR/text"
		push_app "$DIR" "$B" >&2
		assert_equal "$(get "$A" "$B.internal")" "$word"
		# who asks once a second has heard of it
		wait_for 20 grep -qx "$word" "$BATS_TEST_TMPDIR/said"
	done
	# past the end of the old ones
	wait_for 20 only_one_of "$B"
	berth enter "$A" web.1 touch /tmp/stop </dev/null
	wait "$asker"
	tail -n 1 "$BATS_TEST_TMPDIR/said" >&2
	read -r good bad seen < <(tail -n 1 "$BATS_TEST_TMPDIR/said")
	[ "$good" -gt 20 ]
	assert_equal "$bad" 0
	assert_equal "$seen" one,three,two
}

only_one_of() {
	[ "$(find "$TEST_ROOT/run/addresses" -type l -lname "*.$1.????????:*" | wc -l)" -eq 1 ]
}

@test "kill -9 of berth-resolver: it is back, and no lookup fails meanwhile" {
	local before
	before=$(service_pid berth-resolver)
	kill -9 "$before"
	# its socket is its keeper's, so this waits in it
	[ -n "$(lookup "$A" "$B.web.internal")" ]
	wait_for 20 is_another berth-resolver "$before"
	[ -n "$(lookup "$A" "$B.web.internal")" ]
}

@test "what no program should send does not end it" {
	local pid before address
	pid=$(service_pid berth-resolver)
	address=$(berth network:report "$A" --network-addresses | sed 's/^web.1 //')
	before=$(questions)
	nsenter -t "$(holder_of "$address")" -n python3 -IS "$TEST_SOURCE/tests/e2e/dns.py" attack \
		"$address" "10.$((200 + TEST_NUMBER)).0.1" 53
	[ -n "$(lookup "$A" "$B.web.internal")" ]
	[ "$(questions)" -gt $((before + 100)) ]
	assert_equal "$(service_pid berth-resolver)" "$pid"
}

questions() {
	python3 -IS "$TEST_SOURCE/tests/e2e/dns.py" counter "$TEST_ROOT/run/resolver.sock" questions
}

# A process of the container with ADDRESS, in the host's numbers.
holder_of() {
	local id
	id=$(readlink "$TEST_ROOT/run/addresses/$1")
	find /sys/fs/cgroup -path "*${id%%:*}*" -name cgroup.procs -exec head -qn 1 {} + | head -n 1
}

# The code, and the addresses, that APP's container is given for NAME: told APP NAME [TYPE]. There may be
# no outside, which fails otherwise.
told() {
	local address
	address=$(berth network:report "$1" --network-addresses | sed 's/^web.1 //')
	nsenter -t "$(holder_of "$address")" -n python3 -IS "$TEST_SOURCE/tests/e2e/dns.py" ask --from "$address" \
		"10.$((200 + TEST_NUMBER)).0.1" 53 "$2" "${3:-A}"
}

@test "an app without egress looks up only what it reaches" {
	berth network:set "$A" egress none
	[ -n "$(lookup "$A" "$B.web.internal")" ]
	assert_equal "$(told "$A" example.com)" REFUSED
	berth network:set "$A" egress
}

# The kernel's notes of what A's container sent to port 53 of the gateway: flows udp|tcp
flows() {
	grep -c "$1 .*src=$address dst=$gateway sport=[0-9]* dport=53 " /proc/net/nf_conntrack || true
}

@test "questions take no place in the table of connections" {
	local address gateway=10.$((200 + TEST_NUMBER)).0.1
	[ -r /proc/net/nf_conntrack ] || skip "this kernel does not show its connections"
	address=$(berth network:report "$A" --network-addresses | sed 's/^web.1 //')
	berth enter "$A" web.1 perl -MIO::Socket::INET -e '
		my ($name, $gateway) = @ARGV;
		for (1 .. 100) { inet_aton($name) or exit 1 }
		IO::Socket::INET->new(PeerHost => $gateway, PeerPort => 53, Timeout => 5) or exit 2;' \
		"$B.web.internal" "$gateway" </dev/null
	# that over TCP is there, so the others would be
	[ "$(flows tcp)" -ge 1 ]
	assert_equal "$(flows udp)" 0
}

# Asks once, as soon as the program runs, and never again.
ASK='read -r _ gateway </etc/resolv.conf
exec 3<>"/dev/udp/$gateway/53"
printf "\0\7\1\0\0\1\0\0\0\0\0\0\4none\10internal\0\0\1\0\1" >&3
read -r -t 10 -d "" -u 3 && echo answered'

@test "the answer to a container's first packet arrives, however busy the machine is" {
	local busy=()
	for _ in $(seq 16); do
		timeout 60 sh -c 'while :; do :; done' 3>&- &
		busy+=($!)
	done
	for _ in $(seq 40); do berth run "$A" bash -c "$ASK" </dev/null || true; done >"$BATS_TEST_TMPDIR/answers"
	kill "${busy[@]}" || true
	assert_equal "$(grep -c answered "$BATS_TEST_TMPDIR/answers")" 40
}
