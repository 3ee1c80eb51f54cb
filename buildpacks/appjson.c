/* SPDX-License-Identifier: MIT */
#include "buildpacks/appjson.h"

#include <jansson.h>

#include "base/cleanup.h"
#include "base/schedule.h"
#include "base/strbuf.h"
#include "buildpacks/jsonc.h"
#include "buildpacks/source.h"
#include "instance/name.h"

#define TEXT_MAX (64u << 10)
#define SECONDS_MAX 86400

void appjson_init(struct appjson *aj)
{
	*aj = (struct appjson){0};
	strvec_init(&aj->buildpacks);
}

static void release_check(struct appjson_check *c)
{
	free(c->process);
	free(c->name);
	free(c->path);
	free(c->scheme);
	free(c->content);
	free(c->on_failure_url);
	strvec_release(&c->headers);
	strvec_release(&c->command);
	strvec_release(&c->on_failure);
}

void appjson_release(struct appjson *aj)
{
	for (size_t i = 0; i < aj->n_env; i++) {
		free(aj->env[i].key);
		free(aj->env[i].value);
	}
	for (size_t i = 0; i < aj->n_formation; i++)
		free(aj->formation[i].type);
	for (size_t i = 0; i < aj->n_checks; i++)
		release_check(&aj->checks[i]);
	free(aj->name);
	free(aj->env);
	free(aj->formation);
	free(aj->checks);
	free(aj->predeploy);
	free(aj->dokku_postdeploy);
	free(aj->postdeploy);
	for (size_t i = 0; i < aj->n_cron; i++) {
		free(aj->cron[i].command);
		free(aj->cron[i].schedule);
		free(aj->cron[i].concurrency);
	}
	free(aj->cron);
	strvec_release(&aj->buildpacks);
	appjson_init(aj);
}

const struct appjson_formation *appjson_formation(const struct appjson *aj, const char *type)
{
	for (size_t i = 0; i < aj->n_formation; i++)
		if (str_equal(aj->formation[i].type, type))
			return &aj->formation[i];
	return NULL;
}

/* A field's value with the path that errors name it by. */
struct field {
	const json_t *v; /* NULL: not there */
	char at[256];
};

static struct field sub(const struct field *of, const char *key)
{
	struct field f = {.v = json_object_get(of->v, key)};

	if (json_is_null(f.v))
		f.v = NULL;
	snprintf(f.at, sizeof(f.at), "%.120s%s%.120s", of->at, of->at[0] ? "." : "", key);
	return f;
}

static struct field item(const struct field *of, size_t i)
{
	struct field f = {.v = json_array_get(of->v, i)};

	snprintf(f.at, sizeof(f.at), "%.200s[%zu]", of->at, i);
	return f;
}

static int wrong(const struct field *f, const char *expected, struct error *err)
{
	return error_set(err, ERROR_INVALID, 0, "'%s' must be %s", f->at, expected);
}

static int get_text(const struct field *f, char **out, struct error *err)
{
	if (!f->v)
		return 0;
	if (!json_is_string(f->v))
		return wrong(f, "a string", err);
	if (json_string_length(f->v) > TEXT_MAX)
		return wrong(f, "at most 65536 bytes long", err);
	free(*out);
	*out = xstrdup(json_string_value(f->v));
	return 0;
}

static int get_bool(const struct field *f, bool *out, struct error *err)
{
	if (!f->v)
		return 0;
	if (!json_is_boolean(f->v))
		return wrong(f, "true or false", err);
	*out = json_is_true(f->v);
	return 0;
}

static int get_int(const struct field *f, int min, int max, int *out, struct error *err)
{
	char expected[64];

	if (!f->v)
		return 0;
	snprintf(expected, sizeof(expected), "a whole number from %d to %d", min, max);
	if (!json_is_integer(f->v))
		return wrong(f, expected, err);
	json_int_t v = json_integer_value(f->v);
	if (v < min || v > max)
		return wrong(f, expected, err);
	*out = (int)v;
	return 0;
}

static int check_kind(const struct field *f, bool object, struct error *err)
{
	if (!f->v)
		return 0;
	if (object ? !json_is_object(f->v) : !json_is_array(f->v))
		return wrong(f, object ? "an object" : "a list", err);
	if ((object ? json_object_size(f->v) : json_array_size(f->v)) > APPJSON_ITEMS_MAX)
		return wrong(f, "at most 256 entries long", err);
	return 0;
}

