/* SPDX-License-Identifier: MIT */
#include "instance/ula.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void follows_from_ipv4(void **state)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr net, one, other;
	(void)state;
	ula_text(0x0ac80307, text);
	assert_string_equal(text, "fd62:6572:7468::ac8:307");
	ula_text(0xffffffff, text);
	assert_string_equal(text, "fd62:6572:7468::ffff:ffff");
	/* what is one /16 there is one network here, and no more is */
	ula_of(0x0ac80000, &net);
	ula_of(0x0ac8ffff, &one);
	ula_of(0x0ac90000, &other);
	assert_memory_equal(&net, &one, ULA_NET_BITS / 8);
	assert_memory_not_equal(&net, &other, ULA_NET_BITS / 8);
	assert_memory_equal(&net, &other, ULA_BITS / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_from_ipv4),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
