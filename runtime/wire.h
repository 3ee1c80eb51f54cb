/* SPDX-License-Identifier: MIT */
/*
 * The messages between clients, berth-runtime and its shims: one frame is a struct wire_head and
 * `bytes` of payload; descriptors ride on the head's first byte. The payload is a sequence of
 * numbers (host byte order: both ends are one machine) and length-prefixed byte strings, read by a
 * struct wire_reader that never goes past its end and remembers the first mistake, so that a
 * decoder can read on and ask once at its end.
 */
#ifndef RUNTIME_WIRE_H
#define RUNTIME_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define WIRE_MAGIC 0x62727431u
#define WIRE_MAX_BYTES (3u << 20)
#define WIRE_MAX_FDS 5

/* Never renumbered: berth-runtime speaks to shims of earlier versions. */
enum wire_type {
	WIRE_START = 1, /* spec */
	WIRE_ATTACH,    /* spec; fds: stdin, stdout, stderr unless tty */
	WIRE_EXEC,      /* id, tty, its rows << 16 | columns, argv, env; fds as above */
	WIRE_STOP,      /* id, timeout_ms */
	WIRE_LIST,
	WIRE_LAYER_COMMIT, /* id */
	WIRE_LAYER_REMOVE, /* id */
	WIRE_LAYER_EXISTS, /* id */
	WIRE_LAYER_IMPORT, /* id; fd: the archive */
	WIRE_LAYER_LIST,
	WIRE_CACHE_REMOVE,   /* id */
	WIRE_VOLUME_REMOVE,  /* id */
	WIRE_CLEANUP,        /* dry */
	WIRE_SIGNAL,         /* on a session: signal */
	WIRE_LOGS_REMOVE,    /* id */
	WIRE_LAYER_RENAME,   /* id, id */
	WIRE_VOLUME_RESTORE, /* id, range; fd: the archive */
	WIRE_VOLUME_SIZE,    /* id */
	/* id, id if folders are implied, list of layers below; fd: the archive. Says whether they
	 * were; then WIRE_LAYER_COMMIT or WIRE_LAYER_REMOVE */
	WIRE_LAYER_UNPACK,
	WIRE_LAYER_PACK, /* "layer/ID" or "source/TREE"; fd: for the archive */
	WIRE_LOG_REMOVE, /* id, name */
	WIRE_POLICY,     /* runtime/policy.h */
	WIRE_LAYER_IDLE, /* id: an error while it is in use */
	WIRE_KEPT_LIST,  /* "cache" or "logs" */
	WIRE_OK = 100,   /* the answer's own payload */
	WIRE_ERROR,      /* code, errno, message */
	WIRE_RESULT,     /* the end of a session: struct runtime_result's fields */
};

struct wire_head {
	uint32_t magic;
	uint32_t type;
	uint32_t bytes;
};

struct wire_frame {
	enum wire_type type;
	struct strbuf payload;
	int fds[WIRE_MAX_FDS]; /* -1 where there is none */
	size_t nfds;
};

void wire_frame_init(struct wire_frame *f);
/* Closes the descriptors that were not taken. */
void wire_frame_release(struct wire_frame *f);
#define _cleanup_frame_ _cleanup_(wire_frame_release)

/* Sends one frame with NFDS (at most WIRE_MAX_FDS) descriptors, which stay the caller's. */
int wire_send(int fd, enum wire_type type, const struct strbuf *payload, const int *fds,
	      size_t nfds, struct error *err);
/* Receives one frame into F, which must be initialised. An end of the stream is ERROR_CANCELLED. */
int wire_recv(int fd, struct wire_frame *f, struct error *err);
int wire_send_error(int fd, const struct error *e);

void wire_put_u32(struct strbuf *sb, uint32_t v);
void wire_put_u64(struct strbuf *sb, uint64_t v);
void wire_put_bytes(struct strbuf *sb, const void *data, size_t len);
void wire_put_str(struct strbuf *sb, const char *s);
void wire_put_list(struct strbuf *sb, const struct strvec *list);

struct wire_reader {
	const unsigned char *at;
	size_t left;
	bool bad; /* something did not fit; every later read gives 0 or "" */
};

void wire_reader_init(struct wire_reader *r, const void *data, size_t len);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/* A view of the next LEN-prefixed bytes. */
const void *wire_get_bytes(struct wire_reader *r, size_t *out_len);
/* A string of at most MAX bytes without NUL, which the caller frees; NULL when it is bad. */
char *wire_get_str(struct wire_reader *r, size_t max);
/* A list of at most MAX strings, each of at most STR_MAX bytes. */
void wire_get_list(struct wire_reader *r, struct strvec *out, size_t max, size_t str_max);
/* True when everything was read and nothing was bad. */
bool wire_reader_done(const struct wire_reader *r);

#endif
