/* SPDX-License-Identifier: MIT */
#include "resolver/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "resolver/message.h"

#define SILENT_MS 10000
#define PREFIX 2 /* the length before a message */
#define IN_MAX (PREFIX + MESSAGE_QUERY_MAX)

void stream_release(struct streams *s)
{
	for (int i = 0; i < STREAM_MAX; i++)
		stream_close(s, i);
}

static void listen_for(struct streams *s, struct stream *t, int op, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = s->key | (uint64_t)(t - s->list)};
	if (epoll_ctl(s->epoll, op, t->fd, &event) < 0)
		stream_close(s, (int)(t - s->list));
}

void stream_close(struct streams *s, int index)
{
	struct stream *t = &s->list[index];
	if (!t->used)
		return;
	t->used = false;
	t->fd = close_fd(t->fd);
	free(t->in);
	free(t->out);
	t->in = t->out = NULL;
	s->n--;
	if (t->waiting)
		s->gone(s->data, index);
	t->waiting = false;
}

void stream_add(struct streams *s, int fd, const struct sockaddr_in *address, unsigned range)
{
	struct stream *t = NULL;
	size_t same = 0;
	for (size_t i = 0; i < STREAM_MAX; i++) {
		if (!s->list[i].used)
			t = t ? t : &s->list[i];
		else
			same += s->list[i].range == range;
	}
	if (!t || same >= STREAM_MAX_RANGE) {
		close_fd(fd);
		return;
	}
	*t = (struct stream){.used = true,
			     .fd = fd,
			     .address = *address,
			     .range = range,
			     .end_ms = clock_ms() + SILENT_MS};
	s->n++;
	listen_for(s, t, EPOLL_CTL_ADD, EPOLLIN);
}

/* Asks what has come, when it is whole and nothing else is under way. */
static void ask_next(struct streams *s, struct stream *t)
{
	size_t len = t->in_len < PREFIX ? 0 : (size_t)t->in[0] << 8 | t->in[1];
	if (t->waiting || t->out || t->in_len < PREFIX)
		return;
	if (len < MESSAGE_HEADER || len > MESSAGE_QUERY_MAX) {
		stream_close(s, (int)(t - s->list));
		return;
	}
	if (t->in_len < PREFIX + len)
		return;
	uint8_t query[MESSAGE_QUERY_MAX];
	memcpy(query, t->in + PREFIX, len);
	t->in_len -= PREFIX + len;
	memmove(t->in, t->in + PREFIX + len, t->in_len);
	t->waiting = true;
	listen_for(s, t, EPOLL_CTL_MOD, 0);
	if (t->used)
		s->ask(s->data, (int)(t - s->list), query, len);
}

static void read_more(struct streams *s, struct stream *t)
{
	if (!t->in)
		t->in = xmalloc(IN_MAX);
	ssize_t n = recv(t->fd, t->in + t->in_len, IN_MAX - t->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		stream_close(s, (int)(t - s->list));
		return;
	}
	t->in_len += (size_t)n;
	ask_next(s, t);
}

/* Gives true when all is written. */
static bool write_more(struct streams *s, struct stream *t)
{
	ssize_t n = send(t->fd, t->out + t->out_sent, t->out_len - t->out_sent, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		stream_close(s, (int)(t - s->list));
		return false;
	}
	t->out_sent += (size_t)n;
	if (t->out_sent < t->out_len)
		return false;
	free(t->out);
	t->out = NULL;
	t->end_ms = clock_ms() + SILENT_MS;
	return true;
}

void stream_event(struct streams *s, size_t index, uint32_t events)
{
	struct stream *t = &s->list[index < STREAM_MAX ? index : 0];
	if (index >= STREAM_MAX || !t->used)
		return;
	if (t->waiting) {
		/* only that it has gone is told then */
		if (events & (EPOLLHUP | EPOLLERR))
			stream_close(s, (int)index);
		return;
	}
	if (!t->out) {
		read_more(s, t);
	} else if (write_more(s, t)) {
		listen_for(s, t, EPOLL_CTL_MOD, EPOLLIN);
		if (t->used)
			ask_next(s, t);
	}
}

/* What has been asked together with this question is asked from the next event: not here, or many
 * small ones would stand on each other. */
void stream_answer(struct streams *s, int index, const uint8_t *response, size_t len)
{
	struct stream *t = &s->list[index];
	if (!t->used || !t->waiting)
		return;
	t->waiting = false;
	t->out_len = PREFIX + len;
	t->out_sent = 0;
	t->out = xmalloc(t->out_len);
	t->out[0] = (uint8_t)(len >> 8);
	t->out[1] = (uint8_t)len;
	memcpy(t->out + PREFIX, response, len);
	t->end_ms = clock_ms() + SILENT_MS;
	listen_for(s, t, EPOLL_CTL_MOD, EPOLLOUT);
}

int stream_tick(struct streams *s)
{
	int64_t now = clock_ms(), soonest = -1;
	for (int i = 0; s->n && i < STREAM_MAX; i++) {
		const struct stream *t = &s->list[i];
		if (t->used && !t->waiting && t->end_ms <= now)
			stream_close(s, i);
		/* one that waits has an end of its own */
		if (t->used && !t->waiting && (soonest < 0 || t->end_ms < soonest))
			soonest = t->end_ms;
	}
	return soonest < 0 ? -1 : (int)(soonest - now);
}
