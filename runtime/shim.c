/* SPDX-License-Identifier: MIT */
#include "runtime/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/cgroup.h"
#include "runtime/exec.h"
#include "runtime/folder.h"
#include "runtime/forwarding.h"
#include "runtime/health.h"
#include "runtime/layer.h"
#include "runtime/limits.h"
#include "runtime/meter.h"
#include "runtime/logfile.h"
#include "runtime/network.h"
#include "runtime/output.h"
#include "runtime/plan.h"
#include "runtime/quota.h"
#include "runtime/resolvers.h"
#include "runtime/restart.h"
#include "runtime/session.h"
#include "runtime/spare.h"
#include "runtime/status.h"
#include "runtime/stoppers.h"

#define DEFAULT_STOP_MS 30000

struct shim {
	const struct instance *inst;
	const struct container_spec *spec;
	struct plan setup;
	struct container_run run;
	struct container_status status;
	struct rootfs rootfs;
	struct cgroup cgroup;
	struct restart restart;
	struct logfile log;
	struct meter meter;
	struct quota quota;
	struct output output;
	struct health health;
	struct strbuf resolv;
	bool attached, has_log;
	int conn;    /* the session, -1 when detached or gone */
	int folder;  /* run/containers/ID */
	int control; /* listening */
	int signals; /* a signalfd: SIGTERM, which stops the container */
	int console; /* with spec->tty, until it is handed over */
	int mounts;  /* the program's namespace, or -1 */
	char address[NETWORK_TEXT_MAX];
	int64_t started_ms, kill_ms, time_ms, next_ms; /* clock_ms, 0: not set */
	bool running, stopping, timed_out, disk_full, pids_refused, unwell, done;
	struct stoppers stoppers;
};

/* --- small parts ---------------------------------------------------------------------------- */

static void publish(struct shim *s, enum container_state state)
{
	static const char *const names[] = {"", "starting", "up", "crashed", "down", "lost"};

	if (s->has_log && state != s->status.state && s->status.state)
		logfile_say(&s->log, "State changed from %s to %s", names[s->status.state],
			    names[state]);
	s->status.state = state;
	s->status.pid = s->running ? s->run.pid : 0;
	status_write(s->folder, &s->status, NULL);
}

/* --- beginning ------------------------------------------------------------------------------ */

static int make_folder(struct shim *s, struct error *err)
{
	if (folder_make(s->inst, s->spec->id, &s->folder, err) < 0)
		return -1;
	snprintf(s->status.id, sizeof(s->status.id), "%s", s->spec->id);
	snprintf(s->status.label, sizeof(s->status.label), "%s",
		 s->spec->label ? s->spec->label : "");
	s->status.shim = getpid();
	s->status.shim_start = status_process_start(getpid());
	s->status.state = CONTAINER_STARTING;
	return status_write(s->folder, &s->status, err);
}

static int make_network(struct shim *s, struct error *err)
{
	if (s->spec->network != SPEC_NET_EGRESS)
		return 0;
	/* on the network only what an app runs is the app's */
	bool app = s->spec->profile == SPEC_APP || s->spec->profile == SPEC_IMAGE;
	s->setup.ipv6 = app && s->spec->range && forwarding_has_ipv6();
	if (network_gateway(s->inst, &s->setup.gateway, err) < 0 ||
	    network_allocate(s->inst, s->spec->id, app ? s->spec->range : 0, s->setup.ipv6,
			     &s->setup.address, err) < 0)
		return -1;
	network_text(s->setup.address, s->address);
	memcpy(s->status.address, s->address, sizeof(s->address));
	return 0;
}

/* The spare one under the container's name, or a new one. */
static int make_cgroup(struct shim *s, struct error *err)
{
	spare_take(s->spec->id);
	return cgroup_create(s->spec->id, &s->setup.limits, &s->cgroup, err);
}

