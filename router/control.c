/* SPDX-License-Identifier: MIT */
#include "router/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/sock.h"

#define ANSWER_SECONDS 20
#define ANSWER_MAX (64u << 20)

/* Splits what nginx sent: "HTTP/1.1 200 OK", headers, an empty line, the body until the end. */
static int parse_answer(const struct strbuf *raw, struct strbuf *out, struct error *err)
{
	const char *rest = str_skip(raw->data, "HTTP/1.1 ");
	const char *end = strstr(raw->data, "\r\n\r\n");
	const char *length = strstr(raw->data, "\r\nContent-Length: ");

	if (!rest || !end)
		return error_set(err, ERROR_FAILED, 0, "the router ended without an answer");
	size_t got = raw->len - (size_t)(end + 4 - raw->data);
	if (length && length < end) {
		unsigned long long want = strtoull(strchr(length, ':') + 1, NULL, 10);
		if (got < want)
			return error_set(err, ERROR_FAILED, 0, "the router's answer was cut short");
	}
	if (!str_starts(rest, "200 "))
		return error_set(err, ERROR_FAILED, 0, "the router answered '%.3s': %.500s", rest,
				 end + 4);
	strbuf_add(out, end + 4, got);
	return 0;
}

int control_ask(const struct instance *inst, const char *method, const char *target,
		const struct strbuf *body, struct strbuf *out, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "router/control.sock");
	_cleanup_strbuf_ struct strbuf request = STRBUF_INIT, raw = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	struct error why = ERROR_INIT;

	if (sock_connect(path, SOCK_STREAM, &fd, &why) < 0) {
		if (why.sys == ECONNREFUSED || why.sys == ENOENT)
			return error_set(err, ERROR_NOT_FOUND, 0, "the router is not running");
		return error_set(err, why.code, 0, "%s", why.message);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "limit the time of '%s'", path);
	strbuf_addf(&request, "%s %s HTTP/1.1\r\nHost: router\r\nConnection: close\r\n", method,
		    target);
	if (body)
		strbuf_addf(&request, "Content-Length: %zu\r\n", body->len);
	strbuf_addstr(&request, "\r\n");
	if (body)
		strbuf_add(&request, body->data, body->len);
	if (sock_send(fd, request.data, request.len, NULL, 0, err) < 0)
		return error_wrap(err, "ask the router");
	strbuf_cap(&raw, ANSWER_MAX);
	if (strbuf_read_fd(&raw, fd, err) < 0)
		return error_wrap(err, "hear from the router");
	if (raw.overflow)
		return error_set(err, ERROR_FAILED, 0, "the router's answer is too long");
	return parse_answer(&raw, out, err);
}
