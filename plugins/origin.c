/* SPDX-License-Identifier: MIT */
#include "plugins/origin.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define ORIGIN_MAX 8192
#define ADDRESS_MAX 1024

void origin_release(struct origin *o)
{
	free(o->kind);
	free(o->address);
	free(o->committish);
	free(o->commit);
}

struct origin origin_make(const char *kind, const char *address)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	for (const char *p = address; *p && line.len < ADDRESS_MAX; p++)
		strbuf_addch(&line, (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
	return (struct origin){xstrdup(kind), strbuf_detach(&line), xstrdup(""), xstrdup("")};
}

/* A copy of the line of TEXT at *P, which moves to the next. */
static char *take_line(const char **p)
{
	size_t len = strcspn(*p, "\n");
	char *line = xstrndup(*p, len);

	*p += len + ((*p)[len] == '\n');
	return line;
}

static char *origin_path(const char *name)
{
	return xasprintf(".origin/%s", name);
}

void origin_read(int dirfd, const char *name, struct origin *out)
{
	_cleanup_free_ char *path = origin_path(name);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *p;

	if (dirfd >= 0)
		file_read(dirfd, path, ORIGIN_MAX, &text, NULL);
	p = text.data;
	out->kind = take_line(&p);
	out->address = take_line(&p);
	out->committish = take_line(&p);
	out->commit = take_line(&p);
}

int origin_write(int dirfd, const char *name, const struct origin *o, struct error *err)
{
	_cleanup_free_ char *path = origin_path(name);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "%s\n%s\n%s\n%s\n", o->kind, o->address, o->committish, o->commit);
	return file_replace(dirfd, path, text.data, text.len, 0644, err);
}

void origin_forget(int dirfd, const char *name)
{
	_cleanup_free_ char *path = origin_path(name);

	unlinkat(dirfd, path, 0);
}
