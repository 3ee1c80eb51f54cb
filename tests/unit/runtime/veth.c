/* SPDX-License-Identifier: MIT */
/* Pairs of interfaces, in network namespaces of the test's own. */
#include "runtime/veth.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/child.h"
#include "runtime/network.h"
#include "tests/unit/runtime/instance.h"

/* As where the host has loaded a module for tunnels: its device is in every new namespace. */
static void finds_others_there(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	uint32_t addr;
	_cleanup_child_ struct child ip;
	_cleanup_close_ int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(network_allocate(&fx.inst, "one", 0, false, &addr, &err), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	_cleanup_close_ int inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	child_init(&ip);
	child_args(&ip, "ip", "link", "add", "tunl0", "type", "veth", "peer", "name", "sit0", NULL);
	assert_int_equal(child_run(&ip, &err), 0);
	assert_int_not_equal(if_nametoindex("tunl0"), 0);
	assert_int_equal(setns(host, CLONE_NEWNET), 0);
	if (veth_attach(&fx.inst, inside, addr, false, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	assert_int_not_equal(if_nametoindex("eth0"), 0);
	assert_int_equal(setns(host, CLONE_NEWNET), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_others_there),
	};
	return cmocka_run_group_tests_name("veth", tests, fixture_set_up_alone, fixture_tear_down);
}
