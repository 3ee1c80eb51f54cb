/* SPDX-License-Identifier: MIT */
/*
 * Questions that are on their way to the host's resolvers. Each has a socket of its own, connected,
 * so that the kernel chooses its port and takes answers from nowhere else, and an id of its own.
 * Their number is bounded; when it is reached, an app that has more under way than the one who asks
 * loses its oldest, so that nobody's flood is another's outage.
 */
#ifndef RESOLVER_FORWARD_H
#define RESOLVER_FORWARD_H

#include <netinet/in.h>

#include "instance/instance.h"
#include "resolver/message.h"
#include "resolver/reach.h"
#include "resolver/upstream.h"

#define FORWARD_MAX 512
#define FORWARD_MAX_RANGE 128 /* of one app */

/* Who is told. */
struct forward_asker {
	int stream; /* index of the connection, -1: over UDP */
	struct sockaddr_in address;
	unsigned range;
};

struct forward {
	bool used;
	int fd;
	struct forward_asker asker;
	uint16_t id; /* the asker's */
	uint8_t *query;
	size_t len, question_end;
	size_t upstream; /* index in the list of upstreams */
	unsigned tries;
	int64_t begun_ms, next_ms;
	/* over TCP: the length in front counts */
	size_t sent, got, want;
	uint8_t *in;
};

/* RESPONSE has the asker's id; NULL: nobody answered. The forward is free already. */
typedef void forward_done(void *data, const struct forward_asker *asker, const uint8_t *query,
			  size_t query_len, uint8_t *response, size_t len);

/* All zero but for the pointers when it begins: what is never used is never touched. */
struct forwards {
	struct forward list[FORWARD_MAX];
	uint16_t of_range[INSTANCE_RANGES];
	size_t n;
	int epoll;
	uint64_t key; /* what stands in an event's data before the index */
	const struct upstreams *upstreams;
	const struct reach *reach;
	forward_done *done;
	void *data;
	uint64_t sent, evicted;
};

void forward_release(struct forwards *f);

/* Sends QUERY, which is copied. Calls done at once when that is not possible. */
void forward_begin(struct forwards *f, const struct forward_asker *asker, const uint8_t *query,
		   size_t len, size_t question_end);
/* One with an event. */
void forward_event(struct forwards *f, size_t index);
/* Tries elsewhere or gives up what has waited long enough; gives the milliseconds until the next,
 * -1 when none is under way. */
int forward_tick(struct forwards *f);
/* Forgets those of a connection that has gone. */
void forward_cancel(struct forwards *f, int stream);

#endif
