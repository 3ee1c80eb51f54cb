/* SPDX-License-Identifier: MIT */
#include "control/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sock.h"
#include "instance/number.h"
#include "control/unit.h"
#include "control/setup.h"

#define READY_MS 30000
#define PROBE_MS 20
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000
#define BACKOFF_RESET_MS 10000
#define LOG_MAX (10 << 20)
#define LOG_CHECK_MS 60000
#define MAX_CLIENTS 8

enum phase {
	PHASE_RUN,
	PHASE_STOP_FRONT, /* all but what apps need until they end are ending or have ended */
	PHASE_STOP,
};

struct kept {
	struct child child;
	bool enabled, running, ready, signalled, killed;
	bool gave_up_waiting; /* it had READY_MS and does not answer: the others go on */
	int64_t started_ms, deadline_ms, due_ms;
	int backoff_ms;
	unsigned starts;
	int log_fd;
	struct unit_sockets sockets;
};

struct client {
	int fd; /* -1: free */
	bool waits_ready, waits_front;
};

struct supervisor {
	const struct instance *inst;
	struct kept units[UNIT_COUNT];
	struct client clients[MAX_CLIENTS];
	enum phase phase;
	int listener, signals;
	bool log_files;
	int64_t log_check_ms;
};

/* --- log files --- */

static char *log_path(const struct supervisor *sv, enum unit s)
{
	return instance_lib(sv->inst, "logs/berth/%s.log", unit_name(s));
}

/* Copy and truncate: the service keeps its descriptor, which appends. */
static void rotate_log(const struct supervisor *sv, enum unit s)
{
	int fd = sv->units[s].log_fd;
	struct stat st;
	if (!sv->log_files || fd < 0 || fstat(fd, &st) < 0 || st.st_size <= LOG_MAX)
		return;
	_cleanup_free_ char *path = log_path(sv, s);
	_cleanup_free_ char *old = xasprintf("%s.1", path);
	_cleanup_close_ int in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_close_ int out =
		open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (in < 0 || out < 0 || file_copy(in, out, UINT64_MAX, NULL) < 0)
		log_warning("could not keep an old '%s'", old);
	if (ftruncate(fd, 0) < 0)
		log_warning("could not empty '%s'", path);
}

static int open_logs(struct supervisor *sv, struct error *err)
{
	for (enum unit s = 0; s < UNIT_COUNT; s++) {
		_cleanup_free_ char *path = log_path(sv, s);
		int fd =
			sv->log_files
				? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
				       0640)
				: fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open log '%s'", path);
		sv->units[s].log_fd = fd;
		if (sv->log_files && fchown(fd, 0, sv->inst->gid) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "chown '%s'", path);
		rotate_log(sv, s);
	}
	return 0;
}

/* --- one service --- */

static void schedule_restart(struct kept *u)
{
	int64_t now = clock_ms();
	if (u->backoff_ms == 0 || now - u->started_ms > BACKOFF_RESET_MS)
		u->backoff_ms = BACKOFF_MIN_MS;
	else
		u->backoff_ms =
			u->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : u->backoff_ms * 2;
	u->due_ms = now + u->backoff_ms;
}

static void start_unit(struct supervisor *sv, enum unit s)
{
	struct kept *u = &sv->units[s];
	struct error err = ERROR_INIT;
	child_release(&u->child);
	child_init(&u->child);
	u->ready = u->signalled = u->killed = false;
	u->started_ms = clock_ms();
	u->starts++;
	if (unit_start(sv->inst, s, u->log_fd, &u->sockets, &u->child, &err) < 0) {
		log_error("%s: %s", unit_name(s), err.message);
		child_release(&u->child);
		schedule_restart(u);
		return;
	}
	u->running = true;
}

/* The process has ended but is not reaped, so its session's id is still its own: what is left of
 * nginx may finish its requests, but must let go of the port. Others' children (container shims,
 * ssh sessions, commands under way) go on by design. */
