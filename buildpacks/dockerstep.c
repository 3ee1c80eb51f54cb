/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerstep.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <jansson.h>

#include "buildpacks/dockerconfig.h"
#include "buildpacks/dockerdoc.h"
#include "buildpacks/dockermode.h"
#include "buildpacks/dockermount.h"
#include "buildpacks/dockersource.h"
#include "buildpacks/dockervar.h"

#define BLANK " \t\r"
/* what has one of these is known only when it is expanded */
#define EXPANDED "$\"'\\`"

/* How the arguments of an instruction are read. */
enum form {
	FORM_LINE = 1, /* one text: words[0] */
	FORM_WORDS,
	FORM_LIST,     /* JSON, or words */
	FORM_SHELL,    /* JSON, or one text for the shell */
	FORM_JSON,     /* only that */
	FORM_PAIRS,    /* KEY=VALUE..., or KEY VALUE */
	FORM_DECLARED, /* KEY or KEY=VALUE... */
	FORM_OWN,      /* has a reader of its own */
};

static const struct row {
	const char *name;
	enum docker_op op;
	enum form form;
	const char *options; /* names between blanks; "=" behind one: takes a value; "?": may */
} rows[] = {
	{"ADD", DOCKER_ADD, FORM_LIST,
	 " chown= chmod= link? checksum= exclude= unpack? keep-git-dir? "},
	{"ARG", DOCKER_ARG, FORM_DECLARED, " "},
	{"CMD", DOCKER_CMD, FORM_SHELL, " "},
	{"COPY", DOCKER_COPY, FORM_LIST, " from= chown= chmod= link? exclude= parents? "},
	{"ENTRYPOINT", DOCKER_ENTRYPOINT, FORM_SHELL, " "},
	{"ENV", DOCKER_ENV, FORM_PAIRS, " "},
	{"EXPOSE", DOCKER_EXPOSE, FORM_WORDS, " "},
	{"FROM", DOCKER_FROM, FORM_OWN, " platform= "},
	{"HEALTHCHECK", DOCKER_HEALTHCHECK, FORM_OWN,
	 " interval= timeout= start-period= start-interval= retries= "},
	{"LABEL", DOCKER_LABEL, FORM_PAIRS, " "},
	{"MAINTAINER", DOCKER_MAINTAINER, FORM_LINE, " "},
	{"ONBUILD", DOCKER_ONBUILD, FORM_LINE, " "},
	{"RUN", DOCKER_RUN, FORM_SHELL, " mount= network= security= "},
	{"SHELL", DOCKER_SHELL, FORM_JSON, " "},
	{"STOPSIGNAL", DOCKER_STOPSIGNAL, FORM_LINE, " "},
	{"USER", DOCKER_USER, FORM_LINE, " "},
	{"VOLUME", DOCKER_VOLUME, FORM_LIST, " "},
	{"WORKDIR", DOCKER_WORKDIR, FORM_LINE, " "},
};

/* One instruction being read. */
struct reader {
	struct dockerlines *lines; /* for heredocs */
	const struct dockerline *line;
	const struct row *row;
	char escape;
	struct docker_step *step;
	struct error *err;
};

const char *docker_op_name(enum docker_op op)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].op == op)
			return rows[i].name;
	return "?";
}

static int wrong(const struct reader *r, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int wrong(const struct reader *r, const char *at, const char *fmt, ...)
{
	unsigned line, column;
	char text[512];
	va_list ap;

	dockerline_place(r->line, (size_t)(at - r->line->text.data), &line, &column);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(r->err, ERROR_INVALID, 0, "line %u, column %u: %s", line, column, text);
}

void docker_step_release(struct docker_step *step)
{
	free(step->text);
	strvec_release(&step->options);
	strvec_release(&step->words);
	for (size_t i = 0; i < step->n_docs; i++) {
		free(step->docs[i].name);
		free(step->docs[i].text);
	}
	free(step->docs);
	*step = (struct docker_step)DOCKER_STEP_INIT;
}

const char *docker_step_option(const struct docker_step *step, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < step->options.n; i++) {
		const char *o = step->options.v[i];
		if (strncmp(o, name, len) == 0 && (o[len] == '=' || o[len] == '\0'))
			return o[len] ? o + len + 1 : o + len;
	}
	return NULL;
}

