#!/usr/bin/env bats
# berth-oci on bundles of busybox: the life of a container and what a bundle's config asks for.
# bats file_tags=oci

load helper

setup_file() {
	export OCI=$TEST_PREFIX/bin/berth-oci
	# where root of a user namespace may look, too
	WORK=$(mktemp -d /var/tmp/berth-oci.XXXXXX)
	chmod 755 "$WORK"
	export WORK
	export ROOT=$WORK/state
	local name
	mkdir -p "$WORK"/rootfs/{bin,dev,etc,proc,sys,tmp}
	cp /bin/busybox "$WORK/rootfs/bin/busybox"
	echo inside >"$WORK/rootfs/etc/inside"
	for name in $("$WORK/rootfs/bin/busybox" --list); do
		[ "$name" = busybox ] || ln -s busybox "$WORK/rootfs/bin/$name"
	done
}

# nothing is left by any test: no folder, cgroup or mount
teardown_file() {
	local left
	left=$(find "$ROOT" "$WORK/bundles" -mindepth 1 2>/dev/null || true)
	left+=$(find /sys/fs/cgroup -name "oci-$BATS_ROOT_PID-*" 2>/dev/null)
	left+=$(grep -F "$WORK" /proc/self/mountinfo || true)
	rm -rf --one-file-system "$WORK"
	[ -z "$left" ] || {
		echo "left behind: $left" >&2
		return 1
	}
}

setup() {
	ID=oci-$BATS_ROOT_PID-$BATS_SUITE_TEST_NUMBER
	B=$WORK/bundles/$BATS_SUITE_TEST_NUMBER
	mkdir -p "$B"
	"$OCI" spec --bundle "$B"
	config --arg root "$WORK/rootfs" '.root.path = $root | .process.terminal = false
		| .linux.cgroupsPath = "/'"$ID"'" | .root.readonly = true'
}

teardown() {
	oci delete --force "$ID"
	rm -rf --one-file-system "$B"
}

oci() {
	"$OCI" --root "$ROOT" "$@" 3>&-
}

# Changes the bundle's config: config [OPTIONS OF JQ] FILTER
config() {
	jq "$@" "$B/config.json" >"$B/new"
	mv "$B/new" "$B/config.json"
}

# What it runs: a line for the shell
script() {
	config --arg line "$1" '.process.args = ["sh", "-c", $line]'
}

# The container's whole life, its output included
run_bundle() {
	run oci run --bundle "$B" "$ID"
}

# Lets it wait after its creation; its output goes to a file
create() {
	oci create --bundle "$B" "$@" "$ID" </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
}

status_is() {
	[ "$(oci state "$ID" | jq -r .status)" = "$1" ]
}

# Until it says so; an ended process needs a moment to be gone
await_status() {
	local i
	for ((i = 0; i < 200; i++)); do
		status_is "$1" && return
		sleep 0.05
	done
	oci state "$ID"
	return 1
}

