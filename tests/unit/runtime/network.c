/* SPDX-License-Identifier: MIT */
/* The network in a namespace of the test's own: rules, addresses, and what a container reaches. */
#include "runtime/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/netlink.h"
#include "runtime/nft.h"
#include "runtime/owner.h"
#include "runtime/resolvers.h"
#include "runtime/veth.h"
#include "tests/unit/runtime/guest.h"

static void addresses(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	uint32_t subnet, addr, again;
	char text[NETWORK_TEXT_MAX], held[32] = "";
	assert_int_equal(instance_subnet(&fx.inst, &subnet, &err), 0);
	assert_int_equal(network_allocate(&fx.inst, "web.1", 0, false, &addr, &err), 0);
	assert_int_equal(network_allocate(&fx.inst, "web.1", 0, false, &again, &err), 0);
	assert_int_not_equal(addr, again);
	assert_true(addr >= subnet + 2 && addr <= subnet + 65534);
	network_text(addr, text);
	_cleanup_free_ char *path = instance_run(&fx.inst, "addresses/%s", text);
	assert_true(readlink(path, held, sizeof(held) - 1) > 0);
	assert_string_equal(held, "web.1");
	assert_int_equal(network_release(&fx.inst, addr, &err), 0);
	assert_false(file_exists(AT_FDCWD, path));
	assert_int_equal(network_release(&fx.inst, again, &err), 0);
	assert_int_equal(network_parse("10.1.2.3", &addr), 0);
	assert_int_equal(addr, 0x0a010203);
	assert_int_equal(network_parse("10.1.2", &addr), -1);
}

static void many_addresses(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	uint32_t got[1000];
	int64_t began = clock_us();
	for (int i = 0; i < 1000; i++) {
		char id[16];
		snprintf(id, sizeof(id), "app.%d", i);
		assert_int_equal(network_allocate(&fx.inst, id, 0, false, &got[i], &err), 0);
	}
	print_message("1000 addresses: %lld us each\n", (long long)(clock_us() - began) / 1000);
	began = clock_us();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(owner_set(&fx.inst, got[i], 5), 0);
	print_message("1000 owners: %lld us each\n", (long long)(clock_us() - began) / 1000);
	began = clock_us();
	for (int i = 0; i < 20; i++)
		assert_int_equal(owner_remove(&fx.inst, got[i]), 0);
	print_message("and removed: %lld us each\n", (long long)(clock_us() - began) / 20);
	for (int i = 0; i < 1000; i++) {
		char text[NETWORK_TEXT_MAX];
		network_text(got[i], text);
		_cleanup_free_ char *path = instance_run(&fx.inst, "addresses/%s", text);
		assert_int_equal(unlink(path), 0);
	}
}

static void init_twice(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	if (network_init(&fx.inst, &err) < 0 || network_init(&fx.inst, &err) < 0)
		fail_msg("%s", err.message);
}

static void host_and_guest(void **state)
{
	(void)state;
	struct guest a, b;
	uint32_t gateway;
	struct error err = ERROR_INIT;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	network_gateway(&fx.inst, &gateway, &err);
	guest_start(&a, "a");
	guest_start(&b, "b");
	int host = listen_on(7000);
	assert_true(host >= 0);
	assert_true(ask(&b, 0, 0, 0, 7001) >= 0);
	/* the router reaches the app */
	assert_int_equal(reach_from_here(b.addr, 7001, false), 0);
	/* positive control: the listener that is refused below answers */
	assert_int_equal(reach_from_here(gateway, 7000, false), 0);
	/* the app reaches neither the other app, nor the host by any address, nor the metadata */
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, gateway, 7000), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, 0xc6336401, 7000), 0); /* 198.51.100.1 */
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, 0xa9fea9fe, 80), 0);
	/* itself it does */
	assert_int_equal(ask(&b, SOCK_STREAM, 0, 0x7f000001, 7001), 0);
	/* positive control: without the table each of these answers */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, gateway, 7000), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, 0xc6336401, 7000), 0);
	close(host);
	guest_stop(&a);
	guest_stop(&b);
}

