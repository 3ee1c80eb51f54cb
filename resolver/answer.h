/* SPDX-License-Identifier: MIT */
/*
 * What a question gets. Names below "internal" are answered here and never asked outside:
 * APP.TYPE.internal, APP.TYPE.N.internal for one process, APP.internal for web, with an IPv6
 * address of each process that has one. There is such a
 * name only for whom the app may be reached by; everyone else is told that there is none. All other
 * names are for the host's resolvers, unless the asker's egress policy is closed; then it is told
 * only of the hosts that this names, as berthd has found them.
 */
#ifndef RESOLVER_ANSWER_H
#define RESOLVER_ANSWER_H

#include "resolver/message.h"
#include "resolver/names.h"
#include "resolver/reach.h"
#include "resolver/upstream.h"

/* Of what is answered here: NAMES_MAX addresses fit. */
#define ANSWER_MAX (MESSAGE_HEADER + MESSAGE_NAME_MAX + 4 + 28 * NAMES_MAX + 64)

struct answerer {
	int run; /* the run folder */
	struct reach reach;
	struct upstreams upstreams;
	/* how the names of the instance's addresses end: ".200.10.in-addr.arpa" */
	char reverse[40], reverse6[80];
};

enum answer {
	ANSWER_NONE,    /* not even an error is sent */
	ANSWER_REPLY,   /* what was written */
	ANSWER_FORWARD, /* ask an upstream */
};

int answer_open(struct answerer *a, const struct instance *inst, struct error *err);
void answer_close(struct answerer *a);

/* DATA came from a container of the app with RANGE (0: a build's). Reads it to *Q; a reply goes to
 * OUT (ANSWER_MAX bytes), no longer than the asker takes when it came over UDP. */
enum answer answer_query(struct answerer *a, unsigned range, bool udp, const uint8_t *data,
			 size_t len, struct message_query *q, uint8_t *out, size_t *out_len);

/* Writes that nobody answered. */
size_t answer_failure(const uint8_t *data, const struct message_query *q, uint8_t *out);

#endif