@test "create, state, start, kill, delete" {
	script 'echo begun; sleep 1000'
	create --pid-file "$BATS_TEST_TMPDIR/pid"
	status_is created
	oci state "$ID" | jq -e --arg id "$ID" --arg b "$B" '.id == $id and .bundle == $b
		and .ociVersion == "1.0.2" and .pid > 0'
	[ "$(oci state "$ID" | jq .pid)" = "$(cat "$BATS_TEST_TMPDIR/pid")" ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	# an id is taken once, and a container that lives is not deleted
	run oci create --bundle "$B" "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"already exists"* ]]
	run oci delete "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"not stopped: it is created"* ]]
	oci start "$ID"
	status_is running
	[ "$(oci ps --format json "$ID" | jq length)" -ge 1 ]
	oci ps "$ID" | grep 'sleep 1000'
	run oci start "$ID"
	[ "$status" -eq 1 ]
	# nothing comes, but it is asked whether anybody is there
	oci kill "$ID" 0
	status_is running
	wait_for 10 grep -x begun "$BATS_TEST_TMPDIR/out"
	oci kill "$ID" KILL
	await_status stopped
	run oci kill "$ID" TERM
	[ "$status" -eq 1 ] && [[ $output = *"container not running: '$ID' is stopped"* ]]
	oci delete "$ID"
	run oci state "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"does not exist"* ]]
}

@test "run: output, exit status, nothing left" {
	script 'echo out; echo err >&2; cat; exit 7'
	run oci run --bundle "$B" "$ID" <<<input
	[ "$status" -eq 7 ]
	[ "$output" = $'out\nerr\ninput' ]
	run oci state "$ID"
	[ "$status" -eq 1 ]
	[ -z "$(find /sys/fs/cgroup -name "$ID")" ]
}

@test "errors say what is wrong, to the log as JSON too, and leave nothing" {
	config '.process.args = ["no-such-program"]'
	run oci --log "$BATS_TEST_TMPDIR/log" --log-format json create --bundle "$B" "$ID"
	[ "$status" -eq 1 ]
	[[ $output = *"execute 'no-such-program': no such file or directory"* ]]
	jq -e '.level == "error" and (.msg | contains("no-such-program"))' "$BATS_TEST_TMPDIR/log"
	run oci state "$ID"
	[ "$status" -eq 1 ]
	run oci exec --help
	[ "$status" -eq 0 ] && [[ $output = "usage: berth-oci exec [OPTIONS] ID COMMAND [ARG...]" ]]
	run oci checkpoint --help
	[ "$status" -eq 1 ]
	# each is refused before anything is made
	local filter
	for filter in '.ociVersion = "invalid"' '.process.cwd = "relative"' '.process.args = []' \
		'.process.capabilities.bounding = ["CAP_WRONG"]' '.root.path = "/no/such"' \
		'.process.rlimits = [{"type": "RLIMIT_WRONG", "hard": 1, "soft": 1}]' \
		'.linux.namespaces += [{"type": "pid"}]' '.linux.namespaces += [{"type": "wrong"}]' \
		'.linux.sysctl = {"kernel.panic": "77"}' '.linux.sysctl = {"net/../kernel/panic": "77"}' \
		'.linux.rootfsPropagation = "wrong"' '.linux.seccomp = {"defaultAction": "WRONG"}' \
		'.mounts += [{"destination": "/x"}]' '.linux.namespaces += [{"type": "user"}]' \
		'.linux.cgroupsPath = "/../x"' '.process.terminal = true' '.hooks = 3' \
		'.linux.intelRdt = {"closID": "x"}'; do
		cp "$B/config.json" "$BATS_TEST_TMPDIR/good"
		config '.process.args = ["true"]'
		config "$filter"
		# one that is not refused would hold the test's own output
		run timeout 20 "$OCI" --root "$ROOT" create --bundle "$B" "$ID"
		echo "$filter: $output"
		[ "$status" -eq 1 ]
		[ -z "$(ls -A "$ROOT")" ]
		mv "$BATS_TEST_TMPDIR/good" "$B/config.json"
	done
	[ "$(cat /proc/sys/kernel/panic)" != 77 ]
}

@test "the process: user, groups, cwd, env, umask, capabilities, limits, oom score" {
	config '.process.user = {uid: 12, gid: 34, additionalGids: [56, 78], umask: 63}
		| .process.cwd = "/tmp" | .process.env += ["A=b c"] | .process.oomScoreAdj = 321
		| .process.rlimits = [{type: "RLIMIT_NOFILE", hard: 99, soft: 88},
			{type: "RLIMIT_CORE", hard: 18446744073709551615, soft: 0}]
		| .process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_KILL"],
			permitted: ["CAP_CHOWN", "CAP_KILL"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]}'
	script 'id; pwd; echo "$A"; umask; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj
		grep -E "^(Cap|NoNewPrivs)" /proc/self/status | tr "\t" " "; exec ls -l /proc/self/fd'
	run_bundle
	echo "$output"
	[ "$status" -eq 0 ]
	local line
	for line in 'uid=12 gid=34 groups=56,78' /tmp 'b c' 0077 88 99 321 'CapInh: 0000000000000020' \
		'CapPrm: 0000000000000020' 'CapEff: 0000000000000020' 'CapBnd: 0000000000000021' \
		'CapAmb: 0000000000000020' 'NoNewPrivs: 1'; do
		grep -qxF -- "$line" <<<"$output"
	done
	# 0, 1, 2, and the folder that ls has closed again: nothing of the runtime's
	[ "$(grep -c -- ' -> ' <<<"$output")" -eq 3 ]
}

@test "the process: scheduler and i/o priority" {
	config '.process.scheduler = {policy: "SCHED_BATCH", nice: 7}
		| .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	script 'cut -d " " -f 19,41 /proc/self/stat; ionice -p $$'
	run_bundle
	echo "$output"
	[ "$status" -eq 0 ]
	# SCHED_BATCH is 3
	grep -qx '7 3' <<<"$output"
	grep -q 'best-effort: prio 6' <<<"$output"
	config '.process.scheduler.policy = "SCHED_NEVER"'
	run_bundle
	[ "$status" -eq 1 ] && [[ $output = *"'policy': 'SCHED_NEVER' is not known"* ]]
}

@test "root: read-only, masked and read-only paths, devices, links, sysctl, host name" {
	config '.hostname = "box" | .domainname = "example" | .linux.sysctl = {"net.ipv4.ip_forward": "1"}
		| .linux.devices = [{path: "/dev/extra", type: "c", major: 1, minor: 5, fileMode: 416, uid: 3, gid: 4}]
		| .linux.maskedPaths += ["/proc/version", "/etc"] | .linux.readonlyPaths += ["/tmp"]'
	script 'touch /a; touch /tmp/a; hostname; cat /proc/sys/kernel/domainname
		cat /proc/sys/net/ipv4/ip_forward; wc -c </proc/version; ls /etc | wc -l
		stat -c "%n %t %T %a %u %g" /dev/extra /dev/null /dev/full; readlink /dev/fd; readlink /dev/ptmx
		echo 1 >/proc/sys/net/ipv4/ip_forward'
	run_bundle
	echo "$output"
	local line
	for line in 'touch: /a: Read-only file system' 'touch: /tmp/a: Read-only file system' box example \
		'/dev/extra 1 5 640 3 4' '/dev/null 1 3 666 0 0' '/dev/full 1 7 666 0 0' /proc/self/fd pts/ptmx; do
		grep -qxF -- "$line" <<<"$output"
	done
	[ "$(grep -cx 0 <<<"$output")" -eq 2 ]
	[[ $output = *"/proc/sys/net/ipv4/ip_forward: Read-only file system"* ]]
	[ "$(hostname)" != box ]
}

