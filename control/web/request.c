/* SPDX-License-Identifier: MIT */
#include "control/web/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "control/web/metrics.h"
#include "control/web/reply.h"

#define STREAM_AHEAD (256u << 10) /* output that waits for a slow client before berthd does */
#define STREAM_BLOCK 32768
#define EXIT_TRAILER "Berth-Exit-Status"

enum stage {
	STAGE_TOKEN = 1, /* the token is being checked; the body, if any, was not read yet */
	STAGE_ASK,       /* the command runs, its whole output is the answer */
	STAGE_UPLOAD,    /* the body goes into the command */
	STAGE_WAIT,      /* the body is in; no output yet */
	STAGE_STREAM,    /* the output goes to the client as it comes */
};

struct web_request {
	struct web *web;
	struct MHD_Connection *connection;
	struct route route;
	enum stage stage;
	struct job job;
	char *identity; /* the token's name */
	struct watch client;
	uint64_t uploaded;
	struct MHD_Response *response; /* while it streams */
	bool wait; /* a deploy answers when it ended, with its status, instead of streaming */
	bool suspended, gone, too_large, tail_written;
};

static void request_suspend(struct web_request *r)
{
	r->suspended = true;
	MHD_suspend_connection(r->connection);
}

static void request_resume(struct web_request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->connection);
}

/* stderr among stdout, as on a terminal */
static void merge_output(struct job *job)
{
	strbuf_add(&job->out, job->err.data, job->err.len);
	strbuf_reset(&job->err);
}

static void job_changed(struct job *job, void *owner)
{
	struct web_request *r = owner;

	switch (r->stage) {
	case STAGE_TOKEN:
	case STAGE_ASK:
		if (job->done)
			request_resume(r);
		return;
	case STAGE_UPLOAD:
		if (!job->wants_room)
			request_resume(r);
		return;
	case STAGE_STREAM:
		merge_output(job);
		break;
	case STAGE_WAIT:
		break;
	}
	if (job->done || (job->out.len && !r->wait))
		request_resume(r);
}

/* While a connection is suspended libmicrohttpd does not see its end, so that is watched here. */
static void client_ready(struct watch *w, uint32_t events)
{
	struct web_request *r = w->owner;

	(void)events;
	epoll_ctl(r->web->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
	r->gone = true;
	job_release(&r->job);
	request_resume(r);
}

static void watch_client(struct web_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct epoll_event ev = {.events = EPOLLRDHUP, .data.ptr = &r->client};

	r->client = (struct watch){.fd = -1, .ready = client_ready, .owner = r};
	if (info && epoll_ctl(r->web->epoll, EPOLL_CTL_ADD, info->connect_fd, &ev) == 0)
		r->client.fd = info->connect_fd;
}

void request_completed(void *web, struct MHD_Connection *connection, void **slot,
		       enum MHD_RequestTerminationCode why)
{
	struct web_request *r = *slot;

	(void)web;
	(void)connection;
	(void)why;
	if (!r)
		return;
	*slot = NULL;
	if (r->client.fd >= 0)
		epoll_ctl(r->web->epoll, EPOLL_CTL_DEL, r->client.fd, NULL);
	job_release(&r->job);
	free(r->identity);
	free(r);
}

/* Starts the next command of R in place of the last one. */
static int restart_job(struct web_request *r, const struct strvec *argv, const char *input,
		       bool feed, struct error *err)
{
	job_release(&r->job);
	r->job.changed = job_changed;
	r->job.owner = r;
	if (feed && !r->wait)
		r->job.out_max = STREAM_AHEAD;
	return job_start(&r->job, r->web->inst, r->web->epoll, r->identity ? r->identity : "", argv,
			 input, feed, err);
}

static enum MHD_Result refuse_unavailable(struct web_request *r, const struct error *err)
{
	return reply_error(r->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", err->message,
			   NULL, NULL);
}

static enum MHD_Result refuse_token(struct web_request *r)
{
	return reply_error(r->connection, MHD_HTTP_UNAUTHORIZED, "unauthorized",
			   "a valid token is needed: 'Authorization: Bearer TOKEN', made by "
			   "'berth tokens:create NAME'",
			   MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"berth\"");
}

static enum MHD_Result refuse_size(struct web_request *r)
{
	_cleanup_free_ char *text = xasprintf("the archive is larger than %llu bytes",
					      (unsigned long long)r->web->max_upload);

	return reply_error(r->connection, MHD_HTTP_CONTENT_TOO_LARGE, "too_large", text, NULL,
			   NULL);
}

static enum MHD_Result refuse_route(struct MHD_Connection *c, int status, const char *allow,
				    const struct error *err)
{
	if (status == 405)
		return reply_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
				   "this address takes another method", MHD_HTTP_HEADER_ALLOW,
				   allow);
	if (status == 400)
		return reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid", err->message, NULL, NULL);
	return reply_error(c, MHD_HTTP_NOT_FOUND, "not_found", "nothing is at this address", NULL,
			   NULL);
}

