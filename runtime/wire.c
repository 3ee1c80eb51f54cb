/* SPDX-License-Identifier: MIT */
#include "runtime/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"

void wire_frame_init(struct wire_frame *f)
{
	memset(f, 0, sizeof(*f));
	strbuf_init(&f->payload);
	for (size_t i = 0; i < WIRE_MAX_FDS; i++)
		f->fds[i] = -1;
}

void wire_frame_release(struct wire_frame *f)
{
	strbuf_release(&f->payload);
	for (size_t i = 0; i < WIRE_MAX_FDS; i++)
		f->fds[i] = close_fd(f->fds[i]);
	f->nfds = 0;
}

int wire_send(int fd, enum wire_type type, const struct strbuf *payload, const int *fds,
	      size_t nfds, struct error *err)
{
	struct wire_head head = {WIRE_MAGIC, (uint32_t)type, payload ? (uint32_t)payload->len : 0};

	if (payload && payload->len > WIRE_MAX_BYTES)
		return error_set(err, ERROR_INVALID, 0, "a message of %zu bytes is too long",
				 payload->len);
	/* One send for a small frame: the other side wakes up once. */
	if (head.bytes && head.bytes <= 65536) {
		_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;

		strbuf_add(&all, &head, sizeof(head));
		strbuf_add(&all, payload->data, payload->len);
		return sock_send(fd, all.data, all.len, fds, nfds, err);
	}
	if (sock_send(fd, &head, sizeof(head), fds, nfds, err) < 0)
		return -1;
	return head.bytes ? sock_send(fd, payload->data, payload->len, NULL, 0, err) : 0;
}

static int receive_head(int fd, struct wire_frame *f, struct wire_head *head, struct error *err)
{
	int fds[SOCK_MAX_FDS];
	size_t nfds = 0, kept = 0;
	ssize_t n = sock_recv(fd, head, sizeof(*head), fds, &nfds, err);

	if (n < 0)
		return -1;
	for (size_t i = 0; i < nfds; i++) {
		if (kept < WIRE_MAX_FDS)
			f->fds[kept++] = fds[i];
		else
			close(fds[i]);
	}
	f->nfds = kept;
	if (n == 0)
		return error_set(err, ERROR_CANCELLED, 0, "the other side went away");
	if (nfds > WIRE_MAX_FDS)
		return error_set(err, ERROR_INVALID, 0, "a message with %zu descriptors", nfds);
	if ((size_t)n < sizeof(*head))
		return sock_recv_all(fd, (char *)head + n, sizeof(*head) - (size_t)n, err);
	return 0;
}

int wire_recv(int fd, struct wire_frame *f, struct error *err)
{
	struct wire_head head;

	if (receive_head(fd, f, &head, err) < 0)
		return -1;
	if (head.magic != WIRE_MAGIC)
		return error_set(err, ERROR_INVALID, 0,
				 "a message of another version: restart all of Berth");
	if (head.bytes > WIRE_MAX_BYTES)
		return error_set(err, ERROR_INVALID, 0, "a message of %u bytes is too long",
				 head.bytes);
	f->type = (enum wire_type)head.type;
	if (!head.bytes)
		return 0;
	if (sock_recv_all(fd, strbuf_grow(&f->payload, head.bytes), head.bytes, err) < 0)
		return -1;
	strbuf_grown(&f->payload, head.bytes);
	return 0;
}

int wire_send_error(int fd, const struct error *e)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	wire_put_u32(&sb, (uint32_t)e->code);
	wire_put_u32(&sb, (uint32_t)e->sys);
	wire_put_str(&sb, e->message);
	return wire_send(fd, WIRE_ERROR, &sb, NULL, 0, NULL);
}

void wire_put_u32(struct strbuf *sb, uint32_t v)
{
	strbuf_add(sb, &v, sizeof(v));
}

void wire_put_u64(struct strbuf *sb, uint64_t v)
{
	strbuf_add(sb, &v, sizeof(v));
}

void wire_put_bytes(struct strbuf *sb, const void *data, size_t len)
{
	wire_put_u32(sb, (uint32_t)len);
	strbuf_add(sb, data, len);
}

void wire_put_str(struct strbuf *sb, const char *s)
{
	wire_put_bytes(sb, s, strlen(s));
}

void wire_put_list(struct strbuf *sb, const struct strvec *list)
{
	wire_put_u32(sb, (uint32_t)list->n);
	for (size_t i = 0; i < list->n; i++)
		wire_put_str(sb, list->v[i]);
}

void wire_reader_init(struct wire_reader *r, const void *data, size_t len)
{
	r->at = data;
	r->left = len;
	r->bad = false;
}

static const void *take(struct wire_reader *r, size_t n)
{
	const void *p = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return p;
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	const void *p = take(r, sizeof(uint32_t));
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	const void *p = take(r, sizeof(uint64_t));
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

const void *wire_get_bytes(struct wire_reader *r, size_t *out_len)
{
	size_t len = wire_get_u32(r);
	const void *p = take(r, len);

	*out_len = p ? len : 0;
	return p;
}

char *wire_get_str(struct wire_reader *r, size_t max)
{
	size_t len;
	const char *p = wire_get_bytes(r, &len);

	if (!p)
		return NULL;
	if (len > max || memchr(p, '\0', len)) {
		r->bad = true;
		return NULL;
	}
	return xstrndup(p, len);
}

void wire_get_list(struct wire_reader *r, struct strvec *out, size_t max, size_t str_max)
{
	size_t n = wire_get_u32(r);

	if (n > max)
		r->bad = true;
	for (size_t i = 0; i < n && !r->bad; i++) {
		char *s = wire_get_str(r, str_max);

		if (s)
			strvec_push_take(out, s);
	}
}

bool wire_reader_done(const struct wire_reader *r)
{
	return !r->bad && r->left == 0;
}
