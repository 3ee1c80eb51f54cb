/* SPDX-License-Identifier: MIT */
/* Which questions are answered, and to whom, from what berthd and berth-runtime have written. */
#include "resolver/answer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "resolver/holder.h"

#define ASKER 1
#define BLOG 2
#define SHOP 3
#define MAX_FOUND 8

static struct instance inst;
static struct answerer answerer;
static char root[64];

static void own(const char *address, const char *holder)
{
	_cleanup_free_ char *path = instance_run(&inst, "addresses/%s", address);
	unlink(path);
	assert_int_equal(symlink(holder, path), 0);
}

static void link_apps(unsigned from, unsigned to, unsigned closed)
{
	_cleanup_reach_ struct reach r = REACH_INIT;
	struct error err = ERROR_INIT;
	if (from)
		reach_add_link(&r, from, to);
	if (closed)
		reach_add_closed(&r, closed);
	assert_int_equal(reach_publish(&r, &inst, &err), 0);
}

/* The last bytes of the addresses, and the code; -1 when it is to be forwarded. */
static int ask(unsigned range, const char *name, uint16_t type, uint8_t *last, size_t *out_n)
{
	uint8_t query[512] = "\0\7\1\0\0\1\0\0\0\0\0", out[ANSWER_MAX];
	struct message_query q;
	size_t len = MESSAGE_HEADER, out_len = 0;
	for (const char *label = name; *label; label += strcspn(label, ".") + 1) {
		size_t n = strcspn(label, ".");
		query[len++] = (uint8_t)n;
		memcpy(query + len, label, n);
		len += n;
		if (!label[n])
			break;
	}
	query[len++] = 0;
	query[len++] = (uint8_t)(type >> 8);
	query[len++] = (uint8_t)type;
	query[len++] = 0;
	query[len++] = 1;
	*out_n = 0;
	enum answer is = answer_query(&answerer, range, true, query, len, &q, out, &out_len);
	if (is == ANSWER_FORWARD)
		return -1;
	assert_int_equal(is, ANSWER_REPLY);
	*out_n = out[7];
	size_t record = type == MESSAGE_AAAA ? 28 : 16;
	for (size_t i = 0; i < *out_n && i < MAX_FOUND; i++)
		last[i] = out[len + record * i + record - 1];
	return message_code(out);
}

