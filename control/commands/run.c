/* SPDX-License-Identifier: MIT */
/* run..., enter: commands in containers. */
#include "control/commands/tables.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/quote.h"
#include "base/random.h"
#include "control/answer.h"
#include "control/detached.h"
#include "control/leaving.h"
#include "control/listing.h"
#include "control/logview.h"
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
		if (!strchr(pair, '=') || pair[0] == '=')
			return error_set(err, ERROR_USAGE, 0,
					 "expected --env KEY=VALUE, not '%.80s'", pair);
		strvec_push(out, pair);
	}
	return 0;
}

/* What run and run:detached take from the command line. */
struct order {
	struct release release;
	struct image image;
	struct strbuf command;
	struct strvec env;
	unsigned long long ttl;
};

static void order_init(struct order *o)
{
	*o = (struct order){.command = STRBUF_INIT, .env = STRVEC_INIT, .ttl = DETACHED_TTL_S};
	release_init(&o->release);
	image_init(&o->image);
}

static void order_release(struct order *o)
{
	release_free(&o->release);
	image_release(&o->image);
	strbuf_release(&o->command);
	strvec_release(&o->env);
}
#define _cleanup_order_ _cleanup_(order_release)

static int take_order(struct context *c, struct request *rq, struct order *o, struct error *err)
{
	const char *text = request_value(rq, "--ttl-seconds");
	if (text && str_to_u64(text, 1, 1000000, &o->ttl) < 0)
		return error_set(err, ERROR_USAGE, 0,
				 "--ttl-seconds is a number from 1 to 1000000, not '%.40s'", text);
	if (collect_env(rq, &o->env, err) < 0 ||
	    release_load_image(c, &rq->app, &o->release, &o->image, err) < 0)
		return -1;
	join_command(&rq->args, c->line, &o->image, &o->command);
	return 0;
}