static void end_remnants(struct kept *u, enum unit s)
{
	if (s == UNIT_ROUTER)
		kill(-u->child.pid, SIGQUIT);
}

static void reap_unit(struct supervisor *sv, enum unit s)
{
	struct kept *u = &sv->units[s];
	struct error err = ERROR_INIT;
	end_remnants(u, s);
	if (child_wait(&u->child, &err) < 0)
		log_error("%s: %s", unit_name(s), err.message);
	u->running = u->ready = false;
	int code = child_exit_code(u->child.status);
	if (u->signalled) {
		log_info("%s stopped", unit_name(s));
		return;
	}
	schedule_restart(u);
	/* the machine lacks something: who waits for this one waits in vain */
	if (code == error_exit_status(ERROR_UNSUPPORTED))
		u->gave_up_waiting = true;
	log_error("%s ended with %s %d; starting it again in %d ms", unit_name(s),
		  WIFSIGNALED(u->child.status) ? "signal" : "status",
		  WIFSIGNALED(u->child.status) ? code - 128 : code, u->backoff_ms);
}

static void probe_unit(struct supervisor *sv, enum unit s)
{
	struct kept *u = &sv->units[s];
	if (unit_answers(sv->inst, s)) {
		u->ready = true;
		log_info("%s answers after %lld ms", unit_name(s),
			 (long long)(clock_ms() - u->started_ms));
	} else if (!u->gave_up_waiting && clock_ms() - u->started_ms > READY_MS) {
		u->gave_up_waiting = true;
		log_error("%s does not answer after %d s", unit_name(s), READY_MS / 1000);
	}
}

/* --- what there is to do now; gives how long poll may sleep --- */

static int sooner(int a, int64_t b)
{
	if (b < 0)
		b = 0;
	return b < a ? (int)b : a;
}

static int tend_running(struct supervisor *sv)
{
	int sleep_ms = LOG_CHECK_MS;
	bool first_round = false; /* a service before this one has not come up yet */
	for (enum unit s = 0; s < UNIT_COUNT; s++) {
		struct kept *u = &sv->units[s];
		if (!u->enabled)
			continue;
		if (!u->running && !(first_round && u->starts == 0)) {
			if (u->due_ms <= clock_ms())
				start_unit(sv, s);
			if (!u->running)
				sleep_ms = sooner(sleep_ms, u->due_ms - clock_ms());
		}
		if (u->running && !u->ready) {
			probe_unit(sv, s);
			if (!u->ready)
				sleep_ms = sooner(sleep_ms, u->gave_up_waiting ? 1000 : PROBE_MS);
		}
		if (!u->ready && !u->gave_up_waiting)
			first_round = true;
	}
	return sleep_ms;
}

/* Ends the last one that runs; the next call goes on with the one before it. Gives 0 when all down
 * to FLOOR have ended. */
static int tend_stopping(struct supervisor *sv, enum unit floor_service)
{
	for (int s = UNIT_COUNT - 1; s >= (int)floor_service; s--) {
		struct kept *u = &sv->units[s];
		if (!u->running)
			continue;
		int64_t now = clock_ms();
		if (!u->signalled) {
			u->signalled = true;
			u->deadline_ms = now + unit_stop_ms((enum unit)s);
			kill(u->child.pid, unit_stop_signal((enum unit)s));
		} else if (now >= u->deadline_ms) {
			/* first the quick way of those that were asked for the gentle one */
			bool gentle = unit_stop_signal((enum unit)s) != SIGTERM && !u->killed;
			kill(u->child.pid, gentle ? SIGTERM : SIGKILL);
			u->killed = true;
			u->deadline_ms = now + 2000;
		}
		return sooner(LOG_CHECK_MS, u->deadline_ms - now) + 1;
	}
	return 0;
}

/* --- those who ask --- */

