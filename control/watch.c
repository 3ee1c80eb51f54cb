/* SPDX-License-Identifier: MIT */
#include "control/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sock.h"
#include "control/appnet.h"
#include "control/collect.h"
#include "control/cron.h"
#include "control/detached.h"
#include "control/leaving.h"
#include "control/lock.h"
#include "control/process.h"
#include "control/rollout.h"
#include "router/router.h"

#define LOOK_MS 30000
#define RUNTIME_MS 200
#define DYING_MS 5000 /* within which a process that was told to end has dropped its locks */
#define BATCH 4       /* apps that are reconciled side by side */
#define ROUTER_LOG_MAX (10u << 20)

struct watched {
	pid_t shim;
	uint64_t start;
	int64_t app;
	int pidfd;
};

struct watch {
	const struct instance *inst;
	struct watched *list;
	size_t n;
	struct pollfd *polls; /* the nudge pipe, then one per shim */
	bool sweep_again;     /* asked for while another one ran */
};

/* The child that reconciles all apps, 0: none. SIGCHLD is blocked wherever it is looked at. */
static volatile sig_atomic_t sweeper;

/* The app's lock. Helpers of a command that was killed may hold it for a moment longer; whoever
 * holds it after that is alive and leaves the app right. */
static int take_lock(struct context *c, const struct app *app, int *out_fd, struct error *err)
{
	struct error why = ERROR_INIT;
	for (int64_t end = clock_ms() + DYING_MS;; clock_sleep_ms(50)) {
		if (lock_try(c, app, "repair", out_fd, &why) == 0)
			return 0;
		if (why.code != ERROR_BUSY || clock_ms() >= end)
			break;
	}
	*err = why;
	return -1;
}

/* In a child: one app, unless somebody changes it at this moment. */
static int reconcile_one(const struct instance *inst, int64_t id, bool retry)
{
	_cleanup_context_ struct context c = {.role = ROLE_ADMIN, .identity = "berthd"};
	_cleanup_close_ int lock = -1;
	struct error err = ERROR_INIT;
	struct app app;
	if (context_open(&c, inst, &err) < 0 || app_find_id(&c.db, id, &app, &err) < 0 ||
	    take_lock(&c, &app, &lock, &err) < 0)
		return err.code == ERROR_BUSY || err.code == ERROR_NO_APP ? 0 : 1;
	c.out = stderr;
	if (app_find_id(&c.db, id, &app, &err) < 0 ||
	    rollout_reconcile(&c, &app, retry, &err) < 0) {
		log_error("app '%s': %s", app.name, err.message);
		return 1;
	}
	return 0;
}

static void let_children_be_waited_for(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static pid_t spawn_reconcile(const struct instance *inst, int64_t id, bool retry)
{
	pid_t pid = fork();
	if (pid == 0) {
		let_children_be_waited_for();
		exit(reconcile_one(inst, id, retry));
	}
	return pid;
}

static int load_ids(const struct instance *inst, int64_t **out, size_t *out_n)
{
	struct db db = {0};
	struct error err = ERROR_INIT;
	int64_t *ids = NULL;
	size_t n = 0;
	if (db_open(&db, inst, &err) < 0) {
		log_error("%s", err.message);
		return -1;
	}
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&db, &stmt, &err, "SELECT id FROM apps ORDER BY id", "") == 0)
		while (db_next(&db, stmt, &err) > 0) {
			ids = xreallocarray(ids, n + 1, sizeof(*ids));
			ids[n++] = db_int(stmt, 0);
		}
	db_finish(&stmt);
	db_close(&db);
	*out = ids;
	*out_n = n;
	return 0;
}

/* What a command that died half-way left: layers that no build will finish, images of no release.
 */
static void collect(const struct instance *inst)
{
	_cleanup_context_ struct context c = {.role = ROLE_ADMIN, .identity = "berthd"};
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	struct error err = ERROR_INIT;
	if (context_open(&c, inst, &err) < 0 || collect_run(&c, &err) < 0 ||
	    collect_leftovers(&c, false, &found, &err) < 0) {
		if (err.code != ERROR_BUSY)
			log_warning("collect: %s", err.message);
		return;
	}
	for (size_t i = 0; i < found.n; i++)
		log_info("removed %s", found.v[i]);
}

static void retire_oneoffs(const struct instance *inst)
{
	_cleanup_context_ struct context c = {.role = ROLE_ADMIN, .identity = "berthd"};
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	struct error err = ERROR_INIT;
	if (context_open(&c, inst, &err) < 0 || app_names(&c.db, &names, &err) < 0) {
		log_warning("one-offs: %s", err.message);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		struct error why = ERROR_INIT;
		struct app app;
		size_t n;
		if (app_find(&c.db, names.v[i], &app, &why) == 0 &&
		    detached_retire(&c, &app, false, &n, &why) < 0)
			log_warning("one-offs of '%s': %s", app.name, why.message);
	}
}

