/* SPDX-License-Identifier: MIT */
#include "runtime/spec.h"

#include <string.h>

#include "base/cleanup.h"
#include "instance/instance.h"
#include "instance/name.h"
#include "runtime/identity.h"
#include "runtime/wire.h"

#define LABEL_MAX 255
#define PATH_MAX_INSIDE 1024
#define STRING_MAX (1u << 20)
#define LOG_MAX_LEAST 4096
#define HEALTH_MAX_MS (24u * 60 * 60 * 1000)

/* The encoded form: u32 version, then fields (u32 tag, length-prefixed value), each at most once
 * but for mounts, in any order, those with their default left out. */
enum tag {
	TAG_ID = 1,
	TAG_LABEL,
	TAG_PROFILE,
	TAG_RANGE,
	TAG_LAYERS,
	TAG_UPPER,
	TAG_ARGV,
	TAG_ENV,
	TAG_CWD,
	TAG_HOSTNAME,
	TAG_NETWORK,
	TAG_LIMITS,
	TAG_MOUNT,
	TAG_TTY,
	TAG_LOG,
	TAG_RESTART,
	TAG_STOP_MS,
	TAG_RESERVE,
	TAG_RATES,
	TAG_USER,
	TAG_STOP_SIGNAL,
	TAG_SIZE,
	TAG_FOLDERS,
	TAG_HEALTH,
	TAG_END_
};

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
	}
	free(spec->mounts);
	strvec_release(&spec->layers);
	strvec_release(&spec->argv);
	strvec_release(&spec->env);
	strvec_release(&spec->folders);
	strvec_release(&spec->health.test);
	container_spec_init(spec);
}

static struct spec_mount *add_mount(struct container_spec *spec)
{
	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
	memset(&spec->mounts[spec->n_mounts], 0, sizeof(*spec->mounts));
	return &spec->mounts[spec->n_mounts++];
}

void container_spec_add_mount(struct container_spec *spec, enum spec_mount_kind kind,
			      const char *id, const char *dest, bool read_only)
{
	struct spec_mount *m = add_mount(spec);

	m->kind = kind;
	m->id = xstrdup(id);
	m->dest = xstrdup(dest);
	m->read_only = read_only;
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

	if (len < 1 || len > PATH_MAX_INSIDE || s[0] != '/')
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
	if (spec->label && strlen(spec->label) > LABEL_MAX)
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

static void put_field(struct strbuf *out, enum tag tag, const struct strbuf *value)
{
	wire_put_u32(out, (uint32_t)tag);
	wire_put_bytes(out, value->data, value->len);
}

static void put_str_field(struct strbuf *out, enum tag tag, const char *s)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	if (!s)
		return;
	wire_put_str(&v, s);
	put_field(out, tag, &v);
}

static void put_list_field(struct strbuf *out, enum tag tag, const struct strvec *list)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	wire_put_list(&v, list);
	put_field(out, tag, &v);
}

static void put_u32_field(struct strbuf *out, enum tag tag, uint32_t n)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	wire_put_u32(&v, n);
	put_field(out, tag, &v);
}

static void put_limits(struct strbuf *out, const struct spec_limits *l)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	wire_put_u64(&v, l->memory);
	wire_put_u64(&v, l->memory_swap);
	wire_put_u32(&v, l->cpu_weight);
	wire_put_u32(&v, l->cpu_millis);
	wire_put_u32(&v, l->pids);
	wire_put_u32(&v, l->nofile);
	wire_put_u64(&v, l->disk);
	wire_put_u32(&v, l->time_ms);
	put_field(out, TAG_LIMITS, &v);
}

static void put_reserve(struct strbuf *out, const struct spec_limits *l)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	if (!l->memory_low)
		return;
	wire_put_u64(&v, l->memory_low);
	put_field(out, TAG_RESERVE, &v);
}

static void put_rates(struct strbuf *out, const struct spec_limits *l)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	if (!l->net_to && !l->net_from)
		return;
	wire_put_u64(&v, l->net_to);
	wire_put_u64(&v, l->net_from);
	put_field(out, TAG_RATES, &v);
}

static void put_mount(struct strbuf *out, const struct spec_mount *m)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	wire_put_u32(&v, (uint32_t)m->kind);
	wire_put_u32(&v, m->read_only);
	wire_put_str(&v, m->id);
	wire_put_str(&v, m->dest);
	put_field(out, TAG_MOUNT, &v);
}

static void put_log(struct strbuf *out, const struct container_spec *spec)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	if (!spec->log_app)
		return;
	wire_put_str(&v, spec->log_app);
	wire_put_str(&v, spec->log_name);
	wire_put_u64(&v, spec->log_max);
	put_field(out, TAG_LOG, &v);
}

