/* SPDX-License-Identifier: MIT */
#include "runtime/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define READ_SIZE 16384
/* Output that is read before the other events get their turn. */
#define READ_ROUNDS 64

void output_init(struct output *o, const int *ends)
{
	*o = (struct output){.fd = -1};
	for (int i = 0; i < 3; i++)
		o->ends[i] = ends ? ends[i] : -1;
}

int output_open(struct output *o, uid_t user, struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[2];

	if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	o->ends[0] = TAKE_FD(null);
	o->ends[1] = fds[1];
	o->ends[2] = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
	o->fd = fds[0];
	/* so that the program may open /dev/stderr anew, as php-fpm does */
	if (o->ends[2] < 0 || fcntl(o->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    fchown(o->fd, user, user) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	return 0;
}

void output_given(struct output *o)
{
	for (int i = 0; i < 3; i++)
		o->ends[i] = close_fd(o->ends[i]);
}

void output_close(struct output *o)
{
	o->fd = close_fd(o->fd);
}

int output_poll(struct output *o)
{
	return pace_allows(&o->pace) ? o->fd : -1;
}

int64_t output_next(const struct output *o)
{
	return o->fd < 0 ? 0 : o->pace.next_ms;
}

/* What lies in the pipe at the end; somebody who was given its other end may go on writing. */
static int remaining(const struct output *o)
{
	int n = 0;

	return o->fd >= 0 && ioctl(o->fd, FIONREAD, &n) == 0 ? n : 0;
}

bool output_drain(struct output *o, struct logfile *log, bool last)
{
	static char buf[READ_SIZE];
	int left = last ? remaining(o) : 0;

	for (int i = 0; o->fd >= 0 && (last ? left > 0 : i < READ_ROUNDS); i++) {
		ssize_t n = read(o->fd, buf, sizeof(buf));

		if (n > 0 && log)
			logfile_feed(log, buf, (size_t)n);
		left -= n > 0 ? (int)n : 0;
		if (n > 0 && !last && pace_spend(&o->pace, (size_t)n))
			return true;
		if (n == 0)
			output_close(o);
		if (n < 0 && errno != EINTR)
			break;
	}
	return false;
}
