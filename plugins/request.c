/* SPDX-License-Identifier: MIT */
#include "plugins/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "plugins/manifest.h"

void request_init(struct request *r)
{
	*r = (struct request){.args = STRVEC_INIT, .env = STRVEC_INIT};
}

void request_release(struct request *r)
{
	free(r->plugin);
	free(r->entry);
	strvec_release(&r->args);
	strvec_release(&r->env);
	request_init(r);
}

/* "BERTH_X=..." with X of capitals, digits and "_", or TERM: nothing that changes how programs
 * are found or loaded. */
static bool is_allowed_env(const char *s)
{
	const char *rest = str_skip(s, REQUEST_ENV_PREFIX);
	size_t len;

	if (!rest)
		return str_starts(s, "TERM=");
	len = strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	return len > 0 && rest[len] == '=';
}

static int check(const struct request *r, struct error *err)
{
	if (r->kind != REQUEST_COMMAND && r->kind != REQUEST_TRIGGER)
		return error_set(err, ERROR_INVALID, 0, "unknown kind of request");
	if (!manifest_is_name(r->plugin))
		return error_set(err, ERROR_INVALID, 0, "no plugin can be named '%.64s'",
				 r->plugin);
	if (!manifest_is_name(r->entry))
		return error_set(err, ERROR_INVALID, 0,
				 "no command or trigger can be named '%.64s'", r->entry);
	if (r->seconds < 1 || r->seconds > REQUEST_MAX_SECONDS)
		return error_set(err, ERROR_INVALID, 0, "a timeout is 1 to %u seconds",
				 REQUEST_MAX_SECONDS);
	if (r->args.n > REQUEST_MAX_STRINGS || r->env.n > REQUEST_MAX_STRINGS)
		return error_set(err, ERROR_INVALID, 0, "more than %u arguments",
				 REQUEST_MAX_STRINGS);
	for (size_t i = 0; i < r->env.n; i++)
		if (!is_allowed_env(r->env.v[i]))
			return error_set(err, ERROR_INVALID, 0,
					 "a plugin may not get '%.64s' in its environment",
					 r->env.v[i]);
	return 0;
}

int request_encode(const struct request *r, struct strbuf *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct request_head head = {.magic = REQUEST_MAGIC,
				    .version = REQUEST_VERSION,
				    .kind = (uint8_t)r->kind,
				    .bundled = r->bundled,
				    .seconds = r->seconds,
				    .output_max = r->output_max};

	if (check(r, err) < 0)
		return -1;
	strbuf_add(&body, r->plugin, strlen(r->plugin) + 1);
	strbuf_add(&body, r->entry, strlen(r->entry) + 1);
	for (size_t i = 0; i < r->args.n; i++)
		strbuf_add(&body, r->args.v[i], strlen(r->args.v[i]) + 1);
	for (size_t i = 0; i < r->env.n; i++)
		strbuf_add(&body, r->env.v[i], strlen(r->env.v[i]) + 1);
	if (body.len > REQUEST_MAX_BYTES)
		return error_set(err, ERROR_INVALID, 0, "the arguments are longer than %u bytes",
				 REQUEST_MAX_BYTES);
	head.argc = (uint32_t)r->args.n;
	head.envc = (uint32_t)r->env.n;
	head.bytes = (uint32_t)body.len;
	strbuf_add(out, &head, sizeof(head));
	strbuf_add(out, body.data, body.len);
	return 0;
}

static int check_head(const struct request_head *h, struct error *err)
{
	if (h->magic != REQUEST_MAGIC)
		return error_set(err, ERROR_INVALID, 0, "malformed request");
	if (h->version != REQUEST_VERSION)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "berth-plugins speaks version %d, not %u: restart it",
				 REQUEST_VERSION, h->version);
	if (h->bytes == 0 || h->bytes > REQUEST_MAX_BYTES || h->argc > REQUEST_MAX_STRINGS ||
	    h->envc > REQUEST_MAX_STRINGS || h->bundled > 1)
		return error_set(err, ERROR_INVALID, 0, "malformed request");
	return 0;
}

int request_decode(struct request *r, const struct request_head *head, const char *body,
		   struct error *err)
{
	_cleanup_request_ struct request read;
	const char *p = body, *end = body + head->bytes;
	size_t n = 0;

	request_init(&read);
	if (check_head(head, err) < 0)
		return -1;
	if (end[-1] != '\0')
		return error_set(err, ERROR_INVALID, 0, "malformed request");
	for (; p < end; p += strlen(p) + 1, n++) {
		if (n == 0)
			read.plugin = xstrdup(p);
		else if (n == 1)
			read.entry = xstrdup(p);
		else if (n < 2 + (size_t)head->argc)
			strvec_push(&read.args, p);
		else
			strvec_push(&read.env, p);
	}
	if (n != 2 + (size_t)head->argc + head->envc)
		return error_set(err, ERROR_INVALID, 0, "malformed request");
	read.kind = (enum request_kind)head->kind;
	read.bundled = head->bundled;
	read.seconds = head->seconds;
	read.output_max = head->output_max;
	if (check(&read, err) < 0)
		return -1;
	*r = read;
	request_init(&read);
	return 0;
}

int request_receive(int fd, struct request *r, int out_fds[3], struct error *err)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct request_head head;
	int fds[SOCK_MAX_FDS], ret = -1;
	size_t nfds = 0;
	ssize_t n = sock_recv(fd, &head, sizeof(head), fds, &nfds, err);

	if (n < 0)
		return -1;
	if (n != (ssize_t)sizeof(head) || nfds != 3)
		error_set(err, ERROR_INVALID, 0, "malformed request");
	else if (check_head(&head, err) == 0 &&
		 sock_recv_all(fd, strbuf_grow(&body, head.bytes), head.bytes, err) == 0) {
		strbuf_grown(&body, head.bytes);
		ret = request_decode(r, &head, body.data, err);
	}
	for (size_t i = 0; i < nfds; i++) {
		if (ret == 0)
			out_fds[i] = fds[i];
		else
			close_fd(fds[i]);
	}
	return ret;
}
