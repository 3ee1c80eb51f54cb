/* SPDX-License-Identifier: MIT */
/* DNS messages: what is read of a question, and what is written back. */
#include "resolver/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define ADDRESSES 100

struct packet {
	uint8_t data[MESSAGE_QUERY_MAX + 8];
	size_t len;
};

static void put(struct packet *p, const void *bytes, size_t n)
{
	assert_true(p->len + n <= sizeof(p->data));
	memcpy(p->data + p->len, bytes, n);
	p->len += n;
}

#define PUT(p, literal) put((p), (literal), sizeof(literal) - 1)

/* A header with COUNTS as its last bytes, then REST. */
static int read_packet(struct packet *p, const char *flags, const char *counts, const char *rest,
		       size_t n, struct message_query *q)
{
	p->len = 0;
	PUT(p, "\x12\x34");
	put(p, flags, 2);
	put(p, counts, 8);
	put(p, rest, n);
	return message_read_query(p->data, p->len, q);
}

#define ONE "\0\1\0\0\0\0\0\0"
#define ONE_AND_EXTRA "\0\1\0\0\0\0\0\1"
#define READ(p, flags, counts, rest, q)                                                            \
	read_packet((p), (flags), (counts), (rest), sizeof(rest) - 1, (q))
#define QUESTION "\4Blog\3wEb\10internal\0\0\1\0\1"

static void reads_a_question(void **state)
{
	struct packet p;
	struct message_query q;
	(void)state;
	assert_int_equal(READ(&p, "\1\0", ONE, QUESTION, &q), MESSAGE_OK);
	assert_string_equal(q.name, "blog.web.internal");
	assert_true(q.plain);
	assert_int_equal(q.type, MESSAGE_A);
	assert_int_equal(q.class, 1);
	assert_int_equal(q.question_end, p.len);
	assert_int_equal(q.last_label, MESSAGE_HEADER + 9);
	assert_int_equal(q.udp_size, MESSAGE_UDP_MIN);
	/* the root, and bytes that no name of ours has */
	assert_int_equal(READ(&p, "\1\0", ONE, "\0\0\2\0\1", &q), MESSAGE_OK);
	assert_string_equal(q.name, "");
	assert_int_equal(READ(&p, "\1\0", ONE, "\3a.b\10internal\0\0\1\0\1", &q), MESSAGE_OK);
	assert_string_equal(q.name, "a?b.internal");
	assert_false(q.plain);
}

static void reads_edns(void **state)
{
	struct packet p;
	struct message_query q;
	(void)state;
	assert_int_equal(READ(&p, "\1\0", ONE_AND_EXTRA, QUESTION "\0\0\51\2\130\0\0\0\0\0\0", &q),
			 MESSAGE_OK);
	assert_true(q.edns);
	assert_int_equal(q.udp_size, 600);
	/* more than is ever sent, and less than everyone takes */
	assert_int_equal(
		READ(&p, "\1\0", ONE_AND_EXTRA, QUESTION "\0\0\51\xff\xff\0\0\0\0\0\0", &q),
		MESSAGE_OK);
	assert_int_equal(q.udp_size, MESSAGE_UDP_MAX);
	assert_int_equal(READ(&p, "\1\0", ONE_AND_EXTRA, QUESTION "\0\0\51\0\1\0\0\0\0\0\0", &q),
			 MESSAGE_OK);
	assert_int_equal(q.udp_size, MESSAGE_UDP_MIN);
	assert_int_equal(READ(&p, "\1\0", ONE_AND_EXTRA, QUESTION "\0\0\51\2\130\0\1\0\0\0\0", &q),
			 MESSAGE_BADVERS);
}

static void refuses_what_is_malformed(void **state)
{
	struct packet p;
	struct message_query q;
	(void)state;
	/* no message, a response, another operation */
	assert_int_equal(message_read_query((const uint8_t *)"\0\1", 2, &q), -1);
	assert_int_equal(READ(&p, "\x81\x80", ONE, QUESTION, &q), -1);
	assert_int_equal(READ(&p, "\x28\0", ONE, QUESTION, &q), MESSAGE_NOTIMP);
	/* none, two, cut short at each byte, with something behind */
	assert_int_equal(READ(&p, "\1\0", "\0\0\0\0\0\0\0\0", "", &q), MESSAGE_FORMERR);
	assert_int_equal(READ(&p, "\1\0", "\0\2\0\0\0\0\0\0", QUESTION QUESTION, &q),
			 MESSAGE_FORMERR);
	assert_int_equal(READ(&p, "\1\0", ONE, QUESTION, &q), MESSAGE_OK);
	for (size_t len = MESSAGE_HEADER; len < p.len; len++)
		assert_int_equal(message_read_query(p.data, len, &q), MESSAGE_FORMERR);
	assert_int_equal(READ(&p, "\1\0", ONE, QUESTION "x", &q), MESSAGE_FORMERR);
	/* a name that points to itself, one whose label is longer than the rest, two kinds of label
	 * that are none */
	assert_int_equal(READ(&p, "\1\0", ONE, "\xc0\x0c\0\1\0\1", &q), MESSAGE_FORMERR);
	assert_int_equal(READ(&p, "\1\0", ONE, "\77a\0\0\1\0\1", &q), MESSAGE_FORMERR);
	assert_int_equal(READ(&p, "\1\0", ONE,
			      "\x80"
			      "a\0\0\1\0\1",
			      &q),
			 MESSAGE_FORMERR);
	/* an option twice, and one that is longer than the message */
	assert_int_equal(READ(&p, "\1\0", "\0\1\0\0\0\0\0\2",
			      QUESTION "\0\0\51\2\0\0\0\0\0\0\0"
				       "\0\0\51\2\0\0\0\0\0\0\0",
			      &q),
			 MESSAGE_FORMERR);
	assert_int_equal(READ(&p, "\1\0", ONE_AND_EXTRA, QUESTION "\0\0\51\2\0\0\0\0\0\0\7", &q),
			 MESSAGE_FORMERR);
}

