/* SPDX-License-Identifier: MIT */
#include "runtime/sdbus.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "runtime/library.h"

#define LIBRARY "libsystemd.so.0"
#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
/* Where systemd listens itself: for root, when there is no bus yet or none at all. */
#define PRIVATE "unix:path=/run/systemd/private"
/* A unit stops within 90 s by default (DefaultTimeoutStopSec). */
#define JOB_WAIT_MS 100000

/* --- the library ------------------------------------------------------------------------------ */

#define SYMBOLS(X)                                                                                 \
	X(sd_bus_open_system)                                                                      \
	X(sd_bus_new)                                                                              \
	X(sd_bus_set_address)                                                                      \
	X(sd_bus_start)                                                                            \
	X(sd_bus_flush_close_unref)                                                                \
	X(sd_bus_call)                                                                             \
	X(sd_bus_call_method)                                                                      \
	X(sd_bus_error_free)                                                                       \
	X(sd_bus_error_has_name)                                                                   \
	X(sd_bus_get_property_string)                                                              \
	X(sd_bus_match_signal)                                                                     \
	X(sd_bus_process)                                                                          \
	X(sd_bus_wait)                                                                             \
	X(sd_bus_message_new_method_call)                                                          \
	X(sd_bus_message_append)                                                                   \
	X(sd_bus_message_append_array)                                                             \
	X(sd_bus_message_append_basic)                                                             \
	X(sd_bus_message_append_strv)                                                              \
	X(sd_bus_message_open_container)                                                           \
	X(sd_bus_message_close_container)                                                          \
	X(sd_bus_message_read)                                                                     \
	X(sd_bus_message_unref)

#define MEMBER(name) __typeof__(name) *name;
static struct {
	bool loaded;
	SYMBOLS(MEMBER)
} sd;

#define SYMBOL(name) {#name, &sd.name},
static int load(struct error *err)
{
	static const struct library_symbol symbols[] = {SYMBOLS(SYMBOL)};

	if (sd.loaded)
		return 0;
	if (library_load(LIBRARY, "speaks to systemd", symbols, ARRAY_SIZE(symbols), err) < 0)
		return -1;
	sd.loaded = true;
	return 0;
}

/* --- the bus ---------------------------------------------------------------------------------- */

struct sdbus {
	sd_bus *bus;
	bool direct; /* no bus: systemd */
	/* the end of a job that was waited for */
	char *job;
	bool done;
	char result[32];
};

static int bus_error(struct error *err, int r, const char *what)
{
	return error_set(err, ERROR_SYSTEM, -r, "%s", what);
}

static int connect_directly(sd_bus **out)
{
	sd_bus *bus = NULL;
	int r = sd.sd_bus_new(&bus);

	if (r >= 0)
		r = sd.sd_bus_set_address(bus, PRIVATE);
	if (r >= 0)
		r = sd.sd_bus_start(bus);
	if (r < 0) {
		sd.sd_bus_flush_close_unref(bus);
		return r;
	}
	*out = bus;
	return 0;
}

/* Called between other calls only, when b->job is known. */
static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct sdbus *b = data;
	const char *job, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd.sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0 ||
	    !str_equal(job, b->job))
		return 0;
	b->done = true;
	snprintf(b->result, sizeof(b->result), "%s", result);
	return 0;
}

static int subscribe(struct sdbus *b, struct error *err)
{
	int r = sd.sd_bus_match_signal(b->bus, NULL, b->direct ? NULL : SERVICE, OBJECT, MANAGER,
				       "JobRemoved", on_job_removed, b);

	/* whom it is connected to directly systemd tells without being asked */
	if (r >= 0 && !b->direct)
		r = sd.sd_bus_call_method(b->bus, SERVICE, OBJECT, MANAGER, "Subscribe", NULL, NULL,
					  "");
	return r < 0 ? bus_error(err, r, "subscribe to systemd's signals") : 0;
}