static int prepare(struct shim *s, struct error *err)
{
	if (limits_resolve(s->inst, s->spec, &s->setup.limits, err) < 0 || make_folder(s, err) < 0)
		return -1;
	s->status.memory_limit = s->setup.limits.memory;
	s->status.cpu_millis = s->setup.limits.cpu_millis;
	s->status.pids_limit = s->setup.limits.pids;
	s->status.disk_limit = s->setup.limits.disk;
	s->status.net_to_limit = s->setup.limits.net_to;
	s->status.net_from_limit = s->setup.limits.net_from;
	restart_init(&s->restart, s->spec);
	if (s->spec->log_app && !s->attached) {
		_cleanup_free_ char *logs = instance_lib(s->inst, "logs");

		if (logfile_open(&s->log, logs, s->spec->log_app, s->spec->log_name,
				 s->spec->log_max, s->inst->gid, err) < 0)
			return -1;
		s->has_log = true;
	}
	if (folder_listen(s->folder, &s->control, err) < 0 || make_cgroup(s, err) < 0 ||
	    make_network(s, err) < 0 || rootfs_open(s->inst, s->spec, &s->rootfs, err) < 0)
		return -1;
	resolvers_conf(s->setup.gateway, &s->resolv);
	return 0;
}

static void watch_disk(struct shim *s)
{
	const struct container_spec *spec = s->spec;

	meter_init(&s->meter, s->setup.limits.disk);
	meter_add(&s->meter, s->rootfs.upper);
	for (unsigned i = 0; i < s->rootfs.n_mounts; i++) {
		if (spec->mounts[i].kind == SPEC_MOUNT_CACHE && !spec->mounts[i].read_only)
			meter_add(&s->meter, s->rootfs.mounts[i].fd);
	}
}

/* To take the mounts down costs the kernel as much as all of a short program's run: with this that
 * waits until the session has its answer. A layer that is kept must be free by then. */
static void hold_mounts(struct shim *s)
{
	char path[64];

	if (!s->attached || s->spec->upper)
		return;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", s->run.pid);
	s->mounts = open(path, O_RDONLY | O_CLOEXEC);
}

static int start_once(struct shim *s, struct error *err)
{
	uid_t user = rootfs_user(s->spec, instance_range_base(s->inst, s->spec->range));

	if (!s->attached && output_open(&s->output, user, err) < 0)
		return -1;
	s->setup.inst = s->inst;
	s->setup.spec = s->spec;
	s->setup.rootfs = &s->rootfs;
	s->setup.cgroup = &s->cgroup;
	s->setup.helper = spare_helper();
	s->setup.address_text = s->address;
	s->setup.resolv = s->resolv.data;
	memcpy(s->setup.stdio, s->output.ends, sizeof(s->output.ends));
	quota_begin(&s->quota, &s->cgroup);
	int failed = plan_start(&s->setup, &s->run, &s->console, err);
	spare_used();
	output_given(&s->output);
	if (failed) {
		output_close(&s->output);
		return -1;
	}
	watch_disk(s);
	pace_init(&s->output.pace, s->setup.limits.log_rate);
	if (s->has_log)
		quota_watch(&s->quota, s->run.pid);
	s->running = true;
	hold_mounts(s);
	s->started_ms = clock_ms();
	health_begin(&s->health);
	s->time_ms = s->setup.limits.time_ms ? s->started_ms + s->setup.limits.time_ms : 0;
	s->status.started_us = clock_unix_us();
	s->status.next_start_us = 0;
	return 0;
}

/* --- end ------------------------------------------------------------------------------------ */

/* Gives back what the container had on the host. */
static void release(struct shim *s)
{
	cgroup_kill(&s->cgroup, 2000);
	cgroup_close(&s->cgroup);
	cgroup_remove(s->spec->id, NULL);
	if (s->setup.address)
		network_release(s->inst, s->setup.address, NULL);
	s->setup.address = 0;
}

static void finish(struct shim *s, bool forget)
{
	rootfs_close(&s->rootfs);
	/* whoever has the answer may take the name again */
	if (s->attached)
		folder_end(s->folder);
	else
		publish(s, CONTAINER_EXITED);
	if (s->conn >= 0) {
		struct runtime_result result;
		struct cgroup_usage usage;

		memset(&result, 0, sizeof(result));
		cgroup_usage(&s->cgroup, &usage);
		result.exit_code = s->status.exit_code;
		result.oom_killed = s->status.oom_killed;
		result.timed_out = s->timed_out;
		result.disk_full = s->disk_full;
		result.pids_refused = s->pids_refused;
		result.memory_peak = usage.memory_peak;
		session_send_result(s->conn, &result);
		s->conn = close_fd(s->conn);
	}
	release(s);
	if (forget)
		folder_remove(s->inst, s->spec->id, s->folder);
	else
		folder_leave(s->folder);
	stoppers_answer(&s->stoppers);
	/* last: many wait for the name that the folder had, nobody for this */
	s->mounts = close_fd(s->mounts);
	if (s->has_log)
		logfile_close(&s->log);
}

