/* SPDX-License-Identifier: MIT */
#include "buildpacks/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define HASH_BYTES 16
#define FILE_MAX (128u << 20)

void hash_init(struct hash *h, const char *purpose)
{
	crypto_generichash_init(&h->state, NULL, 0, HASH_BYTES);
	hash_addstr(h, purpose);
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	uint64_t n = len;

	crypto_generichash_update(&h->state, (const unsigned char *)&n, sizeof(n));
	crypto_generichash_update(&h->state, data, len);
}

void hash_addstr(struct hash *h, const char *s)
{
	if (s) {
		hash_add(h, s, strlen(s));
	} else {
		uint64_t none = UINT64_MAX;
		crypto_generichash_update(&h->state, (const unsigned char *)&none, sizeof(none));
	}
}

void hash_addlist(struct hash *h, const struct strvec *list)
{
	for (size_t i = 0; i < list->n; i++)
		hash_addstr(h, list->v[i]);
	hash_addstr(h, NULL);
}

void hash_text(struct hash *h, char out[HASH_TEXT])
{
	unsigned char bytes[HASH_BYTES];

	crypto_generichash_final(&h->state, bytes, sizeof(bytes));
	sodium_bin2hex(out, HASH_TEXT, bytes, sizeof(bytes));
}

static int list_folder(const char *path, struct strvec *out, struct error *err)
{
	DIR *dir = opendir(path);

	if (!dir)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
				 "open '%s'", path);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (!str_equal(e->d_name, ".") && !str_equal(e->d_name, ".."))
			strvec_push(out, e->d_name);
	closedir(dir);
	strvec_sort(out);
	return 0;
}

/* A link by its text: where it leads to may be nowhere, or a circle. */
static int add_link(struct hash *h, const char *path, struct error *err)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return error_set(err, ERROR_SYSTEM, n < 0 ? errno : ENAMETOOLONG, "read link '%s'",
				 path);
	hash_addstr(h, "link");
	hash_add(h, target, (size_t)n);
	return 0;
}

static int add_folder(struct hash *h, const char *path, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (list_folder(path, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *sub = xasprintf("%s/%s", path, names.v[i]);
		struct stat st;
		if (lstat(sub, &st) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "stat '%s'", sub);
		hash_addstr(h, names.v[i]);
		if (S_ISLNK(st.st_mode)) {
			if (add_link(h, sub, err) < 0)
				return -1;
			continue;
		}
		if (S_ISDIR(st.st_mode)) {
			hash_addstr(h, "folder");
			if (add_folder(h, sub, err) < 0)
				return -1;
			continue;
		}
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (file_read(AT_FDCWD, sub, FILE_MAX, &text, err) < 0)
			return -1;
		hash_addstr(h, st.st_mode & S_IXUSR ? "program" : "file");
		hash_add(h, text.data, text.len);
	}
	hash_addstr(h, NULL);
	return 0;
}

int hash_tree(const char *folder, char **out, struct error *err)
{
	struct hash h;
	char text[HASH_TEXT];

	hash_init(&h, "tree");
	if (add_folder(&h, folder, err) < 0)
		return -1;
	hash_text(&h, text);
	*out = xstrdup(text);
	return 0;
}