/* Each app in a child of its own, BATCH at a time: most of the time is spent waiting for apps to
 * listen. In a child, because the connection to the database must not be forked. */
static void __attribute__((noreturn)) reconcile_all(const struct instance *inst, bool retry)
{
	int64_t *ids = NULL;
	size_t n = 0, running = 0;
	let_children_be_waited_for();
	if (load_ids(inst, &ids, &n) < 0)
		_exit(1);
	for (size_t i = 0; i < n; i++) {
		if (running == BATCH && wait(NULL) > 0)
			running--;
		if (spawn_reconcile(inst, ids[i], retry) > 0)
			running++;
	}
	while (running > 0 && wait(NULL) > 0)
		running--;
	collect(inst);
	retire_oneoffs(inst);
	_exit(0);
}

/* Both start at once when a machine does, and what is and what should be cannot be brought together
 * before berth-runtime can be asked. */
static void wait_for_runtime(const struct instance *inst)
{
	_cleanup_free_ char *path = instance_run(inst, "runtime.sock");
	for (bool said = false;; said = true) {
		_cleanup_close_ int fd = -1;
		struct error err = ERROR_INIT;
		if (sock_connect(path, SOCK_STREAM, &fd, &err) == 0)
			return;
		if (!said)
			log_info("waits for berth-runtime: %s", err.message);
		clock_sleep_ms(RUNTIME_MS);
	}
}

static void repair_routes(const struct instance *inst)
{
	struct error err = ERROR_INIT;
	bool repaired;
	if (router_repair(inst, &repaired, &err) < 0)
		log_warning("routes: %s", err.message);
	else if (repaired)
		log_warning("the table of routes was damaged, and is made anew");
}

/* After a boot the routes name containers that are gone, by addresses that others may get. */
static void forget_routes_of_before(const struct instance *inst)
{
	_cleanup_free_ struct process *all = NULL;
	struct error err = ERROR_INIT;
	size_t n = 0;
	if (process_list(inst, 0, &all, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (all[i].status.state != CONTAINER_LOST)
			return;
	if (router_forget_backends(inst, &err) < 0)
		log_warning("routes: %s", err.message);
}

/* After a boot berth-runtime knows of no link. */
static void tell_policy(const struct instance *inst)
{
	_cleanup_context_ struct context c = {.role = ROLE_ADMIN, .identity = "berthd"};
	struct error err = ERROR_INIT;
	if (context_open(&c, inst, &err) < 0 || appnet_apply(&c, &err) < 0)
		log_error("networks: %s", err.message);
}

/* Nobody waits for it: names may take long, and may not be found yet when a machine starts. */
static void refresh_hosts(const struct instance *inst)
{
	if (fork() != 0)
		return;
	_cleanup_context_ struct context c = {.role = ROLE_ADMIN, .identity = "berthd"};
	struct error err = ERROR_INIT;
	if (context_open(&c, inst, &err) < 0 || appnet_refresh(&c, &err) < 0)
		log_warning("egress: %s", err.message);
	_exit(0);
}

/* Before anything else, so that what a reboot left is started BATCH at a time. */
static void reconcile_at_start(const struct instance *inst)
{
	wait_for_runtime(inst);
	repair_routes(inst);
	forget_routes_of_before(inst);
	refresh_hosts(inst);
	pid_t pid = fork();
	if (pid == 0) {
		tell_policy(inst);
		reconcile_all(inst, true);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Nobody waits for it: an app that takes a minute to listen must not keep the others' dead from
 * being seen. */
static void sweep(struct watch *w)
{
	w->sweep_again = sweeper != 0;
	if (sweeper)
		return;
	pid_t pid = fork();
	if (pid == 0)
		reconcile_all(w->inst, false);
	sweeper = pid > 0 ? pid : 0;
}

/* What is due in this minute; in a process of its own. */
static void tick(const struct instance *inst, int64_t minute)
{
	pid_t pid = fork();
	if (pid != 0)
		return;
	_cleanup_context_ struct context c = {.role = ROLE_ADMIN, .identity = "cron"};
	struct error err = ERROR_INIT;
	let_children_be_waited_for();
	if (context_open(&c, inst, &err) < 0 || cron_tick(&c, minute * 60, &err) < 0)
		log_warning("cron: %s", err.message);
	else if (appnet_refresh(&c, &err) < 0)
		log_warning("egress: %s", err.message);
	if (minute % 60 == 0)
		retire_oneoffs(inst);
	_exit(0);
}

static void forget(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		close_fd(w->list[i].pidfd);
	free(w->list);
	w->list = NULL;
	w->n = 0;
}

/* Takes over a descriptor that is held already, or opens one. */
static int hold(struct watch *w, const struct process *p)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i].shim == p->status.shim && w->list[i].start == p->status.shim_start)
			return TAKE_FD(w->list[i].pidfd);
	return pidfd_open(p->status.shim, 0);
}

static bool lost_before(const struct process *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (all[k].app == all[i].app && all[k].status.state == CONTAINER_LOST)
			return true;
	return false;
}

static void repair(int64_t app, void *data)
{
	const struct watch *w = data;
	spawn_reconcile(w->inst, app, false);
}

/* Lists the shims anew, and repairs the apps that have a lost one, or one which should have left.
 */
static void look(struct watch *w)
{
	_cleanup_free_ struct process *all = NULL;
	struct error err = ERROR_INIT;
	size_t n = 0, kept = 0;
	if (process_list(w->inst, 0, &all, &n, &err) < 0)
		return; /* berth-runtime restarts; the next look finds it */
	if (leaving_forsaken(w->inst, repair, w, &err) < 0)
		log_warning("old containers: %s", err.message);
	struct watched *list = xcalloc(n, sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		if (all[i].status.state == CONTAINER_LOST) {
			if (!lost_before(all, i))
				spawn_reconcile(w->inst, all[i].app, false);
			continue;
		}
		int pidfd = all[i].status.shim > 0 ? hold(w, &all[i]) : -1;
		if (pidfd < 0)
			continue;
		list[kept++] = (struct watched){all[i].status.shim, all[i].status.shim_start,
						all[i].app, pidfd};
	}
	forget(w);
	w->list = list;
	w->n = kept;
	w->polls = xreallocarray(w->polls, kept + 1, sizeof(*w->polls));
	for (size_t i = 0; i < kept; i++)
		w->polls[i + 1] = (struct pollfd){.fd = list[i].pidfd, .events = POLLIN};
}

static void reap(int sig)
{
	int saved = errno;
	pid_t pid;
	(void)sig;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if (pid == sweeper)
			sweeper = 0;
	errno = saved;
}

/* Reads all nudges; gives whether one asked to reconcile, and ends the process with the daemon. */
static bool take_nudges(int fd)
{
	char nudges[256];
	ssize_t n = read(fd, nudges, sizeof(nudges));
	if (n == 0)
		_exit(0);
	return n > 0 && memchr(nudges, 'R', (size_t)n) != NULL;
}

static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* SIGCHLD is let in only while poll waits. */
static void open_signals(sigset_t *out_waiting)
{
	struct sigaction on_child = {.sa_handler = reap, .sa_flags = SA_RESTART};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, out_waiting);
	sigdelset(out_waiting, SIGCHLD);
	sigaction(SIGCHLD, &on_child, NULL);
}