/* --- running -------------------------------------------------------------------------------- */

static void tell_quota(struct shim *s, unsigned hit)
{
	if (s->has_log)
		quota_tell(&s->log, &s->setup.limits, hit);
}

static void drain(struct shim *s, bool last)
{
	struct logfile *log = s->has_log ? &s->log : NULL;

	if (output_drain(&s->output, log, last) && quota_is_news(&s->quota, QUOTA_LOG))
		tell_quota(s, QUOTA_LOG);
	if (log)
		logfile_flush(log);
}

/* How long the program may take to end. */
static int stop_ms(const struct container_spec *spec)
{
	return spec->stop_ms ? (int)spec->stop_ms : DEFAULT_STOP_MS;
}

static void ask_to_end(const struct shim *s)
{
	container_signal(&s->run, s->spec->stop_signal ? (int)s->spec->stop_signal : SIGTERM);
}

static void begin_stop(struct shim *s, int timeout_ms)
{
	s->stopping = true;
	health_end(&s->health);
	if (!s->running) {
		s->done = true;
		return;
	}
	if (s->kill_ms && clock_ms() + timeout_ms >= s->kill_ms)
		return;
	if (!s->kill_ms && timeout_ms > 0)
		ask_to_end(s);
	s->kill_ms = clock_ms() + timeout_ms;
}

static void ended(struct shim *s)
{
	int64_t lived = clock_ms() - s->started_ms, delay;
	unsigned hit;
	bool failed;

	s->status.exit_code = container_reap(&s->run);
	s->running = false;
	health_end(&s->health);
	/* what was written since the last walk counts too, where somebody is told */
	if (s->conn >= 0 && !s->stopping)
		s->disk_full = s->disk_full || meter_is_passed(&s->meter);
	meter_release(&s->meter);
	drain(s, true);
	if (s->has_log)
		logfile_finish(&s->log);
	output_close(&s->output);
	hit = quota_look(&s->quota);
	s->pids_refused = hit & QUOTA_PIDS;
	tell_quota(s, hit);
	s->status.oom_killed = quota_end(&s->quota);
	failed = s->status.exit_code != 0 || s->status.oom_killed || s->unwell;
	s->unwell = false;
	if (s->has_log)
		logfile_say(&s->log, "Process exited with status %d", s->status.exit_code);
	delay = s->stopping || s->attached || s->timed_out || s->disk_full
			? -1
			: restart_after(&s->restart, failed, lived);
	if (delay < 0) {
		s->done = true;
		return;
	}
	s->kill_ms = s->time_ms = 0;
	s->next_ms = clock_ms() + delay;
	s->status.next_start_us = clock_unix_us() + delay * 1000;
	publish(s, CONTAINER_BACKOFF);
}

static void take_health(struct shim *s)
{
	enum container_health before = s->status.health;
	bool changed = health_take(&s->health);

	/* the log first: whoever sees the change finds it told */
	if (changed && s->has_log)
		health_tell(&s->health, &s->log, before);
	publish(s, s->status.state);
	if (!changed)
		return;
	if (s->status.health != HEALTH_UNHEALTHY || !s->spec->health.restarts)
		return;
	s->unwell = true;
	s->health.next_ms = 0;
	s->kill_ms = clock_ms() + stop_ms(s->spec);
	ask_to_end(s);
}

static void start_again(struct shim *s)
{
	struct error err = ERROR_INIT;

	s->next_ms = 0;
	s->status.restarts++;
	publish(s, CONTAINER_STARTING);
	if (start_once(s, &err) == 0) {
		publish(s, CONTAINER_RUNNING);
		return;
	}
	if (s->has_log)
		logfile_say(&s->log, "Cannot start: %s", err.message);
	int64_t delay = restart_after(&s->restart, true, 0);
	if (delay < 0) {
		s->done = true;
		return;
	}
	s->next_ms = clock_ms() + delay;
	publish(s, CONTAINER_BACKOFF);
}

