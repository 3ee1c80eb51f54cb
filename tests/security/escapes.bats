#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The ways out of containers that were found in other runtimes, tried on this one. Each test begins
# or ends with a control: the same, where it does lead out.
# bats file_tags=security
# shellcheck disable=SC2016,SC2154  # dollars for perl and inner shells; variables of runtime.bash

load runtime

setup_file() {
	runtime_up
	mkdir "$WORK/host"
	echo host-secret >"$WORK/host/file"
}

teardown_file() {
	runtime_down
}

# A layer of the two programs and what COMMANDS make, run in its folder: layer NAME COMMANDS
layer() {
	local folder=$WORK/$1
	cp -Rp "$WORK/tree" "$folder"
	(cd "$folder" && sh -euc "$2" sh "$WORK" "$BUILD/tests")
	tar -C "$folder" -cf "$WORK/layer.tar" .
	container import "sec-$1-$$" "$WORK/layer.tar"
}

@test "the runtime's program is not written through /proc/self/exe (CVE-2019-5736)" {
	local profile loader
	loader=$(readelf -p .interp "$BUILD/bin/berth-runtime" | grep -o '/lib.*')
	layer exe "printf '#!/proc/self/exe\\n' >evil; chmod 755 evil
		mkdir -p '.${loader%/*}'; cp '$BUILD/tests/loader' '.$loader'"
	for profile in app build image; do
		run container run --profile "$profile" --layer "layer/sec-exe-$$" sec-exe -- /evil
		[ "$output" = "reopen EACCES" ]
	done
	for profile in layer step; do
		run container run --profile "$profile" --range 0 --layer "layer/sec-exe-$$" sec-exe -- /evil
		[ "$output" = "reopen EACCES" ]
	done
	# what comes in later, too
	container start --profile image --layer "layer/sec-exe-$$" sec-exe -- /probe sleep 60
	run container exec sec-exe -- /evil
	container stop sec-exe 0
	[ "$output" = "reopen EACCES" ]
	# the control: whoever changes the root and executes what it says
	cp "$(command -v chroot)" "$WORK/victim"
	run unshare --mount sh -ec 'mount -t proc proc "$1/proc"; exec "$2" "$1" /evil' sh "$WORK/exe" "$WORK/victim"
	[ "$output" = "reopen ok" ]
}

@test "no descriptor of the runtime is a working folder outside (CVE-2024-21626)" {
	local fd inside=0
	exec 7</
	for ((fd = 3; fd < 40; fd += 3)); do
		run container run --layer "$STACK" --cwd "/proc/self/fd/$fd" sec-cwd -- /probe show etc/hostname
		if [ "$status" -eq 0 ]; then
			[ "$output" = "show sec-cwd" ]
			inside=$((inside + 1))
		else
			[[ $output == *"working folder"* ]]
		fi
	done
	# the control: the root changes, the folder does not
	run perl -e 'opendir my $d, "/"; chroot shift; chdir $d; exec "/probe", "show", "etc/hostname"' "$WORK/tree"
	exec 7<&-
	[ "$output" = "show $(cat /etc/hostname)" ]
}

@test "an image's links take the place of nothing that a container has (CVE-2019-16884, 2025-52565)" {
	local name
	for name in proc sys dev etc tmp; do
		layer "link-$name" "rmdir $name; mkdir aside; ln -s aside $name"
		run container run --layer "layer/sec-link-$name-$$" sec-link -- /probe true
		[ "$status" -ne 0 ]
		[[ $output == *"the image's folder '$name'"* ]]
	done
	layer files 'mkdir dev/pts dev/shm; touch dev/null dev/ptmx dev/pts/ptmx dev/console proc/kcore
		ln -s ../proc/1/environ etc/hostname; ln -s ../../../etc/shadow etc/resolv.conf
		ln -s /proc/sys/kernel/core_pattern etc/passwd'
	container run --layer "layer/sec-files-$$" sec-files -- /probe >"$WORK/out"
	has "$WORK/out" '^dev null char 1:3$' '^dev ptmx link pts/ptmx$' '^read /proc/kcore E' '^end$'
	lacks "$WORK/out" '^dev console'
	# what covers the device that hides files hides nothing, and does not start (CVE-2025-31133)
	layer null 'ln -s /dev/null etc/hosts'
	run container run --layer "layer/sec-null-$$" sec-null -- /probe true
	[ "$status" -ne 0 ]
	[[ $output == *"mask '/proc/"* ]]
	# the control: who mounts by path
	mkdir "$WORK/naive" "$WORK/aside"
	ln -s "$WORK/aside" "$WORK/naive/proc"
	unshare --mount sh -ec 'mount -t proc proc "$1/naive/proc"; cat /proc/self/mountinfo' sh "$WORK" >"$WORK/out"
	has "$WORK/out" " $WORK/aside .* - proc proc "
}

