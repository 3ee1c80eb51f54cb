/* SPDX-License-Identifier: MIT */
#include "plugins/manifest.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

const char *const manifest_triggers[] = {"pre-build",      "post-build",  "pre-deploy",
					 "post-deploy",    "post-create", "pre-delete",
					 "config-changed", NULL};

/* One pass over the file: each token is reduced to what a manifest may hold. */
struct reader {
	yaml_parser_t parser;
	const char *label;
	struct error *err;
	yaml_event_type_t type; /* of the token read last */
	size_t line;            /* where it stands, from 1 */
	char *text;             /* of a scalar, otherwise NULL */
};

void manifest_init(struct manifest *m)
{
	*m = (struct manifest){.triggers = STRVEC_INIT};
}

void manifest_release(struct manifest *m)
{
	free(m->name);
	free(m->version);
	free(m->description);
	for (size_t i = 0; i < m->n_commands; i++) {
		free(m->commands[i].name);
		free(m->commands[i].args);
		free(m->commands[i].help);
	}
	free(m->commands);
	for (size_t i = 0; i < m->n_settings; i++) {
		free(m->settings[i].key);
		free(m->settings[i].fallback);
		free(m->settings[i].help);
	}
	free(m->settings);
	strvec_release(&m->triggers);
	manifest_init(m);
}