@test "mounts: bind, options, propagation, a tmpfs that starts with the image's files" {
	mkdir -p "$B/data/below"
	echo content >"$B/data/file"
	mount -t tmpfs tmpfs "$B/data/below"
	touch "$B/data/below/deep"
	config '.mounts += [
		{destination: "/tmp/one", type: "bind", source: "data", options: ["bind", "ro", "noexec"]},
		{destination: "/tmp/all", type: "bind", source: "data", options: ["rbind", "rro"]},
		{destination: "/tmp/file", source: "data/file", options: ["bind"]},
		{destination: "/bin", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "size=8m", "nosuid"]},
		{destination: "/tmp/shared", type: "bind", source: "data", options: ["rbind", "rshared"]}]
		| .mounts[1:1] = [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
	script 'cat /tmp/file; ls /tmp/one/below; ls /tmp/all/below; touch /tmp/one/x /tmp/all/below/x
		touch /tmp/file && touch /bin/new && readlink /bin/sh
		grep -E " /tmp/(shared|one) " /proc/self/mountinfo'
	run_bundle
	umount "$B/data/below"
	echo "$output"
	[ "$(grep -cx content <<<"$output")" -eq 1 ]
	[ "$(grep -cx deep <<<"$output")" -eq 1 ]
	grep -qx 'touch: /tmp/one/x: Read-only file system' <<<"$output"
	grep -qx 'touch: /tmp/all/below/x: Read-only file system' <<<"$output"
	grep -qx busybox <<<"$output"
	grep -qE ' /tmp/one ro,.*noexec' <<<"$output"
	grep -qE ' /tmp/shared .* shared:' <<<"$output"
	[ ! -e "$B/data/x" ]
}

@test "mounts: the kernel lists them in the order of the config" {
	mkdir -p "$B/data"
	config '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"},
		{destination: "/tmp/a", type: "bind", source: "data", options: ["bind"]},
		{destination: "/tmp/b", type: "tmpfs", source: "tmpfs"},
		{destination: "/tmp/c", type: "bind", source: "data", options: ["bind"]}]'
	script 'awk "{ print \$5 }" /proc/self/mountinfo | grep ^/tmp'
	run_bundle
	echo "$output"
	[ "$output" = "$(printf '/tmp\n/tmp/a\n/tmp/b\n/tmp/c')" ]
}

@test "what cannot be granted here is left out, with a warning" {
	local hard line
	hard=$(ulimit -Hn)
	# the suite's own processes may do less than root: this is as it is without CAP_SYS_RESOURCE
	config --argjson hard "$hard" '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 64, hard: ($hard + 1)}]
		| .process.capabilities = {bounding: ["CAP_KILL", "CAP_SYS_RESOURCE"]}
		| .linux.mountLabel = "system_u:object_r:svirt_sandbox_file_t:s0"'
	script 'ulimit -n; ulimit -Hn; grep ^CapBnd: /proc/self/status | tr "\t" " "'
	run setpriv --bounding-set -sys_resource "$OCI" --root "$ROOT" run --bundle "$B" "$ID" 3>&-
	echo "$output"
	[ "$status" -eq 0 ]
	for line in 64 "$hard" 'CapBnd: 0000000000000020'; do grep -qxF "$line" <<<"$output"; done
	[ "$(grep -c "level=warning.*capability 'CAP_SYS_RESOURCE' cannot be granted" <<<"$output")" -eq 1 ]
	grep -q "level=warning.*'RLIMIT_NOFILE': the hard limit" <<<"$output"
	# a name that nobody knows: an error at first, a warning from version 1.1 of the specification on
	config '.process.capabilities.bounding += ["CAP_NEVER"] | .ociVersion = "1.0.2"'
	run_bundle
	[ "$status" -eq 1 ] && [[ $output = *"unknown capability 'CAP_NEVER'"* ]]
	config '.ociVersion = "1.1.0"'
	run_bundle
	[ "$status" -eq 0 ] && [[ $output = *"'CAP_NEVER' cannot be granted"* ]]
}

@test "a link of the image leads no mount out of it" {
	mkdir -p "$B/root/bin" "$B/outside"
	cp "$WORK/rootfs/bin/busybox" "$B/root/bin/sh"
	ln -s "$B/outside" "$B/root/away"
	config --arg root "$B/root" '.root = {path: $root} | .process.args = ["sh", "-c", ":"]
		| .mounts += [{destination: "/away/in", type: "tmpfs", source: "tmpfs"}]'
	oci run --bundle "$B" "$ID"
	[ -z "$(ls -A "$B/outside")" ]
	[ -d "$B/root/away/in" ]
	# and none decides where /proc goes
	rmdir "$B/root/proc"
	ln -s /tmp "$B/root/proc"
	run oci run --bundle "$B" "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"'/proc'"* ]]
}

