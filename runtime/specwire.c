/* SPDX-License-Identifier: MIT */
#include "runtime/specwire.h"

#include "base/cleanup.h"
#include "instance/name.h"
#include "runtime/identity.h"
#include "runtime/wire.h"

#define STRING_MAX (1u << 20)

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
	TAG_PLAIN_ETC,
	TAG_END_
};

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
	wire_put_str(&v, m->file ? m->file : "");
	wire_put_u32(&v, m->owned);
	wire_put_u32(&v, m->uid);
	wire_put_u32(&v, m->gid);
	wire_put_u32(&v, m->mode);
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
	if (spec->plain_etc)
		put_u32_field(&sb, TAG_PLAIN_ETC, 1);
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
	enum spec_mount_kind kind = (enum spec_mount_kind)wire_get_u32(r);
	bool read_only = get_bool(r);
	_cleanup_free_ char *id = wire_get_str(r, NAME_ID_MAX);
	_cleanup_free_ char *dest = wire_get_str(r, SPEC_PATH_MAX);
	/* a berthd from before an upgrade says no more */
	bool more = !wire_reader_done(r);
	_cleanup_free_ char *file = more ? wire_get_str(r, SPEC_PATH_MAX) : NULL;
	bool owned = more && get_bool(r);
	uint32_t uid = more ? wire_get_u32(r) : 0;
	uint32_t gid = more ? wire_get_u32(r) : 0;
	uint32_t mode = more ? wire_get_u32(r) : 0;

	if (spec->n_mounts >= SPEC_MAX_MOUNTS)
		r->bad = true;
	if (r->bad)
		return;
	container_spec_add_mount(spec, kind, id, dest, read_only);
	struct spec_mount *m = &spec->mounts[spec->n_mounts - 1];
	if (file && *file)
		m->file = TAKE_PTR(file);
	m->owned = owned;
	m->uid = uid;
	m->gid = gid;
	m->mode = mode;
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
		spec->label = wire_get_str(r, SPEC_LABEL_MAX);
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
		spec->cwd = wire_get_str(r, SPEC_PATH_MAX);
		break;
	case TAG_HOSTNAME:
		spec->hostname = wire_get_str(r, 64);
		break;
	case TAG_PLAIN_ETC:
		spec->plain_etc = get_bool(r);
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
		wire_get_list(r, &spec->folders, SPEC_MAX_ARGS, SPEC_PATH_MAX);
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
