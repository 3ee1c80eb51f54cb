/* SPDX-License-Identifier: MIT */
/*
 * DNS messages (RFC 1035, EDNS: RFC 6891), as far as a resolver between programs and other
 * resolvers has to read them: the one question of a query, and whether a response is the response
 * to it. Names are read where they stand and no compression pointer is ever followed, so there is
 * no loop to be caught in. What others answer is handed on as it is.
 */
#ifndef RESOLVER_MESSAGE_H
#define RESOLVER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_HEADER 12
#define MESSAGE_MAX 65535
/* A query is a header, one question, and a few options. */
#define MESSAGE_QUERY_MAX 4096
#define MESSAGE_UDP_MIN 512
/* What fits every path without fragments. */
#define MESSAGE_UDP_MAX 1232
#define MESSAGE_NAME_MAX 255

enum message_type {
	MESSAGE_A = 1,
	MESSAGE_AAAA = 28,
	MESSAGE_IXFR = 251,
	MESSAGE_AXFR = 252,
	MESSAGE_ANY = 255,
};

enum message_code {
	MESSAGE_OK = 0,
	MESSAGE_FORMERR = 1,
	MESSAGE_SERVFAIL = 2,
	MESSAGE_NXDOMAIN = 3,
	MESSAGE_NOTIMP = 4,
	MESSAGE_REFUSED = 5,
	MESSAGE_BADVERS = 16,
};

struct message_query {
	/* Lower case, without the last dot. Only letters, digits, "-" and "_" when `plain`; any
	 * other byte of a label stands as '?'. */
	char name[MESSAGE_NAME_MAX + 1];
	bool plain;
	uint16_t type, class;
	size_t question_end; /* header and question: the first so many bytes */
	size_t last_label;   /* where the last label of the name begins; 0 for the root */
	bool edns;
	size_t udp_size; /* the longest response that the asker takes over UDP */
};

/* Gives MESSAGE_OK; the code to answer with, when OUT has as much as could be read
 * (question_end 0: not even the question); or -1 for what is no query and gets no answer. Fuzzed.
 */
int message_read_query(const uint8_t *data, size_t len, struct message_query *out);

/* RESPONSE answers the query of which QUERY's first QUESTION_END bytes are header and question:
 * same id, one and the same question. */
bool message_answers(const uint8_t *response, size_t len, const uint8_t *query,
		     size_t question_end);

uint16_t message_id(const uint8_t *data);
void message_set_id(uint8_t *data, uint16_t id);
enum message_code message_code(const uint8_t *data);

struct message_reply {
	enum message_code code;
	bool authoritative;        /* then without an address the zone's SOA is put in (RFC 2308) */
	const uint32_t *addresses; /* host byte order */
	bool ipv6;                 /* of each the IPv6 one that follows from it */
	size_t n;
	uint32_t ttl;
};

/* Writes a response to QUERY, read as Q, of at most MAX (at least MESSAGE_UDP_MIN) bytes to OUT;
 * gives its length. Addresses that do not fit are left out and the response is marked as cut. */
size_t message_write(const uint8_t *query, const struct message_query *q,
		     const struct message_reply *reply, uint8_t *out, size_t max);

#endif