static int run(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_order_ struct order o;
	char suffix[5], name[16];
	int status = 0;
	order_init(&o);
	if (take_order(c, rq, &o, err) < 0)
		return -1;
	random_hex(suffix, 4);
	snprintf(name, sizeof(name), "run.%s", suffix);
	bool terminal =
		!request_has(rq, "--no-tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (terminal && !strvec_getenv(&o.env, "TERM"))
		strvec_push(&o.env, "TERM=xterm-256color");
	struct oneoff one = {
		.command = o.command.data,
		.name = name,
		.env = &o.env,
		.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
		.terminal = terminal,
		.forward = true,
		.time_s = (unsigned)o.ttl,
	};
	if (oneoff_run(c, &rq->app, &o.release, &o.image, &one, &status, err) < 0)
		return -1;
	c->exit_status = status;
	return 0;
}

static int run_detached(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_order_ struct order o;
	char name[DETACHED_NAME_MAX + 1];
	order_init(&o);
	if (take_order(c, rq, &o, err) < 0)
		return -1;
	struct oneoff one = {.command = o.command.data, .env = &o.env, .time_s = (unsigned)o.ttl};
	if (detached_start(c, &rq->app, &o.release, &o.image, &one, name, err) < 0)
		return -1;
	/* alone on its line: scripts take it from here */
	answer_line(c, "%s", name);
	return 0;
}

static int run_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"name",       "state", "exit_code", "release",
					      "started_at", "ttl",   "command",   NULL};
	_cleanup_free_ struct detached *all = NULL;
	size_t n = 0;
	if (detached_list(c->inst, rq->app.id, &all, &n, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct detached *d = &all[i];
		json_t *row = json_object();
		json_object_set_new(row, "name", json_string(d->name));
		json_object_set_new(row, "state", json_string(detached_state_name(d)));
		json_object_set_new(row, "exit_code",
				    d->status.state == CONTAINER_EXITED
					    ? json_integer(d->status.exit_code)
					    : json_null());
		json_object_set_new(row, "release", json_sprintf("v%lld", (long long)d->release));
		json_object_set_new(row, "started_at", listing_time(d->status.started_us));
		json_object_set_new(row, "ttl", json_integer(d->ttl_s));
		json_object_set_new(row, "attached", json_boolean(d->attached));
		json_object_set_new(row, "command", listing_text(d->command));
		json_object_set_new(row, "container", json_string(d->status.id));
		json_array_append_new(rows, row);
	}
	_cleanup_free_ char *header = xasprintf("One-offs of app %s", rq->app.name);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

static bool is_oneoff(const char *name)
{
	return str_starts(name, "run.") || str_starts(name, "cron.");
}

/* One that is there, or whose log is. */
static int check_name(struct context *c, const struct request *rq, const char *name,
		      struct error *err)
{
	_cleanup_free_ struct detached *all = NULL;
	_cleanup_free_ char *id = app_text_id(&rq->app);
	_cleanup_free_ char *log = instance_lib(c->inst, "logs/%s/%s.log", id, name);
	size_t n = 0;
	if (detached_list(c->inst, rq->app.id, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return 0;
	if (file_exists(AT_FDCWD, log))
		return 0;
	return error_set(err, ERROR_NOT_FOUND, 0,
			 "app '%s' has no one-off '%.80s': 'run:list %s' shows them", rq->app.name,
			 name, rq->app.name);
}

static int run_logs(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.n ? rq->args.v[0] : NULL;
	/* "run" is all of them, "run.12ab" and "cron.12ab34cd" are one */
	if (name && !is_oneoff(name))
		return error_set(err, ERROR_USAGE, 0,
				 "'%.80s' is not the name of a one-off: 'run:list %s' shows them",
				 name, rq->app.name);
	if (name && check_name(c, rq, name, err) < 0)
		return -1;
	return logview_command(c, rq, name ? name : "run", err);
}

static int run_stop(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ struct detached *all = NULL;
	const char *name = rq->args.n ? rq->args.v[0] : NULL;
	bool every = request_has(rq, "--all");
	size_t n = 0, found = 0;
	if (every == (name != NULL))
		return error_set(err, ERROR_USAGE, 0,
				 "expected the name of a one-off or --all: 'run:list %s' shows "
				 "them",
				 rq->app.name);
	if (detached_list(c->inst, rq->app.id, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (all[i].status.state == CONTAINER_EXITED ||
		    (name && strcmp(all[i].name, name) != 0))
			continue;
		found++;
		answer_step(c, "Stopping %s", all[i].name);
		if (runtime_stop(c->inst, all[i].status.id, -1, err) < 0)
			return -1;
	}
	if (name && !found)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no running one-off '%.80s': 'run:list %s' shows "
				 "them",
				 rq->app.name, name, rq->app.name);
	if (!found)
		answer_step(c, "No one-off of '%s' runs", rq->app.name);
	return 0;
}

static int run_retire(struct context *c, struct request *rq, struct error *err)
{
	size_t n = 0;
	if (detached_retire(c, &rq->app, true, &n, err) < 0)
		return -1;
	answer_step(c, "Forgot %zu one-off%s that had ended", n, n == 1 ? "" : "s");
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
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no running process '%.80s'%s", rq->app.name, want,
				 is_oneoff(want) ? ": a one-off cannot be entered" : "");
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

static const struct option_spec detached_options[] = {
	{"--env", "-e", "KEY=VALUE", "one more environment variable; may be repeated"},
	{"--ttl-seconds", NULL, "SECONDS", "kill it after that long (86400)"},
	{0},
};

static const struct option_spec stop_options[] = {
	{"--all", NULL, NULL, "all one-offs of the app"},
	{0},
};

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};

const struct command run_commands[] = {
	{"run", "APP COMMAND...", "Run a command in a new container of an app's release",
	 COMMAND_APP | COMMAND_RAW, 1, -1, run_options, run},
	{"run:detached", "APP COMMAND...", "The same on its own: print its name and come back",
	 COMMAND_APP | COMMAND_RAW, 1, -1, detached_options, run_detached},
	{"run:list", "APP", "List an app's one-offs", COMMAND_APP | COMMAND_API, 0, 0, format_only,
	 run_list},
	{"run:logs", "APP [NAME]", "Show what detached one-offs printed", COMMAND_APP, 0, 1,
	 logview_options, run_logs},
	{"run:stop", "APP NAME|--all", "Stop one-offs that run", COMMAND_APP, 0, 1, stop_options,
	 run_stop},
	{"run:retire", "APP", "Forget the one-offs that have ended, with their logs", COMMAND_APP,
	 0, 0, NULL, run_retire},
	{"enter", "APP [PROCESS [COMMAND...]]", "Open a shell inside a running process's container",
	 COMMAND_APP | COMMAND_RAW, 0, -1, NULL, enter},
	{0},
};