static void describe(const struct supervisor *sv, struct strbuf *out)
{
	for (enum unit s = 0; s < UNIT_COUNT; s++) {
		const struct kept *u = &sv->units[s];
		if (!u->enabled)
			continue;
		strbuf_addf(out, "%s %s %d %u %lld\n", unit_name(s),
			    u->ready       ? "up"
			    : u->running   ? "starting"
			    : u->signalled ? "stopped"
					   : "down",
			    u->running ? (int)u->child.pid : 0, u->starts ? u->starts - 1 : 0,
			    u->running ? (long long)(clock_ms() - u->started_ms) / 1000 : 0);
	}
}

static void hang_up(struct client *c)
{
	c->fd = close_fd(c->fd);
	c->waits_ready = c->waits_front = false;
}

static void answer_status(const struct supervisor *sv, struct client *c)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	describe(sv, &text);
	/* who has gone needs no answer */
	(void)sock_send(c->fd, text.data, text.len, NULL, 0, NULL);
	hang_up(c);
}

static bool settled(const struct supervisor *sv)
{
	for (enum unit s = 0; s < UNIT_COUNT; s++) {
		const struct kept *u = &sv->units[s];
		if (u->enabled && !u->ready && !u->gave_up_waiting)
			return false;
	}
	return true;
}

static void serve_waiting(struct supervisor *sv, bool front_done)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *c = &sv->clients[i];
		if (c->fd >= 0 && c->waits_ready && settled(sv))
			answer_status(sv, c);
		if (c->fd >= 0 && c->waits_front && front_done)
			hang_up(c);
	}
}

static void take_request(struct supervisor *sv, struct client *c)
{
	char line[64] = "";
	ssize_t n = recv(c->fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	pid_t pid;
	uid_t uid;
	gid_t gid;
	if (n <= 0 || sock_peer(c->fd, &pid, &uid, &gid, NULL) < 0) {
		hang_up(c);
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	bool may = uid == 0 || uid == geteuid();
	if (strcmp(line, "status") == 0) {
		answer_status(sv, c);
	} else if (strcmp(line, "wait") == 0) {
		c->waits_ready = true;
	} else if (strcmp(line, "stop front") == 0 && may) {
		c->waits_front = true;
		if (sv->phase == PHASE_RUN)
			sv->phase = PHASE_STOP_FRONT;
	} else if (strcmp(line, "stop") == 0 && may) {
		/* the connection ends when this process does */
		sv->phase = PHASE_STOP;
	} else {
		hang_up(c);
	}
}

static void take_client(struct supervisor *sv)
{
	int fd = accept4(sv->listener, NULL, NULL, SOCK_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < MAX_CLIENTS; i++) {
		if (sv->clients[i].fd < 0) {
			sv->clients[i] = (struct client){.fd = fd};
			return;
		}
	}
	close_fd(fd);
}

static void take_signal(struct supervisor *sv)
{
	struct signalfd_siginfo info;
	if (read(sv->signals, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
	    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)) {
		log_info("stopping");
		sv->phase = PHASE_STOP;
	}
}

/* --- the loop --- */

static void wait_for_something(struct supervisor *sv, int timeout_ms)
{
	struct pollfd fds[2 + UNIT_COUNT + MAX_CLIENTS] = {
		{.fd = sv->signals, .events = POLLIN},
		{.fd = sv->listener, .events = POLLIN},
	};
	struct pollfd *units = fds + 2, *clients = units + UNIT_COUNT;
	for (enum unit s = 0; s < UNIT_COUNT; s++)
		units[s] = (struct pollfd){
			.fd = sv->units[s].running ? sv->units[s].child.pidfd : -1,
			.events = POLLIN,
		};
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		clients[i] = (struct pollfd){.fd = sv->clients[i].fd, .events = POLLIN};
	if (poll(fds, ARRAY_SIZE(fds), timeout_ms) <= 0)
		return;
	if (fds[0].revents)
		take_signal(sv);
	for (enum unit s = 0; s < UNIT_COUNT; s++)
		if (units[s].revents)
			reap_unit(sv, s);
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].revents)
			take_request(sv, &sv->clients[i]);
	if (fds[1].revents)
		take_client(sv);
}