static int get_argv(const struct field *f, struct strvec *out, struct error *err)
{
	/* a single string is a command line for the shell that every stack has */
	if (json_is_string(f->v)) {
		_cleanup_free_ char *line = NULL;
		if (get_text(f, &line, err) < 0)
			return -1;
		strvec_push(out, "bash");
		strvec_push(out, "-c");
		strvec_push(out, line);
		return 0;
	}
	if (check_kind(f, false, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(f->v); i++) {
		struct field e = item(f, i);
		_cleanup_free_ char *s = NULL;
		if (get_text(&e, &s, err) < 0)
			return -1;
		strvec_push_take(out, TAKE_PTR(s));
	}
	return 0;
}

static int parse_env(struct appjson *aj, const struct field *root, struct error *err)
{
	struct field all = sub(root, "env");
	const char *key;
	json_t *v;

	if (check_kind(&all, true, err) < 0)
		return -1;
	aj->env = xcalloc(json_object_size(all.v) + 1, sizeof(*aj->env));
	json_object_foreach((json_t *)(uintptr_t)all.v, key, v)
	{
		struct field f = sub(&all, key);
		struct appjson_env *e = &aj->env[aj->n_env++];
		e->key = xstrdup(key);
		e->required = true;
		if (name_check_key(key, err) < 0)
			return error_wrap(err, "'%s'", all.at);
		if (!f.v)
			continue;
		if (!json_is_object(f.v)) {
			if (get_text(&f, &e->value, err) < 0)
				return wrong(&f, "a string or an object", err);
			continue;
		}
		struct field value = sub(&f, "value"), required = sub(&f, "required");
		struct field generator = sub(&f, "generator"), sync = sub(&f, "sync");
		_cleanup_free_ char *how = NULL;
		if (get_text(&value, &e->value, err) < 0 ||
		    get_bool(&required, &e->required, err) < 0 ||
		    get_bool(&sync, &e->sync, err) < 0 || get_text(&generator, &how, err) < 0)
			return -1;
		if (how && !str_equal(how, "secret"))
			return wrong(&generator, "\"secret\", the only generator there is", err);
		e->secret = how != NULL;
	}
	return 0;
}

static int parse_formation(struct appjson *aj, const struct field *root, struct error *err)
{
	struct field all = sub(root, "formation");
	const char *type;
	json_t *v;

	if (check_kind(&all, true, err) < 0)
		return -1;
	aj->formation = xcalloc(json_object_size(all.v) + 1, sizeof(*aj->formation));
	json_object_foreach((json_t *)(uintptr_t)all.v, type, v)
	{
		struct field f = sub(&all, type);
		struct appjson_formation *e = &aj->formation[aj->n_formation++];
		*e = (struct appjson_formation){xstrdup(type), -1, -1};
		if (name_check_type(type, err) < 0)
			return error_wrap(err, "'%s'", all.at);
		if (check_kind(&f, true, err) < 0)
			return -1;
		struct field quantity = sub(&f, "quantity"), parallel = sub(&f, "max_parallel");
		if (get_int(&quantity, 0, APPJSON_QUANTITY_MAX, &e->quantity, err) < 0 ||
		    get_int(&parallel, -1, APPJSON_QUANTITY_MAX, &e->max_parallel, err) < 0)
			return -1;
	}
	return 0;
}

/* What a header's name may not have (RFC 9110, token). */
#define NO_TOKEN "\r\n \t\"(),/:;<=>?@[\\]{}"

static int parse_headers(const struct field *f, struct strvec *out, struct error *err)
{
	if (check_kind(f, false, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(f->v); i++) {
		struct field e = item(f, i);
		if (check_kind(&e, true, err) < 0)
			return -1;
		struct field name = sub(&e, "name"), value = sub(&e, "value");
		_cleanup_free_ char *n = NULL, *v = NULL;
		if (get_text(&name, &n, err) < 0 || get_text(&value, &v, err) < 0)
			return -1;
		if (!n || !*n || strpbrk(n, NO_TOKEN))
			return wrong(&name, "a header's name", err);
		if (!v || strpbrk(v, "\r\n"))
			return wrong(&value, "a header's value of one line", err);
		strvec_pushf(out, "%s: %s", n, v);
	}
	return 0;
}

static int parse_check_texts(struct appjson_check *c, const struct field *f, struct error *err)
{
	struct field type = sub(f, "type"), name = sub(f, "name"), path = sub(f, "path");
	struct field scheme = sub(f, "scheme"), content = sub(f, "content");
	_cleanup_free_ char *kind = NULL;

	if (get_text(&type, &kind, err) < 0 || get_text(&name, &c->name, err) < 0 ||
	    get_text(&path, &c->path, err) < 0 || get_text(&scheme, &c->scheme, err) < 0 ||
	    get_text(&content, &c->content, err) < 0)
		return -1;
	if (!kind || str_equal(kind, "startup"))
		c->kind = APPJSON_STARTUP;
	else if (str_equal(kind, "liveness"))
		c->kind = APPJSON_LIVENESS;
	else if (str_equal(kind, "readiness"))
		c->kind = APPJSON_READINESS;
	else
		return wrong(&type, "\"startup\", \"liveness\" or \"readiness\"", err);
	if (c->path && (c->path[0] != '/' || strpbrk(c->path, "\r\n \t")))
		return wrong(&path, "a path that starts with '/' and has no blanks", err);
	if (c->scheme && !str_equal(c->scheme, "http") && !str_equal(c->scheme, "https"))
		return wrong(&scheme, "\"http\" or \"https\"", err);
	return 0;
}

static int parse_on_failure(struct appjson_check *c, const struct field *f, struct error *err)
{
	struct field on = sub(f, "onFailure");

	if (check_kind(&on, true, err) < 0)
		return -1;
	struct field command = sub(&on, "command"), url = sub(&on, "url");
	if (get_argv(&command, &c->on_failure, err) < 0)
		return -1;
	return get_text(&url, &c->on_failure_url, err);
}

static int parse_check(struct appjson_check *c, const struct field *f, struct error *err)
{
	if (!json_is_object(f->v))
		return wrong(f, "an object", err);
	if (parse_check_texts(c, f, err) < 0)
		return -1;
	struct field port = sub(f, "port"), uptime = sub(f, "uptime");
	struct field attempts = sub(f, "attempts"), timeout = sub(f, "timeout");
	struct field wait = sub(f, "wait"), delay = sub(f, "initialDelay");
	struct field headers = sub(f, "httpHeaders"), command = sub(f, "command");
	struct field listening = sub(f, "listening");
	bool listens = false;
	if (get_int(&port, 1, 65535, &c->port, err) < 0 ||
	    get_int(&uptime, 0, SECONDS_MAX, &c->uptime, err) < 0 ||
	    get_int(&attempts, 1, 1000, &c->attempts, err) < 0 ||
	    get_int(&timeout, 1, SECONDS_MAX, &c->timeout, err) < 0 ||
	    get_int(&wait, 0, SECONDS_MAX, &c->wait, err) < 0 ||
	    get_int(&delay, 0, SECONDS_MAX, &c->initial_delay, err) < 0 ||
	    get_bool(&listening, &listens, err) < 0 ||
	    parse_headers(&headers, &c->headers, err) < 0 ||
	    get_argv(&command, &c->command, err) < 0 || parse_on_failure(c, f, err) < 0)
		return -1;
	if (listening.v)
		c->listening = listens;
	int ways = (c->path || c->content) + (c->command.n > 0) + (c->uptime >= 0) + listens;
	if (ways > 1)
		return wrong(f, "one of a path, a command, an uptime or listening, not several",
			     err);
	return 0;
}

static int parse_checks(struct appjson *aj, const struct field *root, struct error *err)
{
	struct field all = sub(root, "healthchecks");
	const char *type;
	json_t *v;

	if (check_kind(&all, true, err) < 0)
		return -1;
	json_object_foreach((json_t *)(uintptr_t)all.v, type, v)
	{
		struct field list = sub(&all, type);
		if (name_check_type(type, err) < 0)
			return error_wrap(err, "'%s'", all.at);
		if (check_kind(&list, false, err) < 0)
			return -1;
		for (size_t i = 0; i < json_array_size(list.v); i++) {
			struct field f = item(&list, i);
			if (aj->n_checks == APPJSON_ITEMS_MAX)
				return wrong(&all, "at most 256 checks", err);
			aj->checks =
				xreallocarray(aj->checks, aj->n_checks + 1, sizeof(*aj->checks));
			struct appjson_check *c = &aj->checks[aj->n_checks++];
			*c = (struct appjson_check){.process = xstrdup(type),
						    .port = -1,
						    .uptime = -1,
						    .listening = -1,
						    .attempts = -1,
						    .timeout = -1,
						    .wait = -1,
						    .initial_delay = -1};
			strvec_init(&c->headers);
			strvec_init(&c->command);
			strvec_init(&c->on_failure);
			if (parse_check(c, &f, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int parse_buildpacks(struct appjson *aj, const struct field *root, struct error *err)
{
	struct field all = sub(root, "buildpacks");

	if (check_kind(&all, false, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(all.v); i++) {
		struct field f = item(&all, i);
		struct field url = json_is_object(f.v) ? sub(&f, "url") : f;
		_cleanup_free_ char *s = NULL;
		if (get_text(&url, &s, err) < 0)
			return -1;
		if (!s || !*s)
			return wrong(&url, "a buildpack's name or URL", err);
		strvec_push_take(&aj->buildpacks, TAKE_PTR(s));
	}
	return 0;
}

static int parse_scripts(struct appjson *aj, const struct field *root, struct error *err)
{
	struct field scripts = sub(root, "scripts");

	if (check_kind(&scripts, true, err) < 0)
		return -1;
	struct field dokku = sub(&scripts, "dokku"), post = sub(&scripts, "postdeploy");
	if (check_kind(&dokku, true, err) < 0)
		return -1;
	struct field before = sub(&dokku, "predeploy"), after = sub(&dokku, "postdeploy");
	if (get_text(&before, &aj->predeploy, err) < 0 ||
	    get_text(&after, &aj->dokku_postdeploy, err) < 0)
		return -1;
	return get_text(&post, &aj->postdeploy, err);
}

static int parse_task(struct appjson_cron *t, const struct field *f, struct error *err)
{
	struct field command = sub(f, "command"), schedule = sub(f, "schedule");
	struct field policy = sub(f, "concurrency_policy"), paused = sub(f, "maintenance");
	struct schedule checked;

	if (!json_is_object(f->v))
		return wrong(f, "an object", err);
	if (!policy.v)
		policy = sub(f, "concurrency");
	if (get_text(&command, &t->command, err) < 0 ||
	    get_text(&schedule, &t->schedule, err) < 0 ||
	    get_text(&policy, &t->concurrency, err) < 0 ||
	    get_bool(&paused, &t->maintenance, err) < 0)
		return -1;
	if (!t->command || !*t->command)
		return wrong(&command, "a command", err);
	if (!t->schedule)
		return wrong(&schedule, "a schedule, such as \"0 3 * * *\" or \"@daily\"", err);
	if (schedule_parse(t->schedule, &checked, err) < 0)
		return error_wrap(err, "'%s'", schedule.at);
	if (!t->concurrency)
		t->concurrency = xstrdup("forbid");
	if (!str_equal(t->concurrency, "allow") && !str_equal(t->concurrency, "forbid") &&
	    !str_equal(t->concurrency, "replace"))
		return wrong(&policy, "\"allow\", \"forbid\" or \"replace\"", err);
	return 0;
}

static int parse_cron(struct appjson *aj, const struct field *root, struct error *err)
{
	struct field all = sub(root, "cron");

	if (check_kind(&all, false, err) < 0)
		return -1;
	aj->cron = xcalloc(json_array_size(all.v) + 1, sizeof(*aj->cron));
	for (size_t i = 0; i < json_array_size(all.v); i++) {
		struct field f = item(&all, i);
		struct appjson_cron *t = &aj->cron[aj->n_cron++];
		if (parse_task(t, &f, err) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (str_equal(aj->cron[k].command, t->command) &&
			    str_equal(aj->cron[k].schedule, t->schedule))
				return wrong(&f, "another task than one before it", err);
	}
	return 0;
}

static int parse_root(struct appjson *aj, const json_t *doc, struct error *err)
{
	struct field root = {.v = doc};
	struct field name = sub(&root, "name");

	if (get_text(&name, &aj->name, err) < 0 || parse_env(aj, &root, err) < 0 ||
	    parse_formation(aj, &root, err) < 0 || parse_checks(aj, &root, err) < 0 ||
	    parse_buildpacks(aj, &root, err) < 0 || parse_scripts(aj, &root, err) < 0)
		return -1;
	return parse_cron(aj, &root, err);
}

int appjson_parse(struct appjson *aj, const char *text, size_t len, struct error *err)
{
	_cleanup_free_ char *copy = NULL;
	json_auto_t *doc = NULL;
	json_error_t why;

	if (len > APPJSON_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "app.json: has %zu bytes, at most %u are allowed", len,
				 APPJSON_MAX);
	copy = xmalloc(len + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (jsonc_blank(copy, len, err) < 0)
		return error_wrap(err, "app.json");
	doc = json_loadb(copy, len, JSON_REJECT_DUPLICATES, &why);
	if (!doc)
		return error_set(err, ERROR_INVALID, 0, "app.json line %d: %s", why.line, why.text);
	if (!json_is_object(doc))
		return error_set(err, ERROR_INVALID, 0, "app.json: must be an object");

	_cleanup_appjson_ struct appjson parsed;
	appjson_init(&parsed);
	if (parse_root(&parsed, doc, err) < 0)
		return error_wrap(err, "app.json");
	*aj = parsed;
	appjson_init(&parsed);
	return 0;
}

int appjson_read(struct appjson *aj, int dirfd, const char *name, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (source_read(dirfd, name, APPJSON_MAX, &text, err) < 0)
		return -1;
	return appjson_parse(aj, text.data, text.len, err);
}
