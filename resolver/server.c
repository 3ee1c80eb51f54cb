/* SPDX-License-Identifier: MIT */
#include "resolver/server.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/strbuf.h"
#include "resolver/answer.h"
#include "resolver/forward.h"
#include "resolver/holder.h"
#include "resolver/stream.h"

#define EVENTS 64
/* Datagrams that are read before the other events get their turn. */
#define ROUNDS 64

/* What an event's data begins with; the rest is an index. */
enum source {
	SOURCE_UDP,
	SOURCE_TCP,
	SOURCE_ALIVE,
	SOURCE_FORWARD,
	SOURCE_STREAM,
};
#define KEY(source) ((uint64_t)(source) << 32)

struct server {
	struct answerer answerer;
	struct forwards forwards;
	struct streams streams;
	int udp, tcp, alive, epoll;
	uint64_t questions, strangers;
};

static void send_datagram(const struct server *s, const struct sockaddr_in *to, const uint8_t *data,
			  size_t len)
{
	/* a full buffer loses it, as the network might */
	if (sendto(s->udp, data, len, MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return;
}

static void tell(struct server *s, const struct forward_asker *asker, const uint8_t *data,
		 size_t len)
{
	if (asker->stream >= 0)
		stream_answer(&s->streams, asker->stream, data, len);
	else
		send_datagram(s, &asker->address, data, len);
}

static void on_forwarded(void *data, const struct forward_asker *asker, const uint8_t *query,
			 size_t query_len, uint8_t *response, size_t len)
{
	struct server *s = data;
	struct message_query q;
	uint8_t out[MESSAGE_UDP_MIN];
	if (!response && message_read_query(query, query_len, &q) == MESSAGE_OK)
		len = answer_failure(query, &q, response = out);
	if (response)
		tell(s, asker, response, len);
}

/* Gives false when the asker deserves no answer. */
static bool answer(struct server *s, const struct forward_asker *asker, const uint8_t *data,
		   size_t len)
{
	static uint8_t out[ANSWER_MAX];
	struct message_query q;
	size_t out_len = 0;
	s->questions++;
	switch (answer_query(&s->answerer, asker->range, asker->stream < 0, data, len, &q, out,
			     &out_len)) {
	case ANSWER_REPLY:
		tell(s, asker, out, out_len);
		return true;
	case ANSWER_FORWARD:
		forward_begin(&s->forwards, asker, data, len, q.question_end);
		return true;
	case ANSWER_NONE:
		break;
	}
	return false;
}

static void on_stream(void *data, int index, const uint8_t *query, size_t len)
{
	struct server *s = data;
	const struct stream *t = &s->streams.list[index];
	struct forward_asker asker = {index, t->address, t->range};
	if (!answer(s, &asker, query, len))
		stream_close(&s->streams, index);
}

static void on_gone(void *data, int index)
{
	struct server *s = data;
	forward_cancel(&s->forwards, index);
}

static void take_datagrams(struct server *s)
{
	uint8_t in[MESSAGE_QUERY_MAX + 1];
	for (int i = 0; i < ROUNDS; i++) {
		struct forward_asker asker = {.stream = -1};
		socklen_t size = sizeof(asker.address);
		ssize_t n = recvfrom(s->udp, in, sizeof(in), 0, (struct sockaddr *)&asker.address,
				     &size);
		if (n < 0)
			return;
		int range = holder_range(s->answerer.run, ntohl(asker.address.sin_addr.s_addr));
		if (range == HOLDER_NONE) {
			s->strangers++;
			continue;
		}
		asker.range = (unsigned)range;
		answer(s, &asker, in, (size_t)n);
	}
}

static void take_stream(struct server *s)
{
	struct sockaddr_in address = {0};
	socklen_t size = sizeof(address);
	_cleanup_close_ int fd =
		accept4(s->tcp, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	int range = holder_range(s->answerer.run, ntohl(address.sin_addr.s_addr));
	if (range == HOLDER_NONE)
		s->strangers++;
	else
		stream_add(&s->streams, TAKE_FD(fd), &address, (unsigned)range);
}

static void tell_counters(struct server *s)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = accept4(s->alive, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	strbuf_addf(&text,
		    "{\"questions\":%llu,\"strangers\":%llu,\"forwarded\":%llu,\"refused\":%llu,"
		    "\"under_way\":%zu,\"connections\":%zu}\n",
		    (unsigned long long)s->questions, (unsigned long long)s->strangers,
		    (unsigned long long)s->forwards.sent, (unsigned long long)s->forwards.evicted,
		    s->forwards.n, s->streams.n);
	/* who only wanted to see that it is there has gone already */
	(void)sock_send(fd, text.data, text.len, NULL, 0, NULL);
}

static void serve(struct server *s, const struct epoll_event *event)
{
	size_t index = event->data.u64 & 0xffffffff;
	switch ((enum source)(event->data.u64 >> 32)) {
	case SOURCE_UDP:
		take_datagrams(s);
		break;
	case SOURCE_TCP:
		take_stream(s);
		break;
	case SOURCE_ALIVE:
		tell_counters(s);
		break;
	case SOURCE_FORWARD:
		forward_event(&s->forwards, index);
		break;
	case SOURCE_STREAM:
		stream_event(&s->streams, index, event->events);
		break;
	}
}

static int watch(const struct server *s, int fd, enum source source, struct error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = KEY(source)};
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "watch a socket");
	return 0;
}

static int prepare(struct server *s, const struct instance *inst, struct error *err)
{
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return error_set(err, ERROR_SYSTEM, errno, "epoll_create");
	s->forwards.epoll = s->epoll;
	s->forwards.key = KEY(SOURCE_FORWARD);
	s->forwards.upstreams = &s->answerer.upstreams;
	s->forwards.reach = &s->answerer.reach;
	s->forwards.done = on_forwarded;
	s->forwards.data = s;
	s->streams.epoll = s->epoll;
	s->streams.key = KEY(SOURCE_STREAM);
	s->streams.ask = on_stream;
	s->streams.gone = on_gone;
	s->streams.data = s;
	return answer_open(&s->answerer, inst, err) < 0 || watch(s, s->udp, SOURCE_UDP, err) < 0 ||
			       watch(s, s->tcp, SOURCE_TCP, err) < 0 ||
			       watch(s, s->alive, SOURCE_ALIVE, err) < 0
		       ? -1
		       : 0;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int server_run(const struct instance *inst, const int sockets[SOCKET_COUNT], int alive,
	       struct error *err)
{
	static struct server s;
	s.udp = sockets[0];
	s.tcp = sockets[1];
	s.alive = alive;
	if (prepare(&s, inst, err) < 0)
		return -1;
	for (;;) {
		struct epoll_event events[EVENTS];
		int sleep_ms = sooner(forward_tick(&s.forwards), stream_tick(&s.streams));
		int n = epoll_wait(s.epoll, events, EVENTS, sleep_ms);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "epoll_wait");
		for (int i = 0; i < n; i++)
			serve(&s, &events[i]);
	}
}