/* A third namespace behind the host plays the internet. */
static void egress_and_spoofing(void **state)
{
	(void)state;
	struct guest a, net;
	struct error err = ERROR_INIT;
	uint32_t subnet;
	assert_int_equal(instance_subnet(&fx.inst, &subnet, &err), 0);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start(&a, "a");
	/* another instance's guest is far away behind the host, as seen from this one */
	struct instance other = fx.inst;
	other.number = 8;
	struct instance mine = fx.inst;
	fx.inst = other;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start(&net, "net");
	fx.inst = mine;
	assert_true(ask(&net, 0, 0, 0, 7002) >= 0);
	/* other instances' containers are refused although a route exists */
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, net.addr, 7002), 0);
	/* a spoofed source never comes through: counted by what the host receives */
	int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(7003)};
	assert_int_equal(bind(host, (struct sockaddr *)&sin, sizeof(sin)), 0);
	uint32_t sources[] = {0, subnet + 1, a.addr + 1, 0x08080808, net.addr};
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		ask(&a, SOCK_DGRAM, sources[i], subnet + 1, 7003);
	clock_sleep_ms(50);
	char byte;
	assert_int_equal(recv(host, &byte, 1, 0), -1);
	/* positive control: without the table all of it arrives but what no route leads back to */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		ask(&a, SOCK_DGRAM, sources[i], subnet + 1, 7003);
	clock_sleep_ms(50);
	assert_int_equal(recv(host, &byte, 1, 0), 1);
	assert_int_equal(recv(host, &byte, 1, 0), 1);
	close(host);
	guest_stop(&a);
	fx.inst = other;
	guest_stop(&net);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	fx.inst = mine;
}

static void reuse_at_once(void **state)
{
	(void)state;
	struct guest g;
	struct error err = ERROR_INIT;
	uint32_t subnet;
	assert_int_equal(instance_subnet(&fx.inst, &subnet, &err), 0);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	/* the kernel is still taking the last one's interface away */
	for (int i = 0; i < 5; i++) {
		guest_start_at(&g, "same", subnet + 99, true);
		kill(g.pid, SIGKILL);
		waitpid(g.pid, NULL, 0);
		close(g.sock);
	}
	/* or another process holds its namespace */
	guest_start_at(&g, "same", subnet + 99, true);
	struct guest again;
	guest_start_at(&again, "same", subnet + 99, true);
	assert_int_equal(network_remove(&fx.inst, subnet + 99, &err), 0);
	char name[VETH_NAME_MAX];
	veth_name(&fx.inst, subnet + 99, name);
	assert_int_equal(if_nametoindex(name), 0);
	guest_stop(&g);
	guest_stop(&again);
}

static void linked_apps(void **state)
{
	(void)state;
	struct guest a, b, c, builder;
	struct error err = ERROR_INIT;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	guest_start_of(&c, "c", 7);
	guest_start_of(&builder, "builder", 0);
	struct guest *all[] = {&a, &b, &c, &builder};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_true(ask(all[i], 0, 0, 0, 7001) >= 0);
	set_policy(0, 0, 0, 0, 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	set_policy(5, 6, 0, 0, 0);
	/* in the link's direction, and nowhere else */
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&b, SOCK_STREAM, 0, a.addr, 7001), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, c.addr, 7001), 0);
	assert_int_not_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&builder, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, builder.addr, 7001), 0);
	/* the same over IPv6, where this kernel has it */
	if (a.ipv6) {
		assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
		assert_int_equal(ask6(&b, SOCK_STREAM, 0, a.addr, 7001), ECONNREFUSED);
		assert_int_equal(ask6(&a, SOCK_STREAM, 0, c.addr, 7001), ECONNREFUSED);
		assert_int_equal(ask6(&c, SOCK_STREAM, 0, b.addr, 7001), ECONNREFUSED);
		assert_int_not_equal(ask6(&a, SOCK_STREAM, 0, builder.addr, 7001), 0);
		assert_int_equal(ask6(&builder, SOCK_STREAM, 0, b.addr, 7001), ENETUNREACH);
		assert_int_not_equal(ask6(&c, SOCK_STREAM, a.addr, b.addr, 7001), 0);
	}
	/* one app in the name of another: dropped before anybody asks whose it is */
	assert_int_not_equal(ask(&c, SOCK_STREAM, a.addr, b.addr, 7001), 0);
	/* berth-runtime starts again: the same holds */
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), a.ipv6 ? 0 : ENETUNREACH);
	assert_int_not_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask6(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	/* somebody flushed the host's tables: the next container brings them back */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	assert_int_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask6(&c, SOCK_STREAM, 0, b.addr, 7001), c.ipv6 ? 0 : ENETUNREACH);
	struct guest late;
	guest_start_of(&late, "late", 8);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	guest_stop(&late);
	/* the next holder of an address does not get what the last one had */
	uint32_t addr = a.addr;
	guest_stop(&a);
	guest_start_at(&a, "heir", addr, true);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	guest_stop(&a);
	set_policy(0, 0, 0, 0, 0);
	guest_stop(&b);
	guest_stop(&c);
	guest_stop(&builder);
}

