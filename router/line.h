/* SPDX-License-Identifier: MIT */
/*
 * A line of the router's log of an app. nginx writes what it has at hand, which costs the request
 * least (times are seconds; connect has one of every backend that was tried):
 *   1764288000.123 method=GET path="/" host=blog.test request_id=4fd1... fwd="127.0.0.1"
 *   dyno=blog.web.1 connect=0.000 service=0.012 status=200 bytes=180 protocol=http
 * in one line, and people read Heroku's shape:
 *   2025-11-28T00:00:00.123000Z berth[router]: method=GET ... dyno=blog.web.1 connect=0ms
 *   service=12ms status=200 ...
 */
#ifndef ROUTER_LINE_H
#define ROUTER_LINE_H

#include "base/strbuf.h"

/* For nginx's log_format with escape=default: no field can contain a quote. */
#define LINE_FORMAT                                                                                \
	"'$msec method=$request_method path=\"$request_uri\" host=$host '\n"                       \
	"\t\t'request_id=$berth_request_id fwd=\"$remote_addr\" dyno=$berth_backend '\n"           \
	"\t\t'connect=$upstream_connect_time service=$request_time status=$status '\n"             \
	"\t\t'bytes=$bytes_sent protocol=$scheme'"

/* Appends RAW as people read it. What is not of that shape (an older Berth wrote lines as they are
 * shown) is appended as it is. */
void line_render(const char *raw, struct strbuf *out);

#endif
