/* SPDX-License-Identifier: MIT */
/*
 * A line of the router's log of an app. nginx writes what it has at hand, which costs the request
 * least (times are seconds; connect has one of every backend that was tried):
 *   1764288000.123 method=GET path=/ host=blog.test request_id=4fd1... fwd=127.0.0.1
 *   dyno=blog.web.1 connect=0.000 service=0.012 status=200 bytes=180 protocol=http
 * in one line, and people read Heroku's shape:
 *   2025-11-28T00:00:00.123000Z berth[router]: method=GET path="/" ... dyno=blog.web.1 connect=0ms
 *   service=12ms status=200 ...
 */
#ifndef ROUTER_LINE_H
#define ROUTER_LINE_H

#include "base/strbuf.h"

/* Of nginx's variables. No field can contain a blank or an end of line: nginx refuses a request
 * that has one in its first line or in Host. */
#define LINE_FORMAT                                                                                \
	"$msec method=$request_method path=$request_uri host=$host "                               \
	"request_id=$berth_request_id fwd=$remote_addr dyno=$berth_backend "                       \
	"connect=$upstream_connect_time service=$request_time status=$status "                     \
	"bytes=$bytes_sent protocol=$scheme"

/* Appends RAW as people read it, with \xHH for quotes and what is not ASCII. What is not of that
 * shape (an older Berth wrote lines as they are shown) is appended as it is, but for that. */
void line_render(const char *raw, struct strbuf *out);

#endif