static void bounds_the_name(void **state)
{
	struct packet p = {.len = 0};
	struct message_query q;
	(void)state;
	PUT(&p, "\0\1\1\0" ONE);
	for (int i = 0; i < 4; i++) {
		char label[64];
		memset(label, 'a', sizeof(label));
		label[0] = (char)(i < 3 ? 63 : 61);
		put(&p, label, (size_t)label[0] + 1);
	}
	PUT(&p, "\0\0\1\0\1");
	/* 255 bytes are the longest */
	assert_int_equal(message_read_query(p.data, p.len, &q), MESSAGE_OK);
	assert_int_equal(strlen(q.name), 253);
	p.len -= 5;
	PUT(&p, "\1b\0\0\1\0\1");
	assert_int_equal(message_read_query(p.data, p.len, &q), MESSAGE_FORMERR);
}

static void writes_addresses(void **state)
{
	struct packet p;
	struct message_query q;
	uint32_t addresses[ADDRESSES] = {0x0ac80203, 0x0ac80204};
	struct message_reply reply = {
		.authoritative = true, .addresses = addresses, .n = 2, .ttl = 1};
	uint8_t out[4096];
	(void)state;
	assert_int_equal(READ(&p, "\1\0", ONE, QUESTION, &q), MESSAGE_OK);
	size_t len = message_write(p.data, &q, &reply, out, q.udp_size);
	assert_int_equal(len, q.question_end + 32);
	assert_memory_equal(out, "\x12\x34\x85\x80\0\1\0\2\0\0\0\0", MESSAGE_HEADER);
	assert_memory_equal(out + MESSAGE_HEADER, QUESTION, sizeof(QUESTION) - 1);
	assert_memory_equal(out + q.question_end, "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x0a\xc8\2\3", 16);
	assert_true(message_answers(out, len, p.data, q.question_end));
	/* more than fit: as many as do, and the mark that there are more */
	reply.n = ADDRESSES;
	len = message_write(p.data, &q, &reply, out, q.udp_size);
	assert_true(len <= MESSAGE_UDP_MIN && len > MESSAGE_UDP_MIN - 16);
	assert_int_equal(out[2] & 2, 2);
	len = message_write(p.data, &q, &reply, out, sizeof(out));
	assert_int_equal(len, q.question_end + 16 * ADDRESSES);
	assert_int_equal(out[2] & 2, 0);
	/* and of the other kind */
	reply.ipv6 = true;
	len = message_write(p.data, &q, &reply, out, q.udp_size);
	assert_true(len <= MESSAGE_UDP_MIN && len > MESSAGE_UDP_MIN - 28);
	assert_int_equal(out[2] & 2, 2);
	reply.n = 1;
	len = message_write(p.data, &q, &reply, out, q.udp_size);
	assert_int_equal(len, q.question_end + 28);
	assert_memory_equal(out + q.question_end,
			    "\xc0\x0c\0\x1c\0\1\0\0\0\1\0\x10\xfd\x62\x65\x72\x74\x68\0\0\0\0\0\0"
			    "\x0a\xc8\2\3",
			    28);
}

static void says_that_there_is_none(void **state)
{
	struct packet p;
	struct message_query q;
	struct message_reply reply = {.code = MESSAGE_NXDOMAIN, .authoritative = true, .ttl = 1};
	uint8_t out[MESSAGE_UDP_MIN];
	(void)state;
	assert_int_equal(READ(&p, "\1\0", ONE, QUESTION, &q), MESSAGE_OK);
	size_t len = message_write(p.data, &q, &reply, out, sizeof(out));
	assert_memory_equal(out, "\x12\x34\x85\x83\0\1\0\0\0\1\0\0", MESSAGE_HEADER);
	/* the SOA of "internal" */
	assert_memory_equal(out + q.question_end, "\xc0\x15\0\6\0\1\0\0\0\1\0\x17\xc0\x15\0", 15);
	assert_int_equal(len, q.question_end + 35);
}

static void knows_an_answer(void **state)
{
	struct packet p, r;
	struct message_query q;
	(void)state;
	assert_int_equal(READ(&p, "\1\0", ONE, QUESTION, &q), MESSAGE_OK);
	r = p;
	r.data[2] |= 0x80;
	assert_true(message_answers(r.data, r.len, p.data, q.question_end));
	r.data[MESSAGE_HEADER + 1] = 'b';
	assert_true(message_answers(r.data, r.len, p.data, q.question_end));
	r.data[MESSAGE_HEADER + 1] = 'c';
	assert_false(message_answers(r.data, r.len, p.data, q.question_end));
	r.data[MESSAGE_HEADER + 1] = 'B';
	assert_false(message_answers(r.data, r.len - 1, p.data, q.question_end));
	r.data[0] ^= 1;
	assert_false(message_answers(r.data, r.len, p.data, q.question_end));
	r.data[0] ^= 1;
	r.data[2] &= 0x7f;
	assert_false(message_answers(r.data, r.len, p.data, q.question_end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_question),
		cmocka_unit_test(reads_edns),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(bounds_the_name),
		cmocka_unit_test(writes_addresses),
		cmocka_unit_test(says_that_there_is_none),
		cmocka_unit_test(knows_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
