/* SPDX-License-Identifier: MIT */
/* What a keeper that listens at NOTIFY_SOCKET hears. */
#include "base/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* PATH as in the environment: '@' for a name in no folder. */
static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(at.sun_path, path, strlen(path));
	if (*path == '@')
		at.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
			 0);
	setenv("NOTIFY_SOCKET", path, 1);
	return fd;
}

/* The next message, and its descriptor or -1. */
static void hear(int fd, const char *expected, int *out_passed)
{
	char text[64] = "", room[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec part = {text, sizeof(text) - 1};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	assert_int_equal(recvmsg(fd, &m, 0), strlen(expected));
	assert_string_equal(text, expected);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*out_passed = -1;
	if (c)
		memcpy(out_passed, CMSG_DATA(c), sizeof(int));
}

static void hears_states_and_descriptors(void **state)
{
	(void)state;
	char folder[] = "/tmp/berth-service.XXXXXX", path[64], name[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/notify", folder);
	snprintf(name, sizeof(name), "@berth-test-%d", getpid());
	const char *const places[] = {path, name};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_close_ int fd = listen_at(places[i]);
		_cleanup_close_ int passed = -1;
		struct stat is, was;
		int none;
		char byte;
		service_notify("FDSTORE=1", &fd, 1);
		hear(fd, "FDSTORE=1", &passed);
		assert_int_equal(fstat(fd, &was), 0);
		assert_int_equal(fstat(passed, &is), 0);
		assert_int_equal(is.st_ino, was.st_ino);
		service_ready();
		hear(fd, "READY=1", &none);
		assert_int_equal(none, -1);
		/* whom it starts is not asked */
		assert_null(getenv("NOTIFY_SOCKET"));
		service_ready();
		assert_int_equal(recv(fd, &byte, 1, 0), -1);
		assert_int_equal(errno, EAGAIN);
	}
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void does_nothing_without_a_listener(void **state)
{
	(void)state;
	char longer[200];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	const char *const nowhere[] = {"", "/nowhere/notify", "relative", "@", longer};
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		setenv("NOTIFY_SOCKET", nowhere[i], 1);
		service_ready();
		assert_null(getenv("NOTIFY_SOCKET"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_states_and_descriptors),
		cmocka_unit_test(does_nothing_without_a_listener),
	};
	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
