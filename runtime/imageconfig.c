/* SPDX-License-Identifier: MIT */
#include "runtime/imageconfig.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "base/strbuf.h"
#include "runtime/identity.h"

#define PATH_MAX_INSIDE 1024

void image_config_init(struct image_config *c)
{
	memset(c, 0, sizeof(*c));
	struct strvec *const lists[] = {&c->entrypoint, &c->cmd,     &c->shell,  &c->onbuild,
					&c->ports,      &c->volumes, &c->labels, &c->health.test};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strvec_init(lists[i]);
}

void image_config_release(struct image_config *c)
{
	struct strvec *const lists[] = {&c->entrypoint, &c->cmd,     &c->shell,  &c->onbuild,
					&c->ports,      &c->volumes, &c->labels, &c->health.test};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strvec_release(lists[i]);
	free(c->user);
	free(c->cwd);
	free(c->stop_signal);
	image_config_init(c);
}

/* --- reading --- */

static int wrong(struct error *err, const char *member, const char *expected)
{
	return error_set(err, ERROR_INVALID, 0, "the image's configuration: '%s' is not %s", member,
			 expected);
}

static int get_text(const json_t *json, const char *member, char **out, struct error *err)
{
	const json_t *v = json_object_get(json, member);

	if (v && !json_is_null(v) && !json_is_string(v))
		return wrong(err, member, "text");
	*out = xstrdup(json_is_string(v) ? json_string_value(v) : "");
	return 0;
}

/* Docker wrote a single word as text in the past. */
static int get_list(const json_t *json, const char *member, struct strvec *out, struct error *err)
{
	const json_t *v = json_object_get(json, member);

	if (!v || json_is_null(v))
		return 0;
	if (json_is_string(v)) {
		strvec_push(out, json_string_value(v));
		return 0;
	}
	if (!json_is_array(v) || json_array_size(v) > IMAGECONFIG_MAX_WORDS)
		return wrong(err, member, "a list of at most 4096 words");
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *word = json_string_value(json_array_get(v, i));
		if (!word)
			return wrong(err, member, "a list of text");
		strvec_push(out, word);
	}
	return 0;
}

/* The keys of a set ({"80/tcp": {}}); with VALUES, "KEY=VALUE" of a map of text. */
static int get_keys(json_t *json, const char *member, bool values, struct strvec *out,
		    struct error *err)
{
	json_t *v = json_object_get(json, member), *value;
	const char *key;

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v) || json_object_size(v) > IMAGECONFIG_MAX_WORDS)
		return wrong(err, member, "an object of at most 4096 members");
	json_object_foreach(v, key, value)
	{
		if (values && !json_is_string(value))
			return wrong(err, member, "an object of text");
		if (values)
			strvec_pushf(out, "%s=%s", key, json_string_value(value));
		else
			strvec_push(out, key);
	}
	strvec_sort(out);
	return 0;
}

static int get_number(const json_t *json, const char *member, int64_t *out, struct error *err)
{
	const json_t *v = json_object_get(json, member);

	if (v && !json_is_null(v) && (!json_is_integer(v) || json_integer_value(v) < 0))
		return wrong(err, member, "a number that is not negative");
	*out = json_is_integer(v) ? json_integer_value(v) : 0;
	return 0;
}

static int get_health(const json_t *json, struct image_health *h, struct error *err)
{
	const json_t *v = json_object_get(json, "Healthcheck");

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v))
		return wrong(err, "Healthcheck", "an object");
	if (get_list(v, "Test", &h->test, err) < 0 ||
	    get_number(v, "Interval", &h->interval, err) < 0 ||
	    get_number(v, "Timeout", &h->timeout, err) < 0 ||
	    get_number(v, "StartPeriod", &h->start_period, err) < 0 ||
	    get_number(v, "StartInterval", &h->start_interval, err) < 0 ||
	    get_number(v, "Retries", &h->retries, err) < 0)
		return -1;
	return 0;
}

/* An absolute path as a container's spec takes it, without a slash at its end. */
static int check_cwd(char *path, struct error *err)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (len == 0)
		return 0;
	if (path[0] != '/' || len > PATH_MAX_INSIDE)
		return wrong(err, "WorkingDir", "an absolute path");
	for (const char *p = path; len > 1 && *p;) {
		size_t n = strcspn(p + 1, "/");
		if (n == 0 || (n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
			return wrong(err, "WorkingDir", "a plain path, without '.', '..' and '//'");
		p += n + 1;
	}
	return 0;
}

static int check_env(struct strvec *env, struct error *err)
{
	for (size_t i = 0; i < env->n; i++) {
		/* Docker takes a variable without a value from whoever starts the container */
		if (!strchr(env->v[i], '='))
			strvec_remove(env, i--);
		else if (env->v[i][0] == '=')
			return wrong(err, "Env", "a list of NAME=VALUE");
	}
	return 0;
}

static bool is_port(const char *s)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)*s))
		return false;
	n = strtoul(s, &end, 10);
	return n >= 1 && n <= 65535 &&
	       (!*end || !strcmp(end, "/tcp") || !strcmp(end, "/udp") || !strcmp(end, "/sctp"));
}

