/* SPDX-License-Identifier: MIT */
#include "control/web/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "control/web/request.h"

#define EVENTS 64

struct server {
	struct web web;
	struct MHD_Daemon *http;
	struct watch on_http, on_signal;
	bool stop;
};

static void log_http(void *cls, const char *fmt, va_list ap)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	(void)cls;
	strbuf_vaddf(&line, fmt, ap);
	strbuf_trim(&line);
	/* said whenever a client went away in the middle, which is no one's fault here */
	if (str_starts(line.data, "Application reported internal error"))
		return;
	log_warning("http: %s", line.data);
}

/* The path stays as it was sent: control/web/route.c decodes it part by part, so that an encoded
 * slash cannot become one. */
static size_t keep_encoded(void *cls, struct MHD_Connection *c, char *text)
{
	(void)cls;
	(void)c;
	return strlen(text);
}

static void signal_ready(struct watch *w, uint32_t events)
{
	struct server *s = w->owner;

	(void)events;
	s->stop = true;
}

/* MHD_run comes after every round of events */
static void http_ready(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
}

static int add(struct server *s, struct watch *w, int fd, void (*ready)(struct watch *, uint32_t),
	       struct error *err)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = w};

	*w = (struct watch){.fd = fd, .ready = ready, .owner = s};
	if (epoll_ctl(s->web.epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "epoll");
	return 0;
}

static int open_http(struct server *s, int listen_fd, struct error *err)
{
	const union MHD_DaemonInfo *info;

	if (fcntl(listen_fd, F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "listen");
	s->http = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		request_handle, &s->web, MHD_OPTION_EXTERNAL_LOGGER, log_http, NULL,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)SERVER_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)SERVER_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)SERVER_HEADER_BYTES, MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL, MHD_OPTION_END);
	info = s->http ? MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info)
		return error_set(err, ERROR_FAILED, 0, "start the HTTP server");
	return add(s, &s->on_http, info->epoll_fd, http_ready, err);
}

static int open_signals(int *out_fd, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "block signals");
	*out_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (*out_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "signalfd");
	return 0;
}

static int run(struct server *s, struct error *err)
{
	while (!s->stop) {
		struct epoll_event events[EVENTS];
		MHD_UNSIGNED_LONG_LONG ms;
		int timeout = -1, n;

		if (MHD_get_timeout(s->http, &ms) == MHD_YES)
			timeout = ms > 60000 ? 60000 : (int)ms;
		n = epoll_wait(s->web.epoll, events, EVENTS, timeout);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "epoll");
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;

			/* an event before it in this round may have closed it; the struct itself
			 * lives until MHD_run */
			if (w->fd >= 0)
				w->ready(w, events[i].events);
		}
		MHD_run(s->http);
	}
	return 0;
}

int server_run(const struct instance *inst, int listen_fd, struct error *err)
{
	_cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC), signals = -1;
	struct server s = {.web = {.inst = inst, .epoll = epoll}};
	unsigned long long max;

	if (epoll < 0)
		return error_set(err, ERROR_SYSTEM, errno, "epoll");
	if (instance_setting_u64(inst, "http", "max-upload", 1, 1ull << 40, SERVER_MAX_UPLOAD, &max,
				 err) < 0)
		return -1;
	s.web.max_upload = max;
	/* a command may end before it has read the whole upload */
	signal(SIGPIPE, SIG_IGN);
	if (open_signals(&signals, err) < 0 ||
	    add(&s, &s.on_signal, signals, signal_ready, err) < 0 ||
	    open_http(&s, listen_fd, err) < 0)
		return -1;
	/* no MHD_stop_daemon: it must not meet suspended connections, and the process ends now.
	 * Commands that run for a client are cancelled by the closed connections. */
	return run(&s, err);
}
