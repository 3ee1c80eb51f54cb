# shellcheck shell=bash
# A berth-runtime of its own for each file of security tests, without the rest of Berth, and a layer
# that holds nothing but two programs. It is apart from suite.bash's instance, whose apps would be in
# the way of counting what a container leaves.
#
#   ROOT      the instance's root        WORK   a folder of this file's run
#   STACK     the layer to run on (layer/ID)    NUMBER, GATEWAY   of the instance

# the system's own programs first: a wrapper of python3 may take seconds to start
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TREE=${TEST_BUILD:-build}
BUILD=$SOURCE/$TREE
source "$SOURCE/tests/e2e/ula.bash"

# Somebody has the number: it is held, or its root is there.
number_taken() {
	local holder
	nft list table inet "berth-$1" >/dev/null 2>&1 && return
	holder=$(cat "/run/berth-instances/$1" 2>/dev/null) || return
	[ "$holder" = / ] || [ -e "$holder/etc/berth.conf" ] || ! flock -n -s "/run/berth-instances/$1" true
}

# Claims a number that no instance on this machine uses, as berth server init does.
claim_number() {
	local n lock
	mkdir -p /run/berth-instances
	exec {lock}>/run/berth-instances/lock
	flock "$lock"
	for n in 13 12 11 10 9 8 7 6 5 4 3; do
		number_taken "$n" && continue
		echo "$ROOT" >"/run/berth-instances/$n"
		printf '[instance]\nnumber = %d\n' "$n" >"$ROOT/etc/berth.conf"
		echo "$n"
		return
	done
	echo "no instance number is free" >&2
	return 1
}

runtime_up() {
	local i
	# tests/run has built its own tree already
	[ -n "${TEST_BUILD:-}" ] ||
		make -s -C "$SOURCE" "B=$TREE" "$TREE/bin/berth-runtime" "$TREE/bin/berth-cell" \
		"$TREE/tests/container" "$TREE/tests/probe" "$TREE/tests/hog" "$TREE/tests/loader" >/dev/null
	WORK=$(mktemp -d /var/tmp/berth-security.XXXXXX)
	chmod 755 "$WORK"
	ROOT=$WORK/root
	mkdir -p "$ROOT/etc" "$ROOT/lib" "$ROOT/run"
	NUMBER=$(claim_number)
	"$BUILD/bin/berth-runtime" --root "$ROOT" >"$WORK/runtime.log" 2>&1 3>&- &
	RUNTIME_PID=$!
	for ((i = 0; i < 200; i++)); do
		container list >/dev/null 2>&1 && break
		sleep 0.05
	done
	STACK=layer/probe-$$
	GATEWAY=10.$((200 + NUMBER)).0.1
	mkdir -p "$WORK"/tree/{app,dev,proc,sys,tmp,etc,run,usr,var}
	cp "$BUILD/tests/probe" "$BUILD/tests/hog" "$WORK/tree"
	chown 1000:1000 "$WORK/tree/app"
	chmod 1777 "$WORK/tree/tmp"
	tar -C "$WORK/tree" -cf "$WORK/probe.tar" .
	container import "${STACK#layer/}" "$WORK/probe.tar"
	export ROOT WORK NUMBER STACK GATEWAY SOURCE BUILD RUNTIME_PID
}

# Ends it, and fails when something is left on the machine.
runtime_down() {
	local id
	# nothing of this file's own was started: do not touch any other instance
	[ -n "${RUNTIME_PID:-}" ] && [ -n "${ROOT:-}" ] || return 0
	while read -r id _; do
		container stop "$id" 0 || true
	done < <(container list)
	kill "$RUNTIME_PID"
	while kill -0 "$RUNTIME_PID" 2>/dev/null; do sleep 0.05; done
	"$BUILD/bin/berth-runtime" --root "$ROOT" --teardown
	if nft list table inet "berth-$NUMBER" >/dev/null 2>&1; then
		echo "the table berth-$NUMBER is left" >&2
		return 1
	fi
	ip -o link >"/tmp/berth-links.$$"
	none " b$NUMBER-" <"/tmp/berth-links.$$"
	{ ip -6 -o addr; ip -6 route; } >"/tmp/berth-links.$$"
	none "$(ula "10.$((200 + NUMBER)).0.0" | sed 's/0$//')" <"/tmp/berth-links.$$"
	rm -f "/tmp/berth-links.$$"
	[ -z "$(find /sys/fs/cgroup -type d -name "berth-$NUMBER" 2>/dev/null)" ] || return
	# from here on the number is anybody's
	rm -f "/run/berth-instances/$NUMBER"
	rm -rf --one-file-system "$WORK"
}

container() {
	[ -n "${ROOT:-}" ] || return 1
	"$BUILD/tests/container" --root "$ROOT" "$@"
}

# A process of container ID in the host's numbers, whose network namespace is the container's
pid_of() {
	container list | sed -n "s/^$1 .* pid=\([0-9]*\) .*/\1/p"
}

# Runs a program as root of container ID's network namespace, which nobody inside is: inside ID ...
inside() {
	local pid
	pid=$(pid_of "$1")
	shift
	nsenter -t "$pid" -n "$@"
}

# Runs the probe in a container that ends with it: probe [OPTIONS] -- ARGS...
probe() {
	local options=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	container run --layer "$STACK" "${options[@]}" "sec-$BATS_SUITE_TEST_NUMBER-$RANDOM" -- /probe "$@"
}

# Each pattern (extended) must match a line of FILE: has FILE PATTERN... One process for all of
# them: bats traces every command of a loop.
has() {
	awk 'BEGIN {
		for (i = 2; i < ARGC; i++) { want[i] = ARGV[i]; delete ARGV[i] }
	}
	{
		lines = lines $0 "\n"
		for (i in want) if ($0 ~ want[i]) delete want[i]
	}
	END {
		for (i in want) { print "not found: " want[i]; missing = 1 }
		if (missing) printf "%s", lines
		exit missing
	}' "$@" >&2
}
# None of the patterns may match a line of FILE.
lacks() {
	awk 'BEGIN {
		for (i = 2; i < ARGC; i++) { bad[i] = ARGV[i]; delete ARGV[i] }
	}
	{ for (i in bad) if ($0 ~ bad[i]) { print "found: " $0; found = 1 } }
	END { exit found }' "$@" >&2
}

# No line of stdin may match.
none() {
	local found
	found=$(grep -E -- "$1" || true)
	[ -z "$found" ] && return
	echo "found: $found" >&2
	return 1
}
