/* SPDX-License-Identifier: MIT */
/* room: runtime */
/* An image's /etc/passwd and /etc/group, and the user that it names: "USER\0PASSWD\0GROUP". */
#include "runtime/identity.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t len)
{
	int fd = memfd_create("f", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct identity id;
	char user[256];
	size_t len = strnlen((const char *)data, size);

	if (len == size || len >= sizeof(user))
		return 0;
	memcpy(user, data, len + 1);
	data += len + 1;
	size -= len + 1;
	if (!identity_is_user(user))
		return 0;
	len = strnlen((const char *)data, size);
	int p = file_of(data, len), g = file_of(data + len, size - len);
	if (identity_find(user, p, g, &id) == 0 &&
	    (id.uid > 65535 || id.gid > 65535 || id.n_groups > IDENTITY_GROUPS ||
	     strnlen(id.home, sizeof(id.home)) == sizeof(id.home)))
		abort();
	close(p);
	close(g);
	return 0;
}
