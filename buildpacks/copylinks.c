/* SPDX-License-Identifier: MIT */
#include "buildpacks/copylinks.h"

#include <search.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "buildpacks/copywire.h"

struct known {
	dev_t dev;
	ino_t ino;
	uint32_t number;
};

static struct {
	void *known;      /* tsearch(3): those of one source */
	uint32_t n_files; /* of all sources, as are the numbers */
	uint32_t n_links;
} met;

static int compare(const void *a, const void *b)
{
	const struct known *one = a, *two = b;

	if (one->dev != two->dev)
		return one->dev < two->dev ? -1 : 1;
	return (one->ino > two->ino) - (one->ino < two->ino);
}

void copylinks_begin(void)
{
	tdestroy(met.known, free);
	met.known = NULL;
}

bool copylinks_met(const struct stat *st, bool digest, uint32_t *out)
{
	struct known key = {st->st_dev, st->st_ino, 0};
	struct known *const *found = st->st_nlink > 1 ? tfind(&key, &met.known, compare) : NULL;

	*out = found ? (*found)->number : 0;
	if (found)
		return true;
	met.n_files++;
	if (st->st_nlink < 2 || (!digest && met.n_links == COPY_LINKS_MAX))
		return false;
	/* the receiver's are those of its table; for a digest, where among all files it came */
	key.number = digest ? met.n_files : ++met.n_links;
	struct known *k = xmalloc(sizeof(*k));
	*k = key;
	if (!tsearch(k, &met.known, compare))
		copy_die("note a link");
	*out = digest ? 0 : key.number;
	return false;
}