@test "a volume at a link does not take the place of /proc, /sys or /dev" {
	local place
	layer places 'ln -s proc p; ln -s sys s; ln -s dev d; ln -s dev/pts t; ln -s ../../dev/null n'
	for place in p s d t p/sys s/firmware; do
		run container run --layer "layer/sec-places-$$" --mount "volume:evil:/$place" sec-place -- /probe
		if [ "$status" -eq 0 ]; then
			echo "$output" >"$WORK/out"
			has "$WORK/out" '^dev null char 1:3$' '^dev ptmx link pts/ptmx$' '^read /proc/kcore E' \
				'^read /sys/firmware (empty|E)' '^write /proc/sys/kernel/hostname E' \
				'^mount .* /proc .* - proc proc ' '^mount .* /dev/pts .* - devpts '
		else
			[[ $output == *"'/$place'"* || $output == *"mask '/proc/"* ]]
		fi
	done
	container volume-remove evil
}

@test "no cgroup hierarchy to mount, no release_agent to write (CVE-2022-0492)" {
	local profile range
	for profile in app build image layer step; do
		range=1
		[[ $profile != layer && $profile != step ]] || range=0
		container run --profile "$profile" --range "$range" --layer "$STACK" sec-agent -- /probe >"$WORK/out"
		has "$WORK/out" '^call unshare_user EPERM' '^call clone_user EPERM' '^call mount EPERM' \
			'^call fsopen EPERM' '^write /sys/fs/cgroup/cgroup.procs E' '^write /sys/kernel/uevent_helper E'
	done
	container run --layer "$STACK" sec-agent -- /probe show /sys/fs/cgroup/release_agent \
		/sys/fs/cgroup/memory/release_agent >"$WORK/out"
	[ "$(grep -c ' ENOENT$' "$WORK/out")" -eq 2 ]
	# the control: what is not kept from making namespaces mounts one
	run setpriv --reuid 64013 --regid 64013 --clear-groups unshare --user --map-root-user --mount --cgroup \
		sh -c 'mount -t cgroup2 none /mnt || mount -t cgroup -o memory none /mnt; grep " /mnt " /proc/self/mountinfo'
	[[ $output == *" - cgroup"* ]]
}

# The processes of this test's hog, on the host
hogs() {
	pgrep -f "orphans 5 6${BATS_TEST_NUMBER}7" | wc -l
}

@test "what took leave with setsid and ignores SIGTERM ends with its container" {
	local time=6${BATS_TEST_NUMBER}7 pid
	container start --layer "$STACK" sec-orphans -- /hog orphans 5 "$time"
	for _ in {1..100}; do
		if [ "$(hogs)" -eq 6 ]; then break; fi
		sleep 0.05
	done
	[ "$(hogs)" -eq 6 ]
	container stop sec-orphans 200
	[ "$(hogs)" -eq 0 ]
	# by the end of its program
	container run --layer "$STACK" sec-orphans -- /hog orphans 5 0
	[ "$(pgrep -fc 'orphans 5 0')" -eq 0 ]
	# the control: who kills what he started
	"$BUILD/tests/hog" orphans 5 "$time" 3>&- &
	pid=$!
	for _ in {1..100}; do
		if [ "$(hogs)" -eq 6 ]; then break; fi
		sleep 0.05
	done
	kill "$pid"
	wait "$pid" || true
	[ "$(hogs)" -eq 5 ]
	pgrep -f "orphans 5 $time" | xargs kill -9
}
