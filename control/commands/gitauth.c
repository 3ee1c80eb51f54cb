/* SPDX-License-Identifier: MIT */
/* git:auth and its like: with what Berth reads the repositories of others. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/gitauth.h"

static int git_auth(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf typed = STRBUF_INIT;
	const char *host = rq->args.v[0], *user = rq->args.n > 1 ? rq->args.v[1] : NULL;
	const char *password = rq->args.n > 2 ? rq->args.v[2] : NULL;
	if (user && !password)
		return error_set(
			err, ERROR_USAGE, 0,
			"a user needs a password: git:auth %s %s PASSWORD ('-': from stdin)", host,
			user);
	if (password && strcmp(password, "-") == 0) {
		strbuf_cap(&typed, 4096);
		if (strbuf_read_fd(&typed, STDIN_FILENO, err) < 0)
			return -1;
		strbuf_trim(&typed);
		password = typed.data;
	}
	if (gitauth_set(c, host, user, password, err) < 0)
		return -1;
	answer_step(c,
		    user ? "'%s' is asked with this password from now on"
			 : "'%s' is asked without password from now on",
		    host);
	return 0;
}

static int git_auth_status(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf user = STRBUF_INIT, password = STRBUF_INIT;
	bool found = false;
	if (gitauth_get(c, rq->args.v[0], &user, &password, &found, err) < 0)
		return -1;
	bool same = found && (rq->args.n < 2 || strcmp(rq->args.v[1], user.data) == 0) &&
		    (rq->args.n < 3 || strcmp(rq->args.v[2], password.data) == 0);
	if (found && rq->args.n < 2)
		answer_line(c, "%s", user.data);
	c->exit_status = same ? 0 : 1;
	return 0;
}

static int git_generate_key(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
	(void)rq;
	if (gitauth_make_key(c, err) < 0 || gitauth_public_key(c, &key, err) < 0)
		return -1;
	strbuf_trim(&key);
	answer_line(c, "%s", key.data);
	return 0;
}

static int git_public_key(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
	(void)rq;
	if (gitauth_public_key(c, &key, err) < 0)
		return -1;
	strbuf_trim(&key);
	answer_line(c, "%s", key.data);
	return 0;
}

static int git_allow_host(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf prints = STRBUF_INIT;
	if (gitauth_allow(c, rq->args.v[0], &prints, err) < 0)
		return -1;
	answer_step(c, "Repositories may come from %s", rq->args.v[0]);
	for (char *line = prints.data, *end; (end = strchr(line, '\n')); line = end + 1)
		answer_detail(c, "%.*s", (int)(end - line), line);
	if (prints.len == 0)
		answer_detail(c, "ssh does not answer there: only https is possible");
	return 0;
}

const struct command gitauth_commands[] = {
	{"git:auth", "HOST [USER PASSWORD]", "Keep a password for a git host, or forget it", 0, 1,
	 3, NULL, git_auth},
	{"git:auth-status", "HOST [USER PASSWORD]", "Exit with 0 when a password is kept", 0, 1, 3,
	 NULL, git_auth_status},
	{"git:generate-deploy-key", "", "Make the key with which Berth reads repositories", 0, 0, 0,
	 NULL, git_generate_key},
	{"git:public-key", "", "Show the public half of the deploy key", 0, 0, 0, NULL,
	 git_public_key},
	{"git:allow-host", "HOST", "Trust a git host: its ssh keys, and submodules from it", 0, 1,
	 1, NULL, git_allow_host},
	{0},
};