@test "a user namespace, with idmapped mounts" {
	mkdir "$B/data"
	touch "$B/data/file"
	chown 7:8 "$B/data/file"
	config '.linux.namespaces += [{type: "user"}] | del(.linux.resources) | .root.readonly = false
		| .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"},
		{destination: "/tmp/plain", type: "bind", source: "data", options: ["rbind"]},
		{destination: "/tmp/mapped", type: "bind", source: "data", options: ["rbind", "idmap"]},
		{destination: "/tmp/own", type: "bind", source: "data", options: ["rbind"],
			uidMappings: [{containerID: 7, hostID: 300070, size: 1}],
			gidMappings: [{containerID: 8, hostID: 300080, size: 1}]}]'
	script 'cat /proc/self/uid_map; stat -c "%n %u %g" /tmp/plain/file /tmp/mapped/file /tmp/own/file
		echo x >/dev/null && echo null works; touch /tmp/mapped/made'
	run_bundle
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 1 ]
	grep -qE '^ +0 +300000 +65536$' <<<"$output"
	grep -qx '/tmp/plain/file 65534 65534' <<<"$output"
	grep -qx '/tmp/mapped/file 7 8' <<<"$output"
	grep -qx '/tmp/own/file 70 80' <<<"$output"
	grep -qx 'null works' <<<"$output"
}

@test "a user namespace has inotify instances of its own" {
	config --arg hog "$TEST_SOURCE/${TEST_BUILD:-build}/tests/hog" '.linux.namespaces += [{type: "user"}]
		| del(.linux.resources) | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"},
		{destination: "/tmp/hog", type: "bind", source: $hog, options: ["bind", "ro"]}]'
	script 'exec /tmp/hog hold inotify'
	create
	oci start "$ID"
	wait_for 10 grep -q held "$BATS_TEST_TMPDIR/out"
	run "$TEST_SOURCE/${TEST_BUILD:-build}/tests/hog" take inotify
	oci delete --force "$ID"
	grep -qE '^held inotify [1-9][0-9]* EMFILE$' "$BATS_TEST_TMPDIR/out"
	[ "$output" = "take inotify ok" ]
}

@test "namespaces by path, and those of the host" {
	# a process that has others, as an engine's sandbox does
	unshare --net --uts --ipc sh -c 'hostname sandbox; echo up; exec sleep 1000' \
		>"$BATS_TEST_TMPDIR/sandbox" 3>&- &
	local sandbox=$! ns
	until [ -s "$BATS_TEST_TMPDIR/sandbox" ]; do sleep 0.05; done
	config --arg p "/proc/$sandbox/ns" 'del(.hostname) | .linux.namespaces = [{type: "mount"},
		{type: "network", path: "\($p)/net"}, {type: "uts", path: "\($p)/uts"},
		{type: "ipc", path: "\($p)/ipc"}]'
	script 'hostname; for n in net uts ipc pid cgroup user mnt; do readlink /proc/self/ns/$n; done'
	run_bundle
	ns=$(for n in net uts ipc; do readlink "/proc/$sandbox/ns/$n"; done
		for n in pid cgroup user; do readlink "/proc/self/ns/$n"; done)
	# one of the wrong type is refused
	config --arg p "/proc/$sandbox/ns" '.linux.namespaces[1].path = "\($p)/uts"'
	local all=$output
	run oci run --bundle "$B" "$ID"
	kill "$sandbox"
	[ "$status" -eq 1 ] && [[ $output = *"is not of that type"* ]]
	echo "$all"
	[ "$(head -n 7 <<<"$all")" = "$(printf 'sandbox\n%s' "$ns")" ]
	[ "$(sed -n 8p <<<"$all")" != "$(readlink /proc/self/ns/mnt)" ]
}

@test "a time namespace with clocks of its own" {
	[ -e /proc/self/timens_offsets ] || skip "this kernel has no time namespaces"
	local inside outside
	config '.linux.namespaces += [{type: "time"}]
		| .linux.timeOffsets = {boottime: {secs: 500000, nanosecs: 5}, monotonic: {secs: 100}}'
	script 'cat /proc/uptime'
	run_bundle
	echo "$output"
	[ "$status" -eq 0 ]
	inside=${output%%.*}
	outside=$(cut -d. -f1 /proc/uptime)
	[ "$inside" -ge $((outside + 500000 - 60)) ] && [ "$inside" -le $((outside + 500000)) ]
	# what is executed in it later has the same clocks
	create
	oci exec "$ID" cat /proc/uptime | grep "^$((inside / 100000))"
	oci delete --force "$ID"
	config 'del(.linux.namespaces[] | select(.type == "time"))'
	run_bundle
	[ "$status" -eq 1 ] && [[ $output = *"'timeOffsets' need a new time namespace"* ]]
}

