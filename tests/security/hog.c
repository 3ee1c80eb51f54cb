/* SPDX-License-Identifier: MIT */
/*
 * Takes more than its share, of one thing at a time. Static, so that it runs in any container, and
 * outside as the control.
 *
 *   hog hold THING [MOST]   as many as it can get: "held THING N ERRNO", and keeps them
 *   hog count THING [MOST]  the same, and ends
 *   hog take THING          one: "take THING ok|ERRNO"
 *   hog storm THING         for ever: log, fsync PATH, cache PATH MIB, sync, spin
 *   hog give PATH           its output to whoever connects to the socket PATH, and stays
 *   hog keep PATH           what is given there, and writes into it for ever
 *   hog orphans N SECONDS   N processes in sessions of their own that ignore SIGTERM; then it ends
 *
 * THINGS: inotify signals queues terminals files datagrams flows processes zombies inodes sessions
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static long n_taken;

static const char *answer(long result)
{
	return result < 0 ? strerrorname_np(errno) : "ok";
}

static long one_inotify(void)
{
	return inotify_init1(IN_CLOEXEC);
}

/* A timer keeps one queued signal ready. */
static long one_signal(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer);
}

static long one_queue(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/hog-%d-%ld", getpid(), n_taken);
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, NULL);
	/* it goes with this process: one with a name would stay, and count for its maker */
	if (queue >= 0)
		mq_unlink(name);
	return queue;
}

static long one_terminal(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static long one_file(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Datagrams that nobody reads stay in the kernel: a full socket counts as one. */
static long one_datagrams(void)
{
	static char bytes[32768];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(to);
	int most = 16 << 20, in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long sent = 0;

	if (in < 0 || out < 0 || bind(in, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(in, (struct sockaddr *)&to, &len) < 0)
		return -1;
	setsockopt(in, SOL_SOCKET, SO_RCVBUF, &most, sizeof(most));
	for (int i = 0; i < 16; i++)
		if (sendto(out, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)) > 0)
			sent++;
	close(out);
	return sent;
}

/* A connection as the host's table sees it: another place for each. */
static long one_flow(void)
{
	static int fd = -1;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)(1024 + n_taken % 60000)),
				 .sin_addr.s_addr = htonl(0xc6128001u + (uint32_t)n_taken / 60000)};

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

static long one_process(void)
{
	pid_t pid = fork();

	while (pid == 0)
		pause();
	return pid;
}

static long one_zombie(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long one_inode(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "hog-%ld", n_taken);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd;
}

static long one_session(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	return pid;
}

static const struct {
	const char *name;
	long (*take)(void);
} things[] = {{"inotify", one_inotify},    {"signals", one_signal},    {"queues", one_queue},
	      {"terminals", one_terminal}, {"files", one_file},        {"datagrams", one_datagrams},
	      {"flows", one_flow},         {"processes", one_process}, {"zombies", one_zombie},
	      {"inodes", one_inode},       {"sessions", one_session}};

static long (*find(const char *name))(void)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
		if (strcmp(things[i].name, name) == 0)
			return things[i].take;
	fprintf(stderr, "hog: no such thing: %s\n", name);
	exit(2);
}

static int storm(const char *what, char **args)
{
	static char block[1 << 16];
	int fd = args[0] ? open(args[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	long size = args[0] && args[1] ? strtol(args[1], NULL, 10) << 20 : 0;

	memset(block, 'x', sizeof(block));
	for (size_t i = 99; i < sizeof(block); i += 100)
		block[i] = '\n';
	for (off_t at = 0;; at += (off_t)sizeof(block)) {
		if (strcmp(what, "log") == 0 && write(1, block, sizeof(block)) < 0)
			return 1;
		if (strcmp(what, "fsync") == 0 && (pwrite(fd, block, 4096, 0) < 0 || fsync(fd) < 0))
			return 1;
		if (strcmp(what, "cache") == 0 && pwrite(fd, block, sizeof(block), at % size) < 0)
			return 1;
		if (strcmp(what, "sync") == 0)
			sync();
	}
}

union with_fd {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static int meet(const char *path, int gives)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	union with_fd control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char block[4096] = "kept";
	struct iovec iov = {block, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	int out = 1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (gives) {
		memcpy(CMSG_DATA(&control.head), &out, sizeof(out));
		if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0 ||
		    (fd = accept(fd, NULL, NULL)) < 0 || sendmsg(fd, &m, 0) != 1)
			return 1;
		for (;;)
			pause();
	}
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || recvmsg(fd, &m, 0) != 1)
		return 1;
	memcpy(&out, CMSG_DATA(&control.head), sizeof(out));
	puts("kept");
	memset(block, '\n', sizeof(block));
	while (write(out, block, sizeof(block)) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(verb, "take") == 0) {
		printf("take %s %s\n", argv[2], answer(find(argv[2])()));
		return 0;
	}
	if (strcmp(verb, "hold") == 0 || strcmp(verb, "count") == 0) {
		long (*take)(void) = find(argv[2]);
		long most = argc > 3 ? strtol(argv[3], NULL, 10) : 1 << 22, last = 0;

		while (n_taken < most && (last = take()) >= 0)
			n_taken++;
		printf("held %s %ld %s\n", argv[2], n_taken, answer(last));
		while (strcmp(verb, "hold") == 0)
			pause();
		return 0;
	}
	if (strcmp(verb, "storm") == 0)
		return storm(argv[2], argv + 3);
	if (strcmp(verb, "give") == 0 || strcmp(verb, "keep") == 0)
		return meet(argv[2], verb[0] == 'g');
	if (strcmp(verb, "orphans") == 0 && argc == 4) {
		for (n_taken = 0; n_taken < strtol(argv[2], NULL, 10); n_taken++)
			if (one_session() < 0)
				return 1;
		sleep((unsigned)strtol(argv[3], NULL, 10));
		return 0;
	}
	fprintf(stderr, "hog: see the top of tests/security/hog.c\n");
	return 2;
}
