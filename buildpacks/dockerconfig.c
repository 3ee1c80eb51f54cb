/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerconfig.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"

#define PORTS_MAX 1000

char *dockerconfig_path(const char *folder, const char *path)
{
	_cleanup_free_ char *all =
		*path == '/' ? xstrdup(path) : xasprintf("%s/%s", folder ? folder : "", path);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (const char *s = all; *s;) {
		size_t n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			const char *slash = strrchr(out.data, '/');
			strbuf_truncate(&out, slash ? (size_t)(slash - out.data) : 0);
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			strbuf_addf(&out, "/%.*s", (int)n, s);
		}
		s += n + (s[n] == '/');
	}
	return out.len ? strbuf_detach(&out) : xstrdup("/");
}

static void replace(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
}

static void set_pairs(struct strvec *to, const struct strvec *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const char *equals = strchr(pairs->v[i], '=');
		_cleanup_free_ char *key = xstrndup(pairs->v[i], (size_t)(equals - pairs->v[i]));
		strvec_setenv(to, key, equals + 1);
	}
}

static void push_new(struct strvec *to, const char *s)
{
	if (!strvec_has(to, s))
		strvec_push(to, s);
	strvec_sort(to);
}

/* The program of CMD or ENTRYPOINT. */
static void set_program(struct strvec *to, const struct docker_step *step,
			const struct strvec *words, const struct image *im)
{
	strvec_release(to);
	if (!step->exec && im->config.shell.n > 0) {
		strvec_push_all(to, im->config.shell.v);
	} else if (!step->exec) {
		strvec_push(to, "/bin/sh");
		strvec_push(to, "-c");
	}
	strvec_push_all(to, words->v);
}

struct ports {
	unsigned long long low, high;
	char proto[5];
};

/* "80", "80/udp", "8000-8010". */
static int parse_ports(const char *text, struct ports *out, struct error *err)
{
	static const char *const protos[] = {"tcp", "udp", "sctp"};
	size_t len = strcspn(text, "/"), i = 0;
	_cleanup_free_ char *numbers = xstrndup(text, len);
	const char *proto = text[len] ? text + len + 1 : "tcp";
	char *dash = strchr(numbers, '-');

	if (dash)
		*dash = '\0';
	while (i < ARRAY_SIZE(protos) && strcasecmp(protos[i], proto) != 0)
		i++;
	if (i == ARRAY_SIZE(protos) || str_to_u64(numbers, 1, 65535, &out->low) < 0 ||
	    str_to_u64(dash ? dash + 1 : numbers, out->low, 65535, &out->high) < 0 ||
	    out->high - out->low >= PORTS_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "EXPOSE takes a port such as 8080 or 53/udp, not '%.40s'", text);
	snprintf(out->proto, sizeof(out->proto), "%s", protos[i]);
	return 0;
}

static int expose(struct image *im, const char *text, struct error *err)
{
	struct ports ports;

	if (parse_ports(text, &ports, err) < 0)
		return -1;
	for (; ports.low <= ports.high; ports.low++) {
		_cleanup_free_ char *port = xasprintf("%llu/%s", ports.low, ports.proto);
		push_new(&im->config.ports, port);
	}
	return 0;
}

/* "1m30s", "500ms", in nanoseconds. */
static int parse_time(const char *text, int64_t *out, struct error *err)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9}};
	double sum = 0;
	const char *s = text;

	while (isdigit((unsigned char)*s)) {
		char *end;
		double value = strtod(s, &end);
		size_t i = 0;
		while (i < ARRAY_SIZE(units) && !str_starts(end, units[i].unit))
			i++;
		if (i == ARRAY_SIZE(units))
			break;
		sum += value * units[i].ns;
		s = end + strlen(units[i].unit);
	}
	if (s == text || *s || sum > 86400e9 * 365)
		return error_set(err, ERROR_INVALID, 0,
				 "a time is written as 30s or 1m30s, not '%.40s'", text);
	*out = (int64_t)sum;
	return 0;
}

/* The option NAME of a HEALTHCHECK. */
static int parse_health(const char *name, const char *value, int64_t *out, struct error *err)
{
	unsigned long long n;

	if (!str_equal(name, "retries"))
		return parse_time(value, out, err) < 0 ? error_wrap(err, "HEALTHCHECK --%s", name)
						       : 0;
	if (str_to_u64(value, 0, 1000, &n) < 0)
		return error_set(err, ERROR_INVALID, 0, "HEALTHCHECK --retries=%.40s", value);
	*out = (int64_t)n;
	return 0;
}