bool docker_step_flag(const struct docker_step *step, const char *name, bool otherwise)
{
	const char *value = docker_step_option(step, name);

	return value ? !str_equal(value, "false") && !str_equal(value, "0") : otherwise;
}

static const char *skip_blank(const char *s)
{
	return s + strspn(s, BLANK);
}

/* The word at AT, which must be well formed as one that is expanded. */
static int push_word(const struct reader *r, const char *at, size_t len)
{
	_cleanup_free_ char *word = xstrndup(at, len);
	_cleanup_strbuf_ struct strbuf ignored = STRBUF_INIT;
	struct dockervar how = {.escape = r->escape, .check = true};
	struct error why = ERROR_INIT;
	size_t failed;

	if (r->step->words.n == DOCKERSTEP_WORDS_MAX)
		return wrong(r, at, "%s has more than %d arguments", r->row->name,
			     DOCKERSTEP_WORDS_MAX);
	if (dockervar_expand(&how, word, &ignored, &failed, &why) < 0)
		return wrong(r, at + failed, "%s", why.message);
	if (!strpbrk(word, EXPANDED) && dockerconfig_check(r->row->op, NULL, word, &why) < 0)
		return wrong(r, at, "%s", why.message);
	strvec_push(&r->step->words, word);
	return 0;
}

static int read_words(struct reader *r, const char *s)
{
	for (s = skip_blank(s); *s; s = skip_blank(s)) {
		size_t len = dockervar_word(s, r->escape);
		if (push_word(r, s, len) < 0)
			return -1;
		s += len;
	}
	return 0;
}

/* Fills words from a JSON list of strings; 0 when S is none. */
static int read_json(struct reader *r, const char *s, size_t len)
{
	json_t *list = *s == '[' ? json_loadb(s, len, 0, NULL) : NULL;
	bool good = json_is_array(list) && json_array_size(list) <= DOCKERSTEP_WORDS_MAX;

	for (size_t i = 0; good && i < json_array_size(list); i++)
		good = json_is_string(json_array_get(list, i));
	for (size_t i = 0; good && i < json_array_size(list); i++)
		strvec_push(&r->step->words, json_string_value(json_array_get(list, i)));
	json_decref(list);
	r->step->exec = good;
	return good;
}

static bool is_key(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)s[i]) || s[i] == '$')
			return false;
	return len > 0;
}

static bool is_variable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] != '_' && !isalpha((unsigned char)s[i]) &&
		    (i == 0 || !isdigit((unsigned char)s[i])))
			return false;
	return len > 0;
}

/* ENV and LABEL. */
static int read_pairs(struct reader *r, const char *s)
{
	size_t first = dockervar_word(s, r->escape);

	if (!memchr(s, '=', first)) {
		/* the old form: the rest of the line is the value, white space too */
		const char *value = skip_blank(s + first);
		if (!*value)
			return wrong(r, s, "%s needs KEY=VALUE, '%.80s' has no value", r->row->name,
				     s);
		if (!is_key(s, first))
			return wrong(r, s, "'%.*s' is no name", (int)first, s);
		if (push_word(r, value, strlen(value)) < 0)
			return -1;
		_cleanup_free_ char *pair = xasprintf("%.*s=%s", (int)first, s, value);
		free(r->step->words.v[0]);
		r->step->words.v[0] = TAKE_PTR(pair);
		return 0;
	}
	for (; *s; s = skip_blank(s)) {
		size_t len = dockervar_word(s, r->escape);
		const char *equals = memchr(s, '=', len);
		if (!equals)
			return wrong(r, s, "expected KEY=VALUE, not '%.*s'", (int)len, s);
		if (r->row->op == DOCKER_ENV && !is_key(s, (size_t)(equals - s)))
			return wrong(r, s, "'%.*s' is no name of a variable", (int)(equals - s), s);
		if (push_word(r, s, len) < 0)
			return -1;
		s += len;
	}
	return 0;
}

