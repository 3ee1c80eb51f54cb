#!/usr/bin/env bats
# berth-runtime and berth-shim without the rest of Berth: an instance of their own, tests/tools/hand
# as the client, and busybox as the image.

# shellcheck disable=SC2016 # the scripts are for the shell inside
bats_require_minimum_version 1.5.0
load ../security/runtime

hand() {
	"$BUILD/tests/hand" --root "$ROOT" "$@"
}

setup_file() {
	unset TEST_ROOT
	runtime_up
	make -s -C "$SOURCE" B="${TEST_BUILD:-build}" "${TEST_BUILD:-build}/tests/hand" >/dev/null
	busybox=$(command -v busybox || true)
	if [ -n "$busybox" ] && ! ldd "$busybox" >/dev/null 2>&1; then
		mkdir -p "$WORK"/bb/{bin,etc,app}
		cp "$busybox" "$WORK/bb/bin/busybox"
		for applet in $("$busybox" --list); do
			[ "$applet" = busybox ] || ln -sf busybox "$WORK/bb/bin/$applet"
		done
		printf 'root:x:0:0::/:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n' >"$WORK/bb/etc/passwd"
		tar -C "$WORK/bb" --owner=0 --group=0 -cf "$WORK/bb.tar" .
		hand import bb "$WORK/bb.tar"
	fi
	export BB=layer/bb
}

teardown_file() {
	local id
	[ ! -f "$WORK/pid" ] || RUNTIME_PID=$(cat "$WORK/pid")
	for id in $(hand list | cut -d' ' -f1); do
		hand stop "$id" 0 || true
	done
	runtime_down
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -path "*berth-$NUMBER/*" 2>/dev/null)" ]
}

setup() {
	hand layers | grep -qx bb || skip "no static busybox (apt-get install busybox-static)"
}

state() {
	hand list | awk -v id="$1" '$1 == id { print $2 }'
}

field() {
	hand list | tr ' ' '\n' | sed -n "s/^$1=//p" | head -1
}

# Until the programs that write to LOG said NUMBER times that they have begun: wait_ready LOG NUMBER
wait_ready() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(grep -c ': ready$' "$ROOT/lib/logs/$1.log" 2>/dev/null)" = "$2" ] && return
		sleep 0.1
	done
	return 1
}

wait_state() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(state "$1")" = "$2" ] && return
		sleep 0.1
	done
	hand list
	return 1
}

@test "the exit status of the program is the session's" {
	run hand attach --layer "$BB" e1 -- /bin/sh -c 'exit 42'
	[ "$status" -eq 42 ]
	run hand attach --layer "$BB" e1 -- /bin/sh -c 'kill -9 $$'
	[ "$status" -eq 137 ]
}

@test "stdin, stdout and stderr pass through untouched" {
	head -c 3000000 /dev/urandom >"$WORK/random"
	hand attach --layer "$BB" io1 -- /bin/cat <"$WORK/random" >"$WORK/copy"
	cmp "$WORK/random" "$WORK/copy"
	run --separate-stderr hand attach --layer "$BB" io2 -- /bin/sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
}

@test "a program that is not there, and what else cannot start, leaves nothing" {
	run hand attach --layer "$BB" n1 -- /nosuch
	[ "$status" -ne 0 ]
	[[ $output == *"execute '/nosuch'"* ]]
	run hand start --layer "$BB" --cwd /nosuch n2 -- /bin/true
	[[ $output == *"working folder '/nosuch'"* ]]
	run hand start --layer layer/nosuch n3 -- /bin/true
	[ "$status" -ne 0 ]
	[ -z "$(hand list)" ]
	[ -z "$(find "$ROOT/run/containers" "$ROOT/run/addresses" -mindepth 1)" ]
}

@test "two containers of one id: the second is refused" {
	hand start --layer "$BB" twice -- /bin/sleep 60
	run hand start --layer "$BB" twice -- /bin/sleep 60
	[ "$status" -ne 0 ]
	[[ $output == *"exists already"* ]]
	hand stop twice 0
}

@test "stop: SIGTERM to every process, then SIGKILL" {
	hand start --layer "$BB" --log stop/web.1 s1 -- /bin/sh -c \
		'sh -c "trap \"echo child; exit\" TERM; echo ready; while :; do sleep 0.1; done" & trap "wait; echo parent; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	wait_ready stop/web.1 2
	hand stop s1
	grep -q 'app\[web.1\]: child' "$ROOT/lib/logs/stop/web.1.log"
	grep -q 'app\[web.1\]: parent' "$ROOT/lib/logs/stop/web.1.log"
	grep -q 'berth\[web.1\]: State changed from up to down' "$ROOT/lib/logs/stop/web.1.log"
	hand start --layer "$BB" --log stop/web.2 s2 -- /bin/sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done'
	wait_ready stop/web.2 1
	local begin=$EPOCHREALTIME
	hand stop s2 500
	local ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
	[ "$ms" -ge 500 ] # and not the 10 s of one that names none
	[ "$ms" -lt 9000 ]
	[ -z "$(hand list)" ]
	hand stop s2
}

