/* SPDX-License-Identifier: MIT */
/*
 * git's pkt-lines (gitprotocol-common(5)): four hex digits with the length of the whole packet,
 * then the payload; "0000" is a flush. Used between git-receive-pack and the proc-receive hook.
 */
#ifndef RECEIVER_PKTLINE_H
#define RECEIVER_PKTLINE_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

#define PKTLINE_MAX 65516 /* payload of one packet */

enum pktline_kind {
	PKTLINE_DATA = 1,
	PKTLINE_FLUSH, /* "0000" */
	PKTLINE_END,   /* the stream ended before a packet began */
};

/* Decodes the packet at the start of DATA: *out_kind, its payload as a piece of DATA, and how many
 * bytes it took. When LEN is too small for the whole packet, *out_used is 0 and nothing else is
 * set. "0001" to "0003" (protocol version 2) and non-hex lengths are errors. */
int pktline_decode(const char *data, size_t len, enum pktline_kind *out_kind,
		   const char **out_payload, size_t *out_payload_len, size_t *out_used,
		   struct error *err);

/* Reads one packet from FD, never a byte beyond it; OUT is emptied and gets the payload, without
 * the one newline that text packets may end in. The end within a packet is an error. */
int pktline_read(int fd, enum pktline_kind *out_kind, struct strbuf *out, struct error *err);

/* Appends one packet to OUT; the payload is at most PKTLINE_MAX bytes. */
int pktline_add(struct strbuf *out, const void *payload, size_t len, struct error *err);
int pktline_addf(struct strbuf *out, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void pktline_add_flush(struct strbuf *out);

#endif
