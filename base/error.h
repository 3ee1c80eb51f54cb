/* SPDX-License-Identifier: MIT */
/*
 * The one shape of failure. A function that can fail takes `struct error *err` last and returns 0
 * or -1: outputs are untouched on failure, err is untouched on success. Library code neither
 * prints nor exits: each error is printed once, by the main() or the command that got it.
 *
 * Messages: lower case, no full stop, the subject in single quotes and, where a person can act,
 * what to do. error_set replaces, error_wrap prepends "what: ".
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

enum error_code {
	ERROR_NONE = 0,
	ERROR_FAILED,    /* the operation was tried and did not work */
	ERROR_USAGE,     /* the caller's words are wrong */
	ERROR_INVALID,   /* input that is malformed or out of bounds */
	ERROR_NOT_FOUND, /* a named thing is not there */
	ERROR_NO_APP,    /* the named app is not there: its own exit status (20) */
	ERROR_EXISTS,    /* a named thing is there already */
	ERROR_DENIED,    /* the caller may not */
	ERROR_BUSY,      /* held by somebody else; trying again later may work */
	ERROR_TIMEOUT,
	ERROR_CANCELLED,   /* the client went away or pressed Ctrl-C */
	ERROR_UNSUPPORTED, /* not implemented, or this kernel cannot */
	ERROR_SYSTEM,      /* a system call failed: errno is in sys */
	ERROR_COUNT_
};

#define ERROR_MESSAGE_MAX 2048

struct error {
	enum error_code code;
	int sys;                         /* errno, or 0 */
	char message[ERROR_MESSAGE_MAX]; /* always terminated; a longer message is cut */
};

/* A fresh error on the stack: `struct error err = ERROR_INIT;` */
#define ERROR_INIT                                                                                 \
	{                                                                                          \
		.code = ERROR_NONE                                                                 \
	}

/* Sets ERR (which may be NULL) and returns -1. SYS is an errno value whose text is appended, or 0.
 */
int error_set(struct error *err, enum error_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Prepends "FMT: " to the message and returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Clears ERR for reuse. */
void error_clear(struct error *err);

/* The process exit status for CODE: 0, 1, 2 (usage), 10 (unsupported) or 20 (no such app). */
int error_exit_status(enum error_code code);

/* The HTTP status for CODE, 200 to 504. */
int error_http_status(enum error_code code);

#endif