static int read_declared(struct reader *r, const char *s)
{
	for (; *s; s = skip_blank(s)) {
		size_t len = dockervar_word(s, r->escape);
		const char *equals = memchr(s, '=', len);
		if (!is_variable(s, equals ? (size_t)(equals - s) : len))
			return wrong(r, s, "'%.*s' is no name of a variable",
				     (int)(equals ? equals - s : (long)len), s);
		if (push_word(r, s, len) < 0)
			return -1;
		s += len;
	}
	return 0;
}
static int read_heredocs(struct reader *r, const char *s)
{
	struct error why = ERROR_INIT;
	size_t at = 0;

	if (dockerdoc_read(r->step, r->lines, s, r->escape, &at, &why) < 0)
		return wrong(r, s + at, "%s", why.message);
	return 0;
}

static int read_shell(struct reader *r, const char *s)
{
	if (read_json(r, s, strlen(s)))
		return r->row->op == DOCKER_RUN && r->step->words.n == 0
			       ? wrong(r, s, "RUN has an empty list")
			       : 0;
	strvec_push(&r->step->words, s);
	if (r->row->op != DOCKER_RUN)
		return 0;
	if (read_heredocs(r, s) < 0)
		return -1;
	if (r->step->n_docs > 0)
		dockerdoc_join(r->step);
	return 0;
}

static int check_copy(const struct reader *r, const char *s)
{
	const struct docker_step *step = r->step;

	if (step->words.n < 2)
		return wrong(r, s, "%s needs a source and a destination", r->row->name);
	const char *to = step->words.v[step->words.n - 1];
	if (step->words.n > 2 && to[strlen(to) - 1] != '/' && !strpbrk(to, "$\"'") &&
	    !str_equal(to, ".") && !str_equal(to, ".."))
		return wrong(r, s, "%s of several sources: the destination '%.80s' must end in /",
			     r->row->name, to);
	bool remote = false, named = false;
	for (size_t i = 0; step->op == DOCKER_ADD && i + 1 < step->words.n; i++) {
		const char *source = step->words.v[i];
		bool ssh = docker_source_is_ssh(source);
		if (ssh && step->words.n > 2)
			return wrong(r, s,
				     "ADD takes a repository over ssh alone, from its own line");
		if (ssh && docker_step_flag(step, "keep-git-dir", false))
			return wrong(r, s, "--keep-git-dir is not for a repository over ssh");
		named |= strchr(source, '$') != NULL;
		remote |= ssh || docker_source_is_url(source);
	}
	if (docker_step_option(step, "checksum") && !remote && !named)
		return wrong(r, s, "--checksum is for what comes from the network: a URL");
	return 0;
}

static int read_list(struct reader *r, const char *s)
{
	bool copies = r->row->op == DOCKER_COPY || r->row->op == DOCKER_ADD;

	if (!read_json(r, s, strlen(s)) && read_words(r, s) < 0)
		return -1;
	if (!copies)
		return 0;
	if (!r->step->exec && read_heredocs(r, s) < 0)
		return -1;
	for (size_t i = 0; i < r->step->words.n; i++)
		if (!*r->step->words.v[i])
			return wrong(r, s, "%s has an empty argument", r->row->name);
	return check_copy(r, s);
}