int sdbus_open(struct sdbus **out, struct error *err)
{
	struct sdbus *b;
	int r;

	if (load(err) < 0)
		return -1;
	b = xcalloc(1, sizeof(*b));
	r = sd.sd_bus_open_system(&b->bus);
	if (r < 0 && connect_directly(&b->bus) == 0)
		b->direct = true;
	else if (r < 0)
		bus_error(err, r, "connect to systemd");
	if (!b->bus || subscribe(b, err) < 0) {
		sdbus_free(b);
		return -1;
	}
	*out = b;
	return 0;
}

void sdbus_free(struct sdbus *b)
{
	if (!b)
		return;
	if (b->bus)
		sd.sd_bus_flush_close_unref(b->bus);
	free(b->job);
	free(b);
}

/* --- messages --------------------------------------------------------------------------------- */

static int append_value(sd_bus_message *m, const struct property *p)
{
	union {
		uint8_t y;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
		int b;
	} v;

	if (!strcmp(p->type, "as"))
		return sd.sd_bus_message_append_strv(m, p->texts.v);
	if (p->type[0] == 'a')
		return sd.sd_bus_message_append_array(m, p->type[1], p->bytes, p->size);
	switch (p->type[0]) {
	case 's':
		return sd.sd_bus_message_append_basic(m, 's', p->texts.v[0]);
	case 'y':
		v.y = (uint8_t)p->number;
		break;
	case 'n':
		v.n = (int16_t)p->number;
		break;
	case 'q':
		v.q = (uint16_t)p->number;
		break;
	case 'i':
		v.i = (int32_t)p->number;
		break;
	case 'u':
		v.u = (uint32_t)p->number;
		break;
	case 'b':
		v.b = p->number != 0;
		break;
	case 't':
		v.t = (uint64_t)p->number;
		break;
	default:
		v.x = p->number;
	}
	return sd.sd_bus_message_append_basic(m, p->type[0], &v);
}

static int append_property(sd_bus_message *m, const struct property *p)
{
	int r = sd.sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd.sd_bus_message_append_basic(m, 's', p->name);
	if (r >= 0)
		r = sd.sd_bus_message_open_container(m, 'v', p->type);
	if (r >= 0)
		r = append_value(m, p);
	if (r >= 0)
		r = sd.sd_bus_message_close_container(m);
	return r < 0 ? r : sd.sd_bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, const struct properties *p)
{
	int r = sd.sd_bus_message_open_container(m, 'a', "(sv)");

	for (size_t i = 0; i < p->n && r >= 0; i++)
		r = append_property(m, &p->v[i]);
	return r < 0 ? r : sd.sd_bus_message_close_container(m);
}

static int say_failed(struct error *err, const char *what, const char *unit, int r,
		      const sd_bus_error *error)
{
	return error_set(err, ERROR_FAILED, 0, "systemd does not %s unit '%s': %s", what, unit,
			 error->message ? error->message : strerror(-r));
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* Waits for the job that REPLY has begun. */
static int await_job(struct sdbus *b, sd_bus_message *reply, const char *what, const char *unit,
		     struct error *err)
{
	int64_t until = clock_ms() + JOB_WAIT_MS;
	const char *job = NULL;
	int r = sd.sd_bus_message_read(reply, "o", &job);

	if (r < 0)
		return bus_error(err, r, "read systemd's answer");
	free(b->job);
	b->job = xstrdup(job);
	b->done = false;
	while (!b->done) {
		int64_t left = until - clock_ms();

		r = sd.sd_bus_process(b->bus, NULL);
		if (r == 0 && left > 0)
			r = sd.sd_bus_wait(b->bus, (uint64_t)left * 1000);
		if (r < 0)
			return bus_error(err, r, "wait for systemd");
		if (left <= 0 && !b->done)
			return error_set(err, ERROR_TIMEOUT, 0,
					 "systemd does not %s unit '%s' within %d s", what, unit,
					 JOB_WAIT_MS / 1000);
	}
	if (strcmp(b->result, "done") != 0)
		return error_set(err, ERROR_FAILED, 0,
				 "systemd does not %s unit '%s': its job is '%s': see systemctl "
				 "status",
				 what, unit, b->result);
	return 0;
}

static int call_start(struct sdbus *b, const char *unit, const struct properties *p,
		      sd_bus_error *error, sd_bus_message **reply)
{
	sd_bus_message *m = NULL;
	int r = sd.sd_bus_message_new_method_call(b->bus, &m, SERVICE, OBJECT, MANAGER,
						  "StartTransientUnit");

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "ss", unit, "fail");
	if (r >= 0)
		r = append_properties(m, p);
	if (r >= 0)
		r = sd.sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd.sd_bus_call(b->bus, m, 0, error, reply);
	sd.sd_bus_message_unref(m);
	return r;
}

