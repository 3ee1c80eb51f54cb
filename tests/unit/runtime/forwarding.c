/* SPDX-License-Identifier: MIT */
/* IPv6, which one link forwards and the host does not: between guests, and on machines without. */
#include "runtime/forwarding.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/ula.h"
#include "runtime/eth0.h"
#include "runtime/netlink.h"
#include "runtime/network.h"
#include "runtime/nft.h"
#include "runtime/veth.h"
#include "tests/unit/runtime/guest.h"

/* Writes a value to a switch of this namespace's IPv6, or reads it. */
static void set_switch(const char *name, char value)
{
	_cleanup_free_ char *path = xasprintf("/proc/sys/net/ipv6/conf/%s", name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &value, 1), 1);
}

static char read_switch(const char *name)
{
	char value = 0;
	_cleanup_free_ char *path = xasprintf("/proc/sys/net/ipv6/conf/%s", name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &value, 1) == 1 ? value : 0;
}

/* Another address of the host's, and with ADD false none any more. */
static void host_address6(const struct in6_addr *addr, bool add)
{
	struct netlink_batch b;
	_cleanup_close_ int fd = netlink_open();
	netlink_init(&b);
	netlink_address6(&b, add ? RTM_NEWADDR : RTM_DELADDR, NLM_F_CREATE, ETH0_LO_INDEX, addr);
	assert_int_equal(netlink_commit(fd, &b, NULL), 0);
}

static void ipv6_of_containers(void **state)
{
	(void)state;
	struct guest a, b;
	struct error err = ERROR_INIT;
	char name[VETH_NAME_MAX], held[32] = "", text[NETWORK_TEXT_MAX];
	uint32_t gateway;
	if (!forwarding_has_ipv6())
		skip();
	assert_int_equal(network_init(&fx.inst, &err), 0);
	network_gateway(&fx.inst, &gateway, &err);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	assert_true(ask(&b, 0, 0, 0, 7001) >= 0);
	network_text(a.addr, text);
	_cleanup_free_ char *path = instance_run(&fx.inst, "addresses/%s", text);
	assert_true(readlink(path, held, sizeof(held) - 1) > 0);
	assert_string_equal(held, "a:5:6");
	/* the host has not become a router, only that link forwards */
	veth_name(&fx.inst, a.addr, name);
	_cleanup_free_ char *link = xasprintf("%s/force_forwarding", name);
	assert_int_equal(read_switch(link), '1');
	assert_int_equal(read_switch("all/forwarding"), '0');
	assert_int_equal(read_switch("default/forwarding"), '0');
	assert_int_equal(read_switch("all/force_forwarding"), '0');
	assert_int_equal(read_switch("default/force_forwarding"), '0');
	assert_int_equal(read_switch("lo/force_forwarding"), '0');
	/* the host, as with IPv4 */
	int host = listen_on(7000);
	struct in6_addr real;
	ula_of(0xcb007109, &real);
	real.s6_addr[5] = 1; /* of no container's */
	host_address6(&real, true);
	assert_int_equal(reach_from_here(b.addr, 7001, true), 0);
	assert_int_equal(reach_from_here(gateway, 7000, true), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, gateway, 7000), ECONNREFUSED);
	/* an address that nobody has, another instance's, and outside: told at once */
	assert_int_not_equal(ask6(&a, SOCK_STREAM, 0, (gateway & 0xffff0000) | 0xfff0, 80),
			     ETIMEDOUT);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, gateway + 0x10000, 80), ENETUNREACH);
	/* somebody made a router of the machine and took it back: the links are asked again */
	set_policy(5, 6, 0, 0, 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	set_switch("all/forwarding", '1');
	set_switch("all/forwarding", '0');
	assert_int_equal(read_switch(link), '0');
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	/* positive control: without the table it answers */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, gateway, 7000), 0);
	host_address6(&real, false);
	close(host);
	guest_stop(&a);
	guest_stop(&b);
}

/* IPv4 is as ever. */
static void without_ipv6(void)
{
	struct guest a, b;
	struct error err = ERROR_INIT;
	assert_false(forwarding_has_ipv6());
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	set_policy(5, 6, 0, 0, 0);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	assert_true(ask(&b, 0, 0, 0, 7001) >= 0);
	assert_int_equal(reach_from_here(b.addr, 7001, false), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), ENETUNREACH);
	guest_stop(&a);
	guest_stop(&b);
	set_policy(0, 0, 0, 0, 0);
}

static void machines_without_ipv6(void **state)
{
	(void)state;
	bool usual = forwarding_has_ipv6();
	/* turned off */
	set_switch("all/disable_ipv6", '1');
	without_ipv6();
	set_switch("all/disable_ipv6", '0');
	/* a kernel that has none has no switches for it */
	assert_int_equal(mount("none", "/proc/sys/net/ipv6", "tmpfs", 0, NULL), 0);
	without_ipv6();
	assert_int_equal(umount("/proc/sys/net/ipv6"), 0);
	assert_int_equal(forwarding_has_ipv6(), usual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_of_containers),
		cmocka_unit_test(machines_without_ipv6),
	};
	return cmocka_run_group_tests_name("forwarding", tests, guests_open, guests_close);
}
