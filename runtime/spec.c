/* SPDX-License-Identifier: MIT */
#include "runtime/spec.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/name.h"
#include "runtime/identity.h"

#define LOG_MAX_LEAST 4096
#define HEALTH_MAX_MS (24u * 60 * 60 * 1000)

void container_spec_init(struct container_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	strvec_init(&spec->layers);
	strvec_init(&spec->argv);
	strvec_init(&spec->env);
	strvec_init(&spec->folders);
	strvec_init(&spec->health.test);
	spec->profile = SPEC_APP;
	spec->network = SPEC_NET_NONE;
	spec->restart = SPEC_RESTART_NO;
}

void container_spec_release(struct container_spec *spec)
{
	free(spec->id);
	free(spec->label);
	free(spec->upper);
	free(spec->cwd);
	free(spec->user);
	free(spec->hostname);
	free(spec->log_app);
	free(spec->log_name);
	for (size_t i = 0; i < spec->n_mounts; i++) {
		free(spec->mounts[i].id);
		free(spec->mounts[i].dest);
		free(spec->mounts[i].file);
	}
	free(spec->mounts);
	strvec_release(&spec->layers);
	strvec_release(&spec->argv);
	strvec_release(&spec->env);
	strvec_release(&spec->folders);
	strvec_release(&spec->health.test);
	container_spec_init(spec);
}

void container_spec_add_mount(struct container_spec *spec, enum spec_mount_kind kind,
			      const char *id, const char *dest, bool read_only)
{
	struct spec_mount m = {
		.kind = kind, .id = xstrdup(id), .dest = xstrdup(dest), .read_only = read_only};

	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(m));
	spec->mounts[spec->n_mounts++] = m;
}

static int invalid(struct error *err, const char *what, const char *value)
{
	return error_set(err, ERROR_INVALID, 0, "container %s '%.200s' is not valid", what,
			 value ? value : "");
}

