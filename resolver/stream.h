/* SPDX-License-Identifier: MIT */
/*
 * Connections over TCP: one question at a time of each. Their number is bounded, and that of one
 * app; whoever does not say or take anything for a while is hung up on.
 */
#ifndef RESOLVER_STREAM_H
#define RESOLVER_STREAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAX 64
#define STREAM_MAX_RANGE 16 /* of one app */

struct stream {
	bool used;
	int fd;
	struct sockaddr_in address;
	unsigned range;
	bool waiting; /* its question is on its way */
	uint8_t *in, *out;
	size_t in_len, out_len, out_sent;
	int64_t end_ms;
};

/* A whole question of stream INDEX; it is answered with stream_answer, now or later, or hung up on
 * with stream_close. */
typedef void stream_ask(void *data, int index, const uint8_t *query, size_t len);
typedef void stream_gone(void *data, int index);

/* All zero but for the pointers when it begins. */
struct streams {
	struct stream list[STREAM_MAX];
	size_t n;
	int epoll;
	uint64_t key; /* what stands in an event's data before the index */
	stream_ask *ask;
	stream_gone *gone; /* while its question was on its way */
	void *data;
};

void stream_release(struct streams *s);
/* Takes over FD, which is non-blocking. */
void stream_add(struct streams *s, int fd, const struct sockaddr_in *address, unsigned range);
void stream_event(struct streams *s, size_t index, uint32_t events);
void stream_answer(struct streams *s, int index, const uint8_t *response, size_t len);
void stream_close(struct streams *s, int index);
/* Hangs up on the silent; gives the milliseconds until the next, -1 when there is none. */
int stream_tick(struct streams *s);

#endif