static int read_from(struct reader *r, const char *s)
{
	if (read_words(r, s) < 0)
		return -1;
	const struct strvec *w = &r->step->words;
	if (w->n != 1 && (w->n != 3 || strcasecmp(w->v[1], "as") != 0))
		return wrong(r, s, "expected 'FROM IMAGE' or 'FROM IMAGE AS NAME'");
	if (w->n == 1)
		return 0;
	const char *name = w->v[2];
	if (!isalpha((unsigned char)name[0]))
		return wrong(r, strstr(s, name), "'%.80s' is no name of a stage", name);
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return wrong(r, strstr(s, name), "'%.80s' is no name of a stage", name);
	return 0;
}

static int read_health(struct reader *r, const char *s)
{
	size_t len = strcspn(s, BLANK);
	const char *rest = skip_blank(s + len);

	if (len == 4 && strncasecmp(s, "NONE", 4) == 0 && !*rest) {
		strvec_push(&r->step->words, "NONE");
		return 0;
	}
	if (len != 3 || strncasecmp(s, "CMD", 3) != 0 || !*rest)
		return wrong(r, s, "expected 'HEALTHCHECK CMD COMMAND' or 'HEALTHCHECK NONE'");
	if (!read_json(r, rest, strlen(rest)))
		strvec_push(&r->step->words, rest);
	return r->step->words.n ? 0 : wrong(r, rest, "HEALTHCHECK has an empty list");
}

static int read_options(struct reader *r, const char **s);
static int read_arguments(struct reader *r, const char *s);

/* ONBUILD keeps its instruction as text, heredocs and all, and that is checked here too. */
static int read_trigger(struct reader *r, const char *s)
{
	_cleanup_docker_step_ struct docker_step inner = DOCKER_STEP_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct reader in = *r;
	size_t len = strcspn(s, BLANK);

	strbuf_addstr(&text, s);
	in.row = NULL;
	in.step = &inner;
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !in.row; i++)
		if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, s, len) == 0)
			in.row = &rows[i];
	if (!in.row)
		return wrong(r, s, "unknown instruction '%.*s'", (int)(len > 40 ? 40 : len), s);
	if (in.row->op == DOCKER_ONBUILD || in.row->op == DOCKER_FROM ||
	    in.row->op == DOCKER_MAINTAINER)
		return wrong(r, s, "%s may not follow ONBUILD", in.row->name);
	inner.op = in.row->op;
	s = skip_blank(s + len);
	if (read_options(&in, &s) < 0 || read_arguments(&in, s) < 0)
		return -1;
	for (size_t i = 0; i < inner.n_docs; i++)
		strbuf_addf(&text, "\n%s%s", inner.docs[i].text, inner.docs[i].name);
	strvec_push(&r->step->words, text.data);
	return 0;
}

static int read_line(struct reader *r, const char *s)
{
	if (r->row->op == DOCKER_ONBUILD)
		return read_trigger(r, s);
	if (r->row->op == DOCKER_MAINTAINER) {
		strvec_push(&r->step->words, s);
		return 0;
	}
	return push_word(r, s, strlen(s));
}

static int read_arguments(struct reader *r, const char *s)
{
	if (!*s)
		return wrong(r, r->line->text.data, "%s needs an argument", r->row->name);
	switch (r->row->form) {
	case FORM_LINE:
		return read_line(r, s);
	case FORM_WORDS:
		return read_words(r, s);
	case FORM_LIST:
		return read_list(r, s);
	case FORM_SHELL:
		return read_shell(r, s);
	case FORM_JSON:
		if (read_json(r, s, strlen(s)) && r->step->words.n > 0)
			return 0;
		return wrong(r, s, "%s needs a list such as [\"/bin/bash\", \"-c\"]", r->row->name);
	case FORM_PAIRS:
		return read_pairs(r, s);
	case FORM_DECLARED:
		return read_declared(r, s);
	case FORM_OWN:
		break;
	}
	return r->row->op == DOCKER_FROM ? read_from(r, s) : read_health(r, s);
}

