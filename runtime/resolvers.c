/* SPDX-License-Identifier: MIT */
#include "runtime/resolvers.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/network.h"

/* Calls for each line "WORD ARGUMENTS" of resolv.conf(5) text. */
static bool next_line(char **text, char **out_word, char **out_rest)
{
	char *line;
	while ((line = strsep(text, "\n"))) {
		line += strspn(line, " \t\r");
		size_t n = strcspn(line, " \t\r");
		if (n == 0 || *line == '#' || *line == ';')
			continue;
		*out_rest = line + n;
		if (**out_rest) {
			**out_rest = '\0';
			*out_rest += 1 + strspn(*out_rest + 1, " \t\r");
		}
		char *end = *out_rest + strlen(*out_rest);
		while (end > *out_rest && strchr(" \t\r", end[-1]))
			*--end = '\0';
		*out_word = line;
		return true;
	}
	return false;
}

/* Appends what containers can use of the resolver file PATH; gives the number of nameservers. */
static unsigned add_resolvers(const char *path, struct strbuf *conf, struct strbuf *addresses)
{
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	if (file_read(AT_FDCWD, path, 65536, &file, NULL) < 0)
		return 0;
	unsigned found = 0;
	char *text = file.data, *word, *rest;
	while (next_line(&text, &word, &rest)) {
		uint32_t addr;
		if (!str_equal(word, "nameserver")) {
			if (conf && (str_equal(word, "search") || str_equal(word, "domain") ||
				     str_equal(word, "options")))
				strbuf_addf(conf, "%s %s\n", word, rest);
			continue;
		}
		if (network_parse(rest, &addr) < 0 || addr >> 24 == 127 || addr == 0)
			continue;
		if (conf)
			strbuf_addf(conf, "nameserver %s\n", rest);
		if (addresses)
			strbuf_addf(addresses, "%s%s", found ? ", " : "", rest);
		found++;
	}
	return found;
}

/* systemd-resolved's stub is on the loopback; this file has the servers behind it. */
static const char *const resolver_files[] = {"/etc/resolv.conf",
					     "/run/systemd/resolve/resolv.conf"};

void resolvers_conf(struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(resolver_files); i++) {
		_cleanup_strbuf_ struct strbuf conf = STRBUF_INIT;
		if (add_resolvers(resolver_files[i], &conf, NULL) > 0) {
			strbuf_add(out, conf.data, conf.len);
			return;
		}
	}
	/* a container without names still starts: not every app looks any up */
	strbuf_addstr(out, "# no nameserver of the host can be reached from a container\n");
}

void resolvers_addresses(struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(resolver_files); i++)
		if (add_resolvers(resolver_files[i], NULL, out) > 0)
			return;
}
