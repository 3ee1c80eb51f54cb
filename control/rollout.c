/* SPDX-License-Identifier: MIT */
#include "control/rollout.h"

#include <fcntl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control/appnet.h"
#include "control/check.h"
#include "control/domain.h"
#include "control/event.h"
#include "control/answer.h"
#include "control/leaving.h"
#include "receiver/export.h"
#include "resolver/names.h"
#include "router/router.h"

#define DRAIN_MS 30000
#define PUBLISH_TRIES 5

/* What exists of an app, held against what a release wants. */
struct rollout {
	struct process *now; /* what exists */
	size_t n_now;
	bool *keep;            /* for each: wanted, and fit to stay */
	bool *leaves;          /* for each: a process retires it already */
	struct process *added; /* what this rollout started */
	size_t n_added;
};

static void rollout_free(struct rollout *ro)
{
	free(ro->now);
	free(ro->keep);
	free(ro->leaves);
	free(ro->added);
	*ro = (struct rollout){0};
}

static bool belongs(const struct process *p, const struct app *app, const struct release *r)
{
	return p->generation == r->generation && p->epoch == app->epoch;
}

static bool fit(const struct process *p, bool retry)
{
	return p->status.state == CONTAINER_RUNNING || p->status.state == CONTAINER_STARTING ||
	       p->status.state == CONTAINER_BACKOFF ||
	       (p->status.state == CONTAINER_EXITED && !retry);
}

/* The process of R that is TYPE.N, marked as kept, or NULL. */
static struct process *find(struct rollout *ro, const struct app *app, const struct release *r,
			    const char *type, unsigned n, bool retry)
{
	for (size_t i = 0; i < ro->n_now; i++) {
		struct process *p = &ro->now[i];
		if (ro->keep[i] || ro->leaves[i] || p->n != n || strcmp(p->type, type) != 0 ||
		    !belongs(p, app, r) || !fit(p, retry))
			continue;
		ro->keep[i] = true;
		return p;
	}
	return NULL;
}

static int look(struct context *c, const struct app *app, struct rollout *ro, struct error *err)
{
	_cleanup_strvec_ struct strvec leaving = STRVEC_INIT;
	if (leaving_list(c->inst, app->id, &leaving, err) < 0 ||
	    process_list(c->inst, app->id, &ro->now, &ro->n_now, err) < 0)
		return -1;
	ro->leaves = xcalloc(ro->n_now, sizeof(*ro->leaves));
	for (size_t i = 0; i < ro->n_now; i++)
		ro->leaves[i] = strvec_has(&leaving, ro->now[i].status.id);
	/* last: publish may be asked for as soon as it is there */
	ro->keep = xcalloc(ro->n_now, sizeof(*ro->keep));
	return 0;
}

/* A tree that a power cut may have damaged is compared with git and repaired before it is used. */
static int ensure_source(struct context *c, const struct app *app, const struct release *r,
			 struct error *err)
{
	_cleanup_export_ struct export_stats stats;
	export_stats_init(&stats);
	return r->tree ? export_tree(c->inst, app->name, r->tree, NULL, &stats, err) : 0;
}

/* Starts every process that R wants and that is not there. */
static int start_missing(struct context *c, const struct app *app, const struct release *r,
			 bool retry, struct rollout *ro, struct error *err)
{
	_cleanup_image_ struct image im;
	image_init(&im);
	if (image_load(c->inst, r->image, &im, err) < 0 || ensure_source(c, app, r, err) < 0)
		return -1;
	for (size_t i = 0; i < im.n_processes; i++) {
		const char *type = im.processes[i].type;
		unsigned want = formation_get(&r->formation, type, 0);
		for (unsigned n = 1; n <= want; n++) {
			if (find(ro, app, r, type, n, retry))
				continue;
			ro->added = xreallocarray(ro->added, ro->n_added + 1, sizeof(*ro->added));
			if (process_start(c, app, r, &im, type, n, &ro->added[ro->n_added], err) <
			    0)
				return -1;
			ro->n_added++;
		}
	}
	return 0;
}