static int check(struct image_config *c, struct strvec *env, struct error *err)
{
	if (!identity_is_user(c->user))
		return wrong(err, "User", "USER or USER:GROUP, each a name or a number");
	for (size_t i = 0; i < c->ports.n; i++)
		if (!is_port(c->ports.v[i]))
			return wrong(err, "ExposedPorts", "a set of PORT/tcp or PORT/udp");
	if (*c->stop_signal && !image_config_signal(c->stop_signal))
		return wrong(err, "StopSignal", "a signal");
	return check_cwd(c->cwd, err) < 0 ? -1 : check_env(env, err);
}

int image_config_from_json(const json_t *json, struct image_config *c, struct strvec *env,
			   struct error *err)
{
	/* iterating needs a handle that is not const */
	json_auto_t *own = json_is_object(json) ? json_deep_copy(json) : json_object();

	if (json && !json_is_null(json) && !json_is_object(json))
		return wrong(err, "config", "an object");
	if (get_list(own, "Entrypoint", &c->entrypoint, err) < 0 ||
	    get_list(own, "Cmd", &c->cmd, err) < 0 || get_list(own, "Shell", &c->shell, err) < 0 ||
	    get_list(own, "OnBuild", &c->onbuild, err) < 0 || get_list(own, "Env", env, err) < 0 ||
	    get_keys(own, "ExposedPorts", false, &c->ports, err) < 0 ||
	    get_keys(own, "Volumes", false, &c->volumes, err) < 0 ||
	    get_keys(own, "Labels", true, &c->labels, err) < 0 ||
	    get_text(own, "User", &c->user, err) < 0 ||
	    get_text(own, "WorkingDir", &c->cwd, err) < 0 ||
	    get_text(own, "StopSignal", &c->stop_signal, err) < 0 ||
	    get_health(own, &c->health, err) < 0)
		return -1;
	return check(c, env, err);
}

/* --- writing --- */

static void put_text(json_t *to, const char *member, const char *value)
{
	if (value && *value)
		json_object_set_new(to, member, json_string(value));
}

static void put_list(json_t *to, const char *member, const struct strvec *list)
{
	if (list->n == 0)
		return;
	json_t *v = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(v, json_string(list->v[i]));
	json_object_set_new(to, member, v);
}

static void put_set(json_t *to, const char *member, const struct strvec *list)
{
	if (list->n == 0)
		return;
	json_t *v = json_object();
	for (size_t i = 0; i < list->n; i++)
		json_object_set_new(v, list->v[i], json_object());
	json_object_set_new(to, member, v);
}

static void put_map(json_t *to, const char *member, const struct strvec *list)
{
	if (list->n == 0)
		return;
	json_t *v = json_object();
	for (size_t i = 0; i < list->n; i++) {
		const char *eq = strchr(list->v[i], '=');
		_cleanup_free_ char *key =
			xstrndup(list->v[i], eq ? (size_t)(eq - list->v[i]) : strlen(list->v[i]));
		json_object_set_new(v, key, json_string(eq ? eq + 1 : ""));
	}
	json_object_set_new(to, member, v);
}

static void put_number(json_t *to, const char *member, int64_t n)
{
	if (n)
		json_object_set_new(to, member, json_integer(n));
}

json_t *image_config_to_json(const struct image_config *c, const struct strvec *env)
{
	json_t *to = json_object();

	put_text(to, "User", c->user);
	put_set(to, "ExposedPorts", &c->ports);
	put_list(to, "Env", env);
	put_list(to, "Entrypoint", &c->entrypoint);
	put_list(to, "Cmd", &c->cmd);
	put_set(to, "Volumes", &c->volumes);
	put_text(to, "WorkingDir", c->cwd);
	put_map(to, "Labels", &c->labels);
	put_text(to, "StopSignal", c->stop_signal);
	put_list(to, "Shell", &c->shell);
	put_list(to, "OnBuild", &c->onbuild);
	if (c->health.test.n) {
		json_t *h = json_object();
		put_list(h, "Test", &c->health.test);
		put_number(h, "Interval", c->health.interval);
		put_number(h, "Timeout", c->health.timeout);
		put_number(h, "StartPeriod", c->health.start_period);
		put_number(h, "StartInterval", c->health.start_interval);
		put_number(h, "Retries", c->health.retries);
		json_object_set_new(to, "Healthcheck", h);
	}
	return to;
}

/* --- meaning --- */

int image_config_signal(const char *name)
{
	const char *bare = str_skip(name, "SIG"), *past;
	unsigned long long n;

	if (str_to_u64(name, 1, 64, &n) == 0)
		return (int)n;
	if (!bare)
		bare = name;
	if ((past = str_skip(bare, "RTMIN+")) && str_to_u64(past, 0, 30, &n) == 0)
		return 34 + (int)n; /* the kernel's count: glibc keeps two of them */
	if ((past = str_skip(bare, "RTMAX-")) && str_to_u64(past, 0, 30, &n) == 0)
		return 64 - (int)n;
	for (int sig = 1; sig < 32; sig++) {
		const char *known = sigabbrev_np(sig);
		if (known && strcmp(known, bare) == 0)
			return sig;
	}
	return 0;
}

int image_config_port(const struct image_config *c)
{
	long lowest = 0;

	for (size_t i = 0; i < c->ports.n; i++) {
		char *end;
		long port = strtol(c->ports.v[i], &end, 10);
		if ((!*end || strcmp(end, "/tcp") == 0) && port > 0 && port <= 65535 &&
		    (!lowest || port < lowest))
			lowest = port;
	}
	return (int)lowest;
}
