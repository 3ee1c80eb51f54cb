/* SPDX-License-Identifier: MIT */
/*
 * What COPY and ADD of a Dockerfile do, inside containers and so without privilege: one container
 * sends files of the source or of an image, another puts them into the layer that is made. Linked
 * statically, because an image may hold nothing else that runs.
 *
 *   copy send [OPTION...] -- PATTERN...   from ROOT to stdout
 *   copy receive [OPTION...]              from stdin
 *
 * What goes between them is in copywire.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "buildpacks/copywire.h"

void copy_die(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s%s\n", saved ? ": " : "", saved ? strerror(saved) : "");
	exit(1);
}

void copy_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

char *copy_clean(const char *s)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (size_t n; *s; s += n + (s[n] == '/')) {
		n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			const char *slash = strrchr(out.data, '/');
			strbuf_truncate(&out, slash ? (size_t)(slash - out.data) : 0);
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			strbuf_addf(&out, "%s%.*s", out.len ? "/" : "", (int)n, s);
		}
	}
	return strbuf_detach(&out);
}

int main(int argc, char **argv)
{
	umask(0);
	if (argc > 1 && strcmp(argv[1], "send") == 0)
		return copy_send(argv + 2);
	if (argc > 1 && strcmp(argv[1], "receive") == 0)
		return copy_receive(argv + 2);
	fputs("usage: copy send|receive ...\n", stderr);
	return 2;
}
