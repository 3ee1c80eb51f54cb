/* SPDX-License-Identifier: MIT */
#include "resolver/upstream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/resolvconf.h"
#include "base/strbuf.h"

#define HOST_FILE "/etc/resolv.conf"
#define LOOK_MS 1000

/* Numbers only. */
static int add(struct upstreams *u, const char *host, const char *port)
{
	static const struct addrinfo hints = {
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	struct upstream *to = &u->list[u->n];
	if (u->n == UPSTREAM_MAX || getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	memset(to, 0, sizeof(*to));
	memcpy(&to->address, found->ai_addr, found->ai_addrlen);
	to->len = found->ai_addrlen;
	if (found->ai_family == AF_INET)
		to->v4 = ntohl(((struct sockaddr_in *)&to->address)->sin_addr.s_addr);
	freeaddrinfo(found);
	u->n += !to->v4 || to->v4 != u->gateway;
	return 0;
}

/* ADDRESS[:PORT], an IPv6 address with a port in brackets. */
static int add_word(struct upstreams *u, char *word)
{
	char *host = word, *port = NULL;
	if (*word == '[') {
		char *end = strchr(word, ']');
		if (!end)
			return -1;
		host++;
		*end = '\0';
		port = end[1] == ':' ? end + 2 : NULL;
	} else if (strchr(word, ':') == strrchr(word, ':') && strchr(word, ':')) {
		port = strchr(word, ':') + 1;
		port[-1] = '\0';
	}
	return add(u, host, port ? port : "53");
}

int upstream_init(struct upstreams *u, const struct instance *inst, struct error *err)
{
	const char *setting = instance_setting(inst, "network", "resolvers", NULL);
	memset(u, 0, sizeof(*u));
	if (instance_subnet(inst, &u->gateway, err) < 0)
		return -1;
	u->gateway++;
	if (!setting)
		return 0;
	_cleanup_free_ char *copy = xstrdup(setting);
	char *rest = copy, *word;
	while ((word = strsep(&rest, " \t,"))) {
		_cleanup_free_ char *said = xstrdup(word);
		if (*word && add_word(u, word) < 0)
			return error_set(err, ERROR_INVALID, 0,
					 "setting [network] resolvers: '%s' is not ADDRESS[:PORT], "
					 "or is more than the %d that are possible",
					 said, UPSTREAM_MAX);
	}
	u->fixed = true;
	return 0;
}

void upstream_refresh(struct upstreams *u)
{
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	struct stat is;
	int64_t now = clock_ms();
	if (u->fixed || (u->looked_ms && now - u->looked_ms < LOOK_MS))
		return;
	u->looked_ms = now;
	if (stat(HOST_FILE, &is) < 0 || file_is_same(&is, &u->is) ||
	    file_read(AT_FDCWD, HOST_FILE, 65536, &file, NULL) < 0)
		return;
	u->is = is;
	u->n = 0;
	char *text = file.data, *word, *rest;
	while (u->n < UPSTREAM_MAX && resolvconf_line(&text, &word, &rest))
		if (str_equal(word, "nameserver"))
			add(u, rest, "53");
}
