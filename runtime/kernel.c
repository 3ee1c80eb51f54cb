/* SPDX-License-Identifier: MIT */
#include "runtime/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

/* None of these arguments is one that the call would do anything for. */
static const struct {
	long number;
	const char *name, *since;
	long args[5];
} calls[] = {
	{SYS_pidfd_send_signal, "pidfd_send_signal", "5.1", {-1, 0, 0, 0}},
	{SYS_open_tree, "open_tree", "5.2", {-1, 0, 0}},
	{SYS_move_mount, "move_mount", "5.2", {-1, 0, -1, 0, 0}},
	{SYS_pidfd_open, "pidfd_open", "5.3", {-1, 0}},
	{SYS_clone3, "clone3", "5.3", {0, 0}},
	{SYS_openat2, "openat2", "5.6", {-1, 0, 0, 0}},
	{SYS_close_range, "close_range", "5.9", {1, 0, 0}},
	{SYS_mount_setattr, "mount_setattr", "5.12", {-1, 0, 0, 0, 0}},
};

static int check_calls(struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const long *a = calls[i].args;
		if (syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4]) < 0 && errno == ENOSYS)
			return error_set(err, ERROR_UNSUPPORTED, 0,
					 "the kernel has no %s(2): Linux %s and later have it, "
					 "unless a seccomp filter around Berth hides it",
					 calls[i].name, calls[i].since);
	}
	return 0;
}

static int check_namespaces(struct error *err)
{
	static const struct {
		const char *name, *option;
	} kinds[] = {{"user", "USER_NS"}, {"pid", "PID_NS"}, {"net", "NET_NS"},
		     {"ipc", "IPC_NS"},   {"uts", "UTS_NS"}, {"cgroup", "CGROUPS"}};
	_cleanup_strbuf_ struct strbuf max = STRBUF_INIT;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *path = xasprintf("/proc/self/ns/%s", kinds[i].name);
		if (access(path, F_OK) < 0)
			return error_set(err, ERROR_UNSUPPORTED, 0,
					 "the kernel has no %s namespaces: it needs CONFIG_%s",
					 kinds[i].name, kinds[i].option);
	}
	static const char path[] = "/proc/sys/user/max_user_namespaces";
	if (file_read(AT_FDCWD, path, 64, &max, NULL) == 0) {
		strbuf_trim(&max);
		if (strcmp(max.data, "0") == 0)
			return error_set(err, ERROR_UNSUPPORTED, 0,
					 "user namespaces are turned off: 'sysctl -w "
					 "user.max_user_namespaces=15000' turns them on");
	}
	return 0;
}

static int check_rest(struct error *err)
{
	uint32_t action = SECCOMP_RET_ERRNO;
	/* loads the module where it is one */
	_cleanup_close_ int overlay = fsopen("overlay", FSOPEN_CLOEXEC);
	if (overlay < 0 && errno == ENODEV)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "the kernel has no overlay file system: 'modprobe overlay' loads "
				 "it, or CONFIG_OVERLAY_FS builds it");
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "the kernel has no seccomp filters: it needs "
				 "CONFIG_SECCOMP_FILTER, and Linux 4.14 or later");
	_cleanup_close_ int nft = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (nft < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "the kernel has no nftables: 'modprobe nf_tables' loads it, or "
				 "CONFIG_NF_TABLES builds it");
	return 0;
}

int kernel_check(struct error *err)
{
	return check_calls(err) < 0 || check_namespaces(err) < 0 || check_rest(err) < 0 ? -1 : 0;
}
