/* SPDX-License-Identifier: MIT */
/*
 * Who a container's program runs as. An image says it in the words of its configuration ("USER",
 * "USER:GROUP", each a number or a name), which mean what the image's own /etc/passwd and
 * /etc/group say: files of a tenant, read by a process without any privilege inside the container
 * (container_identity). System calls only, no allocation.
 */
#ifndef RUNTIME_IDENTITY_H
#define RUNTIME_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITY_GROUPS 32
#define IDENTITY_HOME_MAX 256
#define IDENTITY_NAME_MAX 64
#define IDENTITY_FILE_MAX (1u << 20) /* bytes of either file that are looked at */

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_GROUPS]; /* further ones */
	uint32_t n_groups;
	char home[IDENTITY_HOME_MAX]; /* "" when nothing says it */
};

/* "", "name", "1000", "name:group", "1000:1000"; each part at most IDENTITY_NAME_MAX bytes. */
bool identity_is_user(const char *user);

/* Fills OUT from what PASSWD_FD and GROUP_FD (-1: no such file) say about USER, which
 * identity_is_user holds good. As other runtimes do: without a user it is root; a number that is
 * not listed is taken as it is, in group 0; a group that is given replaces all others. Gives 0,
 * ENOENT for a name that is not there, ERANGE for an id that is not below 65536. */
int identity_find(const char *user, int passwd_fd, int group_fd, struct identity *out);

#endif
