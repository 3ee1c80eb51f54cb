/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagefolder.h"

#include "buildpacks/imagecopy.h"

static int make_folder(struct imagework *w, const char *upper, void *data, struct error *err)
{
	return imagecopy_folder(w->b, data, upper, err);
}

int imagefolder_do(struct imagework *w, size_t n, bool *out_cached, struct error *err)
{
	struct image *im = &w->stages[n].im;
	struct imagecopy copy = {.onto = STRVEC_INIT,
				 .to = im->config.cwd,
				 .into = true,
				 .chown = *im->config.user ? im->config.user : NULL};
	struct hash key;

	imagework_key(w, "folder", im, &key);
	hash_addstr(&key, copy.to);
	hash_addstr(&key, copy.chown);
	int result = imagework_layers(w, im, &copy.onto, err);
	if (result == 0)
		result = imagework_ensure(w, im, &key, make_folder, &copy, out_cached, err);
	strvec_release(&copy.onto);
	return result;
}