/* One row of the table as the state says it now; *out_stable: and still says after it was told.
 * Domains and maintenance change without the app's lock. */
static int publish_once(struct context *c, const struct app *app, const struct router_app *backends,
			const struct names_process *named, size_t n_named, bool *out_stable,
			struct error *err)
{
	struct router_app route = *backends;
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	_cleanup_strvec_ struct strvec after = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf page = STRBUF_INIT;
	struct app now, then;
	if (app_find_id(&c->db, app->id, &now, err) < 0 ||
	    domain_list(&c->db, app->id, &hosts, err) < 0 || app_page(&c->db, app, &page, err) < 0)
		return -1;
	route.app = now.name;
	route.state = now.maintenance    ? ROUTER_MAINTENANCE
		      : route.n_backends ? ROUTER_UP
					 : ROUTER_DOWN;
	route.hosts = &hosts;
	route.page = page.len ? page.data : NULL;
	route.page_len = page.len;
	if (router_apply(c->inst, &route, err) < 0 ||
	    names_publish(c->inst, now.name, now.range, named, n_named, err) < 0 ||
	    app_find_id(&c->db, app->id, &then, err) < 0 ||
	    domain_list(&c->db, app->id, &after, err) < 0)
		return -1;
	bool same = hosts.n == after.n && now.maintenance == then.maintenance &&
		    strcmp(now.name, then.name) == 0;
	for (size_t i = 0; same && i < hosts.n; i++)
		same = strcmp(hosts.v[i], after.v[i]) == 0;
	*out_stable = same;
	return 0;
}

/* Where the processes of R listen. */
static uint16_t release_port(struct context *c, const struct release *r)
{
	_cleanup_image_ struct image im;
	struct error ignored = ERROR_INIT;
	image_init(&im);
	if (!r || !r->image || image_load(c->inst, r->image, &im, &ignored) < 0)
		return PROCESS_PORT;
	return (uint16_t)process_port(r, &im);
}

/* Publishes the routes, and the names, for the processes of release R that run; all of LIST that
 * belong. */
static int publish(struct context *c, const struct app *app, const struct release *r,
		   const struct rollout *ro, struct error *err)
{
	_cleanup_free_ struct router_backend *backends =
		xcalloc(ro->n_now + ro->n_added, sizeof(*backends));
	_cleanup_free_ struct names_process *named =
		xcalloc(ro->n_now + ro->n_added, sizeof(*named));
	uint16_t port = release_port(c, r);
	size_t n = 0, n_named = 0;
	for (size_t i = 0; i < ro->n_now + ro->n_added; i++) {
		const struct process *p = i < ro->n_now ? &ro->now[i] : &ro->added[i - ro->n_now];
		if (!r || (i < ro->n_now && !ro->keep[i]) || p->status.state == CONTAINER_EXITED ||
		    !*p->status.address)
			continue;
		named[n_named++] = (struct names_process){p->type, p->n, p->status.address};
		if (strcmp(p->type, "web") != 0)
			continue;
		backends[n++] = (struct router_backend){p->status.id, p->status.address, port};
	}
	struct router_app route = {.backends = backends, .n_backends = n};
	bool stable = false;
	for (int i = 0; i < PUBLISH_TRIES && !stable; i++)
		if (publish_once(c, app, &route, named, n_named, &stable, err) < 0)
			return -1;
	return 0;
}

/* Waits until nginx has no request at this container any more. */
static void drain(const struct instance *inst, const struct process *p)
{
	struct error ignored = ERROR_INIT;
	int64_t deadline = clock_ms() + DRAIN_MS, pause = 10;
	long busy = 0;
	if (strcmp(p->type, "web") != 0)
		return;
	/* a request may be between its choice of this backend and the count of it */
	clock_sleep_ms(50);
	while (clock_ms() < deadline &&
	       router_in_flight(inst, p->status.id, &busy, &ignored) == 0 && busy > 0) {
		clock_sleep_ms(pause);
		pause = pause < 500 ? pause * 2 : 500;
	}
}

