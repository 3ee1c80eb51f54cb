# One instance of Berth for tests and benches: made from the built tree, started, and taken away
# whole. Source it, then instance_up and, whatever happened, instance_down. Sets the variables that
# helper.bash names.

TEST_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

write_ssh_config() {
	cat >"$TEST_DIR/ssh_config" <<END
Host berth
	HostName 127.0.0.1
	Port $SSH_PORT
	User berth
	IdentityFile $TEST_DIR/key
	IdentitiesOnly yes
	UserKnownHostsFile $TEST_DIR/known_hosts
	StrictHostKeyChecking yes
	BatchMode yes
	LogLevel ERROR
END
	local key
	for key in "$TEST_ROOT"/lib/ssh/host_*.pub; do
		echo "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1,2 "$key")"
	done >"$TEST_DIR/known_hosts"
}

instance_up() {
	TEST_DIR=$(mktemp -d /var/tmp/berth-test.XXXXXX)
	chmod 755 "$TEST_DIR"
	TEST_PREFIX=$TEST_DIR/usr
	TEST_ROOT=$TEST_DIR/root
	HTTP_PORT=$(free_port)
	SSH_PORT=$(free_port)
	export TEST_SOURCE TEST_DIR TEST_PREFIX TEST_ROOT HTTP_PORT SSH_PORT
	unset BERTH_ROOT
	# as /run is on a server
	if [ -n "${TEST_RUN_IN_MEMORY:-}" ]; then
		mkdir -p "$TEST_ROOT/run"
		mount -t tmpfs -o mode=755 berth-test "$TEST_ROOT/run"
	fi
	# a copy, because the source tree may lie below a folder that only root can enter
	make -s -C "$TEST_SOURCE" B="${TEST_BUILD:-build}" install PREFIX="$TEST_PREFIX" >/dev/null
	local berth="$TEST_PREFIX/bin/berth"
	"$berth" server init --root "$TEST_ROOT" --http-address 127.0.0.1 --http-port "$HTTP_PORT" \
		--ssh-address 127.0.0.1 --ssh-port "$SSH_PORT" --set http.domain=localhost \
		--set packages.pack-tools=jq # of the long list one that installs quickly
	TEST_NUMBER=$(sed -n 's/^number = //p' "$TEST_ROOT/etc/berth.conf")
	export TEST_NUMBER
	"$berth" server start --root "$TEST_ROOT" || {
		cat "$TEST_ROOT"/lib/logs/berth/berth-server.log >&2
		return 1
	}
	"$berth" --root "$TEST_ROOT" stack:import debian-12 <"$("$TEST_SOURCE/scripts/cached-stack")"
	ssh-keygen -q -t ed25519 -N '' -C test -f "$TEST_DIR/key"
	"$berth" --root "$TEST_ROOT" ssh-keys:add admin <"$TEST_DIR/key.pub"
	write_ssh_config
}

# --- what an instance may have left; each prints its findings ---

# Berth's own programs by their path; nginx and sshd, whose programs are elsewhere, by their words.
left_processes() {
	local dir args
	for dir in /proc/[0-9]*; do
		args=()
		mapfile -d '' args 2>/dev/null <"$dir/cmdline" || continue
		if [[ $(readlink "$dir/exe" 2>/dev/null) == "$TEST_DIR"/* || "${args[*]}" == *"$TEST_ROOT/"* ]]; then
			echo "process ${dir#/proc/} ${args[*]}"
		fi
	done 2>/dev/null
}

left_behind() {
	left_processes
	grep -F "$TEST_DIR" /proc/self/mountinfo | sed 's/^/mount /' || true
	ip -o link show 2>/dev/null | grep -oE " b$TEST_NUMBER-[^:@ ]+" | sed 's/^/interface/' || true
	nft list tables 2>/dev/null | grep -E " berth-$TEST_NUMBER\$" | sed 's/^/nft /' || true
	find /sys/fs/cgroup -type d -name "berth-$TEST_NUMBER" 2>/dev/null | sed 's/^/cgroup /' || true
	ip -o addr show dev lo 2>/dev/null | grep -oE " 10\.$((200 + TEST_NUMBER))\.[0-9.]+/[0-9]+" |
		sed 's/^/address/' || true
}

# Ends the instance and removes its folder; fails, naming them, when something was left.
instance_down() {
	local left status=0
	[ -n "${TEST_DIR:-}" ] && [ -d "$TEST_DIR" ] || return 0
	if [ -n "${TEST_KEEP:-}" ]; then
		echo "# kept: $TEST_DIR" >&2
		return 0
	fi
	if [ -x "$TEST_PREFIX/bin/berth" ] && [ -e "$TEST_ROOT/etc/berth.conf" ]; then
		"$TEST_PREFIX/bin/berth" server down --root "$TEST_ROOT" || status=1
	fi
	if mountpoint -q "$TEST_ROOT/run"; then
		umount "$TEST_ROOT/run" || status=1
	fi
	if [ -n "${TEST_NUMBER:-}" ]; then
		left=$(left_behind)
		if [ -n "$left" ]; then
			printf 'the instance left behind:\n%s\n' "$left" >&2
			status=1
		fi
	fi
	rm -rf --one-file-system "$TEST_DIR"
	return $status
}