@test "hooks: each in its place, with the state; one that fails ends it" {
	local log=$BATS_TEST_TMPDIR/hooks
	cat >"$B/hook" <<-'HOOK'
		#!/bin/sh
		state=$(cat)
		status=${state#*\"status\":\"}
		echo "$1 ${status%%\"*} $(readlink /proc/self/ns/uts)" >>"$LOG"
	HOOK
	chmod +x "$B/hook"
	config --arg hook "$B/hook" --arg log "$log" 'def h($n): [{path: $hook, args: ["hook", $n], env: ["LOG=\($log)", "PATH=/bin:/usr/bin"]}];
		.hooks = {prestart: h("prestart"), createRuntime: h("createRuntime"),
		createContainer: h("createContainer"), poststart: h("poststart"), poststop: h("poststop"),
		startContainer: [{path: "/bin/sh", args: ["sh", "-c", "cat >/dev/null; echo from startContainer >&2"]}]}'
	script 'readlink /proc/self/ns/uts'
	create
	[ "$(cut -d ' ' -f 1,2 "$log")" = $'prestart created\ncreateRuntime creating\ncreateContainer creating' ]
	oci start "$ID"
	await_status stopped
	oci delete "$ID"
	[ "$(tail -n 2 "$log" | cut -d ' ' -f 1,2)" = $'poststart running\npoststop stopped' ]
	# in whose namespaces
	local own host
	own=$(cat "$BATS_TEST_TMPDIR/out") host=$(readlink /proc/self/ns/uts)
	[ "$(awk '{print $3}' "$log" | tr '\n' ' ')" = "$host $host $own $host $host " ]
	grep -x 'from startContainer' "$BATS_TEST_TMPDIR/err"
	: >"$log"
	config '.hooks.createRuntime = [{path: "/bin/false"}]'
	run oci create --bundle "$B" "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"hook '/bin/false' ended with status 1"* ]]
	[ "$(cut -d ' ' -f 1 "$log")" = $'prestart\npoststop' ]
	run oci state "$ID"
	[ "$status" -eq 1 ]
	config '.hooks = {prestart: [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]}'
	run oci create --bundle "$B" "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"timed out"* ]]
}

@test "a terminal through a console socket" {
	config '.process.terminal = true | .process.consoleSize = {height: 12, width: 34}'
	script 'tty; stty size; read line; echo "got $line"; stat -c %t:%T /dev/console'
	local sock=$BATS_TEST_TMPDIR/console
	python3 "$TEST_SOURCE/tests/e2e/console.py" "$sock" $'hello\n' >"$BATS_TEST_TMPDIR/tty" 3>&- &
	local reader=$!
	until grep -q ready "$BATS_TEST_TMPDIR/tty"; do sleep 0.05; done
	create --console-socket "$sock"
	oci start "$ID"
	wait "$reader"
	tr -d '\r' <"$BATS_TEST_TMPDIR/tty"
	for line in /dev/pts/0 '12 34' 'got hello' 88:0; do
		tr -d '\r' <"$BATS_TEST_TMPDIR/tty" | grep -qxF "$line"
	done
}

@test "exec: the container's own user, namespaces, cgroup and filters; a terminal; a status" {
	config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 121}]}'
	script 'sleep 1000'
	create
	oci start "$ID"
	run oci exec "$ID" sh -c 'grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status | tr "\t" " "
		hostname; grep -c . /proc/self/cgroup; ls /proc/self/fd | wc -l; mkdir /tmp/x; cat; exit 9' <<<input
	echo "$output"
	[ "$status" -eq 9 ]
	for line in 'CapEff: 0000000020000420' 'NoNewPrivs: 1' 'Seccomp: 2' berth-oci input; do
		grep -qxF "$line" <<<"$output"
	done
	[[ $output = *"Remote I/O error"* ]]
	run oci exec --user 5:6 --cwd /tmp --env X=y "$ID" sh -c 'id; pwd; echo $X'
	[ "$output" = $'uid=5 gid=6 groups=6\n/tmp\ny' ] || [ "$output" = $'uid=5 gid=6\n/tmp\ny' ]
	# the kernel takes a label from the process itself alone
	[ ! -e /proc/self/attr/apparmor/exec ] || oci exec --apparmor unconfined "$ID" true
	run oci exec "$ID" no-such-program
	[ "$status" -eq 1 ] && [[ $output = *"execute 'no-such-program'"* ]]
	oci exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 999 </dev/null >/dev/null 2>&1
	oci ps "$ID" | grep "$(cat "$BATS_TEST_TMPDIR/pid").*sleep 999"
	run oci exec --detach --pid-file /no/such/pid "$ID" sleep 994 </dev/null
	[ "$status" -eq 1 ] && [[ $output = *"write '/no/such/pid'"* ]]
	[ -z "$(pgrep -f 'sleep 994')" ]
	run script -qec "$OCI --root $ROOT exec -t $ID sh -c 'tty; exit 3'" /dev/null
	echo "$output"
	[ "$status" -eq 3 ] && [[ $output = *"/dev/pts/0"* ]]
	oci pause "$ID"
	status_is paused
	run oci exec "$ID" true
	[ "$status" -eq 1 ] && [[ $output = *"that is paused"* ]]
	oci resume "$ID"
	oci exec "$ID" true
	# all of it ends with its first process
	oci kill "$ID" 9
	await_status stopped
	[ ! -e "/proc/$(cat "$BATS_TEST_TMPDIR/pid")" ]
}

