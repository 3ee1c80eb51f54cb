/* SPDX-License-Identifier: MIT */
#include "runtime/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/exec.h"

#define READ_SIZE 4096
#define READ_ROUNDS 16
#define HANGS_MS 10000 /* past its timeout */

void health_init(struct health *h, const struct spec_health *spec, struct container_status *status)
{
	*h = (struct health){.spec = spec, .status = status, .pidfd = -1, .output = -1};
}

void health_begin(struct health *h)
{
	struct container_status *s = h->status;

	if (!h->spec->test.n)
		return;
	h->started_ms = clock_ms();
	h->pause_ms = HEALTH_FIRST_MS;
	h->next_ms = h->started_ms + h->pause_ms;
	s->health = HEALTH_STARTING;
	s->health_checks = s->health_failures = 0;
	s->health_text[0] = '\0';
}

static void reap(struct health *h, int *out_status)
{
	while (waitpid(h->pid, out_status, 0) < 0 && errno == EINTR)
		;
	h->pidfd = close_fd(h->pidfd);
	h->kill_ms = 0;
}

void health_end(struct health *h)
{
	int status;

	if (h->pidfd >= 0) {
		kill(h->pid, SIGKILL);
		reap(h, &status);
	}
	h->output = close_fd(h->output);
	h->next_ms = h->started_ms = 0;
	h->status->health = HEALTH_NONE;
}

int64_t health_next(const struct health *h)
{
	return h->pidfd >= 0 ? h->kill_ms : h->next_ms;
}

static void start(struct health *h, const struct plan *plan, const struct container_run *run)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC), in = -1, out = -1;
	int ends[2];

	h->next_ms = clock_ms() + HEALTH_LEAST_MS;
	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return;
	out = ends[0];
	in = ends[1];
	/* whoever it runs as may open /dev/stderr anew */
	if (fcntl(out, F_SETFL, O_NONBLOCK) < 0 || fchmod(in, 0622) < 0)
		return;
	h->pid = fork();
	if (h->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		exec_check(plan, run, &h->spec->test, h->spec->timeout_ms, null, in);
	}
	if (h->pid < 0)
		return;
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (h->pidfd < 0) {
		kill(h->pid, SIGKILL);
		reap(h, &(int){0});
		return;
	}
	h->kill_ms = clock_ms() + h->spec->timeout_ms + HANGS_MS;
	h->output = TAKE_FD(out);
	h->read = h->tail_len = 0;
}

void health_tick(struct health *h, const struct plan *plan, const struct container_run *run)
{
	int64_t now = clock_ms();

	if (h->pidfd >= 0 && now >= h->kill_ms) {
		kill(h->pid, SIGKILL);
		h->kill_ms = now + HANGS_MS;
	} else if (h->pidfd < 0 && h->next_ms && now >= h->next_ms) {
		start(h, plan, run);
	}
}

static void keep(struct health *h, const char *data, size_t n)
{
	size_t size = sizeof(h->tail), over;

	if (n >= size) {
		data += n - size;
		n = size;
	}
	over = h->tail_len + n > size ? h->tail_len + n - size : 0;
	memmove(h->tail, h->tail + over, h->tail_len - over);
	h->tail_len -= over;
	memcpy(h->tail + h->tail_len, data, n);
	h->tail_len += n;
}

bool health_may_read(const struct health *h)
{
	return h->read < HEALTH_READ_MAX;
}

void health_read(struct health *h)
{
	char buf[READ_SIZE];

	for (int i = 0; i < READ_ROUNDS && h->output >= 0; i++) {
		ssize_t n = read(h->output, buf, sizeof(buf));

		if (n < 0)
			return;
		if (n == 0) {
			h->output = close_fd(h->output);
			return;
		}
		keep(h, buf, (size_t)n);
		h->read += (uint64_t)n;
	}
}

/* The last line of its output that says something. */
static void take_text(const struct health *h, char *out, size_t size)
{
	size_t end = h->tail_len, begin, n = 0;

	while (end && (unsigned char)h->tail[end - 1] <= ' ')
		end--;
	for (begin = end; begin && h->tail[begin - 1] != '\n';)
		begin--;
	for (size_t i = begin; i < end && n + 1 < size; i++) {
		unsigned char c = (unsigned char)h->tail[i];

		out[n++] = c < ' ' || c == 127 ? ' ' : (char)c;
	}
	out[n] = '\0';
}

static int64_t interval(const struct health *h)
{
	return h->spec->interval_ms < HEALTH_LEAST_MS ? HEALTH_LEAST_MS : h->spec->interval_ms;
}

static enum container_health judge(const struct health *h, int64_t now)
{
	const struct container_status *s = h->status;
	const struct spec_health *spec = h->spec;

	if (s->health_exit == 0)
		return HEALTH_HEALTHY;
	if (s->health_failures < spec->retries)
		return s->health;
	/* it was looked at more often than that */
	if (s->health == HEALTH_STARTING &&
	    now < h->started_ms + spec->start_period_ms + spec->retries * interval(h))
		return HEALTH_STARTING;
	return HEALTH_UNHEALTHY;
}

static void plan_next(struct health *h, int64_t now)
{
	int64_t most =
		h->spec->interval_ms < HEALTH_SOON_MS ? h->spec->interval_ms : HEALTH_SOON_MS;

	if (h->status->health != HEALTH_STARTING) {
		h->next_ms = now + interval(h);
		return;
	}
	if (h->spec->start_interval_ms && now < h->started_ms + h->spec->start_period_ms)
		most = h->spec->start_interval_ms;
	h->pause_ms = h->pause_ms * 2 < most ? h->pause_ms * 2 : most;
	h->next_ms = now + (h->pause_ms < HEALTH_FIRST_MS ? HEALTH_FIRST_MS : h->pause_ms);
}

bool health_take(struct health *h)
{
	struct container_status *s = h->status;
	enum container_health before = s->health;
	int64_t now = clock_ms();
	int status = 0;

	reap(h, &status);
	health_read(h);
	h->output = close_fd(h->output);
	/* it ended by itself but for one that took too long */
	s->health_exit = WIFSIGNALED(status) ? HEALTH_TIMED_OUT : WEXITSTATUS(status);
	s->health_checks++;
	if (s->health_exit == 0)
		s->health_failures = 0;
	else if (before != HEALTH_STARTING || now >= h->started_ms + h->spec->start_period_ms)
		s->health_failures++;
	take_text(h, s->health_text, sizeof(s->health_text));
	s->health = judge(h, now);
	plan_next(h, now);
	return s->health != before;
}

void health_tell(const struct health *h, struct logfile *log, enum container_health before)
{
	const struct container_status *now = h->status;
	const char *from = runtime_health_name(before), *to = runtime_health_name(now->health);

	if (now->health == HEALTH_HEALTHY)
		logfile_say(log, "Health changed from %s to %s", from, to);
	else if (now->health_exit == HEALTH_TIMED_OUT)
		logfile_say(log, "Health changed from %s to %s: no answer within %u s", from, to,
			    (h->spec->timeout_ms + 999) / 1000);
	else
		logfile_say(log, "Health changed from %s to %s: %s%s(status %d)", from, to,
			    now->health_text, now->health_text[0] ? " " : "", now->health_exit);
}
