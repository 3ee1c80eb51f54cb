/* SPDX-License-Identifier: MIT */
#include "resolver/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "instance/name.h"

#define FILE_MAX (1u << 20)

int names_publish(const struct instance *inst, const char *app, unsigned range,
		  const struct names_process *processes, size_t n, struct error *err)
{
	_cleanup_free_ char *folder = instance_run(inst, "resolver/apps");
	_cleanup_free_ char *path = instance_run(inst, "resolver/apps/%s", app);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (name_check_app(app, err) < 0 || file_make_dirs(folder, 0755, err) < 0)
		return -1;
	strbuf_addf(&text, "range %u\n", range);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&text, "%s %u %s\n", processes[i].type, processes[i].n,
			    processes[i].address);
	return file_publish(AT_FDCWD, path, text.data, text.len, 0644, err);
}

int names_remove(const struct instance *inst, const char *app, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "resolver/apps/%s", app);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", path);
	return 0;
}

static int read_app(int run, const char *app, struct strbuf *out)
{
	char path[NAME_APP_MAX + 32];
	if (name_check_app(app, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "resolver/apps/%s", app);
	return file_read(run, path, FILE_MAX, out, NULL);
}

/* Its first line. */
static unsigned range_of(const char *text)
{
	unsigned range;
	return sscanf(text, "range %u\n", &range) == 1 && range < INSTANCE_RANGES ? range : 0;
}

size_t names_find(int run, const char *app, const char *type, unsigned n, unsigned *out_range,
		  uint32_t out[NAMES_MAX])
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t found = 0;
	*out_range = 0;
	if (read_app(run, app, &text) < 0)
		return 0;
	*out_range = range_of(text.data);
	char *rest = text.data, *line;
	strsep(&rest, "\n");
	while (found < NAMES_MAX && (line = strsep(&rest, "\n"))) {
		char is[NAME_TYPE_MAX + 1], address[INET_ADDRSTRLEN];
		struct in_addr in;
		unsigned number;
		if (sscanf(line, "%63s %u %15s", is, &number, address) != 3 ||
		    strcasecmp(is, type) != 0 || (n && number != n) ||
		    inet_pton(AF_INET, address, &in) != 1)
			continue;
		out[found++] = ntohl(in.s_addr);
	}
	return found;
}
