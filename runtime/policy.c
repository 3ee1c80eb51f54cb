/* SPDX-License-Identifier: MIT */
#include "runtime/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "instance/instance.h"
#include "runtime/wire.h"

#define POLICY_VERSION 1

void policy_release(struct policy *p)
{
	free(p->links);
	free(p->closed);
	free(p->rules);
	*p = (struct policy)POLICY_INIT;
}

void policy_add_link(struct policy *p, uint32_t from, uint32_t to)
{
	p->links = xreallocarray(p->links, p->n_links + 1, sizeof(*p->links));
	p->links[p->n_links++] = (struct policy_link){from, to};
}

void policy_add_closed(struct policy *p, uint32_t range)
{
	p->closed = xreallocarray(p->closed, p->n_closed + 1, sizeof(*p->closed));
	p->closed[p->n_closed++] = range;
}

static uint32_t mask(uint32_t bits)
{
	return bits ? ~0u << (32 - bits) : 0;
}

/* Whatever B allows A allows too, in the kernel's terms: there is a set for any port and one for
 * single ports. */
static bool covers(const struct policy_rule *a, const struct policy_rule *b)
{
	return a->range == b->range && a->port == b->port && a->bits <= b->bits &&
	       ((a->addr ^ b->addr) & mask(a->bits)) == 0;
}

void policy_add_rule(struct policy *p, const struct policy_rule *rule)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->n_rules; i++)
		if (covers(&p->rules[i], rule))
			return;
	for (size_t i = 0; i < p->n_rules; i++)
		if (!covers(rule, &p->rules[i]))
			p->rules[kept++] = p->rules[i];
	p->rules = xreallocarray(p->rules, kept + 1, sizeof(*p->rules));
	p->rules[kept] = *rule;
	p->n_rules = kept + 1;
}

static bool is_range(uint32_t range)
{
	return range >= 1 && range < INSTANCE_RANGES;
}

static int compare_links(const void *a, const void *b)
{
	const struct policy_link *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static int check_links(const struct policy *p, struct error *err)
{
	for (size_t i = 0; i < p->n_links; i++)
		if (!is_range(p->links[i].from) || !is_range(p->links[i].to))
			return error_set(err, ERROR_INVALID, 0,
					 "network policy: link %zu names no app", i);
	if (p->n_links < 2)
		return 0;
	_cleanup_free_ struct policy_link *sorted = xcalloc(p->n_links, sizeof(*sorted));
	memcpy(sorted, p->links, p->n_links * sizeof(*sorted));
	qsort(sorted, p->n_links, sizeof(*sorted), compare_links);
	for (size_t i = 1; i < p->n_links; i++)
		if (compare_links(&sorted[i - 1], &sorted[i]) == 0)
			return error_set(err, ERROR_INVALID, 0, "network policy: a link twice");
	return 0;
}

static int check_rules(const struct policy *p, struct error *err)
{
	bool closed[INSTANCE_RANGES] = {false};
	for (size_t i = 0; i < p->n_closed; i++) {
		if (!is_range(p->closed[i]) || closed[p->closed[i]])
			return error_set(err, ERROR_INVALID, 0,
					 "network policy: closed app %zu is none, or twice", i);
		closed[p->closed[i]] = true;
	}
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_rule *r = &p->rules[i];
		if (!is_range(r->range) || !closed[r->range] || r->bits > 32 || r->port > 65535 ||
		    (r->addr & ~mask(r->bits)))
			return error_set(err, ERROR_INVALID, 0,
					 "network policy: rule %zu is not sound", i);
	}
	return 0;
}

int policy_check(const struct policy *p, struct error *err)
{
	if (p->n_links > POLICY_MAX_LINKS)
		return error_set(err, ERROR_INVALID, 0,
				 "the apps that may reach each other make %zu pairs, at most %d "
				 "are possible: use smaller networks",
				 p->n_links, POLICY_MAX_LINKS);
	if (p->n_rules > POLICY_MAX_RULES || p->n_closed > INSTANCE_RANGES)
		return error_set(err, ERROR_INVALID, 0,
				 "the egress policies of all apps have %zu rules, at most %d are "
				 "possible",
				 p->n_rules, POLICY_MAX_RULES);
	return check_links(p, err) < 0 ? -1 : check_rules(p, err);
}

