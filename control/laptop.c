/* SPDX-License-Identifier: MIT */
#include "control/laptop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "instance/name.h"
#include "base/quote.h"

void laptop_release(struct laptop *l)
{
	free(l->host);
	free(l->port);
	free(l->app);
	*l = (struct laptop){0};
}

/* "myapp" of "/myapp.git/", or NULL. */
static char *app_of(const char *path)
{
	path += strspn(path, "/~");
	size_t len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	if (len > 4 && strncmp(path + len - 4, ".git", 4) == 0)
		len -= 4;
	char *app = xstrndup(path, len);
	if (name_check_app(app, NULL) == 0)
		return app;
	free(app);
	return NULL;
}

int laptop_parse(const char *address, bool host_only, struct laptop *out, struct error *err)
{
	const char *rest = str_skip(address, "ssh://");
	_cleanup_laptop_ struct laptop l = {0};
	const char *start = rest ? rest : address;
	size_t len = strcspn(start, rest ? ":/" : ":");
	const char *after = start + len;

	if (len == 0 || start[0] == '-' || (!rest && memchr(start, '/', len)) ||
	    (!*after && !host_only))
		return error_set(err, ERROR_INVALID, 0,
				 "'%.200s' names no host: use HOST, berth@HOST:APP or "
				 "ssh://berth@HOST:PORT/APP",
				 address);
	l.host = memchr(start, '@', len) || !host_only ? xstrndup(start, len)
						       : xasprintf("berth@%.*s", (int)len, start);
	if (rest && *after == ':') {
		size_t digits = strspn(++after, "0123456789");
		l.port = xstrndup(after, digits);
		after += digits;
	}
	if (*after && after[1]) {
		l.app = app_of(after + 1);
		if (!l.app)
			return error_set(err, ERROR_INVALID, 0, "'%.200s' names no app", address);
	}
	*out = l;
	l = (struct laptop){0};
	return 0;
}

void laptop_find(struct laptop *out)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_child_ struct child git;

	child_init(&git);
	child_args(&git, "git", "config", "--get-regexp", "^remote\\..*\\.url$", NULL);
	git.keep_env = true;
	strbuf_cap(&text, 1u << 20);
	git.capture = &text;
	if (child_run(&git, NULL) < 0)
		return;
	for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct laptop l = {0};
		*end = '\0';
		char *url = strchr(line, ' ');
		bool named = str_starts(line, "remote.berth.url ");
		if (!url || laptop_parse(url + 1, false, &l, NULL) < 0)
			continue;
		if (l.app && (named || (!out->host && str_starts(l.host, "berth@")))) {
			laptop_release(out);
			*out = l;
			if (named)
				return;
		} else {
			laptop_release(&l);
		}
	}
}

bool laptop_has_instance(void)
{
	const char *root = getenv("BERTH_ROOT");

	return (root && *root) || file_exists(AT_FDCWD, "/run/berth/control.sock");
}

void laptop_argv(const struct laptop *l, const struct strvec *words, bool terminal,
		 struct strvec *out)
{
	const char *command = getenv("GIT_SSH_COMMAND");

	if (command && *command) {
		/* its user's own shell text, run as git runs it */
		strvec_push(out, "sh");
		strvec_push(out, "-c");
		strvec_pushf(out, "exec %s \"$@\"", command);
	}
	strvec_push(out, "ssh");
	if (terminal)
		strvec_push(out, "-t");
	if (l->port) {
		strvec_push(out, "-p");
		strvec_push(out, l->port);
	}
	strvec_push(out, "--");
	strvec_push(out, l->host);
	strvec_push(out, "--colour");
	strvec_push(out, colour_name(colour_wanted()));
	if (l->app) {
		strvec_push(out, "--default-app");
		strvec_push(out, l->app);
	}
	for (size_t i = 0; i < words->n; i++) {
		struct strbuf word = STRBUF_INIT;
		quote_shell(&word, words->v[i]);
		strvec_push_take(out, strbuf_detach(&word));
	}
}

void laptop_exec(const struct laptop *l, const struct strvec *words, struct error *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	bool asks = strvec_has(words, "run") || strvec_has(words, "enter");

	laptop_argv(l, words, asks && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), &argv);
	execvp(argv.v[0], argv.v);
	error_set(err, ERROR_SYSTEM, errno, "run '%s'", argv.v[0]);
}
