#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# resource:...: limits and reservations, set, reported, and enforced by the kernel. One app for all
# tests, with a process type for each way to use too much.

# shellcheck disable=SC2016 # the dollars are perl's
load helper

setup_file() {
	local dir=$BATS_FILE_TMPDIR/app
	APP=$(unique_app resource)
	export APP
	cp -R "$TEST_SOURCE/tests/apps/web" "$dir"
	cat >"$dir/Procfile" <<-'END'
		web: perl server.pl
		hog: perl -e 'sleep 1 until -e "/app/go"; my $n = 200 << 20; my $x = "a" x $n; sleep 600'
		parent: perl -e 'sleep 1 until -e "/app/go"; my $n = 200 << 20; if (!fork) { my $x = "a" x $n } wait; sleep 600'
		bomb: perl -e '$| = 1; my $n = 0; while (defined(my $p = fork)) { $p or sleep 600; $n++ } print "refused after $n: $!\n"; sleep 600'
		filler: perl -e '$| = 1; open my $f, ">", "/app/full"; 1 while syswrite $f, "x" x 65536; print "filled: $!\n"; sleep 600'
		spin: perl -e '1 while 1'
	END
	push_app "$dir" "$APP" >&2
}

teardown_file() {
	destroy_apps "$APP"
}

# Nothing of one test is left for the next.
teardown() {
	local type kind
	berth resource:limit-clear --global >/dev/null
	berth ps:scale "$APP" hog=0 parent=0 bomb=0 filler=0 spin=0 >/dev/null
	berth resource:report "$APP" --format json |
		jq -r 'to_entries[] | select(.value != "").key | sub("^resource-"; "") | split(".") | .[:2] | join(" ")' |
		sort -u | while read -r type kind; do
		berth "resource:$kind-clear" "$APP" --process-type "$type" >/dev/null
	done
}

# The log has a line with TEXT: log_has PROCESS TEXT
log_has() {
	berth logs "$APP" --num 1000 --ps "$1" | grep -qF "$2"
}

ps_field() { # PROCESS FIELD
	berth ps "$APP" --format json |
		jq -r --arg p "$1" "[.[] | select(.process == \$p and .state == \"up\")][-1].$2"
}

# What the kernel was told: cgroup_file PROCESS V2-FILE V1-CONTROLLER V1-FILE
cgroup_file() {
	local id
	id=$(ps_field "$1" container)
	cat "/sys/fs/cgroup/berth.slice/berth-$TEST_NUMBER/$id/$2" 2>/dev/null ||
		cat "/sys/fs/cgroup/berth-$TEST_NUMBER/$id/$2" 2>/dev/null ||
		cat "/sys/fs/cgroup/$3/berth-$TEST_NUMBER/$id/$4"
}

@test "limits are set for all types or one, shown, reported and cleared" {
	run berth resource:limit "$APP" --memory 256 --cpu 0.5
	[ "$status" -eq 0 ]
	assert_contains "$output" "memory: 256"
	assert_contains "$output" "ps:restart $APP"
	berth resource:limit "$APP" --process-type web --memory=128m --pids 64
	assert_equal "$(berth resource:limit "$APP" --format json | jq -c .)" \
		'{"cpu":"0.5","memory":"256","memory-swap":"","pids":"","disk":"","network":"","network-ingress":"","network-egress":""}'
	assert_equal "$(berth resource:report "$APP" --resource-web.limit.memory)" 128m
	assert_equal "$(berth resource:report "$APP" --resource-_default_.limit.cpu)" 0.5
	assert_equal "$(berth resource:report "$APP" --format json | jq -r '."resource-web.limit.pids"')" 64
	assert_contains "$(berth resource:report "$APP")" "Resource web limit memory:"
	run berth resource:report "$APP" --resource-web.limit.wings
	[ "$status" -eq 2 ]
	assert_contains "$output" "resource:report $APP --format json"

	berth resource:limit "$APP" --process-type web --pids clear
	assert_equal "$(berth resource:report "$APP" --resource-web.limit.pids)" ""
	assert_equal "$(berth resource:report "$APP" --resource-web.limit.memory)" 128m
	berth resource:limit-clear "$APP"
	assert_equal "$(berth resource:report "$APP" --resource-_default_.limit.memory)" ""
	assert_equal "$(berth resource:report "$APP" --resource-web.limit.memory)" 128m
}