int policy_encode(const struct policy *p, struct strbuf *out, struct error *err)
{
	if (policy_check(p, err) < 0)
		return -1;
	wire_put_u32(out, POLICY_VERSION);
	wire_put_u32(out, (uint32_t)p->n_links);
	for (size_t i = 0; i < p->n_links; i++) {
		wire_put_u32(out, p->links[i].from);
		wire_put_u32(out, p->links[i].to);
	}
	wire_put_u32(out, (uint32_t)p->n_closed);
	for (size_t i = 0; i < p->n_closed; i++)
		wire_put_u32(out, p->closed[i]);
	wire_put_u32(out, (uint32_t)p->n_rules);
	for (size_t i = 0; i < p->n_rules; i++) {
		wire_put_u32(out, p->rules[i].range);
		wire_put_u32(out, p->rules[i].addr);
		wire_put_u32(out, p->rules[i].bits);
		wire_put_u32(out, p->rules[i].port);
	}
	return 0;
}

/* A count whose items, each of SIZE bytes, are all there. */
static size_t get_count(struct wire_reader *r, size_t size, size_t max)
{
	uint32_t n = wire_get_u32(r);
	if (n > max || n > r->left / size)
		r->bad = true;
	return r->bad ? 0 : n;
}

int policy_decode(struct policy *p, const void *data, size_t len, struct error *err)
{
	struct policy got = POLICY_INIT;
	struct wire_reader r;
	wire_reader_init(&r, data, len);
	if (wire_get_u32(&r) != POLICY_VERSION)
		r.bad = true;
	got.n_links = get_count(&r, 8, POLICY_MAX_LINKS);
	got.links = xcalloc(got.n_links, sizeof(*got.links));
	for (size_t i = 0; i < got.n_links; i++) {
		got.links[i].from = wire_get_u32(&r);
		got.links[i].to = wire_get_u32(&r);
	}
	got.n_closed = get_count(&r, 4, INSTANCE_RANGES);
	got.closed = xcalloc(got.n_closed, sizeof(*got.closed));
	for (size_t i = 0; i < got.n_closed; i++)
		got.closed[i] = wire_get_u32(&r);
	got.n_rules = get_count(&r, 16, POLICY_MAX_RULES);
	got.rules = xcalloc(got.n_rules, sizeof(*got.rules));
	for (size_t i = 0; i < got.n_rules; i++) {
		got.rules[i].range = wire_get_u32(&r);
		got.rules[i].addr = wire_get_u32(&r);
		got.rules[i].bits = wire_get_u32(&r);
		got.rules[i].port = wire_get_u32(&r);
	}
	int result = !wire_reader_done(&r)
			     ? error_set(err, ERROR_INVALID, 0, "the network policy is malformed")
			     : policy_check(&got, err);
	if (result < 0)
		policy_release(&got);
	else
		*p = got;
	return result;
}

static void begin_set(struct strbuf *out, const char *table, const char *set, size_t n)
{
	strbuf_addf(out, "flush set inet %s %s\n", table, set);
	if (n)
		strbuf_addf(out, "add element inet %s %s {", table, set);
}

static void end_set(struct strbuf *out, size_t n)
{
	if (n)
		strbuf_addstr(out, "}\n");
}

static void write_rules(const struct policy *p, bool with_port, const char *table,
			struct strbuf *out)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_rules; i++)
		n += (p->rules[i].port != 0) == with_port;
	begin_set(out, table, with_port ? "ports" : "nets", n);
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_rule *r = &p->rules[i];
		if ((r->port != 0) != with_port)
			continue;
		strbuf_addf(out, "%u . %u.%u.%u.%u/%u", r->range, r->addr >> 24,
			    (r->addr >> 16) & 0xff, (r->addr >> 8) & 0xff, r->addr & 0xff, r->bits);
		if (with_port)
			strbuf_addf(out, " . %u", r->port);
		strbuf_addstr(out, ",");
	}
	end_set(out, n);
}

void policy_write_nft(const struct policy *p, const char *table, struct strbuf *out)
{
	begin_set(out, table, "links", p->n_links);
	for (size_t i = 0; i < p->n_links; i++)
		strbuf_addf(out, "%u . %u,", p->links[i].from, p->links[i].to);
	end_set(out, p->n_links);
	begin_set(out, table, "closed", p->n_closed);
	for (size_t i = 0; i < p->n_closed; i++)
		strbuf_addf(out, "%u,", p->closed[i]);
	end_set(out, p->n_closed);
	write_rules(p, false, table, out);
	write_rules(p, true, table, out);
}
