/* SPDX-License-Identifier: MIT */
/* Files and sockets in a folder of the test's own. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"

static char root[64];
static int rootfd;

static int setup(void **state)
{
	(void)state;
	memcpy(root, "/var/tmp/berth-unit.XXXXXX", 27);
	assert_non_null(mkdtemp(root));
	rootfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return rootfd < 0;
}

static int teardown(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	close(rootfd);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, &err), 0);
	assert_false(file_exists(AT_FDCWD, root));
	return 0;
}

static void test_replace(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct strbuf sb = STRBUF_INIT;
	struct stat st, before, again;
	assert_int_equal(file_replace(rootfd, "f", "one", 3, 0640, &err), 0);
	assert_int_equal(fstatat(rootfd, "f", &before, 0), 0);
	assert_int_equal(fstatat(rootfd, "f", &again, 0), 0);
	assert_true(file_is_same(&before, &again));
	assert_int_equal(file_replace(rootfd, "f", "two!", 4, 0600, &err), 0);
	assert_int_equal(file_read(rootfd, "f", 4, &sb, &err), 0);
	assert_string_equal(sb.data, "two!");
	assert_int_equal(fstatat(rootfd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(file_is_same(&before, &st));
	/* one byte more than is allowed, and none at all */
	assert_int_equal(file_read(rootfd, "f", 3, &sb, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(file_read(rootfd, "g", 3, &sb, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(file_replace(rootfd, "no/such", "x", 1, 0600, &err), -1);
	strbuf_release(&sb);
}

static void test_beneath(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_int_equal(mkdirat(rootfd, "d", 0700), 0);
	assert_int_equal(symlinkat("/etc", rootfd, "d/out"), 0);
	assert_int_equal(symlinkat("f", rootfd, "d/in"), 0);
	assert_int_equal(file_replace(rootfd, "d/f", "x", 1, 0600, &err), 0);
	static const char *const escapes[] = {"..", "d/../../x", "/etc/passwd", "d/out/passwd"};
	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++)
		assert_int_equal(file_open_beneath(rootfd, escapes[i], O_RDONLY, 0, false, &err),
				 -1);
	int fd = file_open_beneath(rootfd, "d/in", O_RDONLY, 0, false, &err);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(file_open_beneath(rootfd, "d/in", O_RDONLY, 0, true, &err), -1);
}

/* A walk through ".." while others rename: the kernel asks for patience, and gets it. */
static void test_resolve(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(rootfd, "x", 0700), 0);
	assert_int_equal(mkdirat(rootfd, "x/y", 0700), 0);
	assert_int_equal(mkdirat(rootfd, "one", 0700), 0);
	pid_t pid = fork();
	while (pid == 0) {
		renameat(rootfd, "one", rootfd, "two");
		renameat(rootfd, "two", rootfd, "one");
	}
	assert_true(pid > 0);
	int failed = 0;
	for (int i = 0; i < 20000; i++) {
		int fd =
			file_resolve(rootfd, "x/y/../y/../y/../y/../y", O_PATH, 0, RESOLVE_IN_ROOT);
		failed += fd < 0;
		close(fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(failed, 0);
}

static void test_remove_tree(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char *deep = xasprintf("%s/a/b/c/d", root), *victim = xasprintf("%s/victim", root);
	assert_int_equal(file_make_dirs(deep, 0755, &err), 0);
	assert_int_equal(file_make_dirs(victim, 0755, &err), 0);
	assert_int_equal(file_replace(rootfd, "victim/keep", "x", 1, 0600, &err), 0);
	/* a link inside is removed, not followed */
	assert_int_equal(symlinkat(victim, rootfd, "a/b/link"), 0);
	assert_int_equal(file_remove_tree(rootfd, "a", &err), 0);
	assert_false(file_exists(rootfd, "a"));
	assert_true(file_exists(rootfd, "victim/keep"));
	assert_int_equal(file_remove_tree(rootfd, "a", &err), 0);
	free(deep);
	free(victim);
}

static void test_lock(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char *path = xasprintf("%s/lock", root);
	int one = -1, two = -1;
	assert_int_equal(file_lock(path, false, &one, &err), 0);
	assert_int_equal(file_lock(path, false, &two, &err), -1);
	assert_int_equal(err.code, ERROR_BUSY);
	close(one);
	assert_int_equal(file_lock(path, false, &two, &err), 0);
	close(two);
	free(path);
}

static void test_sock(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char *path = xasprintf("%s/s", root), buf[8];
	int listener = -1, client = -1, fds[SOCK_MAX_FDS], pipes[2];
	size_t nfds = 0;
	uid_t uid = 1;
	gid_t gid;
	pid_t pid;
	assert_int_equal(sock_connect(path, SOCK_STREAM, &client, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(
		sock_listen(path, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1, &listener, &err), 0);
	assert_int_equal(sock_connect(path, SOCK_STREAM, &client, &err), 0);
	int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(sock_peer(server, &pid, &uid, &gid, &err), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(pid, getpid());
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(sock_send(client, "hi", 2, pipes, 2, &err), 0);
	assert_int_equal(sock_recv(server, buf, sizeof(buf), fds, &nfds, &err), 2);
	assert_int_equal(nfds, 2);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(pipes[0], buf, 1), 1);
	close(client);
	assert_int_equal(sock_recv_all(server, buf, 1, &err), -1);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(pipes[i]);
	}
	close(server);
	close(listener);
	char *longer = xasprintf("%s/%0120d", root, 1);
	assert_int_equal(sock_connect(longer, SOCK_STREAM, &client, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	free(longer);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beneath, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sock, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
