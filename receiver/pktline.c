// SPDX-License-Identifier: MIT
#include "receiver/pktline.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The number in the four digits at S, from 0 for a flush to PKTLINE_MAX + 4. */
static int pktline_length(const char *s, size_t *out, struct error *err)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(s[i]);
		if (digit < 0)
			return error_set(err, ERROR_INVALID, 0,
					 "a packet's length is not four hex digits");
		n = n << 4 | (size_t)digit;
	}
	if ((n > 0 && n < 4) || n > PKTLINE_MAX + 4)
		return error_set(err, ERROR_INVALID, 0, "a packet's length is %zu", n);
	*out = n;
	return 0;
}

int pktline_decode(const char *data, size_t len, enum pktline_kind *out_kind,
		   const char **out_payload, size_t *out_payload_len, size_t *out_used,
		   struct error *err)
{
	size_t n;

	if (len < 4) {
		*out_used = 0;
		return 0;
	}
	if (pktline_length(data, &n, err))
		return -1;
	if (n > len) {
		*out_used = 0;
		return 0;
	}
	*out_kind = n ? PKTLINE_DATA : PKTLINE_FLUSH;
	*out_payload = data + 4;
	*out_payload_len = n ? n - 4 : 0;
	*out_used = n ? n : 4;
	return 0;
}

/* Up to LEN bytes; fewer only at the end of the stream. */
static int read_exactly(int fd, char *data, size_t len, size_t *out_len, struct error *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, data + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read a packet");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*out_len = got;
	return 0;
}

int pktline_read(int fd, enum pktline_kind *out_kind, struct strbuf *out, struct error *err)
{
	char head[4];
	size_t got, n;

	if (read_exactly(fd, head, sizeof(head), &got, err))
		return -1;
	strbuf_reset(out);
	if (got == 0) {
		*out_kind = PKTLINE_END;
		return 0;
	}
	if (got < sizeof(head))
		return error_set(err, ERROR_INVALID, 0, "the stream ends within a packet");
	if (pktline_length(head, &n, err))
		return -1;
	if (n == 0) {
		*out_kind = PKTLINE_FLUSH;
		return 0;
	}
	if (read_exactly(fd, strbuf_grow(out, n - 4), n - 4, &got, err))
		return -1;
	if (got < n - 4)
		return error_set(err, ERROR_INVALID, 0, "the stream ends within a packet");
	strbuf_grown(out, got);
	if (out->len && out->data[out->len - 1] == '\n')
		strbuf_truncate(out, out->len - 1);
	*out_kind = PKTLINE_DATA;
	return 0;
}

int pktline_add(struct strbuf *out, const void *payload, size_t len, struct error *err)
{
	if (len > PKTLINE_MAX)
		return error_set(err, ERROR_INVALID, 0, "a packet of %zu bytes is too long", len);
	strbuf_addf(out, "%04zx", len + 4);
	strbuf_add(out, payload, len);
	return 0;
}

int pktline_addf(struct strbuf *out, struct error *err, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&line, fmt, ap);
	va_end(ap);
	return pktline_add(out, line.data, line.len, err);
}

void pktline_add_flush(struct strbuf *out)
{
	strbuf_addstr(out, "0000");
}
