/* SPDX-License-Identifier: MIT */
#include "control/web/route.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "control/token.h"

#define MAX_PATH 1024
#define MAX_PARTS 6
#define MAX_HEADER 1024

static const struct endpoint {
	enum route_kind kind;
	const char *method;
	const char *parts[MAX_PARTS + 1]; /* "*": the app's name, then a build */
} endpoints[] = {
	{ROUTE_HEALTH, "GET", {"healthz"}},
	{ROUTE_METRICS, "GET", {"metrics"}},
	{ROUTE_APPS, "GET", {"v1", "apps"}},
	{ROUTE_APP, "GET", {"v1", "apps", "*"}},
	{ROUTE_RELEASES, "GET", {"v1", "apps", "*", "releases"}},
	{ROUTE_BUILDS, "GET", {"v1", "apps", "*", "builds"}},
	{ROUTE_BUILD, "GET", {"v1", "apps", "*", "builds", "*"}},
	{ROUTE_BUILD_OUTPUT, "GET", {"v1", "apps", "*", "builds", "*", "output"}},
	{ROUTE_DEPLOY, "POST", {"v1", "apps", "*", "deploy"}},
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One part of a path without its percent signs; NULL when it is malformed or holds a NUL or "/". */
static char *decode(const char *s, size_t len)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			int high = i + 2 < len ? hex(s[i + 1]) : -1;
			int low = i + 2 < len ? hex(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (char)(high << 4 | low);
			if (c == '\0' || c == '/')
				return NULL;
			i += 2;
		}
		strbuf_addch(&out, c);
	}
	return strbuf_detach(&out);
}

/* Cuts PATH at its slashes. An empty part (as in "//") is kept, so that it fits no endpoint. */
static int split(const char *path, struct strvec *parts)
{
	if (path[0] != '/' || strlen(path) > MAX_PATH)
		return -1;
	for (const char *p = path + 1;; p++) {
		size_t len = strcspn(p, "/");
		char *part = decode(p, len);

		if (!part)
			return -1;
		strvec_push_take(parts, part);
		p += len;
		if (!*p)
			return 0;
	}
}

static bool fits(const struct endpoint *e, const struct strvec *parts)
{
	size_t n = 0;

	for (; e->parts[n]; n++)
		if (n >= parts->n ||
		    (e->parts[n][0] != '*' && !str_equal(e->parts[n], parts->v[n])))
			return false;
	return n == parts->n;
}

static int take_build(const char *text, struct route *out, struct error *err)
{
	size_t len = strlen(text);
	bool number = len > 0 && strspn(text, "0123456789") == len;

	if (len >= sizeof(out->build) || (!number && !str_equal(text, "current")))
		return error_set(err, ERROR_INVALID, 0, "a build is a number or 'current'");
	memcpy(out->build, text, len + 1);
	return 0;
}

int route_find(const char *method, const char *path, struct route *out, const char **out_allow,
	       struct error *err)
{
	_cleanup_strvec_ struct strvec parts = STRVEC_INIT;
	bool get = str_equal(method, "GET") || str_equal(method, "HEAD");

	if (split(path, &parts) < 0) {
		error_set(err, ERROR_INVALID, 0, "malformed path");
		return 400;
	}
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		const struct endpoint *e = &endpoints[i];
		bool of_get = str_equal(e->method, "GET");

		if (!fits(e, &parts))
			continue;
		if (!(of_get ? get : str_equal(method, e->method))) {
			*out_allow = of_get ? "GET, HEAD" : e->method;
			return 405;
		}
		*out = (struct route){.kind = e->kind};
		if (parts.n < 3)
			return 0;
		if (name_check_app(parts.v[2], err) < 0)
			return 400;
		memcpy(out->app, parts.v[2], strlen(parts.v[2]) + 1);
		return parts.n < 5 || take_build(parts.v[4], out, err) == 0 ? 0 : 400;
	}
	return 404;
}

void route_command(const struct route *r, struct strvec *argv)
{
	switch (r->kind) {
	case ROUTE_HEALTH:
		return;
	case ROUTE_METRICS:
		strvec_push(argv, "metrics");
		break;
	case ROUTE_APPS:
		strvec_push(argv, "apps:list");
		break;
	case ROUTE_APP:
		strvec_push(argv, "apps:info");
		break;
	case ROUTE_RELEASES:
		strvec_push(argv, "releases");
		break;
	case ROUTE_BUILDS:
		strvec_push(argv, "builds:list");
		break;
	case ROUTE_BUILD:
		strvec_push(argv, "builds:info");
		break;
	case ROUTE_BUILD_OUTPUT:
		strvec_push(argv, "builds:output");
		strvec_push(argv, r->app);
		strvec_push(argv, r->build);
		strvec_push(argv, "--no-follow");
		return;
	case ROUTE_DEPLOY:
		strvec_push(argv, "git:from-archive");
		strvec_push(argv, r->app);
		strvec_push(argv, "-");
		return;
	}
	if (r->app[0])
		strvec_push(argv, r->app);
	if (r->build[0])
		strvec_push(argv, r->build);
	strvec_push(argv, "--format");
	strvec_push(argv, "json");
}

/* "user:password" in base64, of which the password counts. */
static char *basic_token(const char *text)
{
	char plain[MAX_HEADER];
	const char *end = NULL, *colon;
	size_t n = 0;

	if (sodium_base642bin((unsigned char *)plain, sizeof(plain) - 1, text, strlen(text), " ",
			      &n, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    *end)
		return NULL;
	plain[n] = '\0';
	colon = strchr(plain, ':');
	return colon && token_is_wellformed(colon + 1) ? xstrdup(colon + 1) : NULL;
}

char *route_token(const char *header)
{
	const char *value;
	size_t scheme;

	if (!header || strlen(header) >= MAX_HEADER)
		return NULL;
	scheme = strcspn(header, " ");
	value = header + scheme;
	value += strspn(value, " ");
	if (scheme == 5 && strncasecmp(header, "Basic", 5) == 0)
		return basic_token(value);
	if (scheme == 6 && strncasecmp(header, "Bearer", 6) == 0 && token_is_wellformed(value))
		return xstrdup(value);
	return NULL;
}