@test "seccomp: defaults, arguments, without no_new_privs" {
	config '.process.noNewPrivileges = false | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], syscalls: [
		{names: ["no_such_call", "symlink", "symlinkat"], action: "SCMP_ACT_ERRNO", errnoRet: 95},
		{names: ["sethostname"], action: "SCMP_ACT_KILL_PROCESS"},
		{names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 10, op: "SCMP_CMP_EQ"}]}]}
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
	script 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | tr "\t" " "; ln -s a /tmp/b
		sleep 100 & kill -USR1 $!; kill -USR2 $! && wait $!; echo "$?"; hostname x; echo "hostname $?"'
	run_bundle
	echo "$output"
	for line in 'NoNewPrivs: 0' 'Seccomp: 2' 140 'hostname 159'; do grep -qxF "$line" <<<"$output"; done
	[[ $output = *"Operation not supported"* ]]
	[[ $output = *"Operation not permitted"* ]]
}

@test "seccomp: a filter may forbid what the runtime itself has to ask before" {
	local nnp
	for nnp in true false; do
		config --argjson nnp "$nnp" '.process.noNewPrivileges = $nnp | .process.cwd = "/etc"
			| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
			syscalls: [{names: ["getcwd", "chdir", "fchdir"], action: "SCMP_ACT_ERRNO"}]}'
		script 'cat inside; cd /tmp'
		run_bundle
		echo "$output"
		grep -qx inside <<<"$output"
		[[ $output = *"can't cd to /tmp"* ]]
	done
}

@test "seccomp: decisions of an agent at a socket" {
	local sock=$BATS_TEST_TMPDIR/agent out=$BATS_TEST_TMPDIR/agent.out agent
	python3 "$TEST_SOURCE/tests/e2e/listener.py" "$sock" >"$out" 3>&- &
	agent=$!
	until grep -q ready "$out" 2>/dev/null; do sleep 0.05; done
	config --arg sock "$sock" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $sock,
		listenerMetadata: "meta", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}]}'
	script 'mkdir /tmp/x'
	create
	oci start "$ID"
	wait "$agent"
	await_status stopped
	sed -n 2p "$out" | jq -e --arg id "$ID" '.fds == ["seccompFd"] and .metadata == "meta" and .pid > 1
		and .state.id == $id and .state.pid == .pid'
	[ "$(sed -n 3p "$out")" = 1 ]
	grep 'Function not implemented' "$BATS_TEST_TMPDIR/err"
}

# Whether a controller is there, on either version
has_controller() {
	[ -d "/sys/fs/cgroup/$1" ] || grep -qw "$1" /sys/fs/cgroup/cgroup.controllers
}

@test "resources: limits are the cgroup's" {
	local controller
	for controller in memory pids cpu; do
		has_controller "$controller" || skip "no controller $controller"
	done
	config '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 33},
		cpu: {shares: 512, quota: 50000, period: 100000}}'
	script 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max memory/memory.limit_in_bytes pids/pids.max \
		cpu/cpu.shares cpu/cpu.cfs_quota_us 2>/dev/null'
	run_bundle
	echo "$output"
	grep -qx 67108864 <<<"$output"
	grep -qx 33 <<<"$output"
	[ "$output" = $'67108864\n33\n50000 100000' ] || [ "$output" = $'67108864\n33\n512\n50000' ]
}

@test "list: those that are there" {
	run oci list
	[ "$status" -eq 0 ] && [ "${#lines[@]}" -eq 1 ] && [[ $output = ID*OWNER ]]
	[ "$(oci list --format json)" = '[]' ]
	script 'sleep 1000'
	create
	[ "$(oci list -q)" = "$ID" ]
	oci list | grep -E "^$ID +[0-9]+ +created +$B "
	[ "$(oci list -f json | jq -c)" = "$(oci state "$ID" | jq -c '[.]')" ]
}

# What its cgroup has: limit_of CONTROLLER FILE-OF-V1 FILE-OF-V2
limit_of() {
	cat "/sys/fs/cgroup/$1/$ID/$2" 2>/dev/null || cat "/sys/fs/cgroup/$ID/$3"
}

