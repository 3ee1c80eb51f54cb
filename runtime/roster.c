/* SPDX-License-Identifier: MIT */
#include "runtime/roster.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "instance/name.h"
#include "runtime/folder.h"
#include "runtime/status.h"

/* Containers that are told to stop at once. */
#define STOP_MAX 4096

/* A folder without status is a container being made, for so long. */
#define YOUNG_S 10

bool roster_is_alive(const struct container_status *s)
{
	return s->shim ? status_shim_alive(s) : s->state == CONTAINER_STARTING;
}

enum sight {
	NOT_THERE,
	ENDED, /* its folder stays a moment, without a status */
	THERE,
};

/* Fills S, unless NOT_THERE. */
static enum sight look_at(const struct instance *inst, const char *id, struct container_status *s)
{
	struct stat st;

	if (!name_is_id(id))
		return NOT_THERE;
	if (status_read(inst, id, s, NULL) == 0)
		return THERE;
	_cleanup_free_ char *path = instance_run(inst, "containers/%s", id);
	if (lstat(path, &st) < 0)
		return NOT_THERE;
	memset(s, 0, sizeof(*s));
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->state = st.st_mtime + YOUNG_S > time(NULL) ? CONTAINER_STARTING : CONTAINER_LOST;
	return folder_has_ended(&st) ? ENDED : THERE;
}

enum roster_claim roster_claim(const struct instance *inst, const char *id)
{
	struct container_status s;

	if (look_at(inst, id, &s) == NOT_THERE)
		return ROSTER_GONE;
	if (roster_is_alive(&s))
		return ROSTER_ALIVE;
	return s.state == CONTAINER_EXITED ? ROSTER_KEPT : ROSTER_NOTHING;
}

int roster_each(const struct instance *inst, const char *prefix,
		void (*each)(struct container_status *s, void *data), void *data, struct error *err)
{
	_cleanup_free_ char *top = instance_run(inst, "containers");
	DIR *d = opendir(top);

	if (!d)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", top);
	for (struct dirent *e; (e = readdir(d));) {
		struct container_status s;

		/* some are removed meanwhile */
		if (str_starts(e->d_name, prefix) && look_at(inst, e->d_name, &s) == THERE)
			each(&s, data);
	}
	closedir(d);
	return 0;
}

struct shims {
	struct pollfd fds[STOP_MAX]; /* pidfds; -1: gone */
	nfds_t n;
};

static void tell_to_stop(struct container_status *s, void *data)
{
	struct shims *all = data;
	_cleanup_close_ int pidfd =
		s->shim > 0 && all->n < STOP_MAX ? (int)syscall(SYS_pidfd_open, s->shim, 0) : -1;

	/* looked at once more: now the pid cannot become another's */
	if (pidfd < 0 || !status_shim_alive(s) ||
	    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0)
		return;
	all->fds[all->n++] = (struct pollfd){TAKE_FD(pidfd), POLLIN, 0};
}

int roster_stop_all(const struct instance *inst, int wait_ms, struct error *err)
{
	static struct shims all;
	int64_t until = clock_ms() + wait_ms;
	nfds_t left;

	_cleanup_free_ char *top = instance_run(inst, "containers");
	all.n = 0;
	if (!file_exists(AT_FDCWD, top))
		return 0; /* none ever ran */
	if (roster_each(inst, "", tell_to_stop, &all, err) < 0)
		return -1;
	for (left = all.n; left > 0 && clock_ms() < until;) {
		if (poll(all.fds, all.n, (int)(until - clock_ms())) <= 0)
			continue;
		for (nfds_t i = 0; i < all.n; i++) {
			if (all.fds[i].fd < 0 || !all.fds[i].revents)
				continue;
			all.fds[i].fd = close_fd(all.fds[i].fd);
			left--;
		}
	}
	if (left > 0)
		return error_set(err, ERROR_TIMEOUT, 0, "%llu of %llu containers did not stop",
				 (unsigned long long)left, (unsigned long long)all.n);
	return 0;
}
