/* SPDX-License-Identifier: MIT */
#include "receiver/relay.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void relay_release(struct relay *r)
{
	r->from = close_fd(r->from);
}

/* Whether the words end in BUF; they may have begun in what came before it. */
static bool has_words(struct relay *r)
{
	char seam[2 * sizeof(r->last)];
	const size_t words = strlen(RELAY_SHALLOW);
	size_t start = r->len < sizeof(r->last) ? r->len : sizeof(r->last);

	memcpy(seam, r->last, r->n);
	memcpy(seam + r->n, r->buf, start);
	bool found = memmem(seam, r->n + start, RELAY_SHALLOW, words) ||
		     memmem(r->buf, r->len, RELAY_SHALLOW, words);
	/* the end of all that came so far: of BUF, or of the seam when BUF is shorter */
	const char *end = r->len < sizeof(r->last) ? seam + r->n + start : r->buf + r->len;
	size_t all = r->len < sizeof(r->last) ? r->n + start : r->len;
	r->n = all < sizeof(r->last) ? all : sizeof(r->last);
	memcpy(r->last, end - r->n, r->n);
	return found;
}

bool relay_read(struct relay *r)
{
	ssize_t n = read(r->from, r->buf, sizeof(r->buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) {
		r->from = close_fd(r->from);
		return false;
	}
	r->len = (size_t)n;
	if (r->shallow || !has_words(r))
		return false;
	return r->shallow = true;
}

int relay_write(struct relay *r, int to, struct error *err)
{
	ssize_t n = write(to, r->buf, r->len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pass on git's answer");
	r->len -= (size_t)n;
	memmove(r->buf, r->buf + n, r->len);
	return 0;
}
