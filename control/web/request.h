/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request on its way: refused at once, or token check, command, answer. The functions
 * here are libmicrohttpd's callbacks and the events of the request's job.
 */
#ifndef CONTROL_WEB_REQUEST_H
#define CONTROL_WEB_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/web/job.h"
#include "control/web/route.h"
#include "instance/instance.h"

struct web {
	const struct instance *inst;
	int epoll;
	uint64_t max_upload;
};

struct web_request;

/* MHD_AccessHandlerCallback, with a struct web as its closure. */
enum MHD_Result request_handle(void *web, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **slot);

/* MHD_RequestCompletedCallback. */
void request_completed(void *web, struct MHD_Connection *connection, void **slot,
		       enum MHD_RequestTerminationCode why);

#endif