/* An interface on which nobody answers plays the outside. */
static void egress_policy(void **state)
{
	(void)state;
	struct guest a, b;
	struct error err = ERROR_INIT;
	const uint32_t outside = 0xc6336401; /* the host's address 198.51.100.1 */
	_cleanup_policy_ struct policy none = POLICY_INIT;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	/* what the host refuses stays refused, whatever a rule says */
	int host = listen_on(7000);
	set_policy(5, 0, outside, 32, 7000);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, outside, 7000), 0);
	close(host);
	/* an address on the way out: TEST-NET-3, which a route takes to where nothing answers; so
	 * refused (by the table) and unanswered (let out) are told apart */
	_cleanup_close_ int fd = netlink_open();
	struct netlink_batch batch;
	netlink_init(&batch);
	struct nlmsghdr *m = netlink_link(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 77,
					  IFF_UP | IFF_NOARP);
	mnl_attr_put_strz(m, IFLA_IFNAME, "outside");
	struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
	mnl_attr_nest_end(m, info);
	netlink_route(&batch, NLM_F_CREATE, 0xcb007000, 22, RT_SCOPE_LINK, 77);
	assert_int_equal(netlink_commit(fd, &batch, NULL), 0);
	const uint32_t there = 0xcb007109; /* 203.0.113.9 */
	set_policy(0, 0, 0, 0, 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 80), ETIMEDOUT);
	set_policy(5, 0, there, 32, 443);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 80), ECONNREFUSED);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 443), ETIMEDOUT);
	assert_int_equal(ask(&b, SOCK_STREAM, 0, there, 80), ETIMEDOUT);
	set_policy(5, 0, there & 0xffffff00, 24, 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 80), ETIMEDOUT);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there + 0x100, 80), ECONNREFUSED);
	assert_int_equal(network_set_policy(&fx.inst, &none, &err), 0);
	guest_stop(&a);
	guest_stop(&b);
}

static void destroy_removes_all(void **state)
{
	(void)state;
	struct guest g;
	struct error err = ERROR_INIT;
	char name[VETH_NAME_MAX];
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start(&g, "last");
	veth_name(&fx.inst, g.addr, name);
	assert_int_not_equal(if_nametoindex(name), 0);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	assert_int_equal(if_nametoindex(name), 0);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	guest_stop(&g);
}

static void resolv_conf(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	resolvers_conf(0x0ac90001, &text);
	/* one, or programs would ask strangers for the names of apps */
	assert_true(str_starts(text.data, "nameserver 10.201.0.1\n"));
	assert_null(strstr(text.data + 1, "nameserver"));
	strbuf_reset(&text);
	resolvers_conf(0, &text);
	assert_null(strstr(text.data, "nameserver"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_twice),          cmocka_unit_test(addresses),
		cmocka_unit_test(many_addresses),      cmocka_unit_test(host_and_guest),
		cmocka_unit_test(egress_and_spoofing), cmocka_unit_test(reuse_at_once),
		cmocka_unit_test(linked_apps),         cmocka_unit_test(egress_policy),
		cmocka_unit_test(destroy_removes_all), cmocka_unit_test(resolv_conf),
	};
	return cmocka_run_group_tests_name("network", tests, guests_open, guests_close);
}
