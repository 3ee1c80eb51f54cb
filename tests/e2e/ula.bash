# shellcheck shell=bash
# IPv6 of containers.
#
#   ula ADDRESS   a container's IPv6 address from its IPv4 one, as instance/ula.h has it
#   has_ipv6      whether this machine's kernel can forward it (runtime/forwarding.h)

ula() {
	local a b c d
	IFS=. read -r a b c d <<<"$1"
	printf 'fd62:6572:7468::%x:%x\n' $((a << 8 | b)) $((c << 8 | d))
}

has_ipv6() {
	[ -w /proc/sys/net/ipv6/conf/all/force_forwarding ]
}