@test "stop: those who go away give no one less time, and an order is heard all the same" {
	hand start --layer "$BB" --log many/web.1 many -- /bin/sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done'
	wait_ready many/web.1 1
	local i pids=()
	# more than the shim has places for: of gone ones, then of ones that wait
	for i in {1..10}; do run timeout -s KILL 0.2 "$BUILD/tests/hand" --root "$ROOT" stop many 60000; done
	for i in {1..10}; do
		hand stop many 60000 3>&- &
		pids+=($!)
	done
	# longer than a dead one's are waited for
	sleep 6
	[ "$(state many)" = running ]
	hand stop many 0
	for i in "${pids[@]}"; do wait "$i"; done
	[ -z "$(hand list)" ]
}

@test "the machine goes down: every container ends as if stopped, and none comes back" {
	hand start --layer "$BB" --log down/web.1 --restart always d1 -- /bin/sh -c \
		'trap "echo ended; exit 0" TERM; echo run; echo ready; while :; do sleep 0.1; done'
	hand start --layer "$BB" --net d2 -- /bin/sleep 60
	wait_ready down/web.1 1
	"$BUILD/bin/berth-runtime" --root "$ROOT" --stop-all
	[ -z "$(hand list)" ]
	[ -z "$(ls "$ROOT/run/addresses")" ]
	[ "$(grep -c 'app\[web.1\]: ended' "$ROOT/lib/logs/down/web.1.log")" = 1 ]
	[ "$(grep -c 'app\[web.1\]: run' "$ROOT/lib/logs/down/web.1.log")" = 1 ]
	"$BUILD/bin/berth-runtime" --root "$ROOT" --stop-all
}

