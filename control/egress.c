/* SPDX-License-Identifier: MIT */
#include "control/egress.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/name.h"

static int bad(const char *target, struct error *err)
{
	return error_set(err, ERROR_INVALID, 0,
			 "'%.80s' is no target: ADDRESS[/BITS][:PORT] or HOST[:PORT], such as "
			 "192.0.2.7:443, 198.51.100.0/24 or api.example.com:443",
			 target);
}

/* A name with a dot whose last part is no number, or it would be a mistyped address. */
static bool is_host(const char *text)
{
	const char *dot = strrchr(text, '.');
	return dot && strspn(dot + 1, "0123456789") != strlen(dot + 1) && *text != '*' &&
	       name_check_domain(text, NULL) == 0 && strcmp(dot, ".internal") != 0;
}

int egress_parse(const char *target, struct policy_rule *out, char **out_host, struct error *err)
{
	_cleanup_free_ char *copy = xstrdup(target);
	unsigned long long bits = 32, port = 0;
	struct in_addr in;
	char *colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		if (str_to_u64(colon + 1, 1, 65535, &port) < 0)
			return bad(target, err);
	}
	if (is_host(copy)) {
		out->bits = 32;
		out->port = (uint32_t)port;
		*out_host = TAKE_PTR(copy);
		return 0;
	}
	char *slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		if (str_to_u64(slash + 1, 0, 32, &bits) < 0)
			return bad(target, err);
	}
	if (inet_pton(AF_INET, copy, &in) != 1)
		return bad(target, err);
	uint32_t addr = ntohl(in.s_addr), mask = bits ? ~0u << (32 - bits) : 0;
	if (addr & ~mask)
		return error_set(err, ERROR_INVALID, 0,
				 "'%.80s' has bits past its /%llu: did you mean %u.%u.%u.%u/%llu?",
				 target, bits, (addr & mask) >> 24, ((addr & mask) >> 16) & 0xff,
				 ((addr & mask) >> 8) & 0xff, addr & mask & 0xff, bits);
	*out_host = NULL;
	out->addr = addr;
	out->bits = (uint32_t)bits;
	out->port = (uint32_t)port;
	return 0;
}

int egress_setting(const struct strvec *words, size_t from, char **out, struct error *err)
{
	const char *verb = from < words->n ? words->v[from] : "";
	size_t targets = words->n - from;
	targets -= targets > 0;
	if (strcmp(verb, "allow") == 0 && targets > 0 && targets <= EGRESS_MAX) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		strbuf_addstr(&text, "allow");
		for (size_t i = from + 1; i < words->n; i++) {
			_cleanup_free_ char *host = NULL;
			struct policy_rule rule;
			if (egress_parse(words->v[i], &rule, &host, err) < 0)
				return -1;
			strbuf_addf(&text, " %s", words->v[i]);
		}
		*out = strbuf_detach(&text);
		return 0;
	}
	if (targets > 0 || (strcmp(verb, "open") != 0 && strcmp(verb, "none") != 0))
		return error_set(err, ERROR_USAGE, 0,
				 "egress is 'open', 'none' or 'allow TARGET...' with at most %d "
				 "targets",
				 EGRESS_MAX);
	*out = strcmp(verb, "none") == 0 ? xstrdup("none") : NULL;
	return 0;
}

/* The next target of the text after "allow", NULL at the end. */
static const char *next_target(char **rest)
{
	char *target;
	do
		target = strsep(rest, " ");
	while (target && !*target);
	return target;
}

int egress_hosts(const char *setting, struct strvec *out, struct error *err)
{
	const char *list = str_skip(setting, "allow "), *target;
	_cleanup_free_ char *copy = xstrdup(list ? list : "");
	char *rest = copy;
	while ((target = next_target(&rest))) {
		_cleanup_free_ char *host = NULL;
		struct policy_rule rule;
		if (egress_parse(target, &rule, &host, err) < 0)
			return -1;
		if (host && !strvec_has(out, host))
			strvec_push(out, host);
	}
	return 0;
}

static void add_host(struct policy *p, struct policy_rule *rule, const char *host,
		     const struct hosts *hosts)
{
	for (size_t i = 0; i < hosts->n; i++) {
		if (strcmp(hosts->list[i].name, host) != 0)
			continue;
		rule->addr = hosts->list[i].addr;
		policy_add_rule(p, rule);
	}
}

int egress_add(struct policy *p, unsigned range, const char *setting, const struct hosts *hosts,
	       struct error *err)
{
	const char *list = str_skip(setting, "allow "), *target;
	policy_add_closed(p, range);
	_cleanup_free_ char *copy = xstrdup(list ? list : "");
	char *rest = copy;
	while ((target = next_target(&rest))) {
		_cleanup_free_ char *host = NULL;
		struct policy_rule rule = {.range = range};
		if (egress_parse(target, &rule, &host, err) < 0)
			return -1;
		if (host)
			add_host(p, &rule, host, hosts);
		else
			policy_add_rule(p, &rule);
	}
	return 0;
}
