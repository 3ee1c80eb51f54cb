/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "runtime/oci.h"

static void add_list(const char *pids, struct strbuf *out)
{
	const char *comma = "";

	strbuf_addstr(out, "[");
	for (const char *p = pids; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		strbuf_addstr(out, comma);
		strbuf_add(out, p, len);
		comma = ",";
		p += len;
	}
	strbuf_addstr(out, "]\n");
}

/* The word number AT of a line of columns; its length is 0 when there are fewer. */
static const char *word_at(const char *line, int at, size_t *len)
{
	for (line += strspn(line, " "); at > 0 && *line; at--) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	*len = strcspn(line, " ");
	return line;
}

static int column_of(const char *heading, const char *name)
{
	size_t len;

	for (int at = 0;; at++) {
		const char *word = word_at(heading, at, &len);

		if (!len)
			return -1;
		if (len == strlen(name) && !strncmp(word, name, len))
			return at;
	}
}

/* What ps(1) says of them, the heading included. */
static int add_table(const char *pids, char **args, int n, struct strbuf *out, struct error *err)
{
	_cleanup_child_ struct child ps;
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	_cleanup_free_ char *wanted = xasprintf("\n%s", pids);
	char *rest, *line;
	int column;

	child_init(&ps);
	child_args(&ps, "ps", n ? args[0] : "-ef", NULL);
	for (int i = 1; i < n; i++)
		strvec_push(&ps.argv, args[i]);
	ps.capture = &all;
	if (child_run(&ps, err) < 0)
		return -1;
	rest = all.data;
	line = strsep(&rest, "\n");
	column = column_of(line, "PID");
	if (column < 0)
		return error_set(err, ERROR_INVALID, 0, "ps: its options leave out the column PID");
	strbuf_addf(out, "%s\n", line);
	while ((line = strsep(&rest, "\n"))) {
		size_t len;
		const char *word = word_at(line, column, &len);
		_cleanup_free_ char *key = xasprintf("\n%.*s\n", (int)len, word);

		if (len && strstr(wanted, key))
			strbuf_addf(out, "%s\n", line);
	}
	return 0;
}

int oci_ps(const char *root, const char *id, bool json, char **args, int n, struct strbuf *out,
	   struct error *err)
{
	_cleanup_strbuf_ struct strbuf pids = STRBUF_INIT;

	if (oci_pids(root, id, &pids, err) < 0)
		return -1;
	if (!json)
		return add_table(pids.data, args, n, out, err);
	add_list(pids.data, out);
	return 0;
}