static void put_health(struct strbuf *out, const struct spec_health *h)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	if (h->test.n == 0)
		return;
	wire_put_list(&v, &h->test);
	wire_put_u32(&v, h->interval_ms);
	wire_put_u32(&v, h->timeout_ms);
	wire_put_u32(&v, h->start_period_ms);
	wire_put_u32(&v, h->start_interval_ms);
	wire_put_u32(&v, h->retries);
	wire_put_u32(&v, h->restarts);
	put_field(out, TAG_HEALTH, &v);
}

static void put_restart(struct strbuf *out, const struct container_spec *spec)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	wire_put_u32(&v, (uint32_t)spec->restart);
	wire_put_u32(&v, spec->restart_max);
	put_field(out, TAG_RESTART, &v);
}

int container_spec_encode(const struct container_spec *spec, struct strbuf *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	if (container_spec_check(spec, err) < 0)
		return -1;
	wire_put_u32(&sb, SPEC_VERSION);
	put_str_field(&sb, TAG_ID, spec->id);
	put_str_field(&sb, TAG_LABEL, spec->label);
	put_u32_field(&sb, TAG_PROFILE, (uint32_t)spec->profile);
	put_u32_field(&sb, TAG_RANGE, spec->range);
	put_list_field(&sb, TAG_LAYERS, &spec->layers);
	put_str_field(&sb, TAG_UPPER, spec->upper);
	put_list_field(&sb, TAG_ARGV, &spec->argv);
	put_list_field(&sb, TAG_ENV, &spec->env);
	put_str_field(&sb, TAG_CWD, spec->cwd);
	put_str_field(&sb, TAG_USER, spec->user);
	if (spec->folders.n)
		put_list_field(&sb, TAG_FOLDERS, &spec->folders);
	put_str_field(&sb, TAG_HOSTNAME, spec->hostname);
	put_u32_field(&sb, TAG_NETWORK, (uint32_t)spec->network);
	put_limits(&sb, &spec->limits);
	put_reserve(&sb, &spec->limits);
	put_rates(&sb, &spec->limits);
	for (size_t i = 0; i < spec->n_mounts; i++)
		put_mount(&sb, &spec->mounts[i]);
	put_u32_field(&sb, TAG_TTY, spec->tty);
	put_u32_field(&sb, TAG_SIZE, (uint32_t)spec->rows << 16 | spec->columns);
	put_log(&sb, spec);
	put_restart(&sb, spec);
	put_health(&sb, &spec->health);
	put_u32_field(&sb, TAG_STOP_MS, spec->stop_ms);
	put_u32_field(&sb, TAG_STOP_SIGNAL, spec->stop_signal);
	if (sb.len > SPEC_ENCODED_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "the container's arguments and environment are too large: "
				 "at most %u bytes",
				 SPEC_ENCODED_MAX);
	strbuf_add(out, sb.data, sb.len);
	return 0;
}

static bool get_bool(struct wire_reader *r)
{
	uint32_t v = wire_get_u32(r);

	if (v > 1)
		r->bad = true;
	return v == 1;
}

static void get_limits(struct wire_reader *r, struct spec_limits *l)
{
	l->memory = wire_get_u64(r);
	l->memory_swap = wire_get_u64(r);
	l->cpu_weight = wire_get_u32(r);
	l->cpu_millis = wire_get_u32(r);
	l->pids = wire_get_u32(r);
	l->nofile = wire_get_u32(r);
	l->disk = wire_get_u64(r);
	l->time_ms = wire_get_u32(r);
}

static void get_mount(struct wire_reader *r, struct container_spec *spec)
{
	struct spec_mount *m;

	if (spec->n_mounts >= SPEC_MAX_MOUNTS) {
		r->bad = true;
		return;
	}
	m = add_mount(spec);
	m->kind = (enum spec_mount_kind)wire_get_u32(r);
	m->read_only = get_bool(r);
	m->id = wire_get_str(r, NAME_ID_MAX);
	m->dest = wire_get_str(r, PATH_MAX_INSIDE);
}

static void get_health(struct wire_reader *r, struct spec_health *h)
{
	wire_get_list(r, &h->test, SPEC_MAX_ARGS, STRING_MAX);
	h->interval_ms = wire_get_u32(r);
	h->timeout_ms = wire_get_u32(r);
	h->start_period_ms = wire_get_u32(r);
	h->start_interval_ms = wire_get_u32(r);
	h->retries = wire_get_u32(r);
	h->restarts = get_bool(r);
}

