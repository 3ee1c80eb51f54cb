/* SPDX-License-Identifier: MIT */
#include "resolver/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"

/* Shorter than the five seconds after which programs ask again by themselves. */
#define TRY_MS 1500
#define GIVE_UP_MS 4500
#define TRIES_EACH 2
#define PREFIX 2 /* the length before a message over TCP */

static void end_one(struct forwards *f, struct forward *w)
{
	w->fd = close_fd(w->fd);
	w->used = false;
	free(w->query);
	free(w->in);
	w->query = w->in = NULL;
	f->of_range[w->asker.range]--;
	f->n--;
}

void forward_release(struct forwards *f)
{
	for (size_t i = 0; i < FORWARD_MAX; i++)
		if (f->list[i].used)
			end_one(f, &f->list[i]);
}

/* Tells the asker. */
static void finish(struct forwards *f, struct forward *w, uint8_t *response, size_t len)
{
	struct forward_asker asker = w->asker;
	_cleanup_free_ uint8_t *query = TAKE_PTR(w->query);
	size_t query_len = w->len;
	message_set_id(query, w->id);
	if (response)
		message_set_id(response, w->id);
	end_one(f, w);
	f->done(f->data, &asker, query, query_len, response, len);
}

static bool is_tcp(const struct forward *w)
{
	return w->asker.stream >= 0;
}

