/* SPDX-License-Identifier: MIT */
#include "control/imagetag.h"

#include <dirent.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SHORTEST_ID 6

void imagetag_list_free(struct imagetag *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].name);
		free(list[i].image);
	}
	free(list);
}

/* A component: letters and digits, with separators only between them. */
static bool is_component(const char *s, size_t len, const char *letters)
{
	if (len == 0 || !strchr(letters, s[0]) || !strchr(letters, s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr(letters, s[i]) && !strchr("._-", s[i]))
			return false;
	return true;
}

static bool is_host(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t name = colon ? (size_t)(colon - s) : len;

	if (colon &&
	    (len - name < 2 || len - name > 6 || strspn(colon + 1, DIGITS) < len - name - 1))
		return false;
	return is_component(s, name, LETTERS DIGITS);
}

/* Whether the first component of S is a registry and no part of the name. */
static size_t host_length(const char *s)
{
	size_t len = strcspn(s, "/");

	if (!s[len])
		return 0;
	return memchr(s, '.', len) || memchr(s, ':', len) || strncmp(s, "localhost/", 10) == 0 ? len
											       : 0;
}

/* Where the tag (":") or the digest ("@") of S begins, or its end. */
static const char *name_end(const char *s)
{
	size_t host = host_length(s);

	return s + host + strcspn(s + host, ":@");
}

static bool is_tag(const char *s, size_t len)
{
	if (len < 1 || len > 128 || strchr(".-", s[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr(LETTERS DIGITS "._-", s[i]))
			return false;
	return true;
}

bool imagetag_is_name(const char *s)
{
	const char *end = name_end(s);
	size_t host = host_length(s);

	if (strlen(s) > IMAGETAG_MAX || (host && !is_host(s, host)))
		return false;
	for (const char *p = s + host + (host > 0);; p++) {
		size_t n = strcspn(p, "/:@");
		if (!is_component(p, n, LOWER DIGITS))
			return false;
		p += n;
		if (*p != '/')
			break;
	}
	if (*end == ':') {
		size_t n = strcspn(end + 1, "@");
		if (!is_tag(end + 1, n))
			return false;
		end += 1 + n;
	}
	const char *hex = str_skip(end, "@sha256:");
	return !*end || (hex && strlen(hex) == 64 && strspn(hex, DIGITS "abcdef") == 64);
}

char *imagetag_full(const char *s)
{
	return *name_end(s) ? xstrdup(s) : xasprintf("%s:latest", s);
}

int imagetag_set(struct db *db, const char *name, const char *image, struct error *err)
{
	return db_run(db, err,
		      "INSERT INTO image_tags (name, image, created_at) VALUES (?, ?, ?)"
		      " ON CONFLICT (name) DO UPDATE SET image = excluded.image,"
		      " created_at = excluded.created_at",
		      "ssi", name, image, clock_unix_us());
}

int imagetag_remove(struct db *db, const char *name, struct error *err)
{
	return db_run(db, err, "DELETE FROM image_tags WHERE name = ?", "s", name);
}

int imagetag_list(struct db *db, struct imagetag **out, size_t *out_n, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct imagetag *list = NULL;
	size_t n = 0;
	int got;

	if (db_query(db, &stmt, err, "SELECT name, image, created_at FROM image_tags ORDER BY name",
		     "") < 0)
		return -1;
	while ((got = db_next(db, stmt, err)) > 0) {
		list = xreallocarray(list, n + 1, sizeof(*list));
		list[n++] = (struct imagetag){xstrdup(db_text(stmt, 0)), xstrdup(db_text(stmt, 1)),
					      db_int(stmt, 2)};
	}
	if (got < 0) {
		imagetag_list_free(list, n);
		return -1;
	}
	*out = list;
	*out_n = n;
	return 0;
}

int imagetag_ids(struct db *db, struct strvec *out, struct error *err)
{
	struct imagetag *list = NULL;
	size_t n = 0;

	if (imagetag_list(db, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!strvec_has(out, list[i].image))
			strvec_push(out, list[i].image);
	imagetag_list_free(list, n);
	return 0;
}

/* The one image whose id begins with PREFIX, in *out; NULL when there is none or more than one. */
static void find_by_id(const struct instance *inst, const char *prefix, char **out)
{
	_cleanup_free_ char *folder = instance_lib(inst, "images");
	DIR *dir = opendir(folder);
	size_t found = 0;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t len = strlen(e->d_name);
		if (len != 37 || strcmp(e->d_name + 32, ".json") != 0 ||
		    !str_starts(e->d_name, prefix))
			continue;
		free(*out);
		*out = xstrndup(e->d_name, 32);
		found++;
	}
	if (dir)
		closedir(dir);
	if (found == 1)
		return;
	free(*out);
	*out = NULL;
}

int imagetag_find(struct context *c, const char *name, char **out_image, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ char *full = imagetag_full(name);
	size_t len = strlen(name);

	*out_image = NULL;
	if (db_query(&c->db, &stmt, err, "SELECT image FROM image_tags WHERE name = ?", "s", full) <
	    0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got < 0)
		return -1;
	if (got > 0) {
		*out_image = xstrdup(db_text(stmt, 0));
		return 0;
	}
	if (len >= SHORTEST_ID && strspn(name, DIGITS "abcdef") == len)
		find_by_id(c->inst, name, out_image);
	if (*out_image)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, 0,
			 "no image '%.200s': 'image:list' shows those that are here", name);
}