/* An absolute path without "..", empty or "." components. */
static bool is_path_inside(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (len < 1 || len > SPEC_PATH_MAX || s[0] != '/')
		return false;
	if (len == 1)
		return true;
	for (const char *p = s; *p;) {
		size_t n = strcspn(p + 1, "/");

		if (n == 0 || (n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
			return false;
		p += n + 1;
	}
	return true;
}

static bool is_hostname(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 64 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

static int check_layers(const struct container_spec *spec, struct error *err)
{
	if (spec->layers.n < 1 || spec->layers.n > SPEC_MAX_LAYERS)
		return error_set(err, ERROR_INVALID, 0, "a container has 1 to %d layers, not %zu",
				 SPEC_MAX_LAYERS, spec->layers.n);
	for (size_t i = 0; i < spec->layers.n; i++) {
		const char *s = spec->layers.v[i], *id = str_skip(s, "layer/");

		if (!id)
			id = str_skip(s, "source/");
		if (!id || !name_is_id(id))
			return invalid(err, "layer", s);
	}
	if (spec->upper && !name_is_id(spec->upper))
		return invalid(err, "upper", spec->upper);
	return 0;
}

static int check_mounts(const struct container_spec *spec, struct error *err)
{
	if (spec->n_mounts > SPEC_MAX_MOUNTS)
		return error_set(err, ERROR_INVALID, 0, "a container has at most %d mounts",
				 SPEC_MAX_MOUNTS);
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct spec_mount *m = &spec->mounts[i];

		if (m->kind < SPEC_MOUNT_CACHE || m->kind > SPEC_MOUNT_PACKS)
			return invalid(err, "mount", m->dest);
		if (!m->id || !name_is_id(m->id))
			return invalid(err, "mount id", m->id);
		if (!is_path_inside(m->dest) || !m->dest[1])
			return invalid(err, "mount destination", m->dest);
		if (m->file && (m->kind != SPEC_MOUNT_STAGE || !*m->file || strchr(m->file, '/') ||
				str_equal(m->file, ".") || str_equal(m->file, "..")))
			return invalid(err, "mount file", m->file);
		if (m->owned && (m->kind != SPEC_MOUNT_CACHE || m->uid >= INSTANCE_RANGE_SIZE ||
				 m->gid >= INSTANCE_RANGE_SIZE || m->mode > 07777))
			return invalid(err, "mount owner", m->dest);
	}
	return 0;
}

static int check_program(const struct container_spec *spec, struct error *err)
{
	if (spec->argv.n < 1 || spec->argv.n > SPEC_MAX_ARGS || !spec->argv.v[0][0])
		return error_set(err, ERROR_INVALID, 0, "a container's argv has 1 to %d words",
				 SPEC_MAX_ARGS);
	if (spec->env.n > SPEC_MAX_ARGS)
		return error_set(err, ERROR_INVALID, 0,
				 "a container's environment has at most %d words", SPEC_MAX_ARGS);
	for (size_t i = 0; i < spec->env.n; i++) {
		const char *eq = strchr(spec->env.v[i], '=');

		if (!eq || eq == spec->env.v[i])
			return error_set(err, ERROR_INVALID, 0,
					 "container environment entry %zu is not KEY=VALUE", i);
	}
	if (spec->cwd && !is_path_inside(spec->cwd))
		return invalid(err, "working folder", spec->cwd);
	bool has_user = spec->profile == SPEC_IMAGE || spec->profile == SPEC_STEP;
	if (spec->user && (!has_user || !identity_is_user(spec->user)))
		return invalid(err, "user", spec->user);
	if (spec->folders.n > (spec->profile == SPEC_IMAGE ? SPEC_MAX_ARGS : 0))
		return error_set(err, ERROR_INVALID, 0,
				 "only an image has folders made, at most %d", SPEC_MAX_ARGS);
	for (size_t i = 0; i < spec->folders.n; i++)
		if (!is_path_inside(spec->folders.v[i]) || !spec->folders.v[i][1])
			return invalid(err, "folder", spec->folders.v[i]);
	if (spec->stop_signal > 64)
		return error_set(err, ERROR_INVALID, 0, "container stop signal %u is not known",
				 spec->stop_signal);
	if (spec->hostname && !is_hostname(spec->hostname))
		return invalid(err, "host name", spec->hostname);
	return 0;
}

static int check_limits(const struct spec_limits *l, struct error *err)
{
	const uint64_t most = 1ull << 50;

	if (l->memory > most || l->memory_swap > most || l->disk > most ||
	    (l->memory && l->memory < (1u << 20)) || (l->disk && l->disk < (1u << 16)))
		return error_set(
			err, ERROR_INVALID, 0,
			"a container's memory is 1 MiB to 1 PiB, its disk 64 KiB to 1 PiB");
	if (l->memory_swap && l->memory_swap < l->memory)
		return error_set(err, ERROR_INVALID, 0,
				 "a container's memory_swap is not below its memory");
	if (l->memory_low > most)
		return error_set(err, ERROR_INVALID, 0,
				 "a container's memory_low is at most 1 PiB");
	if ((l->net_to && (l->net_to < 8192 || l->net_to > 1ull << 40)) ||
	    (l->net_from && (l->net_from < 8192 || l->net_from > 1ull << 40)))
		return error_set(err, ERROR_INVALID, 0,
				 "a container's network rate is 8 KiB/s to 1 TiB/s");
	if (l->cpu_weight > 10000)
		return error_set(err, ERROR_INVALID, 0, "a container's cpu_weight is 1 to 10000");
	if (l->cpu_millis && (l->cpu_millis < 10 || l->cpu_millis > 1024 * 1000))
		return error_set(err, ERROR_INVALID, 0,
				 "a container's cpu_millis is 10 to 1024000");
	if (l->pids > (1u << 22) || l->nofile > (1u << 20))
		return error_set(err, ERROR_INVALID, 0,
				 "a container's pids or nofile is too large");
	return 0;
}

static int check_health(const struct spec_health *h, struct error *err)
{
	if (h->test.n == 0)
		return 0;
	if (h->test.n > SPEC_MAX_ARGS || !h->test.v[0][0])
		return error_set(err, ERROR_INVALID, 0, "a health check has 1 to %d words",
				 SPEC_MAX_ARGS);
	if (h->interval_ms < 1 || h->interval_ms > HEALTH_MAX_MS || h->timeout_ms < 1 ||
	    h->timeout_ms > HEALTH_MAX_MS || h->start_period_ms > HEALTH_MAX_MS ||
	    h->start_interval_ms > HEALTH_MAX_MS || h->retries < 1 || h->retries > 1000)
		return error_set(err, ERROR_INVALID, 0,
				 "a health check's times are up to a day, its retries 1 to 1000");
	return 0;
}

static int check_log(const struct container_spec *spec, struct error *err)
{
	if (!spec->log_app != !spec->log_name)
		return error_set(err, ERROR_INVALID, 0,
				 "a container has both log_app and log_name, or none");
	if (spec->log_app && !name_is_id(spec->log_app))
		return invalid(err, "log app", spec->log_app);
	if (spec->log_name) {
		size_t len = strlen(spec->log_name);

		/* Process types have upper case and "_" too. */
		if (len < 1 || len > NAME_ID_MAX || spec->log_name[0] == '.' ||
		    strstr(spec->log_name, "..") ||
		    strspn(spec->log_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789._-") != len)
			return invalid(err, "log name", spec->log_name);
	}
	if (spec->log_max && (spec->log_max < LOG_MAX_LEAST || spec->log_max > (1ull << 40)))
		return error_set(err, ERROR_INVALID, 0, "a container's log_max is out of bounds");
	return 0;
}

int container_spec_check(const struct container_spec *spec, struct error *err)
{
	if (!spec->id || !name_is_id(spec->id) || strlen(spec->id) > NAME_ID_MAX)
		return invalid(err, "id", spec->id);
	if (spec->label && strlen(spec->label) > SPEC_LABEL_MAX)
		return invalid(err, "label", spec->label);
	if (spec->profile < SPEC_APP || spec->profile > SPEC_STEP)
		return error_set(err, ERROR_INVALID, 0, "container profile %d is not known",
				 (int)spec->profile);
	if (spec->range >= INSTANCE_RANGES)
		return error_set(err, ERROR_INVALID, 0, "container range %u is not below %d",
				 spec->range, INSTANCE_RANGES);
	bool makes = spec->profile == SPEC_LAYER || spec->profile == SPEC_STEP;
	if (makes != (spec->range == 0))
		return error_set(err, ERROR_INVALID, 0,
				 "range 0 is for containers that make layers, and only for them");
	if (spec->plain_etc && spec->profile != SPEC_STEP)
		return error_set(err, ERROR_INVALID, 0,
				 "only a container of a step takes /etc as its layers have it");
	if (spec->network < SPEC_NET_NONE || spec->network > SPEC_NET_EGRESS)
		return error_set(err, ERROR_INVALID, 0, "container network %d is not known",
				 (int)spec->network);
	if (spec->restart < SPEC_RESTART_NO || spec->restart > SPEC_RESTART_ALWAYS)
		return error_set(err, ERROR_INVALID, 0, "container restart policy %d is not known",
				 (int)spec->restart);
	if (check_layers(spec, err) < 0 || check_program(spec, err) < 0 ||
	    check_mounts(spec, err) < 0 || check_limits(&spec->limits, err) < 0 ||
	    check_log(spec, err) < 0 || check_health(&spec->health, err) < 0)
		return -1;
	return 0;
}
