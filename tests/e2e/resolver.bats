#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth-resolver on its own, on loopback addresses, between programs and a resolver that is ours:
# what it hands on, whom it believes, and that nobody's flood is another's outage.

load helper

setup() {
	local file
	cd "$BATS_TEST_TMPDIR" || return
	ROOT=$(mktemp -d /var/tmp/berth-resolver.XXXXXX)
	# a /16 of the loopback that no other run is at
	for _ in $(seq 100); do
		NET=127.$((2 + RANDOM % 250))
		[ -n "$(ss -Hlnu | grep -F " $NET.")" ] || break
	done
	SERVER=$NET.0.1
	PORT=5300
	pids=()
	chmod 755 "$ROOT"
	mkdir -p "$ROOT"/{etc,lib,run/addresses,run/resolver/apps}
	printf '[instance]\nnumber = 9\n[network]\nsubnet = %s.0.0\nresolvers = %s:%s %s:%s\n' \
		"$NET" "$NET.9.1" "$PORT" "$NET.9.2" "$PORT" >"$ROOT/etc/berth.conf"
	ln -s a1.one.1:1 "$ROOT/run/addresses/$NET.1.1"
	ln -s a2.two.1:2 "$ROOT/run/addresses/$NET.1.2"
	ln -s a5.shut.1:5 "$ROOT/run/addresses/$NET.1.5"
	ln -s b1.build "$ROOT/run/addresses/$NET.1.3"
	printf 'link 1 2\nclosed 5\n' >"$ROOT/run/resolver/reach"
	printf 'range 2\nweb 1 %s.1.2\n' "$NET" >"$ROOT/run/resolver/apps/two"
	chown -R berth:berth "$ROOT/run"
}

teardown() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" || true
		wait "$pid" || true
	done 2>/dev/null
	rm -rf --one-file-system "$ROOT"
}

dns() {
	python3 -IS "$TEST_SOURCE/tests/e2e/dns.py" "$@"
}

# From the container of app one, or of ADDRESS: asks [--tcp] [ADDRESS] NAME [TYPE]
asks() {
	local from=$NET.1.1 how=()
	if [ "$1" = --tcp ]; then
		how=(--tcp)
		shift
	fi
	if [[ $1 == 127.* ]]; then
		from=$1
		shift
	fi
	dns ask "${how[@]}" --from "$from" "$SERVER" 1053 "$@"
}

begin_resolver() {
	"$TEST_PREFIX/bin/berth-resolver" --root "$ROOT" >resolver.log 2>&1 3>&- &
	resolver=$!
	pids+=("$resolver")
	wait_for 10 test -S "$ROOT/run/resolver.sock"
}

# A resolver to stand behind: begin_upstream N MODE
begin_upstream() {
	# not by the function: it is the program that is to be killed
	python3 -IS "$TEST_SOURCE/tests/e2e/dns.py" serve "$NET.9.$1" "$PORT" "$2" >"upstream.$1" 2>&1 3>&- &
	pids+=($!)
	wait_for 10 grep -qx ready "upstream.$1"
}

counter() {
	dns counter "$ROOT/run/resolver.sock" "$1"
}

@test "names of apps are answered here, the others' are handed on" {
	begin_upstream 1 good
	begin_resolver
	assert_equal "$(asks two.web.internal)" "NOERROR $NET.1.2"
	assert_equal "$(asks --tcp two.web.internal)" "NOERROR $NET.1.2"
	assert_equal "$(asks two.web.internal AAAA)" NOERROR
	assert_equal "$(asks "$NET.1.2" two.web.internal)" NXDOMAIN
	assert_equal "$(asks 7.example.com)" "NOERROR 192.0.2.7"
	assert_equal "$(asks --tcp 8.example.com)" "NOERROR 192.0.2.8"
	assert_equal "$(asks "$NET.1.3" 9.example.com)" "NOERROR 192.0.2.9"
	assert_equal "$(asks 7.example.com AXFR)" REFUSED
	assert_equal "$(counter forwarded)" 3
	# an app without egress asks nobody
	assert_equal "$(asks "$NET.1.5" 7.example.com)" REFUSED
	assert_equal "$(asks --tcp "$NET.1.5" 7.example.com)" REFUSED
	assert_equal "$(counter forwarded)" 3
	# nothing below it is ever asked outside
	assert_equal "$(asks 7.internal)" NXDOMAIN
	assert_equal "$(asks 7.x.y.z.internal TXT)" NXDOMAIN
	assert_equal "$(counter forwarded)" 3
}

@test "who is no container gets no answer" {
	begin_upstream 1 good
	begin_resolver
	run asks "$NET.1.99" 7.example.com
	[ "$status" -ne 0 ]
	run asks --tcp "$NET.1.99" 7.example.com
	[ "$status" -ne 0 ]
	[ "$(counter strangers)" -ge 2 ]
	assert_equal "$(counter questions)" 0
}

