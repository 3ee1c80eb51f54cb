/* SPDX-License-Identifier: MIT */
#include "runtime/forwarding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define IPV6 "/proc/sys/net/ipv6/conf"
#define PATH_SIZE 96

/* What a switch is set to, '\0' when there is none. */
static char read_switch(const char *path)
{
	char now = '\0';
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &now, 1) != 1)
		return '\0';
	return now;
}

static int turn_on(const char *path, struct error *err)
{
	if (read_switch(path) == '1')
		return 0;
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1\n", 2) < 0)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
				 "turn on '%s'", path);
	return 0;
}

int forwarding_on(struct error *err)
{
	return turn_on("/proc/sys/net/ipv4/ip_forward", err);
}

bool forwarding_has_ipv6(void)
{
	/* no such file: a kernel without IPv6 */
	return read_switch(IPV6 "/default/disable_ipv6") == '0' &&
	       (access(IPV6 "/all/force_forwarding", W_OK) == 0 ||
		read_switch(IPV6 "/all/forwarding") == '1');
}

int forwarding_on_ipv6(const char *link, struct error *err)
{
	char path[PATH_SIZE];
	struct error why = ERROR_INIT;
	snprintf(path, sizeof(path), IPV6 "/%s/force_forwarding", link);
	/* not found: the link is gone, or the machine is a router with an older kernel */
	if (turn_on(path, &why) == 0 || why.code == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}
