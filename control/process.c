/* SPDX-License-Identifier: MIT */
#include "control/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "control/answer.h"
#include "control/health.h"
#include "control/resource.h"
#include "control/volume.h"

#define SAY_LINES 20
#define SAY_BYTES 8192

static bool parse_label(const char *label, struct process *p)
{
	long long app, generation, epoch;
	char type[NAME_TYPE_MAX + 1];
	unsigned n;
	int end = 0;
	if (sscanf(label, "p %lld %lld %lld %63s %u%n", &app, &generation, &epoch, type, &n,
		   &end) != 5 ||
	    label[end] != '\0')
		return false;
	p->app = app;
	p->generation = generation;
	p->epoch = epoch;
	p->n = n;
	memcpy(p->type, type, sizeof(p->type));
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct process *x = a, *y = b;
	int by_type = strcmp(x->type, y->type);
	if (by_type)
		return by_type;
	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

/* How the ids of all containers of APP begin. Not its name, which can change. */
static char *id_prefix(int64_t app)
{
	return xasprintf("a%lld.", (long long)app);
}

int process_containers(const struct instance *inst, int64_t app, struct container_status **out,
		       size_t *out_n, struct error *err)
{
	_cleanup_free_ char *prefix = id_prefix(app);
	return runtime_list(inst, app ? prefix : NULL, out, out_n, err);
}

int process_list(const struct instance *inst, int64_t app, struct process **out, size_t *out_n,
		 struct error *err)
{
	_cleanup_free_ struct container_status *all = NULL;
	size_t n_all = 0, n = 0;
	if (process_containers(inst, app, &all, &n_all, err) < 0)
		return -1;
	struct process *list = xcalloc(n_all, sizeof(*list));
	for (size_t i = 0; i < n_all; i++) {
		if (!parse_label(all[i].label, &list[n]) || (app && list[n].app != app))
			continue;
		list[n++].status = all[i];
	}
	if (n > 1)
		qsort(list, n, sizeof(*list), compare);
	*out = list;
	*out_n = n;
	return 0;
}

int process_status(const struct instance *inst, const char *id, struct container_status *out,
		   struct error *err)
{
	_cleanup_free_ struct container_status *all = NULL;
	size_t n = 0;
	if (runtime_list(inst, id, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].id, id) != 0)
			continue;
		*out = all[i];
		return 0;
	}
	return error_set(err, ERROR_NOT_FOUND, 0, "container '%s' is gone", id);
}

const char *process_state_name(enum container_state state)
{
	static const char *const names[] = {
		[CONTAINER_STARTING] = "starting", [CONTAINER_RUNNING] = "up",
		[CONTAINER_BACKOFF] = "crashed",   [CONTAINER_EXITED] = "down",
		[CONTAINER_LOST] = "lost",
	};
	return (unsigned)state < ARRAY_SIZE(names) && names[state] ? names[state] : "unknown";
}

/* "on-failure:10", "always", "unless-stopped" or "no". */
static void set_restart(struct context *c, const struct app *app, struct container_spec *spec)
{
	_cleanup_free_ char *policy = NULL;
	struct error ignored = ERROR_INIT;
	spec->restart = SPEC_RESTART_ON_FAILURE;
	spec->restart_max = 10;
	if (setting_get(&c->db, app->id, "restart-policy", NULL, &policy, &ignored) < 0 || !policy)
		return;
	const char *max = str_skip(policy, "on-failure:");
	unsigned long long value;
	if (strcmp(policy, "always") == 0 || strcmp(policy, "unless-stopped") == 0)
		spec->restart = SPEC_RESTART_ALWAYS;
	else if (strcmp(policy, "no") == 0)
		spec->restart = SPEC_RESTART_NO;
	else if (max && str_to_u64(max, 1, 1000000, &value) == 0)
		spec->restart_max = (uint32_t)value;
}

static void set_stop_timeout(struct context *c, const struct app *app, struct container_spec *spec)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored = ERROR_INIT;
	unsigned long long seconds;
	if (setting_get(&c->db, app->id, "stop-timeout-seconds", NULL, &text, &ignored) == 0 &&
	    text && str_to_u64(text, 0, 3600, &seconds) == 0)
		spec->stop_ms = seconds ? (uint32_t)seconds * 1000 : 1;
}

unsigned process_port(const struct release *r, const struct image *im)
{
	unsigned long long port;
	const char *config = strvec_getenv(&r->config, "PORT");
	const char *own = strvec_getenv(&im->env, "PORT");

	if (!im->container)
		return PROCESS_PORT;
	if ((config && str_to_u64(config, 1, 65535, &port) == 0) ||
	    (own && str_to_u64(own, 1, 65535, &port) == 0))
		return (unsigned)port;
	int exposed = im->port > 0 && im->port <= 65535 ? im->port : image_config_port(&im->config);
	return exposed ? (unsigned)exposed : PROCESS_PORT;
}

/* Its volumes are folders also when none of its layers has them. */
static void set_folders(const struct image *im, struct container_spec *spec)
{
	for (size_t i = 0; i < im->config.volumes.n; i++) {
		_cleanup_free_ char *folder = volume_folder(im->config.volumes.v[i]);
		if (volume_is_place(folder))
			strvec_push(&spec->folders, folder);
	}
}