@test "update: other limits for what runs; events tell of them" {
	local controller
	for controller in memory pids cpu; do
		has_controller $controller || skip "no cgroup controller '$controller'"
	done
	config '.linux.resources.memory = {limit: 33554432} | .linux.resources.pids = {limit: 50}'
	script 'sleep 1000'
	create
	oci start "$ID"
	# what Docker says of limits that it does not change
	oci update --resources - "$ID" <<<'{"cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": ""},
		"memory": {"limit": 0, "swap": 0, "reservation": 0}, "blockIO": {}}'
	oci update --memory 64m --pids-limit 60 --cpu-share 512 "$ID"
	[ "$(limit_of memory memory.limit_in_bytes memory.max)" = 67108864 ]
	[ "$(limit_of pids pids.max pids.max)" = 60 ]
	# from stdin, as engines do; what it does not name stays
	oci update --resources - "$ID" <<<'{"memory": {"limit": 50331648}, "devices": [{"allow": false}]}'
	[ "$(limit_of memory memory.limit_in_bytes memory.max)" = 50331648 ]
	[ "$(limit_of pids pids.max pids.max)" = 60 ]
	oci events --stats "$ID" | jq -e --arg id "$ID" '.type == "stats" and .id == $id
		and .data.memory.usage.limit == 50331648 and .data.memory.usage.usage > 0
		and .data.pids == {current: 1, limit: 60} and .data.cpu.usage.total > 0'
	run oci update --memory 3x "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"'3x' is not a number like 512m"* ]]
	# without --stats: until it ends
	oci events --interval 20ms "$ID" >"$BATS_TEST_TMPDIR/events" &
	until [ "$(wc -l <"$BATS_TEST_TMPDIR/events")" -ge 2 ]; do sleep 0.02; done
	oci kill "$ID" KILL
	wait $!
	await_status stopped
	run oci update --memory 64m "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"is not running"* ]]
}

@test "update: memory and swap together, up and down" {
	[ -e /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes ] || skip "version 1 with swap accounting only"
	config '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	script 'sleep 1000'
	create
	oci update --memory 64m --memory-swap 96m "$ID"
	[ "$(limit_of memory memory.memsw.limit_in_bytes '')" = 100663296 ]
	oci update --memory 16m --memory-swap 16m "$ID"
	[ "$(limit_of memory memory.limit_in_bytes '')" = 16777216 ]
}

@test "features: what a config may say" {
	oci features | jq -e '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.0.2"
		and (.hooks | length) == 6 and (.linux.namespaces | index("cgroup"))
		and (.linux.seccomp.actions | index("SCMP_ACT_NOTIFY")) and (.linux.capabilities | index("CAP_KILL"))
		and .linux.mountExtensions.idmap.enabled and (.mountOptions | index("rbind"))'
}

# What systemd makes where it runs is for tests/oci/systemd to show.
@test "a cgroup of systemd's: where there is none it says what to do" {
	local command
	without_systemd() {
		# shellcheck disable=SC2016  # the other shell's words
		unshare --mount sh -c '[ ! -d /run/systemd/system ] || mount -t tmpfs none /run/systemd || exit
			exec "$0" "$@"' "$OCI" --root "$ROOT" --systemd-cgroup "$@" 3>&-
	}
	config '.linux.cgroupsPath = "machine.slice:libpod:'"$ID"'"'
	for command in create run; do
		run without_systemd "$command" --bundle "$B" "$ID"
		[ "$status" -eq 1 ]
		[[ $output = *"expected systemd to run this machine, and there is no '/run/systemd/system'"* ]]
		[[ $output = *"podman --cgroup-manager=cgroupfs"* ]]
		[ ! -e "$ROOT/$ID" ]
	done
	# engines give it with every command: those that make nothing need no systemd
	run without_systemd list --quiet
	[ "$status" -eq 0 ]
	# a path is one without it
	script true
	run oci run --bundle "$B" "$ID"
	[ "$status" -eq 0 ]
}

@test "devices: only those that the rules and every container have" {
	config '.linux.resources.devices = [{allow: false, access: "rwm"},
			{allow: true, type: "c", major: 1, minor: 11, access: "r"}]
		| .linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}, {path: "/dev/mem", type: "c", major: 1, minor: 1}]
		| .process.capabilities.effective += ["CAP_SYSLOG"] | .process.capabilities.permitted += ["CAP_SYSLOG"]
		| .process.capabilities.bounding += ["CAP_SYSLOG"]'
	script 'dd if=/dev/mem of=/dev/null count=1; (exec 4</dev/kmsg) && echo read kmsg; (exec 4>/dev/kmsg) && echo wrote kmsg
		dd if=/dev/zero of=/dev/null count=1 2>/dev/null && echo zero'
	run_bundle
	echo "$output"
	[[ $output = *"'/dev/mem': Operation not permitted"* ]]
	grep -qx 'read kmsg' <<<"$output"
	[[ $output != *'wrote kmsg'* ]]
	grep -qx zero <<<"$output"
}

@test "kill --all reaches what has no pid namespace of its own" {
	config '.linux.namespaces = [{type: "mount"}, {type: "uts"}]'
	script 'sleep 998 & sleep 998 & wait'
	create
	oci start "$ID"
	until [ "$(oci ps --format json "$ID" | jq length)" -eq 3 ]; do sleep 0.05; done
	oci kill --all "$ID" KILL
	await_status stopped
	wait_for 10 eval '[ -z "$(cat /sys/fs/cgroup/{,pids/}"$ID/cgroup.procs" 2>/dev/null)" ]'
}

