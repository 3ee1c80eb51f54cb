/* SPDX-License-Identifier: MIT */
#include "resolver/answer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/ula.h"
#include "resolver/holder.h"

#define ZONE "internal"
#define HOST_TTL 60

/* A digit for each four bits, the last first. */
static void write_reverse6(uint32_t subnet, char *out, size_t size)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct in6_addr in;
	ula_of(subnet, &in);
	for (int i = ULA_NET_BITS / 8 - 1; i >= 0; i--)
		strbuf_addf(&text, ".%x.%x", in.s6_addr[i] & 0xfu, in.s6_addr[i] >> 4u);
	snprintf(out, size, "%s.ip6.arpa", text.data);
}

int answer_open(struct answerer *a, const struct instance *inst, struct error *err)
{
	uint32_t subnet;
	memset(a, 0, sizeof(*a));
	a->run = -1;
	if (instance_subnet(inst, &subnet, err) < 0 || upstream_init(&a->upstreams, inst, err) < 0)
		return -1;
	snprintf(a->reverse, sizeof(a->reverse), ".%u.%u.in-addr.arpa", (subnet >> 16) & 0xff,
		 subnet >> 24);
	write_reverse6(subnet, a->reverse6, sizeof(a->reverse6));
	a->run = open(inst->run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return a->run < 0 ? error_set(err, ERROR_SYSTEM, errno, "open '%s'", inst->run) : 0;
}

void answer_close(struct answerer *a)
{
	reach_release(&a->reach);
	a->run = close_fd(a->run);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);
	return n >= k && strcmp(name + n - k, end) == 0;
}

/* The addresses of APP's processes as they are for RANGE. An address that another has got since is
 * left out. */
static size_t look_up(const struct answerer *a, unsigned range, const char *app, const char *type,
		      unsigned n, uint32_t *out)
{
	unsigned owner;
	size_t found = names_find(a->run, app, type, n, &owner, out), kept = 0;
	if (!owner || !reach_has_link(&a->reach, range, owner))
		return 0;
	for (size_t i = 0; i < found; i++)
		if (holder_range(a->run, out[i]) == (int)owner)
			out[kept++] = out[i];
	return kept;
}

/* NAME is what stands before ".internal". An app's name may have dots, so each way to read it is
 * tried. */
static size_t find(const struct answerer *a, unsigned range, const char *name, uint32_t *out)
{
	_cleanup_free_ char *copy = xstrdup(name);
	unsigned long long number;
	size_t n = look_up(a, range, copy, "web", 0, out);
	char *dot = strrchr(copy, '.');
	if (n || !dot)
		return n;
	const char *last = dot + 1;
	*dot = '\0';
	n = look_up(a, range, copy, last, 0, out);
	dot = strrchr(copy, '.');
	if (n || !dot || str_to_u64(last, 1, 1000000, &number) < 0)
		return n;
	*dot = '\0';
	return look_up(a, range, copy, dot + 1, (unsigned)number, out);
}

/* Another first one each time: many programs take that. */
static void turn(uint32_t *addresses, size_t n)
{
	uint32_t by;
	if (n < 2 || getrandom(&by, sizeof(by), GRND_NONBLOCK) != (ssize_t)sizeof(by))
		return;
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = by % (i + 1);
		uint32_t other = addresses[k];
		addresses[k] = addresses[i];
		addresses[i] = other;
		by = by * 1664525u + 1013904223u;
	}
}

/* Those of processes that have IPv6 too. */
static size_t with_ipv6(const struct answerer *a, uint32_t *addresses, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (holder_has_ipv6(a->run, addresses[i]))
			addresses[kept++] = addresses[i];
	return kept;
}

static void answer_internal(const struct answerer *a, unsigned range, const struct message_query *q,
			    uint32_t *addresses, struct message_reply *reply)
{
	char name[sizeof(q->name)];
	reply->authoritative = true;
	reply->ttl = NAMES_TTL;
	if (strcmp(q->name, ZONE) == 0)
		return;
	memcpy(name, q->name, sizeof(name));
	name[strlen(name) - strlen("." ZONE)] = '\0';
	size_t n = q->plain ? find(a, range, name, addresses) : 0;
	if (n == 0)
		reply->code = MESSAGE_NXDOMAIN;
	reply->ipv6 = q->type == MESSAGE_AAAA;
	if (reply->ipv6)
		reply->n = with_ipv6(a, addresses, n);
	else if (q->type == MESSAGE_A || q->type == MESSAGE_ANY)
		reply->n = n;
	turn(addresses, reply->n);
}

/* A host of the asker's egress policy: what berthd has found, which the rules let through. */
static void answer_host(const struct message_query *q, uint32_t *addresses,
			struct message_reply *reply)
{
	reply->ttl = HOST_TTL;
	turn(addresses, reply->n);
	if (q->type != MESSAGE_A && q->type != MESSAGE_ANY)
		reply->n = 0;
}

static bool may_ask(const struct answerer *a, unsigned range)
{
	for (size_t i = 0; i < a->upstreams.n; i++)
		if (reach_may_ask(&a->reach, range, a->upstreams.list[i].v4))
			return true;
	return false;
}

enum answer answer_query(struct answerer *a, unsigned range, bool udp, const uint8_t *data,
			 size_t len, struct message_query *q, uint8_t *out, size_t *out_len)
{
	uint32_t addresses[NAMES_MAX];
	struct message_reply reply = {.addresses = addresses};
	int code = message_read_query(data, len, q);
	if (code < 0)
		return ANSWER_NONE;
	reach_refresh(&a->reach, a->run);
	upstream_refresh(&a->upstreams);
	if (code != MESSAGE_OK)
		reply.code = (enum message_code)code;
	else if (q->type == MESSAGE_AXFR || q->type == MESSAGE_IXFR)
		reply.code = MESSAGE_REFUSED;
	else if (strcmp(q->name, ZONE) == 0 || ends_with(q->name, "." ZONE))
		answer_internal(a, range, q, addresses, &reply);
	else if (ends_with(q->name, a->reverse) || ends_with(q->name, a->reverse6))
		reply.code = MESSAGE_NXDOMAIN;
	else if (reach_find_host(&a->reach, range, q->name, addresses, NAMES_MAX, &reply.n))
		answer_host(q, addresses, &reply);
	else if (a->upstreams.n == 0)
		reply.code = MESSAGE_SERVFAIL;
	else if (!may_ask(a, range))
		reply.code = MESSAGE_REFUSED;
	else
		return ANSWER_FORWARD;
	*out_len = message_write(data, q, &reply, out, udp ? q->udp_size : ANSWER_MAX);
	return ANSWER_REPLY;
}

size_t answer_failure(const uint8_t *data, const struct message_query *q, uint8_t *out)
{
	struct message_reply reply = {.code = MESSAGE_SERVFAIL};
	return message_write(data, q, &reply, out, MESSAGE_UDP_MIN);
}