static enum MHD_Result start_token_check(struct web_request *r)
{
	_cleanup_free_ char *token = route_token(MHD_lookup_connection_value(
		r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION));
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	struct error err = ERROR_INIT;

	if (!token)
		return refuse_token(r);
	strvec_push(&argv, "tokens:check");
	if (restart_job(r, &argv, token, false, &err) < 0)
		return refuse_unavailable(r, &err);
	r->stage = STAGE_TOKEN;
	watch_client(r);
	request_suspend(r);
	return MHD_YES;
}

/* The first call of a request: its headers are here. */
static enum MHD_Result begin(struct web *web, struct MHD_Connection *c, const char *url,
			     const char *method, void **slot)
{
	struct error err = ERROR_INIT;
	struct route route;
	const char *allow = "";
	int status = route_find(method, url, &route, &allow, &err);
	struct web_request *r;

	if (status)
		return refuse_route(c, status, allow, &err);
	if (route.kind == ROUTE_HEALTH) {
		_cleanup_strbuf_ struct strbuf ok = STRBUF_INIT;

		strbuf_addstr(&ok, "ok\n");
		return reply_body(c, MHD_HTTP_OK, REPLY_TEXT, &ok);
	}
	r = xcalloc(1, sizeof(*r));
	*r = (struct web_request){.web = web, .connection = c, .route = route, .client.fd = -1};
	job_init(&r->job);
	*slot = r;
	return start_token_check(r);
}

/* The token is good: starts the command. */
static enum MHD_Result start_command(struct web_request *r)
{
	bool feed = r->route.kind == ROUTE_DEPLOY;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	const char *length = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned long long n;
	struct error err = ERROR_INIT;

	if (feed && length && str_to_u64(length, 0, r->web->max_upload, &n) < 0)
		return refuse_size(r);
	r->wait = MHD_lookup_connection_value_n(r->connection, MHD_GET_ARGUMENT_KIND, "wait", 4,
						NULL, NULL) == MHD_YES;
	route_command(&r->route, &argv);
	if (restart_job(r, &argv, NULL, feed, &err) < 0)
		return refuse_unavailable(r, &err);
	r->stage = feed ? STAGE_UPLOAD : STAGE_ASK;
	/* an upload goes on with the body; the others wait for the end of the command */
	if (!feed)
		request_suspend(r);
	return MHD_YES;
}

static enum MHD_Result after_token(struct web_request *r)
{
	_cleanup_free_ char *name = NULL;
	struct error err = ERROR_INIT;

	if (r->job.status == -1)
		return reply_failed(r->connection, -1, r->job.err.data);
	strbuf_trim(&r->job.out);
	name = strbuf_detach(&r->job.out);
	if (r->job.status != 0 || name_check_label(name, &err) < 0)
		return refuse_token(r);
	r->identity = TAKE_PTR(name);
	return start_command(r);
}

static enum MHD_Result after_ask(struct web_request *r)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (r->job.status != 0)
		return reply_failed(r->connection, r->job.status, r->job.err.data);
	if (r->route.kind == ROUTE_BUILD_OUTPUT)
		return reply_body(r->connection, MHD_HTTP_OK, REPLY_TEXT, &r->job.out);
	if (r->route.kind != ROUTE_METRICS)
		return reply_body(r->connection, MHD_HTTP_OK, REPLY_JSON, &r->job.out);
	if (metrics_render(r->job.out.data, r->job.out.len, &text, &err) < 0)
		return reply_error(r->connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed",
				   err.message, NULL, NULL);
	return reply_body(r->connection, MHD_HTTP_OK, METRICS_TYPE, &text);
}

