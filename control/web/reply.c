/* SPDX-License-Identifier: MIT */
#include "control/web/reply.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

#define MARK " !     "

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r,
			     const char *type, const char *header, const char *value)
{
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (header)
		MHD_add_response_header(r, header, value);
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static struct MHD_Response *copy(const char *data, size_t len)
{
	_cleanup_free_ char *bytes = xmalloc(len ? len : 1);

	memcpy(bytes, data, len);
	return MHD_create_response_from_buffer(len, TAKE_PTR(bytes), MHD_RESPMEM_MUST_FREE);
}

enum MHD_Result reply_body(struct MHD_Connection *c, unsigned status, const char *type,
			   const struct strbuf *body)
{
	return queue(c, status, copy(body->data, body->len), type, NULL, NULL);
}

enum MHD_Result reply_error(struct MHD_Connection *c, unsigned status, const char *code,
			    const char *message, const char *header, const char *value)
{
	_cleanup_free_ char *clean = xstrdup(message), *text = NULL;
	json_t *j = json_string(clean);

	for (char *p = clean; !j && *p; p++)
		if ((unsigned char)*p > 0x7e)
			*p = '?';
	json_decref(j);
	j = json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", clean);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	if (!text)
		return MHD_NO;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	strbuf_addf(&line, "%s\n", text);
	return queue(c, status, copy(line.data, line.len), REPLY_JSON, header, value);
}

char *reply_message(const char *text)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		const char *rest = str_skip(p, MARK);

		if (rest && rest <= p + len) {
			len -= (size_t)(rest - p);
			p = rest;
		}
		strbuf_add(&out, p, len);
		strbuf_addch(&out, '\n');
		p += len + (p[len] == '\n');
	}
	strbuf_trim(&out);
	return strbuf_detach(&out);
}

unsigned reply_status(int status, const char **out_code)
{
	switch (status) {
	case -1:
		*out_code = "unavailable";
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	case 2:
		*out_code = "usage";
		return MHD_HTTP_BAD_REQUEST;
	case 10:
		*out_code = "unsupported";
		return MHD_HTTP_NOT_IMPLEMENTED;
	case 20:
		*out_code = "no_such_app";
		return MHD_HTTP_NOT_FOUND;
	default:
		*out_code = "failed";
		return MHD_HTTP_UNPROCESSABLE_CONTENT;
	}
}

enum MHD_Result reply_failed(struct MHD_Connection *c, int status, const char *text)
{
	_cleanup_free_ char *message = reply_message(text);
	const char *code;
	unsigned http = reply_status(status, &code);

	if (!message[0]) {
		free(message);
		message = status < 0 ? xstrdup("berthd ended before the command did")
				     : xasprintf("the command failed with exit status %d", status);
	}
	return reply_error(c, http, code, message, NULL, NULL);
}