static void loop(struct supervisor *sv)
{
	for (;;) {
		int sleep_ms;
		if (sv->phase == PHASE_RUN) {
			sleep_ms = tend_running(sv);
			serve_waiting(sv, false);
		} else {
			bool front = sv->phase == PHASE_STOP_FRONT;
			sleep_ms = tend_stopping(sv, front ? UNIT_RESOLVER + 1 : UNIT_RUNTIME);
			if (sleep_ms == 0 && !front)
				return;
			if (sleep_ms == 0) {
				serve_waiting(sv, true);
				sleep_ms = LOG_CHECK_MS;
			}
		}
		if (clock_ms() - sv->log_check_ms >= LOG_CHECK_MS) {
			for (enum unit s = 0; s < UNIT_COUNT; s++)
				rotate_log(sv, s);
			sv->log_check_ms = clock_ms();
		}
		wait_for_something(sv, sleep_ms);
	}
}

static int open_signals(int *out_fd, struct error *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "sigprocmask");
	*out_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *out_fd < 0 ? error_set(err, ERROR_SYSTEM, errno, "signalfd") : 0;
}

static void supervisor_release(struct supervisor *sv)
{
	for (enum unit s = 0; s < UNIT_COUNT; s++) {
		child_release(&sv->units[s].child);
		close_fd(sv->units[s].log_fd);
		for (size_t i = 0; i < sv->units[s].sockets.n; i++)
			close_fd(sv->units[s].sockets.fds[i]);
	}
	close_fd(sv->listener);
	close_fd(sv->signals);
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		close_fd(sv->clients[i].fd);
}

int supervisor_run(const struct instance *inst, bool log_files, struct error *err)
{
	_cleanup_(supervisor_release) struct supervisor sv = {
		.inst = inst,
		.listener = -1,
		.signals = -1,
		.log_files = log_files,
		.log_check_ms = clock_ms(),
	};
	_cleanup_close_ int lock = -1;
	_cleanup_close_ int number = -1;
	_cleanup_free_ char *lock_path = instance_run(inst, "supervisor.lock");
	_cleanup_free_ char *sock_path = instance_run(inst, "supervisor.sock");
	for (enum unit s = 0; s < UNIT_COUNT; s++) {
		child_init(&sv.units[s].child);
		sv.units[s].log_fd = -1;
		sv.units[s].enabled = unit_enabled(inst, s);
	}
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		sv.clients[i].fd = -1;
	if (setup_folders(inst, err) < 0)
		return -1;
	if (file_lock(lock_path, false, &lock, err) < 0)
		return error_wrap(err, "this instance runs already");
	if (number_hold(inst, &number, err) < 0 || open_logs(&sv, err) < 0 ||
	    open_signals(&sv.signals, err) < 0 ||
	    sock_listen(sock_path, SOCK_STREAM, 0660, 0, inst->gid, &sv.listener, err) < 0)
		return -1;
	for (enum unit s = 0; s < UNIT_COUNT; s++)
		if (unit_listen(inst, s, &sv.units[s].sockets, err) < 0)
			return -1;
	signal(SIGPIPE, SIG_IGN);
	loop(&sv);
	unlink(sock_path);
	return 0;
}

int supervisor_ask(const struct instance *inst, const char *request, struct strbuf *out,
		   struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "supervisor.sock");
	_cleanup_close_ int fd = -1;
	if (sock_connect(path, SOCK_STREAM, &fd, err) < 0)
		return -1;
	_cleanup_free_ char *line = xasprintf("%s\n", request);
	if (sock_send(fd, line, strlen(line), NULL, 0, err) < 0)
		return -1;
	return strbuf_read_fd(out, fd, err);
}