/* Repairs the apps whose shims ended; gives whether there was one. */
static bool take_dead(const struct watch *w)
{
	bool dead = false;
	for (size_t i = 0; i < w->n; i++) {
		if (!w->polls[i + 1].revents)
			continue;
		spawn_reconcile(w->inst, w->list[i].app, false);
		/* it stays readable, also when berth-runtime cannot be asked for a new list */
		w->polls[i + 1].fd = -1;
		dead = true;
	}
	return dead;
}

void watch_run(const struct instance *inst, int nudge_fd)
{
	struct watch w = {.inst = inst};
	struct error ignored = ERROR_INIT;
	sigset_t waiting;
	int64_t look_at = 0, rotate_at = 0, minute = 0;
	prctl(PR_SET_NAME, "berthd-watch");
	raise_limits();
	reconcile_at_start(inst);
	open_signals(&waiting);
	w.polls = xcalloc(1, sizeof(*w.polls));
	for (;;) {
		int64_t left = look_at - clock_ms();
		/* a repair that ended is no reason to look: one that fails would never rest */
		if (left <= 0) {
			look(&w);
			left = LOOK_MS;
			look_at = clock_ms() + left;
		}
		if (clock_ms() >= rotate_at) {
			router_rotate_logs(inst, ROUTER_LOG_MAX, &ignored);
			rotate_at = clock_ms() + LOOK_MS;
		}
		int64_t now = clock_unix_us() / 1000;
		if (now / 60000 != minute) {
			minute = now / 60000;
			tick(inst, minute);
		}
		if (left > (minute + 1) * 60000 - now)
			left = (minute + 1) * 60000 - now;
		if (w.sweep_again)
			sweep(&w);
		w.polls[0] = (struct pollfd){.fd = nudge_fd, .events = POLLIN};
		struct timespec timeout = {left / 1000, (left % 1000) * 1000000};
		if (ppoll(w.polls, w.n + 1, &timeout, &waiting) <= 0)
			continue;
		look_at = 0;
		if (w.polls[0].revents && take_nudges(nudge_fd))
			sweep(&w);
		/* let the repair begin before the dead are listed again */
		if (take_dead(&w))
			clock_sleep_ms(200);
	}
}

void watch_nudge(int fd, bool reconcile)
{
	char nudge = reconcile ? 'R' : 'r';
	/* a full pipe holds enough nudges already */
	if (write(fd, &nudge, 1) < 0)
		return;
}
