/* SPDX-License-Identifier: MIT */
#include "runtime/spare.h"

#include <stdio.h>
#include <unistd.h>

#include "runtime/cgroup.h"

static struct {
	char name[32]; /* of the cgroup; "": it is a container's by now, or there is none */
	struct cgroup cgroup;
	struct helper helper;
} spare = {.helper = HELPER_INIT};

void spare_warm_up(void)
{
	snprintf(spare.name, sizeof(spare.name), CGROUP_SPARE "%d", getpid());
	if (cgroup_is_v2() || cgroup_make(spare.name, &spare.cgroup, NULL) < 0)
		spare.name[0] = '\0';
	if (cgroup_is_v2())
		helper_start(&spare.helper, NULL, NULL);
	else if (spare.name[0] && helper_start(&spare.helper, &spare.cgroup, NULL) < 0)
		spare_cool_down();
}

void spare_cool_down(void)
{
	helper_release(&spare.helper);
	cgroup_close(&spare.cgroup);
	if (spare.name[0])
		cgroup_remove(spare.name, NULL);
	spare.name[0] = '\0';
}

void spare_child_ended(pid_t pid)
{
	if (pid == spare.helper.pid)
		spare.helper.pid = 0;
}

void spare_forget(void)
{
	spare.helper.pid = 0;
	helper_release(&spare.helper);
	cgroup_close(&spare.cgroup);
	spare.name[0] = '\0';
}

void spare_take(const char *id)
{
	if (cgroup_is_v2())
		return;
	if (spare.name[0] && cgroup_rename(spare.name, id) == 0)
		spare.name[0] = '\0'; /* its helper still reads the descriptors */
	else
		spare_cool_down();
}

struct helper *spare_helper(void)
{
	return &spare.helper;
}

void spare_used(void)
{
	/* who read these is gone */
	cgroup_close(&spare.cgroup);
}
