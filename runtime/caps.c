/* SPDX-License-Identifier: MIT */
#include "runtime/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (1ull << (cap))

void caps_of_profile(enum spec_profile profile, struct caps *out)
{
	memset(out, 0, sizeof(*out));
	if (profile == SPEC_IMAGE)
		out->bounding = out->effective = out->permitted =
			BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
			BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |
			BIT(CAP_NET_BIND_SERVICE);
	if (profile != SPEC_LAYER && profile != SPEC_STEP)
		return;
	out->bounding = out->effective = out->permitted =
		BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
		BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) |
		BIT(CAP_SYS_CHROOT);
}

int caps_number(const char *name)
{
	cap_value_t value;

	/* cap_from_name(3) takes numbers, too */
	if (strncmp(name, "CAP_", 4) || cap_from_name(name, &value) < 0)
		return -1;
	return value;
}

int caps_drop_bounding(uint64_t keep)
{
	/* The kernel's last capability is not known at compile time: EINVAL is the end. */
	for (unsigned cap = 0; cap < 64; cap++) {
		if (keep & BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL && cap > CAP_AUDIT_READ ? 0 : -1;
	}
	return 0;
}

static int get(uint64_t *permitted)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(effective >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return (int)syscall(SYS_capset, &head, data);
}

int caps_raise(void)
{
	uint64_t have;

	return get(&have) < 0 ? -1 : set(have, have, 0);
}

int caps_prepare(const struct caps *caps)
{
	uint64_t have, ambient;

	if (get(&have) < 0 || set(have, have, caps->inheritable & have) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -1;
	ambient = caps->ambient & caps->permitted & caps->inheritable & have;
	for (unsigned cap = 0; cap < 64; cap++) {
		if ((ambient & BIT(cap)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -1;
	}
	return 0;
}

int caps_finish(const struct caps *caps)
{
	uint64_t have;

	if (!(caps->effective | caps->permitted | caps->inheritable))
		return set(0, 0, 0);
	if (get(&have) < 0)
		return -1;
	return set(caps->effective & caps->permitted & have, caps->permitted & have,
		   caps->inheritable & have);
}

int caps_set(const struct caps *caps)
{
	return caps_prepare(caps) < 0 ? -1 : caps_finish(caps);
}