# The state names a process by pid and start time: whoever has that pid now is a stranger.
@test "a pid that is another's by now is not the container's" {
	local stranger
	script 'sleep 996'
	create
	oci start "$ID"
	sleep 995 3>&- &
	stranger=$!
	for change in '.pid = $pid' '.pid = $pid | .start = 0' '.pid = $pid | del(.start)' \
		'.pid = 0 | .creator = $pid'; do
		jq --argjson pid "$stranger" "$change" "$ROOT/$ID/state.json" >"$B/state"
		cat "$B/state" >"$ROOT/$ID/state.json"
		status_is stopped
		run oci kill "$ID" KILL
		[ "$status" -eq 1 ]
		[[ $output = *"container not running: '$ID' is stopped"* ]]
		run oci exec "$ID" true
		[ "$status" -eq 1 ]
		run oci pause "$ID"
		[ "$status" -eq 1 ]
		run oci start "$ID"
		[ "$status" -eq 1 ]
		# its group has what is really its own
		oci kill --all "$ID" 0
	done
	oci delete "$ID"
	[ -z "$(pgrep -f 'sleep 996')" ]
	kill -0 "$stranger"
	kill "$stranger"
}

@test "a create that is killed leaves nothing that delete --force does not find" {
	local i pid
	script 'sleep 997'
	for i in 1 2 4 8 12 16 24 32 48 64; do
		"$OCI" --root "$ROOT" create --bundle "$B" "$ID" </dev/null >/dev/null 2>&1 3>&- &
		pid=$!
		# any moment will do: none may leave a trace
		sleep "0.0$(printf '%02d' "$i")"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" || true
		oci delete --force "$ID"
		[ ! -e "$ROOT/$ID" ]
		[ -z "$(find /sys/fs/cgroup -name "$ID")" ]
		wait_for 5 eval '! pgrep -f "create --bundle $B"'
	done
}

@test "an image's own /dev shadows nothing (CVE-2019-16884, CVE-2025-31133)" {
	mkdir -p "$B/root/bin" "$B/root/dev" "$B/root/proc" "$B/root/sys" "$B/root/etc"
	cp "$WORK/rootfs/bin/busybox" "$B/root/bin/sh"
	echo secret >"$B/root/etc/file"
	config --arg root "$B/root" '.root = {path: $root} | .process.args = ["sh", "-c", "echo ran"]
		| .mounts |= map(select(.destination | startswith("/dev") | not)) | .linux.maskedPaths = ["/proc/kcore"]'
	# the control
	run_bundle
	[ "$output" = ran ]
	rm "$B/root/dev/null"
	ln -s ../etc/file "$B/root/dev/null"
	run_bundle
	[ "$status" -eq 1 ] && [[ $output = *"'/dev/null'"* ]]
	[ "$(cat "$B/root/etc/file")" = secret ]
}

@test "without a process: created, and not to be started" {
	config 'del(.process)'
	create
	status_is created
	run oci start "$ID"
	[ "$status" -eq 1 ] && [[ $output = *"'process' is not set"* ]]
	await_status stopped
	oci delete "$ID"
}

@test "without a mount namespace nothing stays mounted" {
	mkdir "$B/root"
	cp -R "$WORK/rootfs/." "$B/root"
	config --arg root "$B/root" '.root = {path: $root} | del(.linux.maskedPaths, .linux.readonlyPaths)
		| .linux.namespaces = [{type: "pid"}, {type: "uts"}]'
	script 'readlink /proc/self/ns/mnt; ls /'
	run_bundle
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "$(readlink /proc/self/ns/mnt)" ]
	grep -qx bin <<<"$output"
	[ -z "$(grep -F "$B" /proc/self/mountinfo)" ]
}

@test "the runtime's own program cannot be written from inside" {
	local pid
	create
	pid=$(oci state "$ID" | jq .pid)
	run chmod u+x "/proc/$pid/exe"
	[[ $output = *"Read-only file system"* ]]
	# the control: nothing keeps root from any other program that runs
	chmod u+x "/proc/$$/exe"
}

@test "no descriptor of the runtime is a way out (CVE-2024-21626)" {
	local fd
	script 'sleep 1000'
	create
	oci start "$ID"
	for ((fd = 3; fd < 24; fd += 2)); do
		run oci exec --cwd "/proc/self/fd/$fd" "$ID" cat etc/hostname
		[ "$status" -eq 1 ]
		[[ $output = *"working folder"* ]]
	done
	# the control: a descriptor that is meant to go in does
	exec 7</
	run oci exec --preserve-fds 5 --cwd /proc/self/fd/0 "$ID" true </
	[ "$status" -eq 1 ] && [[ $output = *"working folder after the root has changed"* ]]
	run oci exec --preserve-fds 5 "$ID" test -d /proc/self/fd/7/
	exec 7<&-
	[ "$status" -eq 0 ]
	oci delete --force "$ID"
	# at its start the container's own mounts are open, too, which are places inside
	script 'cat ../../../../../../../../etc/inside'
	for ((fd = 3; fd < 32; fd += 4)); do
		config --arg cwd "/proc/self/fd/$fd" '.process.cwd = $cwd'
		run_bundle
		[[ $output = *"working folder"* ]] || [ "$output" = inside ]
	done
}

@test "what is changed in the bundle later does not count" {
	script 'echo first'
	create
	script 'echo second'
	oci start "$ID"
	await_status stopped
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = first ]
}
