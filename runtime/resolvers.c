/* SPDX-License-Identifier: MIT */
#include "runtime/resolvers.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/resolvconf.h"
#include "runtime/network.h"

#define RESOLVERS_FILE_MAX 65536

/* systemd-resolved's stub is on the loopback; this file has the servers behind it. */
static const char *const resolver_files[] = {"/etc/resolv.conf",
					     "/run/systemd/resolve/resolv.conf"};

void resolvers_conf(uint32_t gateway, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	char address[NETWORK_TEXT_MAX];
	if (gateway == 0) {
		strbuf_addstr(out, "# this container has no network\n");
		return;
	}
	/* no second one: some programs ask all at once, and a stranger's "there is no such app"
	 * would come first */
	network_text(gateway, address);
	strbuf_addf(out, "nameserver %s\n", address);
	if (file_read(AT_FDCWD, resolver_files[0], RESOLVERS_FILE_MAX, &file, NULL) < 0)
		return;
	char *text = file.data, *word, *rest;
	while (resolvconf_line(&text, &word, &rest))
		if (str_equal(word, "search") || str_equal(word, "domain") ||
		    str_equal(word, "options"))
			strbuf_addf(out, "%s %s\n", word, rest);
}

/* Gives the number of nameservers in PATH that containers can reach. */
static unsigned add_addresses(const char *path, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	if (file_read(AT_FDCWD, path, RESOLVERS_FILE_MAX, &file, NULL) < 0)
		return 0;
	unsigned found = 0;
	char *text = file.data, *word, *rest;
	while (resolvconf_line(&text, &word, &rest)) {
		uint32_t addr;
		if (!str_equal(word, "nameserver") || network_parse(rest, &addr) < 0 ||
		    addr >> 24 == 127 || addr == 0)
			continue;
		strbuf_addf(out, "%s%s", found ? ", " : "", rest);
		found++;
	}
	return found;
}

void resolvers_addresses(struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(resolver_files); i++)
		if (add_addresses(resolver_files[i], out) > 0)
			return;
}
