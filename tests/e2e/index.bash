# A package index of the test's own, as another machine has it: a network namespace with a small HTTP
# server over a folder of files (index.py), which build containers reach by Berth's NAT (they cannot reach
# the host's own loopback). Load it after helper:
#
#   index_up FOLDER   sets INDEX_HOST (an address of TEST-NET-2 or -3) and INDEX_URL (no slash at its
#                     end); requests are noted in INDEX_LOG
#   index_down        ends it; also from teardown or teardown_file, whatever became of the test
#   www_up            makes the folder too, and sets WWW
#   www_down          ends it, and removes the folder
#
# All of it hangs on the one server process: with that the namespace goes and with that the link. The
# kernel ends the process when the bats process that called index_up is gone.

index_up() {
	local folder=$1 link
	INDEX_LOG=$BATS_RUN_TMPDIR/index-$BASHPID-$RANDOM.log
	setpriv --pdeathsig KILL unshare --net python3 -u "$TEST_SOURCE/tests/e2e/index.py" "$folder" \
		>"$INDEX_LOG" 2>&1 </dev/null 3>&- &
	INDEX_PID=$!
	link=ti$INDEX_PID
	if ! index_wait_namespace || ! index_link "$link" ||
		! wait_for 10 curl -sf -o /dev/null --max-time 2 "$INDEX_URL/"; then
		echo "the index did not start" >&2
		cat "$INDEX_LOG" >&2
		index_down
		return 1
	fi
	export INDEX_PID INDEX_HOST INDEX_URL INDEX_LOG
}

www_up() {
	WWW=$TEST_DIR/www-$RANDOM
	mkdir "$WWW"
	export WWW
	index_up "$WWW"
}

www_down() {
	index_down
	rm -rf "$WWW"
}

index_wait_namespace() {
	# shellcheck disable=SC2016 # for the shell that waits
	wait_for 10 bash -c '[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]' - \
		"$INDEX_PID"
}

# A pair of addresses that no interface has; runs at the same time take turns.
index_link() {
	local link=$1 net n
	(
		flock 9
		for net in 198.51.100 203.0.113; do
			for ((n = 0; n < 256; n += 4)); do
				ip -o -4 addr | grep -qF " $net.$((n + 1))/" && continue
				echo "$net.$((n + 2))" >"$INDEX_LOG.host"
				ip link add "$link" type veth peer name eth0 netns "$INDEX_PID"
				ip addr add "$net.$((n + 1))/30" dev "$link"
				ip link set "$link" up
				nsenter -t "$INDEX_PID" -n ip addr add "$net.$((n + 2))/30" dev eth0
				nsenter -t "$INDEX_PID" -n ip link set eth0 up
				exit
			done
		done
		echo "no address is free for an index" >&2
		exit 1
	) 9>/run/lock/berth-test-index 3>&- || return
	INDEX_HOST=$(cat "$INDEX_LOG.host")
	INDEX_URL=http://$INDEX_HOST
}

index_down() {
	local link
	[ -n "${INDEX_PID:-}" ] || return 0
	link=ti$INDEX_PID
	kill -KILL "$INDEX_PID" 2>/dev/null || true
	ip link delete "$link" 2>/dev/null || true
	wait "$INDEX_PID" 2>/dev/null || true
	unset INDEX_PID
}