static void write_tail(struct web_request *r)
{
	char status[16];

	snprintf(status, sizeof(status), "%d", r->job.status);
	strbuf_addf(&r->job.out, "exit: %s\n", status);
	MHD_add_response_footer(r->response, EXIT_TRAILER, status);
	r->tail_written = true;
}

/* MHD_ContentReaderCallback */
static ssize_t stream(void *cls, uint64_t pos, char *place, size_t max)
{
	struct web_request *r = cls;
	size_t n;

	(void)pos;
	if (r->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (r->job.done && !r->tail_written)
		write_tail(r);
	n = r->job.out.len < max ? r->job.out.len : max;
	if (n == 0) {
		if (r->job.done)
			return MHD_CONTENT_READER_END_OF_STREAM;
		request_suspend(r);
		return 0;
	}
	memcpy(place, r->job.out.data, n);
	strbuf_consume(&r->job.out, n);
	if (r->job.out.len == 0)
		job_continue(&r->job);
	return (ssize_t)n;
}

static enum MHD_Result start_stream(struct web_request *r)
{
	enum MHD_Result ret;

	r->response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream, r, NULL);
	if (!r->response)
		return MHD_NO;
	r->stage = STAGE_STREAM;
	job_changed(&r->job, r);
	MHD_add_response_header(r->response, MHD_HTTP_HEADER_CONTENT_TYPE, REPLY_TEXT);
	MHD_add_response_header(r->response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r->response, MHD_HTTP_HEADER_TRAILER, EXIT_TRAILER);
	/* nginx passes each line on at once */
	MHD_add_response_header(r->response, "X-Accel-Buffering", "no");
	ret = MHD_queue_response(r->connection, MHD_HTTP_OK, r->response);
	/* the connection keeps it until its end */
	MHD_destroy_response(r->response);
	return ret;
}

/* The whole body is in the command. As long as there is no output the answer can still say by its
 * status how it went. */
static enum MHD_Result after_upload(struct web_request *r)
{
	r->stage = STAGE_WAIT;
	if (r->too_large)
		return refuse_size(r);
	job_feed_end(&r->job);
	if (r->job.done && r->job.status != 0) {
		merge_output(&r->job);
		return reply_failed(r->connection, r->job.status, r->job.out.data);
	}
	if (r->wait && r->job.done)
		return reply_body(r->connection, MHD_HTTP_OK, REPLY_TEXT, &r->job.out);
	if (r->job.done || (r->job.out.len && !r->wait))
		return start_stream(r);
	request_suspend(r);
	return MHD_YES;
}

static enum MHD_Result upload(struct web_request *r, const char *data, size_t *len)
{
	size_t taken;

	if (*len == 0)
		return after_upload(r);
	if (r->uploaded + *len > r->web->max_upload && !r->too_large) {
		r->too_large = true;
		job_release(&r->job);
	}
	if (r->too_large) {
		/* a little more is read so that the client gets to see why */
		r->uploaded += *len;
		*len = 0;
		return r->uploaded > r->web->max_upload + (64u << 20) ? MHD_NO : MHD_YES;
	}
	taken = job_feed(&r->job, data, *len);
	r->uploaded += taken;
	*len -= taken;
	if (*len)
		request_suspend(r);
	return MHD_YES;
}

enum MHD_Result request_handle(void *web, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *data,
			       size_t *len, void **slot)
{
	struct web_request *r = *slot;

	(void)version;
	if (!r)
		return begin(web, connection, url, method, slot);
	if (r->gone)
		return MHD_NO;
	switch (r->stage) {
	case STAGE_TOKEN:
		return after_token(r);
	case STAGE_ASK:
		return after_ask(r);
	case STAGE_UPLOAD:
		return upload(r, data, len);
	case STAGE_WAIT:
		return after_upload(r);
	case STAGE_STREAM:
		break;
	}
	return MHD_NO;
}
