/* SPDX-License-Identifier: MIT */
#include "router/table.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "instance/name.h"

#define TABLE_MAX (256u << 20)

static const char *const state_names[] = {
	[ROUTER_UP] = "up",
	[ROUTER_DOWN] = "down",
	[ROUTER_MAINTENANCE] = "maintenance",
};

static void release_json(json_t **j)
{
	json_decref(*j);
}

#define _cleanup_json_ _cleanup_(release_json)

void table_release(struct table *t)
{
	json_decref(t->apps);
	*t = (struct table)TABLE_INIT;
}

int table_read(struct table *t, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_json_ json_t *doc = NULL;
	struct error why = ERROR_INIT;
	json_error_t at;

	if (file_read(AT_FDCWD, path, TABLE_MAX, &text, &why) < 0) {
		if (why.code != ERROR_NOT_FOUND)
			return error_set(err, why.code, 0, "%s", why.message);
		t->version = 0;
		t->apps = json_object();
		return 0;
	}
	doc = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &at);
	json_t *version = json_object_get(doc, "version"), *apps = json_object_get(doc, "apps");
	if (!json_is_integer(version) || json_integer_value(version) < 0 || !json_is_object(apps))
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a table of routes: %s", path,
				 doc ? "version or apps is missing" : at.text);
	t->version = (uint64_t)json_integer_value(version);
	t->apps = json_incref(apps);
	return 0;
}

static int add_chunk(const char *data, size_t len, void *to)
{
	strbuf_add(to, data, len);
	return 0;
}

int table_write(const struct table *t, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *app, *comma = "";
	json_t *entry;

	strbuf_addf(&text, "{\"version\":%llu,\"apps\":{\n", (unsigned long long)t->version);
	json_object_foreach(t->apps, app, entry)
	{
		strbuf_addf(&text, "%s\"%s\":", comma, app);
		json_dump_callback(entry, add_chunk, &text, JSON_COMPACT);
		comma = ",\n";
	}
	strbuf_addstr(&text, "}}\n");
	return file_replace(AT_FDCWD, path, text.data, text.len, 0644, err);
}

static int check_backend(const struct router_backend *b, struct error *err)
{
	struct in_addr address;

	if (!name_is_id(b->id))
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a container's id", b->id);
	if (inet_pton(AF_INET, b->address, &address) != 1 || b->port == 0)
		return error_set(err, ERROR_INVALID, 0, "backend '%s' has no address: '%s:%u'",
				 b->id, b->address, b->port);
	return 0;
}

static bool entry_has_host(json_t *entry, const char *host)
{
	size_t i;
	json_t *other;

	json_array_foreach(json_object_get(entry, "hosts"), i, other)
	{
		if (str_equal(json_string_value(other), host))
			return true;
	}
	return false;
}

static int check_host(const struct table *t, const char *app, const char *host,
		      const char *reserved, struct error *err)
{
	const char *name;
	json_t *entry;

	if (name_check_domain(host, err) < 0)
		return -1;
	if (str_equal(host, reserved))
		return error_set(err, ERROR_EXISTS, 0,
				 "host '%s' is that of Berth's own HTTP API on this server", host);
	json_object_foreach(t->apps, name, entry)
	{
		if (!str_equal(name, app) && entry_has_host(entry, host))
			return error_set(err, ERROR_EXISTS, 0,
					 "host '%s' belongs to app '%s': remove it there first",
					 host, name);
	}
	return 0;
}

static int make_entry(const struct table *t, const struct router_app *app, const char *reserved,
		      json_t **out, struct error *err)
{
	_cleanup_json_ json_t *hosts = json_array();
	_cleanup_json_ json_t *backends = json_array();

	for (size_t i = 0; app->hosts && i < app->hosts->n; i++) {
		if (check_host(t, app->app, app->hosts->v[i], reserved, err) < 0)
			return -1;
		json_array_append_new(hosts, json_string(app->hosts->v[i]));
	}
	for (size_t i = 0; i < app->n_backends; i++) {
		const struct router_backend *b = &app->backends[i];
		if (check_backend(b, err) < 0)
			return -1;
		json_array_append_new(backends,
				      json_pack("[ssi]", b->id, b->address, (int)b->port));
	}
	json_t *entry = json_pack("{s:s, s:O, s:O}", "state", state_names[app->state], "hosts",
				  hosts, "backends", backends);
	if (entry && app->state == ROUTER_MAINTENANCE && app->page)
		json_object_set_new(entry, "page", json_true());
	if (!entry)
		return error_set(err, ERROR_INVALID, 0, "app '%s' has text that is not UTF-8",
				 app->app);
	*out = entry;
	return 0;
}

int table_set(struct table *t, const struct router_app *app, const char *reserved,
	      bool *out_changed, struct error *err)
{
	json_t *entry = NULL;

	if (name_check_app(app->app, err) < 0)
		return -1;
	if (app->state < ROUTER_UP || app->state > ROUTER_MAINTENANCE)
		return error_set(err, ERROR_INVALID, 0, "app '%s' has no router state", app->app);
	if (make_entry(t, app, reserved, &entry, err) < 0)
		return error_wrap(err, "route '%s'", app->app);
	*out_changed = !json_equal(entry, json_object_get(t->apps, app->app));
	json_object_set_new(t->apps, app->app, entry);
	return 0;
}

bool table_forget_backends(struct table *t)
{
	const char *name;
	json_t *entry;
	bool changed = false;

	json_object_foreach(t->apps, name, entry)
	{
		changed |= json_array_size(json_object_get(entry, "backends")) > 0;
		json_object_set_new(entry, "backends", json_array());
	}
	return changed;
}

bool table_remove(struct table *t, const char *app)
{
	return json_object_del(t->apps, app) == 0;
}
