/* SPDX-License-Identifier: MIT */
#include "control/command.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/colour.h"
#include "control/commands/tables.h"
#include "plugins/host.h"

const struct command *const command_tables[] = {
	apps_commands,
	config_commands,
	domains_commands,
	ps_commands,
	resource_commands,
	storage_commands,
	network_commands,
	logs_commands,
	run_commands,
	cron_commands,
	releases_commands,
	builds_commands,
	git_commands,
	gitauth_commands,
	builder_commands,
	buildpacks_commands,
	keys_commands,
	tokens_commands,
	plugin_commands,
	router_commands,
	stack_commands,
	image_commands,
	registry_commands,
	system_commands,
	NULL,
};

bool request_has(const struct request *rq, const char *option)
{
	return request_value(rq, option) != NULL;
}

const char *request_value(const struct request *rq, const char *option)
{
	return strvec_getenv(&rq->given, option);
}

bool request_json(const struct request *rq)
{
	return str_equal(request_value(rq, "--format"), "json");
}

static const struct command *find(const char *name)
{
	for (size_t t = 0; command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++)
			if (strcmp(row->name, name) == 0)
				return row;
	return NULL;
}

static int usage(const struct command *row, struct error *err, const char *why)
{
	return error_set(err, ERROR_USAGE, 0, "%s\nusage: berth %s%s%s%s", why, row->name,
			 row->options ? " [OPTIONS]" : "", *row->args ? " " : "", row->args);
}

static const struct option_spec *find_option(const struct command *row, const char *word)
{
	size_t len = strcspn(word, "=");
	for (const struct option_spec *o = row->options; o && o->name; o++) {
		size_t stem = strcspn(o->name, "*");
		if ((strlen(o->name) == len && strncmp(o->name, word, len) == 0) ||
		    (o->name[stem] && strncmp(o->name, word, stem) == 0) ||
		    str_equal(o->short_name, word))
			return o;
	}
	return NULL;
}

/* Takes the option at WORDS[*i] into RQ; *i moves past its value. */
static int take_option(struct context *c, const struct command *row, const struct strvec *words,
		       size_t *i, struct request *rq, struct error *err)
{
	const char *word = words->v[*i];
	const struct option_spec *o = find_option(row, word);
	if (!o && strcmp(word, "--force") == 0) {
		c->force = true;
		return 0;
	}
	if (!o && strcmp(word, "--quiet") == 0) {
		c->quiet = true;
		return 0;
	}
	if (!o) {
		_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
		strbuf_addf(&why, "'%s' has no option '%.80s'", row->name, word);
		for (o = row->options; o && o->name; o++)
			strbuf_addf(&why, "%s%s", o == row->options ? "; it has " : ", ", o->name);
		return usage(row, err, why.data);
	}
	const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	if (!o->value) {
		strvec_setenv(&rq->given, strchr(o->name, '*') ? word : o->name, "");
		return 0;
	}
	if (!equals && *i + 1 >= words->n) {
		_cleanup_free_ char *why = xasprintf("'%s' needs a value: %s", o->name, o->value);
		return usage(row, err, why);
	}
	const char *value = equals ? equals + 1 : words->v[++*i];
	/* --env may come more than once */
	if (strcmp(o->name, "--env") == 0)
		strvec_pushf(&rq->given, "--env=%s", value);
	else
		strvec_setenv(&rq->given, o->name, value);
	return 0;
}

static int take_app(struct context *c, const struct command *row, const char *word,
		    struct request *rq, struct error *err)
{
	if (((row->flags & COMMAND_GLOBAL) && strcmp(word, "--global") == 0))
		return 0;
	if ((row->flags & COMMAND_ALL) && strcmp(word, "--all") == 0) {
		rq->all = true;
		return 0;
	}
	return app_find(&c->db, word, &rq->app, err);
}

/* Whether WORD stands where the app does, and is one. */
static bool is_app(struct context *c, const struct command *row, const char *word)
{
	struct app app;
	if (((row->flags & COMMAND_GLOBAL) && strcmp(word, "--global") == 0) ||
	    ((row->flags & COMMAND_ALL) && strcmp(word, "--all") == 0))
		return true;
	return app_find(&c->db, word, &app, NULL) == 0;
}

static int parse(struct context *c, const struct command *row, const struct strvec *words,
		 struct request *rq, struct error *err)
{
	bool want_app = row->flags & COMMAND_APP, plain = false;
	for (size_t i = 1; i < words->n; i++) {
		const char *word = words->v[i];
		bool raw = (row->flags & COMMAND_RAW) && !want_app && rq->args.n > 0;
		bool in_place_of_app =
			want_app &&
			(((row->flags & COMMAND_GLOBAL) && strcmp(word, "--global") == 0) ||
			 ((row->flags & COMMAND_ALL) && strcmp(word, "--all") == 0));
		if (!plain && !raw && strcmp(word, "--") == 0) {
			plain = true;
		} else if (!plain && !raw && !in_place_of_app && word[0] == '-' && word[1]) {
			if (take_option(c, row, words, &i, rq, err) < 0)
				return -1;
		} else if (want_app && c->default_app && !is_app(c, row, word)) {
			/* from a laptop: the app of the folder's remote, and WORD is an argument */
			if (take_app(c, row, c->default_app, rq, err) < 0)
				return -1;
			want_app = false;
			strvec_push(&rq->args, word);
		} else if (want_app) {
			if (take_app(c, row, word, rq, err) < 0)
				return -1;
			want_app = false;
		} else {
			strvec_push(&rq->args, word);
		}
	}
	if (want_app && !c->default_app)
		return usage(row, err, "an app is missing");
	if (want_app && take_app(c, row, c->default_app, rq, err) < 0)
		return -1;
	if ((int)rq->args.n < row->min)
		return usage(row, err, "an argument is missing");
	if (row->max >= 0 && (int)rq->args.n > row->max) {
		_cleanup_free_ char *why =
			xasprintf("one argument too many: '%.80s'", rq->args.v[row->max]);
		return usage(row, err, why);
	}
	const char *format = request_value(rq, "--format");
	if (format && find_option(row, "--format")->value[0] == 's' &&
	    strcmp(format, "json") != 0 && strcmp(format, "stdout") != 0)
		return usage(row, err, "--format is 'stdout' or 'json'");
	return 0;
}

