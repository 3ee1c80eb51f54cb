/* SPDX-License-Identifier: MIT */
/* What dead containers left is found and removed; what living ones have stays. In a network and
 * mount namespace of the test's own; control groups are left to tests/security. */
#include "runtime/cleanup.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/mount.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/layer.h"
#include "runtime/network.h"
#include "runtime/veth.h"
#include "tests/unit/runtime/instance.h"

static void make_folder(const char *id)
{
	_cleanup_free_ char *path = instance_run(&fx.inst, "containers/%s/deep/er", id);
	assert_int_equal(file_make_dirs(path, 0700, NULL), 0);
}

static bool has_line(const struct strvec *lines, const char *start)
{
	for (size_t i = 0; i < lines->n; i++)
		if (str_starts(lines->v[i], start))
			return true;
	return false;
}

static bool began;

/* One more container begins when the first removal is near. */
static enum roster_claim claim(const struct instance *inst, const char *id)
{
	(void)inst;
	if (!began)
		make_folder("late");
	began = true;
	/* it ended by itself after the list was made */
	if (strcmp(id, "gone") == 0)
		return ROSTER_GONE;
	return strcmp(id, "alive") == 0 || strcmp(id, "late") == 0 ? ROSTER_ALIVE : ROSTER_NOTHING;
}

static void finds_leftovers(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int kept[3];
	uint32_t alive_addr, dead_addr, lost_addr;
	char alive_link[VETH_NAME_MAX], dead_link[VETH_NAME_MAX], lost_link[VETH_NAME_MAX];
	_cleanup_close_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (network_init(&fx.inst, &err) < 0)
		fail_msg("%s", err.message);
	/* both ends in this namespace: eth0 can be made only once, so in one of its own each */
	struct {
		const char *id;
		uint32_t *addr;
		char *name;
	} all[] = {{"alive", &alive_addr, alive_link},
		   {"dead", &dead_addr, dead_link},
		   {"lost", &lost_addr, lost_link}};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		assert_int_equal(network_allocate(&fx.inst, all[i].id, 0, false, all[i].addr, &err),
				 0);
		assert_int_equal(unshare(CLONE_NEWNET), 0);
		_cleanup_close_ int other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		assert_int_equal(setns(netns, CLONE_NEWNET), 0);
		if (veth_attach(&fx.inst, other, *all[i].addr, false, &err) < 0)
			fail_msg("%s", err.message);
		veth_name(&fx.inst, *all[i].addr, all[i].name);
		make_folder(all[i].id);

		/* kept open to the end: a stuck process would hold the namespace likewise */
		kept[i] = TAKE_FD(other);
	}
	/* an interface whose address nobody holds any more */
	assert_int_equal(network_release(&fx.inst, lost_addr, &err), 0);
	make_folder("gone");
	_cleanup_free_ char *point = instance_run(&fx.inst, "containers/dead/deep");
	assert_int_equal(mount("none", point, "tmpfs", 0, NULL), 0);
	int data = -1, work = -1;
	assert_int_equal(layer_create_upper(&fx.inst, "half", 0, &data, &work, &err), 0);
	close(data);
	close(work);

	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	for (int dry = 1; dry >= 0; dry--) {
		strvec_release(&found);
		if (cleanup_run(&fx.inst, claim, dry, &found, &err) < 0)
			fail_msg("%s", err.message);
		assert_true(has_line(&found, "address "));
		assert_true(has_line(&found, "interface "));
		assert_true(has_line(&found, "mount "));
		assert_true(has_line(&found, "container dead"));
		assert_true(has_line(&found, "container lost"));
		assert_true(has_line(&found, "layer half"));
		assert_false(has_line(&found, "container alive"));
		assert_false(has_line(&found, "container late"));
		assert_false(has_line(&found, "container gone"));
		assert_int_equal(found.n, 6);
	}
	assert_int_not_equal(if_nametoindex(alive_link), 0);
	assert_int_equal(if_nametoindex(dead_link), 0);
	assert_int_equal(if_nametoindex(lost_link), 0);
	strvec_release(&found);
	assert_int_equal(cleanup_run(&fx.inst, claim, false, &found, &err), 0);
	assert_int_equal(found.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		close(kept[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_leftovers),
	};
	return cmocka_run_group_tests_name("cleanup", tests, fixture_set_up_alone,
					   fixture_tear_down);
}