@test "a second resolver is asked when the first is away, says nothing, or fails" {
	begin_upstream 2 good
	begin_resolver
	assert_equal "$(asks 7.example.com)" "NOERROR 192.0.2.7"
	assert_equal "$(asks --tcp 7.example.com)" "NOERROR 192.0.2.7"
	begin_upstream 1 silent
	assert_equal "$(asks 7.example.com)" "NOERROR 192.0.2.7"
}

@test "without any, the answer is that none can be had, and not silence" {
	begin_resolver
	assert_equal "$(asks 7.example.com)" SERVFAIL
	assert_equal "$(asks --tcp 7.example.com)" SERVFAIL
	assert_equal "$(asks two.internal)" "NOERROR $NET.1.2"
}

@test "answers from elsewhere, of other ids and to other questions are not taken" {
	begin_upstream 1 spoof
	begin_resolver
	for n in 7 8 9; do
		assert_equal "$(asks "$n.example.com")" "NOERROR 192.0.2.$n"
	done
}

@test "what does not fit a datagram comes over TCP, up to 64 KB" {
	begin_upstream 1 big
	begin_resolver
	assert_equal "$(asks 7.example.com)" "NOERROR 192.0.2.7"
}

@test "what is no answer at all is not handed on" {
	begin_upstream 1 bad
	begin_upstream 2 bad
	begin_resolver
	assert_equal "$(asks 7.example.com)" SERVFAIL
	assert_equal "$(asks --tcp 7.example.com)" SERVFAIL
	assert_equal "$(asks two.internal)" "NOERROR $NET.1.2"
}

@test "questions that are none, broken connections and 64 KB of nothing do not end it" {
	begin_upstream 1 good
	begin_resolver
	dns attack "$NET.1.1" "$SERVER" 1053
	assert_equal "$(asks two.internal)" "NOERROR $NET.1.2"
	assert_equal "$(asks --tcp two.internal)" "NOERROR $NET.1.2"
	assert_equal "$(asks 7.example.com)" "NOERROR 192.0.2.7"
	kill -0 "$resolver"
	wait_for 20 no_connections
}

no_connections() {
	[ "$(counter connections)" -eq 0 ]
}

@test "an app whose questions nobody answers does not keep others from theirs" {
	begin_upstream 1 silent
	begin_upstream 2 silent
	begin_resolver
	dns flood "$NET.1.1" "$SERVER" 1053 2 >/dev/null
	[ "$(counter under_way)" -le 128 ]
	[ "$(counter refused)" -gt 100 ]
	# what waits in its socket is answered before the next
	wait_for 20 eval 'before=$(counter questions); sleep 0.2; [ "$(counter questions)" = "$before" ]'
	assert_equal "$(asks "$NET.1.2" two.internal)" NXDOMAIN
	assert_equal "$(asks two.internal)" "NOERROR $NET.1.2"
}

@test "it runs without any privilege, as user berth" {
	begin_resolver
	assert_equal "$(stat -c %U "/proc/$resolver")" berth
	assert_equal "$(sed -n 's/^CapEff:\t//p' "/proc/$resolver/status")" 0000000000000000
	assert_equal "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$resolver/status")" 1
}

@test "systemd keeps its sockets: they are handed over, and taken again" {
	begin_keeper() {
		python3 -IS - "$TEST_PREFIX/bin/berth-resolver" "$ROOT" 3>&- <<-'END'
			import os, socket, subprocess, sys, array
			program, root = sys.argv[1:]
			notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
			notify.bind("\0berth-test-%d" % os.getpid())
			notify.settimeout(10)
			env = dict(os.environ, NOTIFY_SOCKET="@berth-test-%d" % os.getpid())
			first = subprocess.Popen([program, "--root", root], env=env)
			text, control, _, _ = notify.recvmsg(100, socket.CMSG_SPACE(8))
			assert text.startswith(b"FDSTORE=1"), text
			assert notify.recv(100) == b"READY=1"
			fds = array.array("i", control[0][2])
			first.kill()
			first.wait()
			# asked while nobody is there
			asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
			gateway = socket.socket(fileno=os.dup(fds[0])).getsockname()
			asker.bind((gateway[0][: gateway[0].rindex(".0.1")] + ".1.1", 0))
			asker.settimeout(10)
			asker.sendto(b"\0\7\1\0\0\1\0\0\0\0\0\0\3two\10internal\0\0\1\0\1", gateway)
			def adopt():
			    os.dup2(fds[0], 13), os.dup2(fds[1], 14)
			    os.dup2(13, 3), os.dup2(14, 4)
			    os.environ["LISTEN_PID"] = str(os.getpid())
			pid = os.fork()
			if pid == 0:
			    adopt()
			    os.environ["LISTEN_FDS"] = "2"
			    os.execv(program, [program, "--root", root])
			answer = asker.recv(1000)
			os.kill(pid, 9)
			os.waitpid(pid, 0)
			assert answer[3] & 15 == 0 and answer[7] == 1, answer
		END
	}
	begin_keeper
}