static void set_environment(const struct release *r, const struct image *im, const char *dyno,
			    struct strvec *env)
{
	strvec_push(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (!im->container)
		strvec_push(env, "LANG=C.UTF-8");
	for (size_t i = 0; i < im->env.n + r->config.n; i++) {
		const char *pair = i < im->env.n ? im->env.v[i] : r->config.v[i - im->env.n];
		const char *equals = strchr(pair, '=');
		_cleanup_free_ char *key = xstrndup(pair, (size_t)(equals - pair));
		strvec_setenv(env, key, equals + 1);
	}
	/* an image's program gets the home of its user */
	if (!im->container)
		strvec_setenv(env, "HOME", "/app");
	strvec_setenv(env, "DYNO", dyno);
	if (r->commit) {
		strvec_setenv(env, "GIT_REV", r->commit);
		strvec_setenv(env, "SOURCE_VERSION", r->commit);
	}
	char version[24];
	snprintf(version, sizeof(version), "v%lld", (long long)r->version);
	strvec_setenv(env, "BERTH_RELEASE", version);
}

int process_spec(struct context *c, const struct app *app, const struct release *r,
		 const struct image *im, const char *dyno, const char *command,
		 struct container_spec *out, struct error *err)
{
	char suffix[9];
	_cleanup_free_ char *prefix = id_prefix(app->id);
	_cleanup_free_ char *type = xstrndup(dyno, strcspn(dyno, "."));
	random_hex(suffix, 8);
	container_spec_init(out);
	out->id = xasprintf("%s%s.%s", prefix, app->name, suffix);
	out->profile = im->container ? SPEC_IMAGE : SPEC_APP;
	out->range = app->range;
	out->network = SPEC_NET_EGRESS;
	strvec_push_all(&out->layers, im->layers.v);
	image_argv(im, command, &out->argv);
	if (im->container) {
		out->user = *im->config.user ? xstrdup(im->config.user) : NULL;
		out->cwd = xstrdup(*im->config.cwd ? im->config.cwd : "/");
		set_folders(im, out);
		out->stop_signal = (uint32_t)image_config_signal(im->config.stop_signal);
		/* to the program alone, as elsewhere; but SIGTERM as everywhere here */
		if (out->stop_signal == SIGTERM)
			out->stop_signal = 0;
	}
	set_environment(r, im, dyno, &out->env);
	strvec_setenv(&out->env, "BERTH_APP", app->name);
	set_stop_timeout(c, app, out);
	if (volume_add(c, app, out, err) < 0)
		return -1;
	return resource_limits(c, app->id, type, &out->limits, err);
}

int process_start(struct context *c, const struct app *app, const struct release *r,
		  const struct image *im, const char *type, unsigned n, struct process *out,
		  struct error *err)
{
	_cleanup_free_ char *name = xasprintf("%s.%u", type, n);
	const char *command = image_command(im, type);
	if (!command)
		return error_set(err, ERROR_NOT_FOUND, 0, "no process type '%s' in this release",
				 type);
	_cleanup_spec_ struct container_spec spec;
	if (process_spec(c, app, r, im, name, command, &spec, err) < 0)
		return error_wrap(err, "start %s", name);
	spec.label = xasprintf("p %lld %lld %lld %s %u", (long long)app->id,
			       (long long)r->generation, (long long)app->epoch, type, n);
	spec.log_app = app_text_id(app);
	spec.log_name = xstrdup(name);
	set_restart(c, app, &spec);
	health_of(c, app, r, im, type, &spec.health);
	if (strcmp(type, "web") == 0) {
		char port[8];
		snprintf(port, sizeof(port), "%u", process_port(r, im));
		strvec_setenv(&spec.env, "PORT", port);
	}
	*out = (struct process){.app = app->id,
				.generation = r->generation,
				.epoch = app->epoch,
				.n = n,
				.port = process_port(r, im)};
	snprintf(out->type, sizeof(out->type), "%s", type);
	snprintf(out->status.id, sizeof(out->status.id), "%s", spec.id);
	snprintf(out->status.label, sizeof(out->status.label), "%s", spec.label);
	out->status.state = CONTAINER_RUNNING;
	out->status.started_us = clock_unix_us();
	if (runtime_start(c->inst, &spec, out->status.address, err) < 0)
		return error_wrap(err, "start %s", name);
	return 0;
}

void process_say_log(struct context *c, const struct app *app, const char *name, int64_t since,
		     struct strbuf *out)
{
	_cleanup_free_ char *folder = app_text_id(app);
	_cleanup_free_ char *path = instance_lib(c->inst, "logs/%s/%s.log", folder, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	char buf[SAY_BYTES + 1], when[CLOCK_TEXT_MAX];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > SAY_BYTES ? size - SAY_BYTES : 0;
	ssize_t n = pread(fd, buf, SAY_BYTES, from);
	if (n <= 0)
		return;
	buf[n] = '\0';
	clock_text(since, 6, when);
	/* the last SAY_LINES whole lines of this start: RFC 3339 in UTC sorts as text */
	const char *lines[SAY_LINES];
	size_t count = 0;
	for (char *line = buf, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			break;
		*end = '\0';
		if ((from > 0 && line == buf) || strcmp(line, when) < 0)
			continue;
		const char *text = strchr(line, ' ');
		lines[count++ % SAY_LINES] = text ? text + 1 : line;
	}
	for (size_t i = count > SAY_LINES ? count - SAY_LINES : 0; i < count; i++) {
		answer_detail(c, "%s", lines[i % SAY_LINES]);
		strbuf_addf(out, "%s\n", lines[i % SAY_LINES]);
	}
}
