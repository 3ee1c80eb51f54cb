/* SPDX-License-Identifier: MIT */
#include "resolver/reach.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "instance/name.h"

#define PATH "resolver/reach"
#define FILE_MAX (8u << 20)

void reach_release(struct reach *r)
{
	free(r->links);
	free(r->servers);
	for (size_t i = 0; i < r->n_hosts; i++)
		free(r->hosts[i].name);
	free(r->hosts);
	memset(r, 0, sizeof(*r));
}

void reach_add_link(struct reach *r, uint32_t from, uint32_t to)
{
	/* doubled when full: a file may have ten thousands */
	if ((r->n_links & (r->n_links - 1)) == 0)
		r->links =
			xreallocarray(r->links, r->n_links ? r->n_links * 2 : 1, sizeof(*r->links));
	r->links[r->n_links++] = from << 16 | to;
}

void reach_add_closed(struct reach *r, uint32_t range)
{
	if (range < INSTANCE_RANGES)
		r->closed[range] = true;
}

void reach_add_server(struct reach *r, uint32_t range, uint32_t addr, uint32_t bits)
{
	r->servers = xreallocarray(r->servers, r->n_servers + 1, sizeof(*r->servers));
	r->servers[r->n_servers++] = (struct reach_server){range, addr, bits};
}

void reach_add_host(struct reach *r, uint32_t range, const char *name, uint32_t addr)
{
	r->hosts = xreallocarray(r->hosts, r->n_hosts + 1, sizeof(*r->hosts));
	r->hosts[r->n_hosts++] = (struct reach_host){xstrdup(name), range, addr};
}

int reach_publish(const struct reach *r, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *folder = instance_run(inst, "resolver");
	_cleanup_free_ char *path = instance_run(inst, PATH);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (file_make_dirs(folder, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_links; i++)
		strbuf_addf(&text, "link %u %u\n", r->links[i] >> 16, r->links[i] & 0xffff);
	for (unsigned i = 0; i < INSTANCE_RANGES; i++)
		if (r->closed[i])
			strbuf_addf(&text, "closed %u\n", i);
	for (size_t i = 0; i < r->n_servers; i++)
		strbuf_addf(&text, "server %u %u %u\n", r->servers[i].range, r->servers[i].addr,
			    r->servers[i].bits);
	for (size_t i = 0; i < r->n_hosts; i++)
		strbuf_addf(&text, "host %u %s %u\n", r->hosts[i].range, r->hosts[i].name,
			    r->hosts[i].addr);
	return file_publish(AT_FDCWD, path, text.data, text.len, 0644, err);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void read_line(struct reach *r, const char *line)
{
	unsigned a, b, c;
	char name[NAME_DOMAIN_MAX + 1];
	if (sscanf(line, "link %u %u", &a, &b) == 2 && a < INSTANCE_RANGES && b < INSTANCE_RANGES)
		reach_add_link(r, a, b);
	else if (sscanf(line, "closed %u", &a) == 1)
		reach_add_closed(r, a);
	else if (sscanf(line, "server %u %u %u", &a, &b, &c) == 3 && c <= 32)
		reach_add_server(r, a, b, c);
	else if (sscanf(line, "host %u %253s %u", &a, name, &b) == 3)
		reach_add_host(r, a, name, b);
}

void reach_refresh(struct reach *r, int run)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct stat is;
	if (fstatat(run, PATH, &is, 0) < 0) {
		reach_release(r);
		return;
	}
	if (file_is_same(&is, &r->is))
		return;
	reach_release(r);
	if (file_read(run, PATH, FILE_MAX, &text, NULL) < 0)
		return;
	char *rest = text.data, *line;
	while ((line = strsep(&rest, "\n")))
		read_line(r, line);
	if (r->n_links)
		qsort(r->links, r->n_links, sizeof(*r->links), compare);
	/* of before the reading: one that came meanwhile is another */
	r->is = is;
}

bool reach_has_link(const struct reach *r, unsigned from, unsigned to)
{
	uint32_t key = from << 16 | to;
	return r->n_links &&
	       bsearch(&key, r->links, r->n_links, sizeof(*r->links), compare) != NULL;
}

bool reach_may_ask(const struct reach *r, unsigned range, uint32_t addr)
{
	if (range >= INSTANCE_RANGES || !r->closed[range])
		return true;
	for (size_t i = 0; addr && i < r->n_servers; i++) {
		const struct reach_server *s = &r->servers[i];
		uint32_t mask = s->bits ? ~0u << (32 - s->bits) : 0;
		if (s->range == range && ((s->addr ^ addr) & mask) == 0)
			return true;
	}
	return false;
}

bool reach_find_host(const struct reach *r, unsigned range, const char *name, uint32_t *out,
		     size_t max, size_t *out_n)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_hosts && n < max; i++)
		if (r->hosts[i].range == range && strcmp(r->hosts[i].name, name) == 0)
			out[n++] = r->hosts[i].addr;
	*out_n = n;
	return n > 0;
}
