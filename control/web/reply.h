/* SPDX-License-Identifier: MIT */
/* Whole answers, queued on a connection. */
#ifndef CONTROL_WEB_REPLY_H
#define CONTROL_WEB_REPLY_H

#include <microhttpd.h>

#include "base/strbuf.h"

#define REPLY_JSON "application/json"
#define REPLY_TEXT "text/plain; charset=utf-8"

/* STATUS with BODY as TYPE. */
enum MHD_Result reply_body(struct MHD_Connection *c, unsigned status, const char *type,
			   const struct strbuf *body);

/* STATUS with {"error": {"code": CODE, "message": MESSAGE}}. HEADER and VALUE are one header more,
 * or NULL. Bytes of MESSAGE that are no UTF-8 become "?". */
enum MHD_Result reply_error(struct MHD_Connection *c, unsigned status, const char *code,
			    const char *message, const char *header, const char *value);

/* The refusal that a command's exit STATUS (-1: berthd died) and stderr TEXT mean. */
enum MHD_Result reply_failed(struct MHD_Connection *c, int status, const char *text);
/* The HTTP status for it. */
unsigned reply_status(int status, const char **out_code);

/* TEXT without the marks that commands put in front of their errors; the caller frees it. */
char *reply_message(const char *text);

#endif