static int set_health(const struct docker_step *step, const struct strvec *words, struct image *im,
		      struct error *err)
{
	struct image_health h = {.test = STRVEC_INIT};
	const struct {
		const char *name;
		int64_t *to;
	} options[] = {{"interval", &h.interval},
		       {"timeout", &h.timeout},
		       {"start-period", &h.start_period},
		       {"start-interval", &h.start_interval},
		       {"retries", &h.retries}};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *value = docker_step_option(step, options[i].name);
		if (value && parse_health(options[i].name, value, options[i].to, err) < 0)
			return -1;
	}
	if (!str_equal(words->v[0], "NONE") || words->n > 1)
		strvec_push(&h.test, step->exec ? "CMD" : "CMD-SHELL");
	strvec_push_all(&h.test, words->v);
	strvec_release(&im->config.health.test);
	im->config.health = h;
	return 0;
}

static int check_signal(const char *name, struct error *err)
{
	return image_config_signal(name)
		       ? 0
		       : error_set(err, ERROR_INVALID, 0, "STOPSIGNAL: no signal '%.40s'", name);
}

static int set_signal(struct image *im, const char *name, struct error *err)
{
	if (check_signal(name, err) < 0)
		return -1;
	replace(&im->config.stop_signal, name);
	return 0;
}

int dockerconfig_check(enum docker_op op, const char *option, const char *value, struct error *err)
{
	struct ports ports;
	int64_t n;

	switch (op) {
	case DOCKER_EXPOSE:
		return parse_ports(value, &ports, err);
	case DOCKER_HEALTHCHECK:
		return parse_health(option, value, &n, err);
	case DOCKER_STOPSIGNAL:
		return check_signal(value, err);
	default:
		return 0;
	}
}

static void set_entrypoint(const struct docker_step *step, const struct strvec *words,
			   struct image *im, bool *own_entrypoint)
{
	set_program(&im->config.entrypoint, step, words, im);
	/* what the image below started with means nothing to another program */
	if (!*own_entrypoint)
		strvec_release(&im->config.cmd);
	*own_entrypoint = true;
}

int dockerconfig_apply(const struct docker_step *step, const struct strvec *words, struct image *im,
		       bool *own_entrypoint, struct error *err)
{
	_cleanup_free_ char *path = NULL;

	switch (step->op) {
	case DOCKER_ENV:
		set_pairs(&im->env, words);
		return 0;
	case DOCKER_LABEL:
		set_pairs(&im->config.labels, words);
		strvec_sort(&im->config.labels);
		return 0;
	case DOCKER_MAINTAINER:
		strvec_setenv(&im->config.labels, "maintainer", words->v[0]);
		strvec_sort(&im->config.labels);
		return 0;
	case DOCKER_CMD:
		set_program(&im->config.cmd, step, words, im);
		/* one that follows in this stage keeps it */
		*own_entrypoint = true;
		return 0;
	case DOCKER_ENTRYPOINT:
		set_entrypoint(step, words, im, own_entrypoint);
		return 0;
	case DOCKER_EXPOSE:
		for (size_t i = 0; i < words->n; i++)
			if (expose(im, words->v[i], err) < 0)
				return -1;
		return 0;
	case DOCKER_VOLUME:
		for (size_t i = 0; i < words->n; i++)
			push_new(&im->config.volumes, words->v[i]);
		return 0;
	case DOCKER_HEALTHCHECK:
		return set_health(step, words, im, err);
	case DOCKER_STOPSIGNAL:
		return set_signal(im, words->v[0], err);
	case DOCKER_SHELL:
		strvec_release(&im->config.shell);
		strvec_push_all(&im->config.shell, words->v);
		return 0;
	case DOCKER_ONBUILD:
		strvec_push(&im->config.onbuild, words->v[0]);
		return 0;
	case DOCKER_USER:
		replace(&im->config.user, words->v[0]);
		return 0;
	case DOCKER_WORKDIR:
		path = dockerconfig_path(im->config.cwd, words->v[0]);
		replace(&im->config.cwd, path);
		return 0;
	default:
		return error_set(err, ERROR_FAILED, 0, "%s says nothing of an image's start",
				 docker_op_name(step->op));
	}
}
