# SPDX-License-Identifier: MIT
# For scripts that check berth-oci under an engine: sourced, with the engine's name. Makes $work, a
# folder that goes at the end (after the function cleanup, which the script defines), and in it a
# root of busybox.

# shellcheck shell=bash
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
engine=$1
runtime=$(readlink -f "${2:-$top/build/bin/berth-oci}")
if ! command -v "$engine" >/dev/null || [ ! -x "$runtime" ]; then
	echo " !     $engine or '$runtime' is not here: scripts/deps oci; make" >&2
	exit 2
fi
work=$(mktemp -d "/var/tmp/berth-$engine.XXXXXX")
passed=0 failed=0
trap 'cleanup; rm -rf --one-file-system "$work"' EXIT

mkdir -p "$work/rootfs/bin" "$work/rootfs/etc"
cp /bin/busybox "$work/rootfs/bin/"
for name in $(/bin/busybox --list); do
	[ "$name" = busybox ] || ln -s busybox "$work/rootfs/bin/$name"
done
printf 'root:x:0:0::/:/bin/sh\nweb:x:12:34::/:/bin/sh\n' >"$work/rootfs/etc/passwd"

# check NAME EXPECTED COMMAND...: its output and status, in one line
check() {
	local name=$1 expected=$2 got
	shift 2
	got=$("$@" 2>"$work/err" </dev/null | tr -d '\r' | tr '\n' ' '; echo "status ${PIPESTATUS[0]}")
	if [ "$got" = "$expected" ]; then
		passed=$((passed + 1))
		echo "  ok      $name"
	else
		failed=$((failed + 1))
		echo "  FAILED  $name: expected '$expected', got '$got': $(tail -n 1 "$work/err")"
	fi
}

# The last command of a script
checked() {
	echo "$engine: $passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