bool manifest_is_name(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= MANIFEST_NAME_MAX && s[0] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void reader_release(struct reader *r)
{
	yaml_parser_delete(&r->parser);
	free(r->text);
}

__attribute__((format(printf, 2, 3))) static int fail(struct reader *r, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	return error_set(r->err, ERROR_INVALID, 0, "%s:%zu: %s", r->label, r->line, text.data);
}

/* Printable text in one line: it ends up on terminals. Bytes above 127 are UTF-8 (libyaml checked
 * them); its C1 controls, C2 80 to C2 9F, are refused with the others. */
static bool is_plain_text(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
		if (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static int take_scalar(struct reader *r, const yaml_event_t *ev)
{
	const char *value = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;

	if (ev->data.scalar.anchor || ev->data.scalar.tag)
		return fail(r, "anchors and tags are not allowed");
	if (len > MANIFEST_TEXT_MAX)
		return fail(r, "a value is longer than %d bytes", MANIFEST_TEXT_MAX);
	/* a folded block ends in a line feed that nobody typed on purpose */
	while (len > 0 && value[len - 1] == '\n')
		len--;
	if (!is_plain_text(value, len))
		return fail(r, "a value must be one line without control characters");
	r->text = xstrndup(value, len);
	return 0;
}

/* Reads the next token into R. */
static int next(struct reader *r)
{
	yaml_event_t ev;
	int ret = 0;

	free(TAKE_PTR(r->text));
	if (!yaml_parser_parse(&r->parser, &ev)) {
		r->line = r->parser.problem_mark.line + 1;
		return fail(r, "%s", r->parser.problem ? r->parser.problem : "not YAML");
	}
	r->type = ev.type;
	r->line = ev.start_mark.line + 1;
	if (ev.type == YAML_ALIAS_EVENT)
		ret = fail(r, "aliases are not allowed");
	else if (ev.type == YAML_SCALAR_EVENT)
		ret = take_scalar(r, &ev);
	else if ((ev.type == YAML_MAPPING_START_EVENT &&
		  (ev.data.mapping_start.anchor || ev.data.mapping_start.tag)) ||
		 (ev.type == YAML_SEQUENCE_START_EVENT &&
		  (ev.data.sequence_start.anchor || ev.data.sequence_start.tag)))
		ret = fail(r, "anchors and tags are not allowed");
	yaml_event_delete(&ev);
	return ret;
}

/* The value of KEY as text that the caller frees. */
static int read_text(struct reader *r, const char *key, char **out)
{
	if (next(r) < 0)
		return -1;
	if (r->type != YAML_SCALAR_EVENT)
		return fail(r, "'%s' must be text", key);
	if (*out)
		return fail(r, "'%s' is given twice", key);
	*out = TAKE_PTR(r->text);
	return 0;
}

static int read_seconds(struct reader *r, const char *key, unsigned *out)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long n;

	if (read_text(r, key, &text) < 0)
		return -1;
	if (*out)
		return fail(r, "'%s' is given twice", key);
	if (str_to_u64(text, 1, MANIFEST_MAX_TIMEOUT, &n) < 0)
		return fail(r, "'%s' must be a number of seconds from 1 to %u", key,
			    MANIFEST_MAX_TIMEOUT);
	*out = (unsigned)n;
	return 0;
}

/* After the start of a mapping: the next key into *out (the caller frees), NULL at its end. */
static int read_key(struct reader *r, char **out)
{
	free(TAKE_PTR(*out));
	if (next(r) < 0)
		return -1;
	if (r->type == YAML_MAPPING_END_EVENT)
		return 0;
	if (r->type != YAML_SCALAR_EVENT)
		return fail(r, "a key must be text");
	*out = TAKE_PTR(r->text);
	return 0;
}

static int open_mapping(struct reader *r, const char *what)
{
	if (next(r) < 0)
		return -1;
	if (r->type != YAML_MAPPING_START_EVENT)
		return fail(r, "'%s' must be a mapping", what);
	return 0;
}

static void default_text(char **s)
{
	if (!*s)
		*s = xstrdup("");
}

static int read_command(struct reader *r, struct manifest_command *c)
{
	_cleanup_free_ char *key = NULL;

	if (open_mapping(r, c->name) < 0)
		return -1;
	for (;;) {
		int ret;

		if (read_key(r, &key) < 0)
			return -1;
		if (!key)
			break;
		if (str_equal(key, "args"))
			ret = read_text(r, key, &c->args);
		else if (str_equal(key, "help"))
			ret = read_text(r, key, &c->help);
		else if (str_equal(key, "timeout"))
			ret = read_seconds(r, key, &c->timeout);
		else
			ret = fail(r,
				   "unknown key '%s' in command '%s' (known: args, help, timeout)",
				   key, c->name);
		if (ret < 0)
			return -1;
	}
	default_text(&c->args);
	default_text(&c->help);
	return 0;
}

static int read_commands(struct reader *r, struct manifest *m)
{
	_cleanup_free_ char *key = NULL;

	if (m->commands)
		return fail(r, "'commands' is given twice");
	if (open_mapping(r, "commands") < 0)
		return -1;
	m->commands = xcalloc(MANIFEST_MAX_COMMANDS, sizeof(*m->commands));
	for (;;) {
		struct manifest_command *c = &m->commands[m->n_commands];

		if (read_key(r, &key) < 0)
			return -1;
		if (!key)
			return 0;
		if (!manifest_is_name(key))
			return fail(r, "'%s' is no command name: use a-z, 0-9 and '-', at most %d",
				    key, MANIFEST_NAME_MAX);
		for (size_t i = 0; i < m->n_commands; i++)
			if (str_equal(m->commands[i].name, key))
				return fail(r, "command '%s' is given twice", key);
		if (m->n_commands == MANIFEST_MAX_COMMANDS)
			return fail(r, "more than %d commands", MANIFEST_MAX_COMMANDS);
		c->name = TAKE_PTR(key);
		m->n_commands++;
		if (read_command(r, c) < 0)
			return -1;
	}
}

static int read_setting(struct reader *r, struct manifest_setting *s)
{
	_cleanup_free_ char *key = NULL;

	if (open_mapping(r, s->key) < 0)
		return -1;
	for (;;) {
		int ret;

		if (read_key(r, &key) < 0)
			return -1;
		if (!key)
			break;
		if (str_equal(key, "default"))
			ret = read_text(r, key, &s->fallback);
		else if (str_equal(key, "help"))
			ret = read_text(r, key, &s->help);
		else
			ret = fail(r, "unknown key '%s' in setting '%s' (known: default, help)",
				   key, s->key);
		if (ret < 0)
			return -1;
	}
	default_text(&s->fallback);
	default_text(&s->help);
	return 0;
}

static int read_settings(struct reader *r, struct manifest *m)
{
	_cleanup_free_ char *key = NULL;

	if (m->settings)
		return fail(r, "'settings' is given twice");
	if (open_mapping(r, "settings") < 0)
		return -1;
	m->settings = xcalloc(MANIFEST_MAX_SETTINGS, sizeof(*m->settings));
	for (;;) {
		struct manifest_setting *s = &m->settings[m->n_settings];

		if (read_key(r, &key) < 0)
			return -1;
		if (!key)
			return 0;
		if (!manifest_is_name(key))
			return fail(r, "'%s' is no setting name: use a-z, 0-9 and '-', at most %d",
				    key, MANIFEST_NAME_MAX);
		for (size_t i = 0; i < m->n_settings; i++)
			if (str_equal(m->settings[i].key, key))
				return fail(r, "setting '%s' is given twice", key);
		if (m->n_settings == MANIFEST_MAX_SETTINGS)
			return fail(r, "more than %d settings", MANIFEST_MAX_SETTINGS);
		s->key = TAKE_PTR(key);
		m->n_settings++;
		if (read_setting(r, s) < 0)
			return -1;
	}
}

static int check_trigger(struct reader *r, const struct strvec *have, const char *name)
{
	_cleanup_strbuf_ struct strbuf known = STRBUF_INIT;

	if (strvec_has(have, name))
		return fail(r, "trigger '%s' is given twice", name);
	for (const char *const *t = manifest_triggers; *t; t++) {
		if (str_equal(*t, name))
			return 0;
		strbuf_addf(&known, "%s%s", known.len ? ", " : "", *t);
	}
	return fail(r, "unknown trigger '%s' (known: %s)", name, known.data);
}

static int read_triggers(struct reader *r, struct manifest *m)
{
	if (m->triggers.n)
		return fail(r, "'triggers' is given twice");
	if (next(r) < 0)
		return -1;
	if (r->type != YAML_SEQUENCE_START_EVENT)
		return fail(r, "'triggers' must be a list");
	for (;;) {
		if (next(r) < 0)
			return -1;
		if (r->type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (r->type != YAML_SCALAR_EVENT)
			return fail(r, "a trigger must be a name");
		if (check_trigger(r, &m->triggers, r->text) < 0)
			return -1;
		strvec_push(&m->triggers, r->text);
	}
}

static int read_top(struct reader *r, struct manifest *m)
{
	_cleanup_free_ char *key = NULL;

	for (;;) {
		int ret;

		if (read_key(r, &key) < 0)
			return -1;
		if (!key)
			break;
		if (str_equal(key, "name"))
			ret = read_text(r, key, &m->name);
		else if (str_equal(key, "version"))
			ret = read_text(r, key, &m->version);
		else if (str_equal(key, "description"))
			ret = read_text(r, key, &m->description);
		else if (str_equal(key, "timeout"))
			ret = read_seconds(r, key, &m->timeout);
		else if (str_equal(key, "commands"))
			ret = read_commands(r, m);
		else if (str_equal(key, "triggers"))
			ret = read_triggers(r, m);
		else if (str_equal(key, "settings"))
			ret = read_settings(r, m);
		else
			ret = fail(r,
				   "unknown key '%s' (known: name, version, description, timeout, "
				   "commands, triggers, settings)",
				   key);
		if (ret < 0)
			return -1;
	}
	if (!m->name || !manifest_is_name(m->name))
		return fail(r, "'name' is needed: a-z, 0-9 and '-', at most %d characters",
			    MANIFEST_NAME_MAX);
	if (!m->version || !m->version[0])
		return fail(r, "'version' is needed");
	default_text(&m->description);
	return 0;
}

/* One document that is one mapping, and nothing after it. */
static int read_document(struct reader *r, struct manifest *m)
{
	if (next(r) < 0 || next(r) < 0) /* start of stream, start of document */
		return -1;
	if (r->type != YAML_DOCUMENT_START_EVENT)
		return fail(r, "the file is empty");
	if (next(r) < 0)
		return -1;
	if (r->type != YAML_MAPPING_START_EVENT)
		return fail(r, "expected 'name: ...', 'version: ...' and so on");
	if (read_top(r, m) < 0)
		return -1;
	if (next(r) < 0 || next(r) < 0) /* end of document, end of stream */
		return -1;
	if (r->type != YAML_STREAM_END_EVENT)
		return fail(r, "only one document is allowed");
	return 0;
}

int manifest_parse(struct manifest *m, const char *text, size_t len, const char *label,
		   struct error *err)
{
	_cleanup_manifest_ struct manifest read;
	_cleanup_(reader_release) struct reader r = {.label = label, .err = err, .line = 1};

	manifest_init(&read);
	if (!yaml_parser_initialize(&r.parser))
		return error_set(err, ERROR_FAILED, 0, "%s: out of memory", label);
	if (len > MANIFEST_FILE_MAX)
		return fail(&r, "the file is longer than %d bytes", MANIFEST_FILE_MAX);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	if (read_document(&r, &read) < 0)
		return -1;
	*m = read;
	manifest_init(&read);
	return 0;
}

static int check_entry(int dirfd, const char *kind, const char *name, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", kind, name);
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = file_open_beneath(dirfd, path, O_PATH, 0, true, err);
	if (fd < 0)
		return error_wrap(err, "'%s' is declared in " MANIFEST_FILE, path);
	if (fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return error_set(err, ERROR_INVALID, 0,
				 "'%s' is not an executable file: chmod +x it", path);
	return 0;
}

int manifest_read(struct manifest *m, int dirfd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_manifest_ struct manifest read;
	_cleanup_close_ int fd = -1;
	struct stat st;

	manifest_init(&read);
	fd = file_open_beneath(dirfd, MANIFEST_FILE, O_RDONLY | O_NONBLOCK, 0, true, err);
	if (fd < 0)
		return error_wrap(err, "a plugin needs a file " MANIFEST_FILE " at its top");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, 0, MANIFEST_FILE " is not a regular file");
	strbuf_cap(&text, MANIFEST_FILE_MAX + 1);
	if (strbuf_read_fd(&text, fd, err) < 0)
		return -1;
	if (manifest_parse(&read, text.data, text.len, MANIFEST_FILE, err) < 0)
		return -1;
	for (size_t i = 0; i < read.n_commands; i++)
		if (check_entry(dirfd, "commands", read.commands[i].name, err) < 0)
			return -1;
	for (size_t i = 0; i < read.triggers.n; i++)
		if (check_entry(dirfd, "triggers", read.triggers.v[i], err) < 0)
			return -1;
	*m = read;
	manifest_init(&read);
	return 0;
}