@test "restarts: at once, then after a second, at most as often as asked" {
	hand start --layer "$BB" --log again/web.1 --restart failure --max 2 r1 -- /bin/sh -c 'echo run; exit 3'
	wait_state r1 exited
	[ "$(field restarts)" = 2 ]
	[ "$(field exit)" = 3 ]
	# when each began, as the log says it: the third a second after the second
	mapfile -t runs < <(sed -n 's/ app\[web.1\]: run$//p' "$ROOT/lib/logs/again/web.1.log")
	[ ${#runs[@]} = 3 ]
	awk "BEGIN { exit !($(date -d "${runs[2]}" +%s.%N) - $(date -d "${runs[1]}" +%s.%N) >= 0.99) }"
	hand stop r1
	# until then it is in backoff, the longer the more often it failed
	hand start --layer "$BB" --restart failure r3 -- /bin/sh -c 'exit 3'
	wait_state r3 backoff
	hand stop r3
	hand start --layer "$BB" --restart failure r2 -- /bin/true
	wait_state r2 exited
	hand stop r2
}

@test "kill -9 of berth-runtime stops nothing and loses no line" {
	[ -n "${RUNTIME_PID:-}" ] || skip "an instance of somebody else"
	hand start --layer "$BB" --log kill/web.1 k1 -- /bin/sh -c 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done'
	sleep 0.3
	kill -9 "$RUNTIME_PID"
	sleep 0.3
	"$BUILD/bin/berth-runtime" --root "$ROOT" >>"$WORK/runtime.log" 2>&1 3>&- &
	echo $! >"$WORK/pid"
	for ((i = 0; i < 100; i++)); do
		hand list >/dev/null 2>&1 && break
		sleep 0.05
	done
	[ "$(state k1)" = running ]
	run hand exec k1 -- /bin/sh -c 'exit 5'
	[ "$status" -eq 5 ]
	hand stop k1
	[ -z "$(hand list)" ]
	sed -n 's/.*app\[web.1\]: \([0-9]*\)$/\1/p' "$ROOT/lib/logs/kill/web.1.log" | awk '$1 != NR { exit 1 } END { if (NR < 5) exit 1 }'
}

@test "kill -9 of a shim kills its container; what it left can be stopped" {
	hand start --layer "$BB" --net l1 -- /bin/sleep 60
	local shim pid
	shim=$(field shim) pid=$(field pid)
	kill -9 "$shim"
	for ((i = 0; i < 50; i++)); do
		[ -d "/proc/$pid" ] || break
		sleep 0.1
	done
	[ ! -d "/proc/$pid" ]
	[ "$(state l1)" = lost ]
	hand stop l1
	[ -z "$(hand list)" ]
	[ -z "$(ls "$ROOT/run/addresses")" ]
}

@test "limits: memory, processes, time, disk" {
	run hand attach --layer "$BB" --memory 33554432 m1 -- /bin/sh -c 'x=$(head -c 90000000 /dev/zero | tr "\0" a)'
	[ "$status" -ne 0 ]
	[[ $output == *oom* ]]
	run hand attach --layer "$BB" --pids 16 p1 -- /bin/sh -c 'i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i + 1)); done'
	[[ $output == *fork* ]]
	run hand attach --layer "$BB" --time 400 t1 -- /bin/sleep 20
	[ "$status" -eq 137 ]
	[[ $output == *time* ]]
	run hand attach --layer "$BB" --disk 1048576 d1 -- /bin/sh -c 'dd if=/dev/zero of=/app/f bs=1000 count=3000'
	[[ $output == *"No space"* ]]
	run hand attach --layer "$BB" --profile build --upper big --disk 1048576 d2 -- /bin/sh -c 'head -c 3000000 /dev/zero >/app/f; sleep 20'
	[ "$status" -eq 137 ]
	[[ $output == *disk* ]]
	hand remove big
}

@test "a terminal" {
	printf 'tty; exit 4\n' >"$WORK/typed"
	run hand attach --tty --layer "$BB" y1 -- /bin/sh <"$WORK/typed"
	[ "$status" -eq 4 ]
	[[ $output == */dev/pts/0* ]]
}

@test "closing the session kills the container" {
	"$BUILD/tests/hand" --root "$ROOT" attach --layer "$BB" gone -- /bin/sleep 60 3>&- &
	local pid=$!
	wait_state gone running
	kill -9 $pid
	for ((i = 0; i < 50; i++)); do
		[ -z "$(hand list)" ] && break
		sleep 0.1
	done
	[ -z "$(hand list)" ]
}

@test "an upper becomes a layer that others use" {
	hand attach --layer "$BB" --profile layer --range 0 --upper made made1 -- /bin/sh -c 'echo hi >/made; chown 5:6 /made'
	hand commit made
	run hand attach --layer layer/made --layer "$BB" made2 -- /bin/sh -c 'cat /made; stat -c %u:%g /made; echo x >/made'
	[[ $output == *hi*5:6* ]]
	[[ $output == *Read-only* ]]
	hand remove made
}

@test "caches stay, and belong to the container's user" {
	hand attach --layer "$BB" --cache c1:/tmp/cache a1 -- /bin/sh -c 'echo kept >/tmp/cache/f'
	run hand attach --layer "$BB" --range 9 --cache c1:/tmp/cache a2 -- /bin/sh -c 'cat /tmp/cache/f; stat -c %u /tmp/cache/f; echo more >>/tmp/cache/f'
	[ "$output" = "$(printf 'kept\n1000')" ]
	hand cache-remove c1
}

@test "a flood of output neither loses its order nor fills the disk" {
	hand start --layer "$BB" --log flood/web.1 --log-max 1000000 f1 -- /bin/seq 1 1500000
	for ((i = 0; i < 600; i++)); do
		[ "$(state f1)" = exited ] && break
		sleep 0.1
	done
	[ "$(du -sk "$ROOT/lib/logs/flood" | cut -f1)" -lt 7000 ]
	cat "$ROOT"/lib/logs/flood/web.1.log.{5,4,3,2,1} "$ROOT/lib/logs/flood/web.1.log" |
		sed -n 's/.*app\[web.1\]: \([0-9]*\)$/\1/p' |
		awk 'NR > 1 && $1 != last + 1 { exit 1 } { last = $1 } END { if (last != 1500000) exit 1 }'
	hand stop f1
}

@test "hostile images: links where things are mounted lead nowhere" {
	mkdir -p "$WORK/evil"/{bin,etc,app}
	cp "$(command -v busybox)" "$WORK/evil/bin/busybox"
	ln -s busybox "$WORK/evil/bin/sh"
	ln -s ../../../../../../etc/shadow "$WORK/evil/etc/resolv.conf"
	ln -s /nowhere/at/all "$WORK/evil/etc/hosts"
	ln -s /../../.. "$WORK/evil/out"
	tar -C "$WORK/evil" --owner=0 --group=0 -cf "$WORK/evil.tar" .
	hand import evil "$WORK/evil.tar"
	run hand attach --layer layer/evil --cache c2:/out/tmp/x v1 -- /bin/busybox sh -c \
		'busybox cat /etc/hosts; busybox ls -d /tmp/x'
	[ "$status" -eq 0 ]
	[[ $output == *localhost* ]]
	ln -sfn /etc "$WORK/evil/proc"
	tar -C "$WORK/evil" --owner=0 --group=0 -cf "$WORK/evil.tar" .
	hand import evil2 "$WORK/evil.tar"
	run hand attach --layer layer/evil2 v2 -- /bin/busybox true
	[ "$status" -ne 0 ]
	hand cache-remove c2
	hand remove evil
	hand remove evil2
}

@test "a folder of the host is no stdin" {
	run hand attach --layer "$BB" dir1 -- /bin/true </
	[ "$status" -ne 0 ]
	[[ $output == *folder* ]]
}

@test "inside: nothing to see of init, no descriptor too many" {
	run hand attach --layer "$BB" in1 -- /bin/sh -c \
		'cat /proc/1/environ; ls /proc/1/fd; for f in /proc/self/fd/*; do echo "fd ${f##*/}"; done; kill -9 1; kill -TERM 1; sleep 0.2; echo alive'
	[ "$status" -eq 0 ]
	[[ $output == *"/proc/1/environ': Permission denied"* ]]
	[[ $output == *"/proc/1/fd': Permission denied"* ]]
	[[ $output != *"fd 4"* ]]
	[[ $output == *alive* ]]
}
