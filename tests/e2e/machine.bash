# Another machine of the host's network: a namespace behind a link of the host's. Addresses of the host
# itself stand for nothing that is outside, as no container may reach them.
#
#   machine_up NAME NET   a namespace and a link NAME; the host has NET.1 there, the machine NET.2
#   machine_down NAME     ends it; from teardown, whatever became of the test

machine_up() {
	local name=$1 net=$2
	# another run on this machine may be at it
	for _ in {1..300}; do
		if ip -o -4 addr | grep -qF " $net.1/"; then sleep 0.2; else break; fi
	done
	ip netns add "$name"
	ip link add "$name" type veth peer name eth0 netns "$name"
	ip addr add "$net.1/30" dev "$name"
	ip link set "$name" up
	ip -n "$name" addr add "$net.2/30" dev eth0
	ip -n "$name" link set eth0 up
	# until then the kernel drops what is sent into it
	for _ in {1..100}; do
		if [ "$(cat "/sys/class/net/$name/operstate")" = up ]; then break; else sleep 0.05; fi
	done
}

machine_down() {
	ip link del "$1" || true
	ip netns del "$1" || true
} 2>/dev/null