/* What is surplus and not on its way out yet. */
static bool to_retire(const struct rollout *ro, size_t i)
{
	return !ro->keep[i] && !ro->leaves[i];
}

/* In a process of its own: nobody waits for the old containers' last requests. When it is killed,
 * or berth-runtime is being started anew just then, its mark stays, and berthd sees to it. */
static void retire(struct context *c, const struct app *app, const struct rollout *ro)
{
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	_cleanup_close_ int mark = -1;
	_cleanup_free_ char *mark_path = NULL;
	struct error err = ERROR_INIT;
	bool reached = true, ended = true;
	for (size_t i = 0; i < ro->n_now; i++)
		if (to_retire(ro, i))
			strvec_push(&ids, ro->now[i].status.id);
	if (ids.n == 0)
		return;
	if (leaving_mark(c->inst, app->id, &ids, &mark, &mark_path, &err) < 0) {
		answer_warning("cannot retire the old containers: %s", err.message);
		return;
	}
	if (appnet_is_reached(c, app, &reached, &err) < 0)
		answer_warning("networks: %s", err.message);
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		answer_warning("cannot retire the old containers now; berthd will do it");
	if (pid != 0)
		return;
	setsid();
	/* the caller's descriptors would hold its connection open, and the lock's fd the lock */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (mark != 3)
		dup3(mark, 3, O_CLOEXEC);
	close_range(4, ~0U, 0);
	/* other apps may use an address that they were told for as long, and then connect to it */
	if (reached)
		clock_sleep_ms((NAMES_TTL + 1) * 1000);
	for (size_t i = 0; i < ro->n_now; i++) {
		if (!to_retire(ro, i))
			continue;
		drain(c->inst, &ro->now[i]);
		if (runtime_stop(c->inst, ro->now[i].status.id, -1, &err) < 0)
			ended = false;
	}
	if (ended)
		unlink(mark_path);
	_exit(0);
}

static void stop_added(struct context *c, struct rollout *ro)
{
	struct error ignored = ERROR_INIT;
	for (size_t i = 0; i < ro->n_added; i++)
		runtime_stop(c->inst, ro->added[i].status.id, 2000, &ignored);
}

static int bring_up(struct context *c, struct app *app, struct release *r, struct rollout *ro,
		    struct error *err)
{
	if (look(c, app, ro, err) < 0)
		return -1;
	if (!r->image || app->stopped)
		return 0;
	if (start_missing(c, app, r, true, ro, err) < 0)
		return -1;
	return check_started(c, app, r, ro->added, ro->n_added, err);
}

int rollout_release(struct context *c, struct app *app, struct release *r, struct error *err)
{
	struct rollout ro = {0};
	if (bring_up(c, app, r, &ro, err) < 0 || release_succeed(c, app, r, err) < 0) {
		struct error ignored = ERROR_INIT;
		stop_added(c, &ro);
		release_fail(c, r, &ignored);
		event_note(c, app->name, "Release v%lld failed: %s", (long long)r->version,
			   err->message);
		rollout_free(&ro);
		return -1;
	}
	event_note(c, app->name, "Release v%lld created by %s: %s", (long long)r->version, r->user,
		   r->description);
	/* from here on the release is the truth: what fails is repaired by berthd's next look */
	int result = publish(c, app, r->image && !app->stopped ? r : NULL, &ro, err);
	if (result == 0)
		retire(c, app, &ro);
	rollout_free(&ro);
	return result;
}

