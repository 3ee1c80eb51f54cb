/* SPDX-License-Identifier: MIT */
#include "runtime/cgfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

int cgfile_write(int dirfd, const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	return fd >= 0 && write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

int cgfile_write_number(int dirfd, const char *file, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return cgfile_write(dirfd, file, text);
}

ssize_t cgfile_read(int dirfd, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

uint64_t cgfile_number(int dirfd, const char *file)
{
	char buf[64];

	return cgfile_read(dirfd, file, buf, sizeof(buf)) > 0 ? strtoull(buf, NULL, 10) : 0;
}

uint64_t cgfile_key(int dirfd, const char *file, const char *key)
{
	char buf[4096];
	size_t len = strlen(key);

	if (cgfile_read(dirfd, file, buf, sizeof(buf)) <= 0)
		return 0;
	for (const char *p = buf; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		if (!strncmp(p, key, len) && p[len] == ' ')
			return strtoull(p + len + 1, NULL, 10);
	}
	return 0;
}
