/* SPDX-License-Identifier: MIT */
/* run and enter: commands in containers, attached to the caller. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "control/leaving.h"
#include "control/oneoff.h"
#include "base/quote.h"
#include "receiver/words.h"

/* The word of LINE, which is all of a command, with which its last N words begin; NULL when LINE is
 * none that was split into words. */
static const char *last_words(const char *line, size_t n)
{
	_cleanup_strvec_ struct strvec all = STRVEC_INIT;
	struct error ignored = ERROR_INIT;
	if (!line || words_split(line, strlen(line), &all, &ignored) < 0 || all.n < n)
		return NULL;
	return words_tail(line, all.n - n);
}

/* WORDS as one line for the launcher's shell. A single word is taken as it is (people write
 * `run app 'echo $PORT'`). Over ssh the end of LINE is, as for any command over ssh: `ssh host run
 * app 'echo $PORT'` arrives as `run app echo $PORT`. Several words from here are quoted one by one:
 * a shell has read them already. */
static void join_command(const struct strvec *words, const char *line, const struct image *im,
			 struct strbuf *out)
{
	const char *type = words->n ? image_command(im, words->v[0]) : NULL;
	const char *tail = last_words(line, words->n);
	if (words->n == 1) {
		/* the name of a process type runs that process, as on Heroku */
		strbuf_addstr(out, type ? type : words->v[0]);
		return;
	}
	if (tail) {
		strbuf_addstr(out, tail);
		return;
	}
	for (size_t i = 0; i < words->n; i++) {
		strbuf_addstr(out, i ? " " : "");
		quote_shell(out, words->v[i]);
	}
}

static int collect_env(const struct request *rq, struct strvec *out, struct error *err)
{
	for (size_t i = 0; i < rq->given.n; i++) {
		const char *pair = str_skip(rq->given.v[i], "--env=");
		if (!pair)
			continue;
		if (!strchr(pair, '='))
			return error_set(err, ERROR_USAGE, 0,
					 "expected --env KEY=VALUE, not '%.80s'", pair);
		strvec_push(out, pair);
	}
	return 0;
}

static int run(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	_cleanup_strbuf_ struct strbuf command = STRBUF_INIT;
	_cleanup_strvec_ struct strvec env = STRVEC_INIT;
	unsigned long long ttl = 86400;
	const char *text = request_value(rq, "--ttl-seconds");
	char suffix[5], name[16];
	int status = 0;
	release_init(&r);
	image_init(&im);
	if (text && str_to_u64(text, 1, 1000000, &ttl) < 0)
		return error_set(err, ERROR_USAGE, 0, "--ttl-seconds is a number, not '%.40s'",
				 text);
	if (collect_env(rq, &env, err) < 0 || release_load_image(c, &rq->app, &r, &im, err) < 0)
		return -1;
	join_command(&rq->args, c->line, &im, &command);
	random_hex(suffix, 4);
	snprintf(name, sizeof(name), "run.%s", suffix);
	bool terminal =
		!request_has(rq, "--no-tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (terminal && !strvec_getenv(&env, "TERM"))
		strvec_push(&env, "TERM=xterm-256color");
	struct oneoff one = {
		.command = command.data,
		.name = name,
		.env = &env,
		.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
		.terminal = terminal,
		.forward = true,
		.time_s = (unsigned)ttl,
	};
	if (oneoff_run(c, &rq->app, &r, &im, &one, &status, err) < 0)
		return -1;
	c->exit_status = status;
	return 0;
}

static int enter(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ struct process *all = NULL;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	const char *want = rq->args.n ? rq->args.v[0] : "web";
	_cleanup_strvec_ struct strvec leaving = STRVEC_INIT;
	const struct process *found = NULL;
	size_t n = 0;
	int status = 0;
	if (leaving_list(c->inst, rq->app.id, &leaving, err) < 0 ||
	    process_list(c->inst, rq->app.id, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !found; i++) {
		_cleanup_free_ char *name = xasprintf("%s.%u", all[i].type, all[i].n);
		/* one that a restart has replaced ends under the caller's hands */
		if (all[i].status.state == CONTAINER_RUNNING &&
		    !strvec_has(&leaving, all[i].status.id) &&
		    (strcmp(want, name) == 0 || strcmp(want, all[i].type) == 0))
			found = &all[i];
	}
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, 0, "app '%s' has no running process '%.80s'",
				 rq->app.name, want);
	if (rq->args.n > 1)
		strvec_push_all(&argv, rq->args.v + 1);
	else
		strvec_push(&argv, "/bin/bash");
	const int stdio[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (oneoff_enter(c, found->status.id, &argv, terminal, stdio, &status, err) < 0)
		return -1;
	c->exit_status = status;
	return 0;
}

static const struct option_spec run_options[] = {
	{"--env", "-e", "KEY=VALUE", "one more environment variable; may be repeated"},
	{"--no-tty", NULL, NULL, "no terminal, even when there is one"},
	{"--ttl-seconds", NULL, "SECONDS", "kill it after that long (86400)"},
	{0},
};

const struct command run_commands[] = {
	{"run", "APP COMMAND...", "Run a command in a new container of an app's release",
	 COMMAND_APP | COMMAND_RAW, 1, -1, run_options, run},
	{"enter", "APP [PROCESS [COMMAND...]]", "Open a shell inside a running process's container",
	 COMMAND_APP | COMMAND_RAW, 0, -1, NULL, enter},
	{0},
};
