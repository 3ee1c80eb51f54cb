/* SPDX-License-Identifier: MIT */
#include "resolver/message.h"

#include <string.h>

#include "instance/ula.h"

#define CLASS_IN 1
#define TYPE_SOA 6
#define TYPE_OPT 41

#define FLAG_QR 0x8000u
#define FLAG_AA 0x0400u
#define FLAG_TC 0x0200u
#define FLAG_RD 0x0100u
#define FLAG_RA 0x0080u
#define FLAG_CD 0x0010u
#define OPCODE 0x7800u

#define LABEL_MAX 63
#define POINTER 0xc0u
#define A_RECORD 16
#define AAAA_RECORD 28
#define SOA_RECORD 35
#define OPT_RECORD 11

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

uint16_t message_id(const uint8_t *data)
{
	return get16(data);
}

void message_set_id(uint8_t *data, uint16_t id)
{
	put16(data, id);
}

enum message_code message_code(const uint8_t *data)
{
	return (enum message_code)(data[3] & 0x0f);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* The name of the question; gives where it ends, 0 when it is none. */
static size_t read_name(const uint8_t *data, size_t len, struct message_query *out)
{
	size_t at = MESSAGE_HEADER, used = 0;
	out->plain = true;
	while (at < len && data[at] != 0) {
		size_t n = data[at];
		if (n > LABEL_MAX || at + 1 + n >= len ||
		    at + 1 + n - MESSAGE_HEADER >= MESSAGE_NAME_MAX)
			return 0;
		out->last_label = at;
		if (used)
			out->name[used++] = '.';
		for (size_t i = 1; i <= n; i++) {
			uint8_t c = lower(data[at + i]);
			bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
				     c == '_';
			out->plain &= plain;
			out->name[used++] = plain ? (char)c : '?';
		}
		at += 1 + n;
	}
	out->name[used] = '\0';
	return at < len ? at + 1 : 0;
}

/* Past a name that nobody asks about; a pointer ends it. */
static size_t skip_name(const uint8_t *data, size_t len, size_t at)
{
	while (at < len && data[at] != 0) {
		if ((data[at] & POINTER) == POINTER)
			return at + 2 <= len ? at + 2 : 0;
		if (data[at] > LABEL_MAX)
			return 0;
		at += 1 + (size_t)data[at];
	}
	return at < len ? at + 1 : 0;
}

/* What stands behind the question: of it only the one OPT record counts. */
static int read_extra(const uint8_t *data, size_t len, unsigned n, struct message_query *out)
{
	size_t at = out->question_end;
	int code = MESSAGE_OK;
	for (unsigned i = 0; i < n; i++) {
		size_t record = skip_name(data, len, at);
		if (!record || record + 10 > len || record + 10 + get16(data + record + 8) > len)
			return MESSAGE_FORMERR;
		if (get16(data + record) == TYPE_OPT) {
			if (out->edns || data[at] != 0)
				return MESSAGE_FORMERR;
			out->edns = true;
			out->udp_size = get16(data + record + 2);
			if (data[record + 5] != 0)
				code = MESSAGE_BADVERS;
		}
		at = record + 10 + get16(data + record + 8);
	}
	return at == len ? code : MESSAGE_FORMERR;
}

int message_read_query(const uint8_t *data, size_t len, struct message_query *out)
{
	memset(out, 0, sizeof(*out));
	out->udp_size = MESSAGE_UDP_MIN;
	if (len < MESSAGE_HEADER || len > MESSAGE_QUERY_MAX || (get16(data + 2) & FLAG_QR))
		return -1;
	if (get16(data + 2) & OPCODE)
		return MESSAGE_NOTIMP;
	/* one question, no answers; servers' names come only with what a resolver never gets */
	if (get16(data + 4) != 1 || get16(data + 6) != 0 || get16(data + 8) != 0)
		return MESSAGE_FORMERR;
	size_t at = read_name(data, len, out);
	if (!at || at + 4 > len)
		return MESSAGE_FORMERR;
	out->type = get16(data + at);
	out->class = get16(data + at + 2);
	out->question_end = at + 4;
	int code = read_extra(data, len, get16(data + 10), out);
	if (out->udp_size < MESSAGE_UDP_MIN)
		out->udp_size = MESSAGE_UDP_MIN;
	if (out->udp_size > MESSAGE_UDP_MAX)
		out->udp_size = MESSAGE_UDP_MAX;
	return code;
}

bool message_answers(const uint8_t *response, size_t len, const uint8_t *query, size_t question_end)
{
	if (len < question_end || get16(response) != get16(query) ||
	    !(get16(response + 2) & FLAG_QR) || get16(response + 4) != 1)
		return false;
	/* some give the name back in another case; no length byte is a letter's */
	for (size_t i = MESSAGE_HEADER; i < question_end; i++)
		if (lower(response[i]) != lower(query[i]))
			return false;
	return true;
}

/* The SOA of the name's last label, which says for how long there is nothing. */
static uint8_t *put_soa(uint8_t *at, size_t zone, uint32_t ttl)
{
	at = put16(at, POINTER << 8 | (unsigned)zone);
	at = put16(at, TYPE_SOA);
	at = put16(at, CLASS_IN);
	at = put32(at, ttl);
	at = put16(at, SOA_RECORD - 12);
	at = put16(at, POINTER << 8 | (unsigned)zone); /* whose it is */
	*at++ = 0;                                     /* and whom to write to: nobody */
	at = put32(at, 1);
	for (int i = 0; i < 4; i++) /* refresh, retry, expire, and how long "none" is true */
		at = put32(at, ttl);
	return at;
}

static uint8_t *put_opt(uint8_t *at, unsigned code)
{
	*at++ = 0;
	at = put16(at, TYPE_OPT);
	at = put16(at, MESSAGE_UDP_MAX);
	*at++ = (uint8_t)(code >> 4);
	memset(at, 0, 5);
	return at + 5;
}

static uint8_t *put_address(uint8_t *at, uint32_t address, bool ipv6, uint32_t ttl)
{
	struct in6_addr in;
	at = put16(at, POINTER << 8 | MESSAGE_HEADER);
	at = put16(at, ipv6 ? MESSAGE_AAAA : MESSAGE_A);
	at = put16(at, CLASS_IN);
	at = put32(at, ttl);
	at = put16(at, ipv6 ? sizeof(in) : sizeof(address));
	if (!ipv6)
		return put32(at, address);
	ula_of(address, &in);
	memcpy(at, in.s6_addr, sizeof(in));
	return at + sizeof(in);
}

size_t message_write(const uint8_t *query, const struct message_query *q,
		     const struct message_reply *reply, uint8_t *out, size_t max)
{
	size_t head = q->question_end ? q->question_end : MESSAGE_HEADER;
	bool soa = reply->authoritative && reply->n == 0 && q->last_label;
	size_t room = max - head - (q->edns ? OPT_RECORD : 0);
	size_t fit = room / (reply->ipv6 ? AAAA_RECORD : A_RECORD);
	size_t n = reply->n < fit ? reply->n : fit;
	uint8_t *at = out + head;
	memcpy(out, query, head);
	put16(out + 2, FLAG_QR | FLAG_RA | (get16(query + 2) & (OPCODE | FLAG_RD | FLAG_CD)) |
			       (reply->authoritative ? FLAG_AA : 0) | (n < reply->n ? FLAG_TC : 0) |
			       ((unsigned)reply->code & 0x0f));
	put16(out + 4, q->question_end ? 1 : 0);
	put16(out + 6, (unsigned)n);
	put16(out + 8, soa ? 1 : 0);
	put16(out + 10, q->edns ? 1 : 0);
	for (size_t i = 0; i < n; i++)
		at = put_address(at, reply->addresses[i], reply->ipv6, reply->ttl);
	if (soa)
		at = put_soa(at, q->last_label, reply->ttl);
	if (q->edns)
		at = put_opt(at, (unsigned)reply->code);
	return (size_t)(at - out);
}