@test "what makes no sense is refused, says why, and changes nothing" {
	berth resource:limit "$APP" --memory 256
	local words
	for words in "--memory much" "--memory 1k" "--cpu -1" "--pids 2" "--memory 512 --memory-swap 300" \
		"--cpu 0.005" "--memory 64m --disk 9999999g" "--process-type a/b --memory 64"; do
		# shellcheck disable=SC2086
		run berth resource:limit "$APP" $words
		[ "$status" -ne 0 ]
	done
	# whichever of two that belong together was said before
	berth resource:limit "$APP" --memory-swap 300
	run berth resource:limit "$APP" --memory 400
	[ "$status" -ne 0 ]
	assert_contains "$output" "at least the memory of 400 MB, not '300'"
	berth resource:limit "$APP" --memory-swap clear
	run berth resource:reserve "$APP" --memory 300
	assert_contains "$output" "the limit is 256 MB"
	run berth resource:reserve "$APP" --pids 100
	[ "$status" -eq 2 ]
	run berth resource:limit "$APP" --memory 12parsecs
	assert_contains "$output" "memory is a size from 4m to 1024g"
	assert_equal "$(berth resource:limit "$APP" --format json | jq -c .)" \
		'{"cpu":"","memory":"256","memory-swap":"","pids":"","disk":"","network":"","network-ingress":"","network-egress":""}'
	run berth resource:limit "$APP" --process-type wbe --memory 64
	[ "$status" -eq 0 ]
	assert_contains "$output" "no process type 'wbe'"
	berth resource:limit-clear "$APP" --process-type wbe
}

@test "they count from the next start, and ps shows use and limits" {
	berth resource:limit "$APP" --memory 200 --cpu 0.5 --pids 100
	assert_equal "$(ps_field web.1 memory_limit_mb)" 512
	berth ps:restart "$APP"
	assert_equal "$(ps_field web.1 memory_limit_mb)" 200
	assert_equal "$(ps_field web.1 cpu_limit)" 0.5
	assert_equal "$(ps_field web.1 pids_limit)" 100
	[[ $(berth ps "$APP") =~ web\.1\ +up\ .*\ [0-9.]+/200\ MB\ +0\.[0-9]+/0\.50\ +[1-9][0-9]*/100\  ]]
	assert_equal "$(cgroup_file web.1 cpu.max cpu cpu.cfs_quota_us | cut -d' ' -f1)" 50000
	# what is written and what goes over the network, of which a rate without a limit is not shown
	refute_contains "$(berth ps "$APP" | head -2)" network
	berth resource:limit "$APP" --disk 64m --network 10m
	berth ps:restart "$APP"
	assert_equal "$(ps_field web.1 disk_limit_mb)" 64
	assert_equal "$(ps_field web.1 network_ingress_limit)" 10485760
	berth enter "$APP" web sh -c 'head -c 5000000 /dev/zero >/tmp/some'
	[[ $(berth ps "$APP") =~ web\.1\ +up\ .*\ 4\.[89]/64\ MB\ .*\ [0-9.]+/10\.0\ in\ [0-9.]+/10\.0\ out\ MB/s ]]
	# a volume's disk is not the container's
	berth storage:create "$APP-tmp"
	berth storage:mount "$APP" "$APP-tmp:/tmp"
	berth ps:restart "$APP"
	[ "$(ps_field web.1 disk_mb | cut -d. -f1)" -lt 4 ]
	berth storage:unmount "$APP" "$APP-tmp:/tmp"
	berth resource:limit-clear "$APP"
	berth ps:restart "$APP"
	wait_for 10 berth --force storage:destroy "$APP-tmp" # what was before has to leave
	assert_equal "$(ps_field web.1 cpu_limit)" null
}

@test "the instance's values hold for apps without their own" {
	# an app may have all that is idle where others may not
	berth resource:limit --global --cpu 1
	berth resource:limit "$APP" --cpu 0
	berth ps:restart "$APP"
	assert_equal "$(ps_field web.1 cpu_limit)" null
	berth resource:limit --global --cpu clear
	berth resource:limit "$APP" --cpu clear
	berth resource:limit --global --pids 77
	berth resource:limit "$APP" --process-type spin --pids 88
	berth ps:scale "$APP" parent=1 spin=1
	local parent spin
	parent=$(ps_field parent.1 pids_limit) spin=$(ps_field spin.1 pids_limit)
	berth resource:limit-clear --global
	assert_equal "$parent/$spin" 77/88
}

