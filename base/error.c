/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* One row per code: what a command exits with and what the HTTP API answers. */
static const struct {
	int exit_status;
	int http_status;
} codes[ERROR_COUNT_] = {
	[ERROR_NONE] = {0, 200},    [ERROR_FAILED] = {1, 422},      [ERROR_USAGE] = {2, 400},
	[ERROR_INVALID] = {1, 400}, [ERROR_NOT_FOUND] = {1, 404},   [ERROR_NO_APP] = {20, 404},
	[ERROR_EXISTS] = {1, 409},  [ERROR_DENIED] = {1, 403},      [ERROR_BUSY] = {1, 409},
	[ERROR_TIMEOUT] = {1, 504}, [ERROR_CANCELLED] = {130, 499}, [ERROR_UNSUPPORTED] = {10, 501},
	[ERROR_SYSTEM] = {1, 500},
};

int error_set(struct error *err, enum error_code code, int sys, const char *fmt, ...)
{
	if (!err)
		return -1;
	err->code = code;
	err->sys = sys;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	if (sys != 0 && n >= 0 && (size_t)n < sizeof(err->message))
		snprintf(err->message + n, sizeof(err->message) - (size_t)n, ": %s", strerror(sys));
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	char old[ERROR_MESSAGE_MAX];
	memcpy(old, err->message, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 2 >= sizeof(err->message))
		return -1;
	memcpy(err->message + n, ": ", 2);
	size_t room = sizeof(err->message) - (size_t)n - 3, len = strnlen(old, room);
	memcpy(err->message + n + 2, old, len);
	err->message[(size_t)n + 2 + len] = '\0';
	return -1;
}

void error_clear(struct error *err)
{
	err->code = ERROR_NONE;
	err->sys = 0;
	err->message[0] = '\0';
}

int error_exit_status(enum error_code code)
{
	return (unsigned)code < ERROR_COUNT_ ? codes[code].exit_status : 1;
}

int error_http_status(enum error_code code)
{
	return (unsigned)code < ERROR_COUNT_ ? codes[code].http_status : 500;
}