static void get_field(struct wire_reader *r, uint32_t tag, struct container_spec *spec)
{
	switch ((enum tag)tag) {
	case TAG_ID:
		spec->id = wire_get_str(r, NAME_ID_MAX);
		break;
	case TAG_LABEL:
		spec->label = wire_get_str(r, LABEL_MAX);
		break;
	case TAG_PROFILE:
		spec->profile = (enum spec_profile)wire_get_u32(r);
		break;
	case TAG_RANGE:
		spec->range = wire_get_u32(r);
		break;
	case TAG_LAYERS:
		wire_get_list(r, &spec->layers, SPEC_MAX_LAYERS, NAME_ID_MAX + 8);
		break;
	case TAG_UPPER:
		spec->upper = wire_get_str(r, NAME_ID_MAX);
		break;
	case TAG_ARGV:
		wire_get_list(r, &spec->argv, SPEC_MAX_ARGS, STRING_MAX);
		break;
	case TAG_ENV:
		wire_get_list(r, &spec->env, SPEC_MAX_ARGS, STRING_MAX);
		break;
	case TAG_CWD:
		spec->cwd = wire_get_str(r, PATH_MAX_INSIDE);
		break;
	case TAG_HOSTNAME:
		spec->hostname = wire_get_str(r, 64);
		break;
	case TAG_NETWORK:
		spec->network = (enum spec_network)wire_get_u32(r);
		break;
	case TAG_LIMITS:
		get_limits(r, &spec->limits);
		break;
	case TAG_MOUNT:
		get_mount(r, spec);
		break;
	case TAG_TTY:
		spec->tty = get_bool(r);
		break;
	case TAG_SIZE: {
		uint32_t size = wire_get_u32(r);
		spec->rows = (uint16_t)(size >> 16);
		spec->columns = (uint16_t)size;
		break;
	}
	case TAG_LOG:
		spec->log_app = wire_get_str(r, NAME_ID_MAX);
		spec->log_name = wire_get_str(r, NAME_ID_MAX);
		spec->log_max = wire_get_u64(r);
		break;
	case TAG_RESTART:
		spec->restart = (enum spec_restart)wire_get_u32(r);
		spec->restart_max = wire_get_u32(r);
		break;
	case TAG_STOP_MS:
		spec->stop_ms = wire_get_u32(r);
		break;
	case TAG_RESERVE:
		spec->limits.memory_low = wire_get_u64(r);
		break;
	case TAG_RATES:
		spec->limits.net_to = wire_get_u64(r);
		spec->limits.net_from = wire_get_u64(r);
		break;
	case TAG_USER:
		spec->user = wire_get_str(r, 2 * IDENTITY_NAME_MAX + 1);
		break;
	case TAG_HEALTH:
		get_health(r, &spec->health);
		break;
	case TAG_FOLDERS:
		wire_get_list(r, &spec->folders, SPEC_MAX_ARGS, PATH_MAX_INSIDE);
		break;
	case TAG_STOP_SIGNAL:
		spec->stop_signal = wire_get_u32(r);
		break;
	case TAG_END_:
	default:
		r->bad = true;
	}
}

int container_spec_decode(struct container_spec *spec, const void *data, size_t len,
			  struct error *err)
{
	struct wire_reader r;
	uint32_t version, seen = 0;

	if (len > SPEC_ENCODED_MAX)
		return error_set(err, ERROR_INVALID, 0, "a container spec of %zu bytes is too long",
				 len);
	wire_reader_init(&r, data, len);
	version = wire_get_u32(&r);
	if (r.bad || version != SPEC_VERSION)
		return error_set(err, ERROR_INVALID, 0,
				 "container spec version %u is not %d: restart all of Berth",
				 version, SPEC_VERSION);
	while (!r.bad && r.left) {
		uint32_t tag = wire_get_u32(&r);
		size_t n;
		const void *value = wire_get_bytes(&r, &n);
		struct wire_reader field;

		if (r.bad || tag == 0 || tag >= TAG_END_)
			return error_set(err, ERROR_INVALID, 0, "container spec: field %u is bad",
					 tag);
		if (tag != TAG_MOUNT && (seen & (1u << tag)))
			return error_set(err, ERROR_INVALID, 0, "container spec: field %u twice",
					 tag);
		seen |= 1u << tag;
		wire_reader_init(&field, value, n);
		get_field(&field, tag, spec);
		if (!wire_reader_done(&field))
			return error_set(err, ERROR_INVALID, 0, "container spec: field %u is bad",
					 tag);
	}
	if (!wire_reader_done(&r))
		return error_set(err, ERROR_INVALID, 0, "container spec: it is cut short");
	return container_spec_check(spec, err);
}