int rollout_reconcile(struct context *c, struct app *app, bool retry, struct error *err)
{
	struct rollout ro = {0};
	if (release_abandon(c, app, err) < 0)
		return -1;
	_cleanup_release_ struct release r;
	release_init(&r);
	struct error none = ERROR_INIT;
	bool runs = release_load(c, app, 0, &r, &none) == 0;
	if (!runs && none.code != ERROR_NOT_FOUND) {
		*err = none;
		return -1;
	}
	runs = runs && r.image && !app->stopped;
	int result = look(c, app, &ro, err);
	if (result == 0 && runs)
		result = start_missing(c, app, &r, retry, &ro, err);
	if (result == 0 && ro.n_added) {
		struct error why = ERROR_INIT;
		if (check_started(c, app, &r, ro.added, ro.n_added, &why) < 0)
			answer_warning("app '%s': %s", app->name, why.message);
	}
	/* routed even when a start failed: what does answer should be reached */
	struct error route_err = ERROR_INIT;
	int routed = ro.keep ? publish(c, app, runs ? &r : NULL, &ro, &route_err) : -1;
	if (result == 0 && routed < 0) {
		*err = route_err;
		result = -1;
	}
	if (result == 0)
		retire(c, app, &ro);
	rollout_free(&ro);
	return result;
}

static int route_once(struct context *c, const struct app *app, struct error *err)
{
	struct rollout ro = {0};
	_cleanup_release_ struct release r;
	release_init(&r);
	struct error none = ERROR_INIT;
	bool runs = release_load(c, app, 0, &r, &none) == 0 && !app->stopped;
	int result = look(c, app, &ro, err);
	if (result == 0) {
		for (size_t i = 0; i < ro.n_now; i++)
			ro.keep[i] = runs && !ro.leaves[i] && belongs(&ro.now[i], app, &r);
		result = publish(c, app, runs ? &r : NULL, &ro, err);
	}
	rollout_free(&ro);
	return result;
}

int rollout_route(struct context *c, const struct app *app, struct error *err)
{
	struct app now, then;
	if (app_find_id(&c->db, app->id, &then, err) < 0)
		return -1;
	/* without the app's lock: a release that came meanwhile must not lose its route to this */
	for (int i = 0; i < PUBLISH_TRIES; i++) {
		now = then;
		if (route_once(c, &now, err) < 0 || app_find_id(&c->db, app->id, &then, err) < 0)
			return -1;
		if (now.release == then.release && now.epoch == then.epoch &&
		    now.stopped == then.stopped)
			break;
	}
	return 0;
}

/* A label of ours is its kind and the app's id. */
static bool is_of_app(const char *label, const struct app *app, bool any_kind)
{
	char kind;
	long long id;
	return sscanf(label, "%c %lld", &kind, &id) == 2 && id == app->id &&
	       (any_kind || kind == 'p');
}

/* Each stop waits for its container's own grace period, so they run side by side. */
static int stop_each(struct context *c, const struct app *app, bool any_kind, struct error *err)
{
	_cleanup_free_ struct container_status *all = NULL;
	size_t n = 0, started = 0;
	if (process_containers(c->inst, app->id, &all, &n, err) < 0)
		return -1;
	fflush(NULL);
	for (size_t i = 0; i < n; i++) {
		if (!is_of_app(all[i].label, app, any_kind))
			continue;
		pid_t pid = fork();
		if (pid < 0)
			return error_set(err, ERROR_SYSTEM, errno, "fork");
		if (pid == 0)
			_exit(runtime_stop(c->inst, all[i].id, -1, err) < 0);
		started++;
	}
	bool failed = false;
	for (int status; started > 0; started--)
		failed |= wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (failed)
		return error_set(err, ERROR_FAILED, 0,
				 "not every process of '%s' could be stopped: see 'doctor'",
				 app->name);
	return 0;
}

int rollout_stop_processes(struct context *c, const struct app *app, struct error *err)
{
	return stop_each(c, app, false, err);
}

int rollout_stop_all(struct context *c, const struct app *app, struct error *err)
{
	return stop_each(c, app, true, err);
}