/* --- control -------------------------------------------------------------------------------- */

static void answer_error(int fd, enum error_code code, const char *text)
{
	struct error err = ERROR_INIT;

	error_set(&err, code, 0, "%s", text);
	wire_send_error(fd, &err);
}

/* The machine goes down, or somebody ends this process: the program gets its time all the same. */
static void serve_sigterm(struct shim *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) == sizeof(info))
		begin_stop(s, stop_ms(s->spec));
}

static void serve_exec(struct shim *s, struct wire_frame *f, struct wire_reader *r)
{
	pid_t pid;

	if (f->fds[0] < 0)
		return;
	if (!s->running || s->stopping) {
		answer_error(f->fds[0], ERROR_BUSY, "the container is not running");
		return;
	}
	pid = fork();
	if (pid == 0) {
		s->control = close_fd(s->control);
		output_close(&s->output);
		/* else what the container used would be in use a moment longer than it */
		rootfs_close(&s->rootfs);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		_exit(exec_main(&s->setup, &s->run, f, r, f->fds[0], f->fds + 1));
	}
	if (pid < 0)
		answer_error(f->fds[0], ERROR_SYSTEM, "fork failed");
}

/* Only root reaches this socket, and berth-runtime has checked what it sends. */
static void serve_control(struct shim *s)
{
	_cleanup_close_ int fd = accept4(s->control, NULL, NULL, SOCK_CLOEXEC);
	struct timeval patience = {1, 0};
	_cleanup_frame_ struct wire_frame f;
	struct wire_reader r;

	wire_frame_init(&f);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (wire_recv(fd, &f, NULL) < 0)
		return;
	wire_reader_init(&r, f.payload.data, f.payload.len);
	free(wire_get_str(&r, NAME_ID_MAX));
	if (f.type == WIRE_EXEC) {
		serve_exec(s, &f, &r);
	} else if (f.type == WIRE_STOP) {
		int timeout = (int)wire_get_u32(&r);

		/* an order counts also when there is no place */
		if (stoppers_add(&s->stoppers, fd))
			TAKE_FD(fd);
		else
			answer_error(fd, ERROR_BUSY, "the container is being stopped");
		begin_stop(s, timeout < 0 ? stop_ms(s->spec) : timeout);
	}
}

/* --- the loop ------------------------------------------------------------------------------- */

static int wait_ms(const struct shim *s)
{
	int64_t now = clock_ms(), first = 0;
	const int64_t times[] = {s->kill_ms,
				 s->time_ms,
				 s->next_ms,
				 s->quota.next_ms,
				 s->meter.pidfd < 0 ? s->meter.next_ms : 0,
				 output_next(&s->output),
				 health_next(&s->health)};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		if (times[i] && (!first || times[i] < first))
			first = times[i];
	}
	if (!first)
		return -1;
	return first <= now ? 0 : first - now > 3600000 ? 3600000 : (int)(first - now);
}

static void check_times(struct shim *s)
{
	int64_t now = clock_ms();

	if (s->running && s->kill_ms && now >= s->kill_ms) {
		container_signal(&s->run, SIGKILL);
		s->kill_ms = 0;
	}
	if (s->running && s->time_ms && now >= s->time_ms) {
		s->timed_out = true;
		s->time_ms = 0;
		if (s->has_log)
			logfile_say(&s->log, "Killed: it ran longer than %u s",
				    s->setup.limits.time_ms / 1000);
		container_signal(&s->run, SIGKILL);
	}
	if (s->running)
		meter_tick(&s->meter);
	if (s->running && !s->stopping && !s->unwell)
		health_tick(&s->health, &s->setup, &s->run);
	if (s->running && s->quota.next_ms && now >= s->quota.next_ms)
		tell_quota(s, quota_look(&s->quota));
	if (!s->running && s->next_ms && now >= s->next_ms)
		start_again(s);
}