/* Whether the option is one that is known but not done. */
static int check_option(const struct reader *r, const char *at, const char *name, const char *value)
{
	struct docker_mount m = {0};
	struct error why = ERROR_INIT;

	if (str_equal(name, "mount")) {
		int result = docker_mount_parse(&m, value, &why);
		docker_mount_release(&m);
		return result < 0 ? wrong(r, at, "%s", why.message) : 0;
	}
	if (str_equal(name, "chmod") && !strpbrk(value, EXPANDED)) {
		size_t offset = 0;
		const char *what = docker_mode_check(value, &offset);
		return what ? wrong(r, at + strlen("--chmod=") + offset, "--chmod: %s", what) : 0;
	}
	if (str_equal(name, "security") && !str_equal(value, "sandbox"))
		return wrong(r, at, "--security=%.40s is not allowed: builds have no privileges",
			     value);
	if (str_equal(name, "network") && !str_equal(value, "default") && !str_equal(value, "none"))
		return wrong(r, at, "--network is default or none, not '%.40s'", value);
	if (r->row->op == DOCKER_HEALTHCHECK &&
	    dockerconfig_check(DOCKER_HEALTHCHECK, name, value, &why) < 0)
		return wrong(r, at, "%s", why.message);
	return 0;
}

static int read_options(struct reader *r, const char **s)
{
	while (str_starts(*s, "--")) {
		size_t len = dockervar_word(*s, r->escape);
		size_t name = strcspn(*s + 2, "= \t\r");
		if (name > len - 2)
			name = len - 2;
		_cleanup_free_ char *option = xstrndup(*s + 2, len - 2);
		_cleanup_free_ char *plain = xstrndup(*s + 2, name);
		_cleanup_free_ char *needle = xasprintf(" %s", plain);
		const char *known = name ? strstr(r->row->options, needle) : NULL;
		char kind = known ? known[1 + name] : '\0';
		if (kind != '=' && kind != '?')
			return wrong(r, *s, "%s knows no option '--%.40s'", r->row->name, plain);
		if (kind == '=' && !option[name])
			return wrong(r, *s, "option '--%s' needs a value: --%s=VALUE", plain,
				     plain);
		if (check_option(r, *s, plain, option[name] ? option + name + 1 : "") < 0)
			return -1;
		if (r->step->options.n == DOCKERSTEP_WORDS_MAX)
			return wrong(r, *s, "too many options");
		strvec_push(&r->step->options, option);
		*s = skip_blank(*s + len);
	}
	return 0;
}

int docker_step_read(struct docker_step *step, struct dockerlines *lines,
		     const struct dockerline *line, char escape, struct error *err)
{
	struct reader r = {lines, line, NULL, escape, step, err};
	const char *s = line->text.data;
	size_t len = strcspn(s, BLANK);

	for (size_t i = 0; i < ARRAY_SIZE(rows) && !r.row; i++)
		if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, s, len) == 0)
			r.row = &rows[i];
	if (!r.row)
		return wrong(&r, s, "unknown instruction '%.*s'", (int)(len > 40 ? 40 : len), s);
	step->op = r.row->op;
	step->line = line->parts[0].line;
	step->column = line->parts[0].column;
	step->text = xstrdup(s);
	s = skip_blank(s + len);
	if (read_options(&r, &s) < 0)
		return -1;
	return read_arguments(&r, s);
}

int docker_step_trigger(const char *text, struct docker_step *out, struct error *err)
{
	struct dockerlines lines;
	_cleanup_dockerline_ struct dockerline line;
	_cleanup_docker_step_ struct docker_step step = DOCKER_STEP_INIT;

	dockerline_init(&line);
	if (dockerlines_start(&lines, text, strlen(text), err) < 0)
		return -1;
	if (!dockerlines_next(&lines, &line))
		return error_set(err, ERROR_INVALID, 0, "ONBUILD has no instruction");
	if (docker_step_read(&step, &lines, &line, '\\', err) < 0)
		return error_wrap(err, "ONBUILD %.200s", line.text.data);
	*out = step;
	step = (struct docker_step)DOCKER_STEP_INIT;
	return 0;
}
