/* SPDX-License-Identifier: MIT */
#include "control/hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "instance/name.h"

#define PATH "resolver/hosts"
#define FILE_MAX (16u << 20)

void hosts_release(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->list[i].name);
	free(h->list);
	*h = (struct hosts)HOSTS_INIT;
}

static void add(struct hosts *h, const char *name, uint32_t addr, int64_t seen)
{
	for (size_t i = 0; i < h->n; i++) {
		struct host *is = &h->list[i];
		if (is->addr != addr || strcmp(is->name, name) != 0)
			continue;
		if (is->seen < seen)
			is->seen = seen;
		return;
	}
	h->list = xreallocarray(h->list, h->n + 1, sizeof(*h->list));
	h->list[h->n++] = (struct host){xstrdup(name), addr, seen};
}

int hosts_look_up(struct hosts *h, const char *name, struct error *err)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int64_t now = clock_unix_us() / 1000000;
	int result = getaddrinfo(name, NULL, &hints, &found);
	if (result != 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "host '%s' has no IPv4 address that this server can find: %s",
				 name, gai_strerror(result));
	for (const struct addrinfo *a = found; a; a = a->ai_next)
		add(h, name,
		    ntohl(((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr.s_addr),
		    now);
	freeaddrinfo(found);
	return 0;
}

void hosts_merge(struct hosts *h, const struct hosts *other)
{
	for (size_t i = 0; i < other->n; i++)
		add(h, other->list[i].name, other->list[i].addr, other->list[i].seen);
}

/* By name, the latest sight first. */
static int compare(const void *a, const void *b)
{
	const struct host *x = a, *y = b;
	int by_name = strcmp(x->name, y->name);
	if (by_name)
		return by_name;
	if (x->seen != y->seen)
		return x->seen > y->seen ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

void hosts_trim(struct hosts *h, const struct strvec *kept, int64_t now)
{
	size_t n = 0, of_name = 0;
	if (h->n > 1)
		qsort(h->list, h->n, sizeof(*h->list), compare);
	for (size_t i = 0; i < h->n; i++) {
		struct host is = h->list[i];
		bool same = n && strcmp(h->list[n - 1].name, is.name) == 0;
		of_name = same ? of_name + 1 : 1;
		if (of_name > HOSTS_MAX_ADDRESSES || is.seen < now - HOSTS_KEEP_S ||
		    !strvec_has(kept, is.name))
			free(is.name);
		else
			h->list[n++] = is;
	}
	h->n = n;
}

static bool has(const struct hosts *h, const struct host *one)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].addr == one->addr && strcmp(h->list[i].name, one->name) == 0)
			return true;
	return false;
}

/* None is twice in either. */
bool hosts_equal(const struct hosts *a, const struct hosts *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!has(b, &a->list[i]))
			return false;
	return a->n == b->n;
}

int hosts_read(struct hosts *h, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, PATH);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;
	if (file_read(AT_FDCWD, path, FILE_MAX, &text, &why) < 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	char *rest = text.data, *line;
	while ((line = strsep(&rest, "\n"))) {
		char name[NAME_DOMAIN_MAX + 1], address[INET_ADDRSTRLEN];
		struct in_addr in;
		long long seen;
		if (sscanf(line, "%253s %15s %lld", name, address, &seen) == 3 &&
		    inet_pton(AF_INET, address, &in) == 1)
			add(h, name, ntohl(in.s_addr), seen);
	}
	return 0;
}

int hosts_write(const struct hosts *h, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *folder = instance_run(inst, "resolver");
	_cleanup_free_ char *path = instance_run(inst, PATH);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (file_make_dirs(folder, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < h->n; i++) {
		struct in_addr in = {htonl(h->list[i].addr)};
		char address[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &in, address, sizeof(address));
		strbuf_addf(&text, "%s %s %lld\n", h->list[i].name, address,
			    (long long)h->list[i].seen);
	}
	return file_publish(AT_FDCWD, path, text.data, text.len, 0644, err);
}