@test "memory: a hog is killed and named, and others are left alone" {
	berth resource:limit "$APP" --process-type hog --memory 64
	berth ps:scale "$APP" hog=1
	berth enter "$APP" hog.1 touch /app/go
	wait_for 20 log_has hog.1 "berth[hog.1]: Error R14 (memory quota exceeded): the limit is 64 MB"
	http "$(host_of "$APP")"
	assert_equal "$(ps_field web.1 restarts)" 0
}

@test "memory: a child that is killed is named too" {
	berth resource:limit "$APP" --process-type parent --memory 64
	berth ps:scale "$APP" parent=1
	berth enter "$APP" parent.1 touch /app/go
	wait_for 20 log_has parent.1 "Error R14 (memory quota exceeded)"
}

@test "processes: a fork bomb is bounded and named" {
	berth resource:limit "$APP" --process-type bomb --pids 40
	berth ps:scale "$APP" bomb=1
	wait_for 20 log_has bomb.1 "app[bomb.1]: refused after"
	wait_for 20 log_has bomb.1 "Error R82 (process quota exceeded): the limit is 40 processes and threads"
	[ "$(ps_field bomb.1 pids)" -le 40 ]
	http "$(host_of "$APP")"
}

@test "disk: a writable layer that is full is named" {
	berth resource:limit "$APP" --process-type filler --disk 16
	berth ps:scale "$APP" filler=1
	wait_for 20 log_has filler.1 "app[filler.1]: filled: No space left on device"
	wait_for 20 log_has filler.1 "Error R81 (disk quota exceeded): its writable layer or /tmp is full, the limit of each is 16 MB"
	assert_equal "$(ps_field filler.1 restarts)" 0
}

@test "cpu: a spinning process is throttled" {
	berth resource:limit "$APP" --process-type spin --cpu 0.1
	berth ps:scale "$APP" spin=1
	throttled() {
		cgroup_file spin.1 cpu.stat cpu cpu.stat | grep -q '^nr_throttled [1-9]'
	}
	wait_for 20 throttled
}

@test "network: what comes and what goes is no faster than allowed" {
	local begin ms link
	berth resource:limit "$APP" --process-type web --network 4m --network-egress 1m
	berth ps:restart "$APP"
	# 3 MiB at 1 MiB a second, of which 128 KiB may come at once
	begin=$EPOCHREALTIME
	http "$(host_of "$APP")" /bytes/3145728 -o "$BATS_TEST_TMPDIR/body"
	ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
	assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/body")" 3145728
	[ "$ms" -gt 2500 ]
	# the other way by what the kernel says, since nothing here sends that much
	link=b$TEST_NUMBER-$(ps_field web.1 address | awk -F. '{ printf "%02x%02x", $3, $4 }')
	assert_contains "$(tc qdisc show dev "$link")" "rate 33554Kbit"
}

@test "reservations reach the kernel" {
	berth resource:reserve "$APP" --process-type spin --memory 32 --cpu 2
	assert_equal "$(berth resource:report "$APP" --resource-spin.reserve.cpu)" 2
	berth ps:scale "$APP" spin=1
	assert_equal "$(cgroup_file spin.1 memory.low memory memory.soft_limit_in_bytes)" $((32 << 20))
	local weight
	weight=$(cgroup_file spin.1 cpu.weight cpu cpu.shares)
	[ "$weight" = 200 ] || [ "$weight" = 2050 ]
	# the folder above is given as much, or the kernel would not honour it
	if [ -e "/sys/fs/cgroup/berth-$TEST_NUMBER/memory.low" ]; then
		assert_equal "$(cat "/sys/fs/cgroup/berth-$TEST_NUMBER/memory.low")" $((32 << 20))
	fi
}

@test "one-offs and builds have types of their own" {
	berth resource:limit "$APP" --process-type run --memory 64
	run berth run "$APP" "perl -e 'my \$x = \"a\" x (200 << 20)'"
	[ "$status" -ne 0 ]
	assert_contains "$output" "killed: it used more than its 64 MB of memory"
	berth resource:limit "$APP" --process-type build --memory 700m
	assert_equal "$(berth builds:report "$APP" --format json | jq -r .memory)" 700m
	assert_equal "$(berth resource:report "$APP" --resource-build.limit.memory)" 700m
	run berth resource:limit "$APP" --process-type build --memory-swap 700m
	[ "$status" -eq 2 ]
	run berth resource:reserve "$APP" --process-type build --memory 700m
	[ "$status" -eq 2 ]
	berth resource:limit-clear "$APP" --process-type build
	assert_equal "$(berth builds:report "$APP" --format json | jq -r .memory)" ""
}
