/* SPDX-License-Identifier: MIT */
#include "buildpacks/composite.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "buildpacks/toml.h"

#define DEPTH_MAX 5 /* as the driver looks */
#define FILE_MAX (256u << 10)
#define FOLDERS_MAX 5000
/* A folder that lists more is no order of packs, and takes longer to look through than to build. */
#define BYTES_MAX (4u << 20)
#define LISTED_MAX 1000

struct walk {
	struct strvec listed, own;
	unsigned folders;
	size_t bytes;
};

static void add_order(const json_t *about, struct strvec *out)
{
	const json_t *group, *row;
	size_t i, k;

	json_array_foreach(json_object_get(about, "order"), i, group)
	{
		json_array_foreach(json_object_get(group, "group"), k, row)
		{
			const char *id = json_string_value(json_object_get(row, "id"));
			if (id && out->n < LISTED_MAX && !strvec_has(out, id))
				strvec_push(out, id);
		}
	}
}

/* That of a package is a link to the pack which the package is for. */
static int read_file(int dirfd, struct strbuf *out)
{
	_cleanup_close_ int fd =
		file_open_beneath(dirfd, "buildpack.toml", O_RDONLY | O_NONBLOCK, 0, false, NULL);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return -1;
	return strbuf_read_fd(out, fd, NULL);
}

/* Whether the folder has a buildpack.toml that can be read. */
static bool look(struct walk *w, int dirfd)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	json_t *about = NULL;

	if (read_file(dirfd, &text) < 0)
		return false;
	w->bytes += text.len;
	if (toml_parse(text.data, text.len, &about, NULL) < 0)
		return false;
	const char *id =
		json_string_value(json_object_get(json_object_get(about, "buildpack"), "id"));
	if (id)
		strvec_push(&w->own, id);
	add_order(about, &w->listed);
	json_decref(about);
	return true;
}

/* Takes FD over. */
static void walk_below(struct walk *w, int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close_fd(fd);
		return;
	}
	for (struct dirent *e;
	     w->folders < FOLDERS_MAX && w->bytes < BYTES_MAX && (e = readdir(dir));) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		int below = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		w->folders++;
		look(w, below);
		if (depth + 1 < DEPTH_MAX)
			walk_below(w, below, depth + 1);
		else
			close_fd(below);
	}
	closedir(dir);
}

void composite_missing(int dirfd, struct strvec *out)
{
	struct walk w = {STRVEC_INIT, STRVEC_INIT, 0, 0};

	if (look(&w, dirfd) && w.listed.n > 0) {
		int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			walk_below(&w, fd, 1);
	}
	for (size_t i = 0; i < w.listed.n; i++)
		if (!strvec_has(&w.own, w.listed.v[i]))
			strvec_push(out, w.listed.v[i]);
	strvec_release(&w.listed);
	strvec_release(&w.own);
}
