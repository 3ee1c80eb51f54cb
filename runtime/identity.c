/* SPDX-License-Identifier: MIT */
#include "runtime/identity.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_ID 65535u
#define LINE_SIZE 4096
#define FIELDS 7

static bool is_part(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._@$+-";

	if (len < 1 || len > IDENTITY_NAME_MAX || s[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!memchr(allowed, s[i], sizeof(allowed) - 1))
			return false;
	return true;
}

bool identity_is_user(const char *user)
{
	size_t len = strcspn(user, ":");

	if (!*user)
		return true;
	return is_part(user, len) &&
	       (!user[len] || is_part(user + len + 1, strlen(user + len + 1)));
}

/* Gives false for what is no number; one that is too large becomes MAX_ID + 1. */
static bool to_id(const char *s, size_t len, uint32_t *out)
{
	uint32_t n = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(s[i] - '0');
		if (n > MAX_ID)
			n = MAX_ID + 1;
	}
	*out = n;
	return true;
}

/* --- lines of colon-separated fields -------------------------------------------------------- */

struct lines {
	int fd;
	char buf[LINE_SIZE];
	size_t have, next; /* bytes in BUF, and where the next line begins */
	size_t total;
	bool skip; /* the rest of a line that was too long */
};

struct line {
	const char *field[FIELDS];
	size_t len[FIELDS];
	unsigned n;
};

static void split(const char *s, size_t len, struct line *out)
{
	memset(out, 0, sizeof(*out));
	for (const char *end = s + len; out->n < FIELDS; out->n++) {
		const char *colon = memchr(s, ':', (size_t)(end - s));

		out->field[out->n] = s;
		out->len[out->n] = (size_t)((colon ? colon : end) - s);
		if (!colon) {
			out->n++;
			break;
		}
		s = colon + 1;
	}
}

/* The next line that fits, without its end; false when there is none. */
static bool next_line(struct lines *l, struct line *out)
{
	for (;;) {
		char *start = l->buf + l->next;
		char *end = memchr(start, '\n', l->have - l->next);

		if (end) {
			bool skip = l->skip;

			l->next = (size_t)(end + 1 - l->buf);
			l->skip = false;
			if (skip)
				continue;
			split(start, (size_t)(end - start), out);
			return true;
		}
		memmove(l->buf, start, l->have - l->next);
		l->have -= l->next;
		l->next = 0;
		if (l->have == sizeof(l->buf)) {
			l->have = 0;
			l->skip = true;
		}
		ssize_t n = l->total < IDENTITY_FILE_MAX
				    ? read(l->fd, l->buf + l->have, sizeof(l->buf) - l->have)
				    : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			size_t rest = l->have;

			l->have = 0;
			if (rest == 0 || l->skip)
				return false;
			split(l->buf, rest, out); /* the last line may lack its end */
			return true;
		}
		l->have += (size_t)n;
		l->total += (size_t)n;
	}
}

static void begin(struct lines *l, int fd)
{
	l->fd = fd;
	l->have = l->next = l->total = 0;
	l->skip = false;
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		l->fd = -1;
}

static bool is(const struct line *line, unsigned i, const char *s, size_t len)
{
	return line->n > i && line->len[i] == len && memcmp(line->field[i], s, len) == 0;
}

/* --- what the files say --------------------------------------------------------------------- */

struct wanted {
	const char *name;
	size_t len;
	uint32_t id;
	bool is_number;
};

static struct wanted want(const char *s, size_t len)
{
	struct wanted w = {s, len, 0, false};

	w.is_number = to_id(s, len, &w.id);
	return w;
}

/* Whether LINE, whose id is field 2, is about W: by name, or by number when PASS is 1. */
static bool matches(const struct line *line, const struct wanted *w, int pass)
{
	uint32_t id;

	if (pass == 0)
		return is(line, 0, w->name, w->len);
	return w->is_number && line->n > 2 && to_id(line->field[2], line->len[2], &id) &&
	       id == w->id;
}

static bool find(struct lines *l, int fd, const struct wanted *w, unsigned fields, struct line *out)
{
	for (int pass = 0; pass < 2; pass++) {
		begin(l, fd);
		while (l->fd >= 0 && next_line(l, out))
			if (out->n >= fields && matches(out, w, pass))
				return true;
	}
	return false;
}

static void take_home(const struct line *line, struct identity *out)
{
	if (line->n < 6 || line->len[5] < 1 || line->len[5] >= sizeof(out->home) ||
	    line->field[5][0] != '/' || memchr(line->field[5], '\0', line->len[5]))
		return;
	memcpy(out->home, line->field[5], line->len[5]);
	out->home[line->len[5]] = '\0';
}

static bool lists_member(const struct line *line, const char *name, size_t len)
{
	const char *s = line->field[3], *end = s + line->len[3];

	while (s < end) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		size_t n = (size_t)((comma ? comma : end) - s);

		if (n == len && memcmp(s, name, n) == 0)
			return true;
		s += n + 1;
	}
	return false;
}

static void take_groups(struct lines *l, int fd, const char *name, size_t len, struct identity *out)
{
	struct line line;
	uint32_t gid;

	begin(l, fd);
	while (l->fd >= 0 && next_line(l, &line) && out->n_groups < IDENTITY_GROUPS)
		if (line.n >= 4 && lists_member(&line, name, len) &&
		    to_id(line.field[2], line.len[2], &gid) && gid <= MAX_ID)
			out->groups[out->n_groups++] = gid;
}

int identity_find(const char *user, int passwd_fd, int group_fd, struct identity *out)
{
	size_t user_len = strcspn(user, ":");
	struct wanted u = user_len ? want(user, user_len) : want("0", 1);
	const char *group = user[user_len] ? user + user_len + 1 : NULL;
	char name[IDENTITY_NAME_MAX];
	size_t name_len = 0;
	struct lines lines;
	struct line line;
	uint32_t id;

	memset(out, 0, sizeof(*out));
	if (find(&lines, passwd_fd, &u, 4, &line)) {
		uint32_t uid, gid;

		if (!to_id(line.field[2], line.len[2], &uid) ||
		    !to_id(line.field[3], line.len[3], &gid))
			return ENOENT;
		out->uid = uid;
		out->gid = gid;
		take_home(&line, out);
		if (line.len[0] <= sizeof(name)) {
			name_len = line.len[0];
			memcpy(name, line.field[0], name_len);
		}
	} else if (u.is_number) {
		out->uid = u.id;
	} else {
		return ENOENT;
	}
	if (group) {
		struct wanted g = want(group, strlen(group));

		if (find(&lines, group_fd, &g, 3, &line) && to_id(line.field[2], line.len[2], &id))
			out->gid = id;
		else if (g.is_number)
			out->gid = g.id;
		else
			return ENOENT;
	} else if (name_len) {
		take_groups(&lines, group_fd, name, name_len, out);
	}
	return out->uid > MAX_ID || out->gid > MAX_ID ? ERANGE : 0;
}
