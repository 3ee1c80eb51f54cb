#!/usr/bin/env bats
# The eleven points of isolation: what a probe inside a container reports, compared with what is
# promised. "outside" is the same probe in namespaces that hide nothing: the positive control.
# bats file_tags=security
# shellcheck disable=SC2154  # variables come from runtime.bash

load runtime

setup_file() {
	runtime_up
	probe --net egress --env SECRET=s3cret </dev/null >"$WORK/app"
	probe --profile build --net egress </dev/null >"$WORK/build"
	probe --profile layer --range 0 --net egress --upper "sec-upper-$$" </dev/null >"$WORK/layer"
	container remove "sec-upper-$$"
	# as root, which images and the steps of a Dockerfile begin as
	probe --profile image --net egress </dev/null >"$WORK/image"
	probe --profile step --range 0 --net egress --upper "sec-step-$$" </dev/null >"$WORK/step"
	container remove "sec-step-$$"
	# its own namespaces, because it tries to unmount and to rename the host
	unshare --mount --uts --ipc --net --pid --fork --mount-proc \
		"$BUILD/tests/probe" </dev/null >"$WORK/outside" 3>&-
}

teardown_file() {
	runtime_down
}

@test "the probe reports to its end everywhere" {
	for who in app build layer image step outside; do has "$WORK/$who" '^end$'; done
}

@test "1: a user namespace with a range of its own, and an unprivileged user in it" {
	base=$(((NUMBER + 1) * 4096 * 65536))
	has "$WORK/app" '^id uid 1000 1000 1000$' '^id gid 1000 1000 1000$' '^id groups 0$' \
		"^uid_map +0 +$((base + 65536)) +65536\$" "^gid_map +0 +$((base + 65536)) +65536\$"
	has "$WORK/build" '^id uid 1000 1000 1000$' '^id groups 0$'
	has "$WORK/layer" '^id uid 0 0 0$' "^uid_map +0 +$base +65536\$"
	has "$WORK/app" '^call setuid_root EPERM' '^call setgid_root EPERM'
	# two apps never share an id
	probe --range 2 -- >"$WORK/other"
	has "$WORK/other" "^uid_map +0 +$((base + 131072)) +65536\$"
}

@test "2: namespaces of its own" {
	for kind in user pid mnt net ipc uts cgroup; do
		inside=$(grep "^ns $kind " "$WORK/app")
		[ -n "$inside" ]
		host="ns $kind $(readlink "/proc/self/ns/$kind")"
		[ "$inside" != "$host" ]
	done
	# two of one app, at the same time
	for id in sec-ns1 sec-ns2; do container start --layer "$STACK" "$id" -- /probe sleep 30; done
	pids=$(container list | sed -n 's/^sec-ns[12] .* pid=\([0-9]*\) .*/\1/p')
	[ "$(wc -w <<<"$pids")" -eq 2 ]
	for kind in user pid mnt net ipc uts cgroup; do
		[ "$(for pid in $pids; do readlink "/proc/$pid/ns/$kind"; done | sort -u | wc -l)" -eq 2 ]
	done
	container stop sec-ns1 0
	container stop sec-ns2 0
	has "$WORK/app" '^processes [23]$' '^call unshare_net EPERM' '^call setns EPERM'
}

