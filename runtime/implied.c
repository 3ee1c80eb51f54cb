/* SPDX-License-Identifier: MIT */
#include "runtime/implied.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

void implied_release(struct implied *im)
{
	tdestroy(im->paths, free);
	*im = (struct implied){0};
}

static int add(struct implied *im, const char *path, struct error *err)
{
	if (tfind(path, &im->paths, compare))
		return 0;
	if (++im->n > IMPLIED_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive has files in more than %u folders that it does not "
				 "name",
				 IMPLIED_MAX);
	if (!tsearch(xstrdup(path), &im->paths, compare))
		return error_set(err, ERROR_SYSTEM, ENOMEM, "note a folder");
	return 0;
}

static void forget(struct implied *im, const char *path)
{
	char *const *found = tfind(path, &im->paths, compare);

	if (!found)
		return;
	char *known = *found;
	tdelete(path, &im->paths, compare);
	free(known);
	im->n--;
}

int implied_note(struct implied *im, const char *path, bool folder, struct error *err)
{
	_cleanup_free_ char *above = xstrdup(path);
	struct stat st;

	if (folder)
		forget(im, path);
	for (char *slash; (slash = strrchr(above, '/'));) {
		*slash = '\0';
		if (lstat(above, &st) == 0)
			return 0;
		if (add(im, above, err) < 0)
			return -1;
	}
	return 0;
}

static void list_one(const void *node, VISIT visit, void *out)
{
	if (visit == postorder || visit == leaf)
		strvec_push(out, *(char *const *)node);
}

void implied_list(const struct implied *im, struct strvec *out)
{
	twalk_r(im->paths, list_one, out);
}
