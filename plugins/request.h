/* SPDX-License-Identifier: MIT */
/*
 * One request to berth-plugins over run/plugins.sock (SOCK_STREAM), and its answer. The plugin's
 * stdin, stdout and stderr ride on the first byte. Closing the connection kills the plugin.
 *
 * Wire: struct request_head, then NUL-terminated strings: plugin, entry, the arguments, the
 * environment. Everything is bounded and checked when it is decoded; unknown versions, names that
 * are no names and trailing bytes are refused.
 */
#ifndef PLUGINS_REQUEST_H
#define PLUGINS_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define REQUEST_MAGIC 0x62706c67u
#define REQUEST_VERSION 1
#define REQUEST_MAX_BYTES (1u << 20)
#define REQUEST_MAX_STRINGS 1024u
#define REQUEST_MAX_SECONDS 86400u
#define REQUEST_ENV_PREFIX "BERTH_"

enum request_kind {
	REQUEST_COMMAND = 1, /* commands/ENTRY */
	REQUEST_TRIGGER = 2, /* triggers/ENTRY */
};

struct request {
	enum request_kind kind;
	bool bundled; /* below share/berth/plugins instead of lib/plugins */
	char *plugin; /* manifest_is_name */
	char *entry;  /* manifest_is_name */
	struct strvec args;
	struct strvec env;   /* "BERTH_...=VALUE"; TERM is allowed too */
	uint32_t seconds;    /* 1 to REQUEST_MAX_SECONDS, then it is killed */
	uint64_t output_max; /* bytes of each of stdout and stderr, 0: no limit; the rest is dropped
			      */
};

void request_init(struct request *r);
void request_release(struct request *r);
#define _cleanup_request_ _cleanup_(request_release)

struct request_head {
	uint32_t magic;
	uint16_t version;
	uint8_t kind;
	uint8_t bundled;
	uint32_t argc, envc;
	uint32_t seconds;
	uint32_t bytes; /* of the strings that follow */
	uint64_t output_max;
};

struct request_answer {
	uint32_t code;   /* enum error_code: why it did not run to its end, 0 when it did */
	uint32_t status; /* exit status, 128 + signal */
	uint32_t cut;    /* output was dropped because of output_max */
	char message[244];
};

/* Checks R and appends its wire form. */
int request_encode(const struct request *r, struct strbuf *out, struct error *err);
/* HEAD, and the HEAD->bytes that followed it, into R (initialised, empty). */
int request_decode(struct request *r, const struct request_head *head, const char *body,
		   struct error *err);

/* Server side: receives one request and its three descriptors from FD. */
int request_receive(int fd, struct request *r, int out_fds[3], struct error *err);

#endif