static bool wants_help(const struct strvec *words)
{
	return words->n > 1 &&
	       (strcmp(words->v[1], "--help") == 0 || strcmp(words->v[1], "-h") == 0);
}

static int run_row(struct context *c, const struct command *row, const struct strvec *words,
		   struct error *err)
{
	struct request rq = {.args = STRVEC_INIT, .given = STRVEC_INIT};
	if (c->role == ROLE_API && !(row->flags & COMMAND_API))
		return error_set(err, ERROR_DENIED, 0, "a token may not run '%s'", row->name);
	if (wants_help(words))
		return command_help(c, row->name, err);
	/* for a program, which reads the errors too, that of the parser among them */
	for (size_t i = 1; i < words->n; i++)
		if (strcmp(words->v[i], "--format=json") == 0 ||
		    (strcmp(words->v[i - 1], "--format") == 0 && strcmp(words->v[i], "json") == 0))
			colour_set(COLOUR_NONE);
	int result = parse(c, row, words, &rq, err);
	if (result == 0)
		result = row->run(c, &rq, err);
	strvec_release(&rq.args);
	strvec_release(&rq.given);
	return result;
}

/* How many single edits turn A into B; both short. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b);
	if (la > 60 || lb > 60)
		return 100;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			row[j] = best < change ? best : change;
		}
	}
	return row[lb];
}

static int unknown(const char *name, struct error *err)
{
	const char *nearest = NULL;
	/* a third of the letters may be wrong: more is a guess that misleads */
	size_t best = strlen(name) / 3 + 1;
	for (size_t t = 0; command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++) {
			size_t d = row->flags & COMMAND_HIDDEN ? 100 : distance(name, row->name);
			if (d < best) {
				best = d;
				nearest = row->name;
			}
		}
	if (nearest)
		return error_set(err, ERROR_USAGE, 0,
				 "'%.80s' is not a berth command; did you mean '%s'?", name,
				 nearest);
	return error_set(err, ERROR_USAGE, 0,
			 "'%.80s' is not a berth command: 'help' lists them all", name);
}

static bool is_group(const char *name, size_t len)
{
	for (size_t t = 0; command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++)
			if (!(row->flags & COMMAND_HIDDEN) && strncmp(row->name, name, len) == 0 &&
			    row->name[len] == ':')
				return true;
	return false;
}

/* Takes --quiet, --force, --trace, --app NAME, the door's --line TEXT and a laptop's --default-app
 * NAME from in front of the command; --app's NAME becomes the first argument. */
static int take_globals(struct context *c, const struct strvec *words, struct strvec *out,
			struct error *err)
{
	const char *app = NULL;
	size_t i = 0;
	for (; i < words->n && words->v[i][0] == '-'; i++) {
		const char *word = words->v[i], *value = str_skip(word, "--app=");
		if (strcmp(word, "--quiet") == 0)
			c->quiet = true;
		else if (strcmp(word, "--force") == 0)
			c->force = true;
		else if (strcmp(word, "--app") == 0 && i + 1 < words->n)
			app = words->v[++i];
		else if (strcmp(word, "--line") == 0 && i + 1 < words->n)
			c->line = words->v[++i];
		else if (strcmp(word, "--default-app") == 0 && i + 1 < words->n)
			c->default_app = words->v[++i];
		else if (value)
			app = value;
		else if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0)
			strvec_push(out, "version");
		else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			strvec_push(out, "help");
		else if (strcmp(word, "--trace") != 0)
			return error_set(err, ERROR_USAGE, 0,
					 "'%.80s' is not a global option: --quiet, --force, --app "
					 "NAME, --version, --help",
					 word);
	}
	for (; i < words->n; i++)
		strvec_push(out, words->v[i]);
	if (out->n == 0)
		strvec_push(out, "help");
	if (app)
		strvec_insert(out, 1, app);
	return 0;
}

int command_run(struct context *c, const struct strvec *given, struct error *err)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	bool found = false;
	if (take_globals(c, given, &words, err) < 0)
		return -1;
	const char *name = words.v[0];
	const struct command *row = find(name);
	if (row)
		return run_row(c, row, &words, err);
	size_t len = strlen(name);
	bool asks_help = len > 5 && strcmp(name + len - 5, ":help") == 0;
	_cleanup_free_ char *group = xstrndup(name, asks_help ? len - 5 : len);
	if (is_group(group, strlen(group)))
		return command_help(c, group, err);
	if (c->role == ROLE_ADMIN && plugin_find_command(c->inst, name, &found, err) < 0)
		return -1;
	if (!found) {
		/* a plugin's name alone shows its commands, as a group's does */
		struct error none = ERROR_INIT;
		return command_help(c, group, &none) == 0 ? 0 : unknown(name, err);
	}
	if (wants_help(&words))
		return command_help(c, name, err);
	const int fds[3] = {0, 1, 2};
	fflush(NULL);
	return plugin_command(c->inst, &words, c->identity, fds, &c->exit_status, err);
}