static void serve_session(struct shim *s)
{
	int sig = session_read_signal(s->conn);

	if (sig == 0) {
		s->conn = close_fd(s->conn);
		s->stopping = true;
		container_signal(&s->run, SIGKILL);
	} else if (sig > 0) {
		container_signal(&s->run, sig);
	}
}

/* Sessions of runtime_exec are our children too; init is container_reap's. */
static void reap_sessions(const struct shim *s)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid ||
		    (s->running && info.si_pid == s->run.pid) ||
		    (s->meter.pidfd >= 0 && info.si_pid == s->meter.pid) ||
		    (s->health.pidfd >= 0 && info.si_pid == s->health.pid))
			return;
		waitpid(info.si_pid, NULL, WNOHANG);
	}
}

static void loop(struct shim *s)
{
	while (!s->done) {
		struct pollfd fds[] = {
			{s->running ? s->run.pidfd : -1, POLLIN, 0},
			{output_poll(&s->output), POLLIN, 0},
			{s->control, POLLIN, 0},
			{s->conn, POLLIN, 0},
			{s->meter.pidfd, POLLIN, 0},
			{s->signals, POLLIN, 0},
			{s->health.pidfd, POLLIN, 0},
			{health_may_read(&s->health) ? s->health.output : -1, POLLIN, 0}};

		if (poll(fds, ARRAY_SIZE(fds), wait_ms(s)) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			drain(s, false);
		if (fds[0].revents)
			ended(s);
		else if (fds[3].revents)
			serve_session(s);
		if (fds[4].revents && s->meter.pidfd >= 0 && meter_take(&s->meter)) {
			s->disk_full = true;
			container_signal(&s->run, SIGKILL);
		}
		if (fds[7].revents)
			health_read(&s->health);
		if (fds[6].revents && s->health.pidfd >= 0)
			take_health(s);
		if (fds[2].revents && !s->done)
			serve_control(s);
		if (fds[5].revents && !s->done)
			serve_sigterm(s);
		if (!s->done)
			check_times(s);
		reap_sessions(s);
	}
}

/* --- entry ---------------------------------------------------------------------------------- */

static int announce(struct shim *s)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int failed;

	publish(s, CONTAINER_RUNNING);
	wire_put_str(&sb, s->address);
	failed = wire_send(s->conn, WIRE_OK, &sb, &s->console, s->console >= 0, NULL);
	s->console = close_fd(s->console);
	if (!s->attached)
		s->conn = close_fd(s->conn);
	return failed;
}

static void give_up(struct shim *s, const struct error *err)
{
	bool upper = s->rootfs.made_upper;

	spare_cool_down();
	rootfs_close(&s->rootfs);
	if (upper)
		layer_remove(s->inst, s->spec->upper, NULL);
	release(s);
	if (s->folder >= 0)
		folder_remove(s->inst, s->spec->id, s->folder);
	if (s->has_log) {
		logfile_say(&s->log, "Cannot start: %s", err->message);
		logfile_close(&s->log);
	}
	wire_send_error(s->conn, err);
}

int shim_main(const struct instance *inst, const struct container_spec *spec, int conn,
	      const int *stdio)
{
	static struct shim s;
	struct error err = ERROR_INIT;

	struct timeval patience = {2, 0};
	sigset_t term;

	prctl(PR_SET_NAME, "berth-shim", 0, 0, 0);
	/* a client that stops in the middle of a message must not stop the shim */
	setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(conn, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	s = (struct shim){.inst = inst, .spec = spec, .conn = conn, .attached = stdio != NULL};
	s.folder = s.control = s.signals = -1;
	s.log.fd = s.log.dirfd = -1;
	meter_init(&s.meter, 0);
	quota_init(&s.quota);
	health_init(&s.health, &spec->health, &s.status);
	rootfs_init(&s.rootfs, spec);
	strbuf_init(&s.resolv);
	output_init(&s.output, stdio);
	s.run = (struct container_run){-1, -1};
	s.console = s.mounts = -1;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	s.signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
	if (prepare(&s, &err) < 0 || start_once(&s, &err) < 0) {
		give_up(&s, &err);
		return 1;
	}
	if (announce(&s) < 0 && s.attached)
		container_signal(&s.run, SIGKILL);
	loop(&s);
	finish(&s, s.attached || s.stopping);
	return 0;
}