static void assert_found(unsigned range, const char *name, unsigned want)
{
	uint8_t last[MAX_FOUND];
	size_t n;
	assert_int_equal(ask(range, name, MESSAGE_A, last, &n), MESSAGE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(last[0], want);
}

static void assert_code(unsigned range, const char *name, uint16_t type, int code)
{
	uint8_t last[MAX_FOUND];
	size_t n;
	assert_int_equal(ask(range, name, type, last, &n), code);
	assert_int_equal(n, 0);
}

static void publish(const char *app, unsigned range, const struct names_process *list, size_t n)
{
	struct error err = ERROR_INIT;
	assert_int_equal(names_publish(&inst, app, range, list, n, &err), 0);
}

static void names_of_linked_apps(void **state)
{
	const struct names_process list[] = {
		{"web", 1, "127.77.0.10"}, {"Work", 1, "127.77.0.11"}, {"Work", 2, "127.77.0.12"}};
	uint8_t last[MAX_FOUND];
	size_t n;
	(void)state;
	own("127.77.0.10", "a1.blog.1:2");
	own("127.77.0.11", "a1.blog.2:2");
	own("127.77.0.12", "a1.blog.3:2");
	publish("blog", BLOG, list, ARRAY_SIZE(list));
	link_apps(ASKER, BLOG, 0);
	assert_found(ASKER, "blog.internal", 10);
	assert_found(ASKER, "blog.web.internal", 10);
	assert_found(ASKER, "BLOG.Web.1.Internal", 10);
	assert_found(ASKER, "blog.work.2.internal", 12);
	assert_int_equal(ask(ASKER, "blog.work.internal", MESSAGE_A, last, &n), MESSAGE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(last[0] + last[1], 23);
	/* no IPv6, but a name all the same */
	assert_code(ASKER, "blog.internal", MESSAGE_AAAA, MESSAGE_OK);
	assert_code(ASKER, "shop.internal", MESSAGE_AAAA, MESSAGE_NXDOMAIN);
	assert_code(ASKER, "internal", MESSAGE_A, MESSAGE_OK);
	assert_code(ASKER, "blog.cron.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	assert_code(ASKER, "blog.web.2.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	assert_code(ASKER, "shop.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	/* no path, and nothing that is no name */
	assert_code(ASKER, "a/b.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	assert_code(ASKER, "-.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	/* in the link's direction, and for nobody else */
	assert_code(BLOG, "blog.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	assert_code(SHOP, "blog.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	assert_code(0, "blog.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	link_apps(0, 0, 0);
	assert_code(ASKER, "blog.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
}

static void ipv6_of_those_that_have_it(void **state)
{
	const struct names_process list[] = {{"web", 1, "127.77.0.10"}, {"web", 2, "127.77.0.11"}};
	uint8_t last[MAX_FOUND];
	size_t n;
	(void)state;
	/* one that was started before there was IPv6 */
	own("127.77.0.10", "a1.blog.1:2");
	own("127.77.0.11", "a1.blog.2:2:6");
	publish("blog", BLOG, list, ARRAY_SIZE(list));
	link_apps(ASKER, BLOG, 0);
	assert_int_equal(ask(ASKER, "blog.internal", MESSAGE_A, last, &n), MESSAGE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(ask(ASKER, "blog.internal", MESSAGE_AAAA, last, &n), MESSAGE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(last[0], 11);
	assert_code(ASKER, "blog.web.1.internal", MESSAGE_AAAA, MESSAGE_OK);
	assert_int_equal(ask(ASKER, "blog.web.2.internal", MESSAGE_AAAA, last, &n), MESSAGE_OK);
	assert_int_equal(n, 1);
	/* for whom it has an address of the other kind, and nobody else */
	assert_code(SHOP, "blog.internal", MESSAGE_AAAA, MESSAGE_NXDOMAIN);
	own("127.77.0.11", "a1.shop.2:3:6");
	assert_code(ASKER, "blog.internal", MESSAGE_AAAA, MESSAGE_OK);
	own("127.77.0.10", "a1.blog.1:2:60");
	assert_code(ASKER, "blog.internal", MESSAGE_AAAA, MESSAGE_OK);
}

static void names_follow_the_app(void **state)
{
	const struct names_process before[] = {{"web", 1, "127.77.0.20"}},
				   after[] = {{"web", 1, "127.77.0.21"}};
	struct error err = ERROR_INIT;
	(void)state;
	own("127.77.0.20", "a2.shop.1:3");
	own("127.77.0.21", "a2.shop.2:3");
	link_apps(ASKER, SHOP, 0);
	publish("shop", SHOP, before, 1);
	assert_found(ASKER, "shop.internal", 20);
	publish("shop", SHOP, after, 1);
	assert_found(ASKER, "shop.internal", 21);
	/* an address that another app has by now, and one that nobody has */
	own("127.77.0.21", "a1.blog.9:2");
	assert_code(ASKER, "shop.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	own("127.77.0.21", "a2.shop.2:3");
	assert_found(ASKER, "shop.internal", 21);
	_cleanup_free_ char *path = instance_run(&inst, "addresses/127.77.0.21");
	assert_int_equal(unlink(path), 0);
	assert_code(ASKER, "shop.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
	assert_int_equal(names_remove(&inst, "shop", &err), 0);
	assert_int_equal(names_remove(&inst, "shop", &err), 0);
	publish("shop", SHOP, before, 0);
	assert_code(ASKER, "shop.internal", MESSAGE_A, MESSAGE_NXDOMAIN);
}

static void apps_with_dots(void **state)
{
	const struct names_process list[] = {{"web", 1, "127.77.0.30"}};
	(void)state;
	own("127.77.0.30", "a2.shop.1:3");
	publish("shop.v2", SHOP, list, 1);
	link_apps(ASKER, SHOP, 0);
	assert_found(ASKER, "shop.v2.internal", 30);
	assert_found(ASKER, "shop.v2.web.internal", 30);
	assert_found(ASKER, "shop.v2.web.1.internal", 30);
}

static void who_may_ask_outside(void **state)
{
	struct error err = ERROR_INIT;
	(void)state;
	link_apps(0, 0, ASKER);
	assert_code(SHOP, "example.com", MESSAGE_A, -1);
	assert_code(0, "example.com", MESSAGE_A, -1);
	assert_code(ASKER, "example.com", MESSAGE_A, MESSAGE_REFUSED);
	assert_code(SHOP, "example.com", MESSAGE_AXFR, MESSAGE_REFUSED);
	/* where its apps are is nobody's business outside */
	assert_code(SHOP, "9.0.77.127.in-addr.arpa", 12, MESSAGE_NXDOMAIN);
	assert_code(SHOP, "9.0.78.127.in-addr.arpa", 12, -1);
#define ULA_ARPA "0.0.0.0.0.0.0.0.0.0.0.0.8.6.4.7.2.7.5.6.2.6.d.f.ip6.arpa"
	assert_code(SHOP, "9.0.0.0.d.4.f.7." ULA_ARPA, 12, MESSAGE_NXDOMAIN);
	assert_code(SHOP, "9.0.0.0.e.4.f.7." ULA_ARPA, 12, -1);
	/* one that is allowed the host's resolver */
	_cleanup_reach_ struct reach r = REACH_INIT;
	reach_add_closed(&r, ASKER);
	reach_add_server(&r, ASKER, 0xc0000200, 24);
	assert_int_equal(reach_publish(&r, &inst, &err), 0);
	assert_code(ASKER, "example.com", MESSAGE_A, -1);
	reach_release(&r);
	reach_add_closed(&r, ASKER);
	reach_add_server(&r, ASKER, 0xc0000300, 24);
	assert_int_equal(reach_publish(&r, &inst, &err), 0);
	assert_code(ASKER, "example.com", MESSAGE_A, MESSAGE_REFUSED);
}

static void hosts_of_a_policy(void **state)
{
	_cleanup_reach_ struct reach r = REACH_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	reach_add_closed(&r, ASKER);
	reach_add_closed(&r, BLOG);
	reach_add_host(&r, ASKER, "api.example.com", 0xc0000207);
	reach_add_host(&r, BLOG, "other.example.com", 0xc0000208);
	assert_int_equal(reach_publish(&r, &inst, &err), 0);
	/* what the rules let through, and nothing that is newer */
	assert_found(ASKER, "API.example.com", 7);
	assert_code(ASKER, "api.example.com", MESSAGE_AAAA, MESSAGE_OK);
	assert_code(ASKER, "www.api.example.com", MESSAGE_A, MESSAGE_REFUSED);
	assert_code(ASKER, "other.example.com", MESSAGE_A, MESSAGE_REFUSED);
	assert_code(BLOG, "api.example.com", MESSAGE_A, MESSAGE_REFUSED);
	assert_code(SHOP, "api.example.com", MESSAGE_A, -1);
}

static void whose_an_address_is(void **state)
{
	(void)state;
	own("127.77.0.40", "b1.build");
	own("127.77.0.41", "a1.blog.1:2");
	own("127.77.0.42", "a1.blog.1:4096");
	own("127.77.0.44", "a1.blog.1:2:6");
	assert_int_equal(holder_range(answerer.run, 0x7f4d0028), 0);
	assert_int_equal(holder_range(answerer.run, 0x7f4d0029), 2);
	assert_int_equal(holder_range(answerer.run, 0x7f4d002a), HOLDER_NONE);
	assert_int_equal(holder_range(answerer.run, 0x7f4d002b), HOLDER_NONE);
	assert_int_equal(holder_range(answerer.run, 0x7f4d002c), 2);
	assert_false(holder_has_ipv6(answerer.run, 0x7f4d0028));
	assert_false(holder_has_ipv6(answerer.run, 0x7f4d0029));
	assert_false(holder_has_ipv6(answerer.run, 0x7f4d002b));
	assert_true(holder_has_ipv6(answerer.run, 0x7f4d002c));
}

static int set_up(void **state)
{
	static const char conf[] = "[instance]\nnumber = 9\n[network]\nsubnet = 127.77.0.0\n"
				   "resolvers = 192.0.2.1 192.0.2.2:5353, [2001:db8::1]:53\n";
	struct error err = ERROR_INIT;
	(void)state;
	snprintf(root, sizeof(root), "/var/tmp/berth-unit-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	_cleanup_free_ char *etc = xasprintf("%s/etc", root);
	_cleanup_free_ char *path = xasprintf("%s/berth.conf", etc);
	_cleanup_free_ char *addresses = xasprintf("%s/run/addresses", root);
	if (file_make_dirs(etc, 0755, &err) < 0 || file_make_dirs(addresses, 0755, &err) < 0 ||
	    file_replace(AT_FDCWD, path, conf, sizeof(conf) - 1, 0644, &err) < 0 ||
	    instance_open(&inst, root, &err) < 0 || answer_open(&answerer, &inst, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	return answerer.upstreams.n == 3 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	answer_close(&answerer);
	instance_release(&inst);
	return file_remove_tree(AT_FDCWD, root, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_linked_apps),
		cmocka_unit_test(names_follow_the_app),
		cmocka_unit_test(ipv6_of_those_that_have_it),
		cmocka_unit_test(apps_with_dots),
		cmocka_unit_test(who_may_ask_outside),
		cmocka_unit_test(whose_an_address_is),
		cmocka_unit_test(hosts_of_a_policy),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