static void forget_failed(struct sdbus *b, const char *unit)
{
	sd.sd_bus_call_method(b->bus, SERVICE, OBJECT, MANAGER, "ResetFailedUnit", NULL, NULL, "s",
			      unit);
}

int sdbus_start(struct sdbus *b, const char *unit, const struct properties *p, struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r = call_start(b, unit, p, &error, &reply), failed;

	if (r < 0 && sd.sd_bus_error_has_name(&error, SERVICE ".UnitExists")) {
		forget_failed(b, unit);
		sd.sd_bus_error_free(&error);
		r = call_start(b, unit, p, &error, &reply);
	}
	failed = r < 0 ? say_failed(err, "start", unit, r, &error)
		       : await_job(b, reply, "start", unit, err);
	sd.sd_bus_error_free(&error);
	sd.sd_bus_message_unref(reply);
	return failed;
}

int sdbus_stop(struct sdbus *b, const char *unit, struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int failed = 0;
	int r = sd.sd_bus_call_method(b->bus, SERVICE, OBJECT, MANAGER, "StopUnit", &error, &reply,
				      "ss", unit, "replace");

	if (r >= 0)
		failed = await_job(b, reply, "stop", unit, err);
	else if (!sd.sd_bus_error_has_name(&error, SERVICE ".NoSuchUnit"))
		failed = say_failed(err, "stop", unit, r, &error);
	forget_failed(b, unit);
	sd.sd_bus_error_free(&error);
	sd.sd_bus_message_unref(reply);
	return failed;
}

/* --- the rest --------------------------------------------------------------------------------- */

int sdbus_set(struct sdbus *b, const char *unit, const struct properties *p, struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int failed = 0;
	int r = sd.sd_bus_message_new_method_call(b->bus, &m, SERVICE, OBJECT, MANAGER,
						  "SetUnitProperties");

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "sb", unit, 1);
	if (r >= 0)
		r = append_properties(m, p);
	if (r >= 0)
		r = sd.sd_bus_call(b->bus, m, 0, &error, NULL);
	if (r < 0)
		failed = say_failed(err, "limit", unit, r, &error);
	sd.sd_bus_error_free(&error);
	sd.sd_bus_message_unref(m);
	return failed;
}

int sdbus_cgroup(struct sdbus *b, const char *unit, char **out, struct error *err)
{
	const char *dot = strrchr(unit, '.'), *object = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	char *group = NULL;
	int r = sd.sd_bus_call_method(b->bus, SERVICE, OBJECT, MANAGER, "GetUnit", &error, &reply,
				      "s", unit);

	if (r >= 0)
		r = sd.sd_bus_message_read(reply, "o", &object);
	if (r >= 0)
		r = sd.sd_bus_get_property_string(b->bus, SERVICE, object,
						  str_equal(dot, ".slice") ? SERVICE ".Slice"
									   : SERVICE ".Scope",
						  "ControlGroup", &error, &group);
	if (r < 0)
		say_failed(err, "tell the control group of", unit, r, &error);
	else if (!*group)
		r = error_set(err, ERROR_FAILED, 0, "unit '%s' has no control group any more",
			      unit);
	else
		*out = TAKE_PTR(group);
	free(group);
	sd.sd_bus_error_free(&error);
	sd.sd_bus_message_unref(reply);
	return r < 0 ? -1 : 0;
}