@test "3: no capability in any set; layers, images and steps keep only what they need" {
	local who bit sets mask
	for who in app build; do
		sets=(Inh Prm Eff Bnd Amb)
		sets=("${sets[@]/#/^status Cap}")
		has "$WORK/$who" "${sets[@]/%/:[[:space:]]+0000000000000000$}"
	done
	for who in layer image step; do
		mask=$(sed -n 's/^status CapEff:[[:space:]]*//p' "$WORK/$who")
		[ $((16#$mask)) -ne 0 ]
		# none of: net_admin 12, net_raw 13, sys_module 16, sys_rawio 17, sys_ptrace 19, sys_admin 21,
		# sys_boot 22, sys_resource 24, sys_time 25, mknod 27, mac 32 33, syslog 34, bpf 39
		for bit in 12 13 16 17 19 21 22 24 25 27 32 33 34 39; do
			[ $(((16#$mask >> bit) & 1)) -eq 0 ]
		done
		# what a file's inheritable set could bring back is nothing (CVE-2022-27650)
		has "$WORK/$who" '^status CapInh:[[:space:]]+0000000000000000$' \
			'^status CapAmb:[[:space:]]+0000000000000000$' "^status CapBnd:[[:space:]]+$mask\$"
	done
	has "$WORK/outside" '^status CapEff:[[:space:]]+0*[1-9a-f]'
	# the control: what whoever starts them has of it
	setpriv --inh-caps=+net_raw "$BUILD/tests/probe" show /proc/self/status >"$WORK/inherits"
	has "$WORK/inherits" '^show CapInh:[[:space:]]+0*[1-9a-f]'
	setpriv --inh-caps=+net_raw,+sys_admin "$BUILD/tests/container" --root "$ROOT" run --layer "$STACK" \
		--profile image sec-inherits -- /probe show /proc/self/status >"$WORK/inherits"
	has "$WORK/inherits" '^show CapInh:[[:space:]]+0000000000000000$'
}

@test "4: no new privileges, nosuid on every mount" {
	for who in app build layer image step; do
		has "$WORK/$who" '^status NoNewPrivs:[[:space:]]+1$'
		[ "$(grep -c '^mount ' "$WORK/$who")" -gt 5 ]
		[ -z "$(awk '$1 == "mount" && $7 !~ /(^|,)nosuid(,|$)/' "$WORK/$who")" ]
		# device nodes work only where ours are
		[ -z "$(awk '$1 == "mount" && $6 !~ "^/dev(/pts)?$|^/proc/" && $7 !~ /(^|,)nodev(,|$)/' \
			"$WORK/$who")" ]
	done
	has "$WORK/outside" '^status NoNewPrivs:[[:space:]]+0$'
}

@test "5: system calls that no app needs are refused" {
	refused=(unshare_user unshare_net unshare_mnt clone_user setns io_uring keyctl add_key bpf perf
		userfaultfd mount umount pivot_root open_tree move_mount fsopen mount_setattr init_module
		kexec swapon sethostname settimeofday acct quotactl syslog iopl by_handle raise_limit
		ambient tiocsti tiocsti_high)
	refused=("${refused[@]/#/^call }")
	families=(alg vsock packet bluetooth can key xdp)
	families=("${families[@]/#/^call af_}")
	for who in app build layer image step; do
		has "$WORK/$who" '^status Seccomp:[[:space:]]+2$' "${refused[@]/%/ (EPERM|ENOSYS|EACCES)$}"
		has "$WORK/$who" '^call clone3 ENOSYS$' '^call aio ENOSYS$' '^call abi_x32 SIGSYS$' '^call abi_i386 SIG' \
			'^call af_inet ok$' '^call af_inet6 ok$' '^call af_unix ok$' '^call netlink_route ok$'
		has "$WORK/$who" "${families[@]/%/ E(AFNOSUPPORT|PERM|ACCES)$}" \
			'^call netlink_netfilter E' '^call netlink_audit E' '^call netlink_xfrm E' \
			'^call netlink_uevent E'
		has "$WORK/$who" '^call raw E(PERM|ACCES)' '^call link_down EPERM' '^call transparent EPERM'
	done
	has "$WORK/app" '^call chroot EPERM' '^call ptrace_init EPERM'
	has "$WORK/image" '^call chroot EPERM' '^call ptrace_init EPERM'
	# the same calls, where nothing refuses them
	has "$WORK/outside" '^call aio ok' '^call unshare_user ok' '^call mount ok' '^call raw ok' '^call chroot ok' \
		'^call af_packet ok' '^call sethostname ok' '^call netlink_netfilter ok'
}

@test "6: the root is read-only; /app and /tmp are writable, counted and gone afterwards" {
	for who in app build; do
		has "$WORK/$who" '^create / EROFS' '^create /usr EROFS' '^create /etc EROFS' \
			'^create /var EROFS' '^create /dev E' '^create /run E' '^create /app ok' '^create /tmp ok'
	done
	has "$WORK/layer" '^create /usr ok' '^create /etc ok'
	run probe --disk $((16 << 20)) -- disk /app/big 64
	[[ "$output" == *ENOSPC* ]]
	[ "$(echo "$output" | sed -n 's/^disk \([0-9]*\) .*/\1/p')" -le 16 ]
	run probe --disk $((16 << 20)) -- disk /tmp/big 64
	[[ "$output" == *ENOSPC* ]]
	# the next container of the same id range starts empty
	probe -- disk /app/left 1
	run probe -- disk /app/left 0
	[ "$output" = "disk 0 ok" ]
	[ -z "$(find "$ROOT/lib" -name left 2>/dev/null)" ]
}

@test "7: memory, processes, files and cores are limited" {
	run probe --memory $((32 << 20)) -- memory 128
	[ "$status" -eq 137 ]
	[[ "$output" == *oom-killed* ]]
	run probe --memory $((64 << 20)) -- memory 16
	[ "$status" -eq 0 ]
	run probe --pids 20 -- fork-bomb
	[ "$(echo "$output" | sed -n 's/^forks \([0-9]*\) EAGAIN$/\1/p')" -lt 20 ]
	has "$WORK/app" '^limit core 1 1$' '^limit nofile [0-9]+ [0-9]+$'
	lacks "$WORK/app" '^limit nofile (1048576|1073741816) '
	run probe --time 300 -- sleep 10
	[ "$status" -eq 137 ]
	[[ "$output" == *timed-out* ]]
	# what it left running is gone with it
	container list >"$WORK/list"
	none '^sec-' <"$WORK/list"
}

@test "8: six device nodes, no other device; /proc and /sys are masked" {
	for who in app build layer image step; do
		nodes=$(sed -n 's/^dev \([a-z0-9]*\) \(char\|block\).*/\1/p' "$WORK/$who" | sort | xargs)
		[ "$nodes" = "full null random tty urandom zero" ]
		has "$WORK/$who" '^mknod null E' '^mknod disk E' '^read /sys/firmware (empty|E)' \
			'^read /proc/kcore (empty|E)' '^read /proc/keys (empty|E)' \
			'^read /proc/timer_list (empty|E)'
		lacks "$WORK/$who" '^read [^ ]+ (bytes|entries)$'
		for path in core_pattern hostname; do
			has "$WORK/$who" "^write /proc/sys/kernel/$path E"
		done
		has "$WORK/$who" '^write /proc/sysrq-trigger E' '^write /proc/sys/net/ipv4/ip_forward E' \
			'^write /proc/1/mem E' '^create /proc E' '^create /sys E'
	done
	has "$WORK/outside" '^read /proc/interrupts bytes$' '^mknod null ok' \
		'^write /proc/sys/kernel/hostname ok'
}

@test "8: nothing of the host's disks and its maker in /proc and /sys" {
	local paths=(/proc/partitions /proc/diskstats /proc/interrupts /proc/slabinfo /proc/modules
		/proc/fs/jbd2 /proc/fs/ext4 /sys/fs/ext4/features /sys/devices/virtual/dmi/id/sys_vendor
		/sys/class/dmi/id/board_vendor /sys/firmware/dmi/tables)
	probe -- show "${paths[@]}" >"$WORK/shown"
	# an empty file, or none
	[ -z "$(grep -vE '^show /[^ ]+ E(NOENT|ACCES)$' "$WORK/shown")" ]
	"$BUILD/tests/probe" show "${paths[@]}" >"$WORK/outside-shown"
	[ "$(grep -cvE '^show /[^ ]+ E' "$WORK/outside-shown")" -gt 3 ]
}

@test "10: no inherited descriptor, and a working folder inside the root" {
	for who in app build layer image step; do
		[ "$(grep '^fd ' "$WORK/$who" | awk '{print $2}' | sort -n | xargs)" = "0 1 2" ]
		lacks "$WORK/$who" '^id cwd (\(unreachable\)|E)'
	done
	has "$WORK/app" '^id cwd /app$'
	# a descriptor that the caller forgot stays with the caller
	exec 9</etc/passwd
	probe -- >"$WORK/with9"
	exec 9<&-
	[ "$(grep -c '^fd ' "$WORK/with9")" -eq 3 ]
}

@test "11: secrets only in the environment of the program" {
	has "$WORK/app" '^env SECRET=s3cret$'
	[ "$(grep -c '^env ' "$WORK/app")" -le 8 ]
	lacks "$WORK/build" 's3cret'
	# neither on disk nor in a command line of the host while it runs
	container start --layer "$STACK" --env SECRET=s3cret-2 sec-secret -- /probe sleep 30
	[ -z "$(grep -lrs 's3cret-[2]' "$ROOT/run" "$ROOT/lib" --devices=skip | head -n 1)" ]
	[ -z "$(grep -la 's3cret-[2]' /proc/[0-9]*/cmdline 2>/dev/null | head -n 1)" ]
	container stop sec-secret 0
}