/* A socket of its own for each try, so that what comes late to an earlier one is not heard. */
static int open_one(struct forwards *f, struct forward *w, const struct upstream *to)
{
	uint16_t id;
	int type = is_tcp(w) ? SOCK_STREAM : SOCK_DGRAM;
	_cleanup_close_ int fd =
		socket(to->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return -1;
	if (connect(fd, (const struct sockaddr *)&to->address, to->len) < 0 && errno != EINPROGRESS)
		return -1;
	message_set_id(w->query, id);
	if (!is_tcp(w) && send(fd, w->query, w->len, MSG_NOSIGNAL) != (ssize_t)w->len)
		return -1;
	struct epoll_event event = {
		.events = is_tcp(w) ? EPOLLOUT : EPOLLIN,
		.data.u64 = f->key | (uint64_t)(w - f->list),
	};
	if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -1;
	close_fd(w->fd);
	w->fd = TAKE_FD(fd);
	free(w->in);
	w->in = NULL;
	w->sent = w->got = w->want = 0;
	f->sent++;
	return 0;
}

/* To the next upstream that may be asked and can be; tells the asker when there is none. */
static void try_next(struct forwards *f, struct forward *w)
{
	int64_t now = clock_ms();
	size_t n = f->upstreams->n;
	while (w->tries < n * TRIES_EACH && now - w->begun_ms < GIVE_UP_MS) {
		const struct upstream *to = &f->upstreams->list[w->tries % n];
		w->tries++;
		if (!reach_may_ask(f->reach, w->asker.range, to->v4) || open_one(f, w, to) < 0)
			continue;
		/* a connection has all the time, or it could not bring much */
		w->next_ms = is_tcp(w) ? w->begun_ms + GIVE_UP_MS : now + TRY_MS;
		return;
	}
	finish(f, w, NULL, 0);
}

/* The oldest of the app that has the most under way, when that is more than the asker's. */
static bool make_room(struct forwards *f, unsigned range)
{
	struct forward *oldest = NULL;
	unsigned most = 0;
	for (unsigned i = 0; i < INSTANCE_RANGES; i++)
		if (f->of_range[i] > f->of_range[most])
			most = i;
	if (f->of_range[most] <= f->of_range[range] + 1)
		return false;
	for (size_t i = 0; i < FORWARD_MAX; i++) {
		struct forward *w = &f->list[i];
		if (w->used && w->asker.range == most &&
		    (!oldest || w->begun_ms < oldest->begun_ms))
			oldest = w;
	}
	f->evicted++;
	finish(f, oldest, NULL, 0);
	return true;
}

/* The same question from the same place: whoever asks again has not been forgotten. */
static bool is_under_way(const struct forwards *f, const struct forward_asker *asker, uint16_t id)
{
	for (size_t i = 0; asker->stream < 0 && i < FORWARD_MAX; i++) {
		const struct forward *w = &f->list[i];
		if (w->used && w->id == id && w->asker.stream < 0 &&
		    w->asker.address.sin_port == asker->address.sin_port &&
		    w->asker.address.sin_addr.s_addr == asker->address.sin_addr.s_addr)
			return true;
	}
	return false;
}

void forward_begin(struct forwards *f, const struct forward_asker *asker, const uint8_t *query,
		   size_t len, size_t question_end)
{
	struct forward *w = f->list;
	if (f->n && is_under_way(f, asker, message_id(query)))
		return;
	if (f->of_range[asker->range] >= FORWARD_MAX_RANGE ||
	    (f->n == FORWARD_MAX && !make_room(f, asker->range))) {
		f->evicted++;
		f->done(f->data, asker, query, len, NULL, 0);
		return;
	}
	while (w->used)
		w++;
	memset(w, 0, sizeof(*w));
	w->used = true;
	w->fd = -1;
	w->asker = *asker;
	w->id = message_id(query);
	w->query = xmalloc(len);
	memcpy(w->query, query, len);
	w->len = len;
	w->question_end = question_end;
	w->begun_ms = clock_ms();
	f->n++;
	f->of_range[asker->range]++;
	try_next(f, w);
}

static void read_datagram(struct forwards *f, struct forward *w)
{
	static uint8_t in[MESSAGE_MAX];
	ssize_t n = recv(w->fd, in, sizeof(in), 0);
	if (n < 0) {
		/* nobody listens there */
		if (errno != EAGAIN && errno != EINTR)
			try_next(f, w);
		return;
	}
	if (!message_answers(in, (size_t)n, w->query, w->question_end))
		return;
	enum message_code code = message_code(in);
	bool another = w->tries < f->upstreams->n;
	if (another && (code == MESSAGE_SERVFAIL || code == MESSAGE_REFUSED))
		try_next(f, w);
	else
		finish(f, w, in, (size_t)n);
}

/* Gives false when the connection is of no use. */
static bool write_stream(struct forwards *f, struct forward *w)
{
	uint8_t prefix[PREFIX] = {(uint8_t)(w->len >> 8), (uint8_t)w->len};
	struct iovec parts[] = {{prefix, PREFIX}, {w->query, w->len}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	/* a query fits the buffer of a new connection; one that takes only a part is broken */
	ssize_t n = sendmsg(w->fd, &m, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n != (ssize_t)(PREFIX + w->len))
		return false;
	w->sent = (size_t)n;
	struct epoll_event event = {.events = EPOLLIN,
				    .data.u64 = f->key | (uint64_t)(w - f->list)};
	return epoll_ctl(f->epoll, EPOLL_CTL_MOD, w->fd, &event) == 0;
}

/* Gives false when the connection is of no use; true also when all is there, w->got == w->want. */
static bool read_stream(struct forward *w)
{
	uint8_t prefix[PREFIX];
	if (!w->in) {
		ssize_t n = recv(w->fd, prefix, PREFIX, MSG_PEEK);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		if (n < PREFIX)
			return true;
		w->want = PREFIX + ((size_t)prefix[0] << 8 | prefix[1]);
		w->in = xmalloc(w->want);
	}
	ssize_t n = recv(w->fd, w->in + w->got, w->want - w->got, 0);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	w->got += (size_t)n;
	return true;
}

static void serve_stream(struct forwards *f, struct forward *w)
{
	if (w->sent == 0 ? !write_stream(f, w) : !read_stream(w)) {
		try_next(f, w);
		return;
	}
	if (!w->in || w->got < w->want)
		return;
	size_t len = w->want - PREFIX;
	if (!message_answers(w->in + PREFIX, len, w->query, w->question_end)) {
		try_next(f, w);
		return;
	}
	_cleanup_free_ uint8_t *in = TAKE_PTR(w->in);
	finish(f, w, in + PREFIX, len);
}

void forward_event(struct forwards *f, size_t index)
{
	if (index >= FORWARD_MAX || !f->list[index].used)
		return;
	if (is_tcp(&f->list[index]))
		serve_stream(f, &f->list[index]);
	else
		read_datagram(f, &f->list[index]);
}

int forward_tick(struct forwards *f)
{
	int64_t now = clock_ms(), soonest = -1;
	if (f->n == 0)
		return -1;
	for (size_t i = 0; i < FORWARD_MAX; i++) {
		struct forward *w = &f->list[i];
		if (w->used && w->next_ms <= now)
			try_next(f, w);
		if (w->used && (soonest < 0 || w->next_ms < soonest))
			soonest = w->next_ms;
	}
	return soonest < 0 ? -1 : soonest <= now ? 0 : (int)(soonest - now);
}

void forward_cancel(struct forwards *f, int stream)
{
	for (size_t i = 0; f->n && i < FORWARD_MAX; i++)
		if (f->list[i].used && f->list[i].asker.stream == stream)
			end_one(f, &f->list[i]);
}
