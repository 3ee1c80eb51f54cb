/* SPDX-License-Identifier: MIT */
#include "buildpacks/toml.h"

#include "base/cleanup.h"
#include "base/strvec.h"
#include "buildpacks/tomlscalar.h"

/* What a text may still do with a table or array that it has. */
enum state {
	OPEN,   /* made on the way to another: a header may still come for it */
	HEADED, /* it had its header */
	DOTTED, /* made by a dotted key: no header may come, more such keys may */
	CLOSED, /* a value in braces or brackets: nothing may be added */
	ROWS,   /* an array of tables */
};

struct known {
	const json_t *value;
	enum state state;
};

struct parser {
	struct toml_text text;
	struct known *known; /* by age: what is asked for is mostly young */
	size_t n_known;
	unsigned depth; /* of values within values */
	struct error *err;
};

#define bad(p, ...) toml_bad(&(p)->text, (p)->err, __VA_ARGS__)

static struct known *find(struct parser *p, const json_t *value)
{
	for (size_t i = p->n_known; i > 0; i--)
		if (p->known[i - 1].value == value)
			return &p->known[i - 1];
	return NULL;
}

static int remember(struct parser *p, const json_t *value, enum state state)
{
	if (p->n_known == TOML_TABLES_MAX)
		return bad(p, "there are more than %d tables and lists", TOML_TABLES_MAX);
	p->known = xreallocarray(p->known, p->n_known + 1, sizeof(*p->known));
	p->known[p->n_known++] = (struct known){value, state};
	return 0;
}

/* --- letters
 * -------------------------------------------------------------------------------------- */

static char peek(const struct parser *p)
{
	return p->text.s < p->text.end ? *p->text.s : '\0';
}

static void skip_blanks(struct parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t')
		p->text.s++;
}

static int skip_comment(struct parser *p)
{
	if (peek(p) != '#')
		return 0;
	for (; p->text.s < p->text.end && *p->text.s != '\n'; p->text.s++) {
		unsigned char c = (unsigned char)*p->text.s;
		bool ends = c == '\r' && p->text.s + 1 < p->text.end && p->text.s[1] == '\n';
		if (((c < 0x20 && c != '\t') || c == 0x7f) && !ends)
			return bad(p, "a comment must not hold the character %d", c);
	}
	return 0;
}

/* The end of a line; false: something else is there. */
static bool skip_newline(struct parser *p)
{
	if (peek(p) == '\r' && p->text.end - p->text.s > 1 && p->text.s[1] == '\n')
		p->text.s++;
	if (peek(p) != '\n')
		return false;
	p->text.s++;
	p->text.line++;
	return true;
}

static int skip_lines(struct parser *p)
{
	do {
		skip_blanks(p);
		if (skip_comment(p) < 0)
			return -1;
	} while (skip_newline(p));
	return 0;
}

/* --- keys
 * ----------------------------------------------------------------------------------------- */

static int take_key(struct parser *p, struct strvec *out)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_-";
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (peek(p) == '"' || peek(p) == '\'') {
		if (toml_string(&p->text, false, &text, p->err) < 0)
			return -1;
	} else {
		while (peek(p) && strchr(bare, peek(p)))
			strbuf_addch(&text, *p->text.s++);
		if (text.len == 0)
			return bad(p, "a name is missing");
	}
	if (out->n == TOML_DEPTH_MAX)
		return bad(p, "a name has more than %d parts", TOML_DEPTH_MAX);
	strvec_push_take(out, strbuf_detach(&text));
	return 0;
}

/* a.b."c d" */
static int take_path(struct parser *p, struct strvec *out)
{
	for (;;) {
		skip_blanks(p);
		if (take_key(p, out) < 0)
			return -1;
		skip_blanks(p);
		if (peek(p) != '.')
			return 0;
		p->text.s++;
	}
}

/* --- tables
 * --------------------------------------------------------------------------------------- */

/* Adds VALUE, which is taken over. */
static int put(struct parser *p, json_t *table, const char *key, json_t *value)
{
	if (json_object_get(table, key)) {
		json_decref(value);
		return bad(p, "'%.80s' is there already", key);
	}
	if (json_object_set_new(table, key, value) < 0)
		return bad(p, "a name is not UTF-8");
	return 0;
}

static int put_table(struct parser *p, json_t *table, const char *key, enum state state,
		     json_t **out)
{
	json_t *made = json_object();

	if (put(p, table, key, made) < 0)
		return -1;
	*out = made;
	return remember(p, made, state);
}

/* The table KEY of TABLE on the way to another, for a header or a dotted key. */
static int enter(struct parser *p, json_t *table, const char *key, bool dotted, json_t **out)
{
	json_t *at = json_object_get(table, key);

	if (!at)
		return put_table(p, table, key, dotted ? DOTTED : OPEN, out);
	const struct known *k = find(p, at);
	if (k && k->state == ROWS && !dotted) {
		*out = json_array_get(at, json_array_size(at) - 1);
		return 0;
	}
	if (!k || !json_is_object(at) || k->state == CLOSED || (dotted && k->state != DOTTED))
		return bad(p, "'%.80s' is there already, and can take no more", key);
	*out = at;
	return 0;
}

/* [a.b] */
static int head_table(struct parser *p, json_t *in, const char *key, json_t **out)
{
	json_t *at = json_object_get(in, key);

	if (!at)
		return put_table(p, in, key, HEADED, out);
	struct known *k = find(p, at);
	if (!k || k->state != OPEN)
		return bad(p, "'%.80s' is there already", key);
	k->state = HEADED;
	*out = at;
	return 0;
}

/* [[a.b]] */
static int head_row(struct parser *p, json_t *in, const char *key, json_t **out)
{
	json_t *rows = json_object_get(in, key);
	const struct known *k = rows ? find(p, rows) : NULL;

	if (rows && (!k || k->state != ROWS))
		return bad(p, "'%.80s' is there already, and no array of tables", key);
	if (!rows) {
		rows = json_array();
		if (put(p, in, key, rows) < 0 || remember(p, rows, ROWS) < 0)
			return -1;
	}
	json_t *row = json_object();
	json_array_append_new(rows, row);
	*out = row;
	return remember(p, row, HEADED);
}

static int take_header(struct parser *p, json_t *root, json_t **out)
{
	_cleanup_strvec_ struct strvec path = STRVEC_INIT;
	json_t *in = root;

	p->text.s++;
	bool row = peek(p) == '[';
	p->text.s += row;
	if (take_path(p, &path) < 0)
		return -1;
	for (int i = 0; i < (row ? 2 : 1); i++, p->text.s++)
		if (peek(p) != ']')
			return bad(p, "']' is missing");
	for (size_t i = 0; i + 1 < path.n; i++)
		if (enter(p, in, path.v[i], false, &in) < 0)
			return -1;
	return (row ? head_row : head_table)(p, in, path.v[path.n - 1], out);
}

/* --- values
 * --------------------------------------------------------------------------------------- */

static int take_value(struct parser *p, json_t **out);

/* a.b = value */
static int take_pair(struct parser *p, json_t *table)
{
	_cleanup_strvec_ struct strvec path = STRVEC_INIT;
	json_t *value = NULL;

	if (take_path(p, &path) < 0)
		return -1;
	if (peek(p) != '=')
		return bad(p, "'=' is missing after '%.80s'", path.v[path.n - 1]);
	p->text.s++;
	skip_blanks(p);
	for (size_t i = 0; i + 1 < path.n; i++)
		if (enter(p, table, path.v[i], true, &table) < 0)
			return -1;
	if (take_value(p, &value) < 0)
		return -1;
	return put(p, table, path.v[path.n - 1], value);
}

/* After "[": values, over as many lines as it likes. */
static int fill_array(struct parser *p, json_t *array)
{
	for (;;) {
		json_t *value = NULL;
		if (skip_lines(p) < 0)
			return -1;
		if (peek(p) == ']')
			break;
		if (take_value(p, &value) < 0)
			return -1;
		json_array_append_new(array, value);
		if (skip_lines(p) < 0)
			return -1;
		if (peek(p) == ']')
			break;
		if (peek(p) != ',')
			return bad(p, "',' or ']' is missing");
		p->text.s++;
	}
	p->text.s++;
	return 0;
}

/* After "{": pairs on one line. */
static int fill_inline(struct parser *p, json_t *table)
{
	skip_blanks(p);
	for (bool first = true; first || peek(p) != '}'; first = false) {
		if (first && peek(p) == '}')
			break;
		if (!first) {
			if (peek(p) != ',')
				return bad(p, "',' or '}' is missing");
			p->text.s++;
		}
		if (take_pair(p, table) < 0)
			return -1;
		skip_blanks(p);
	}
	p->text.s++;
	return 0;
}

/* From the N-th known on, all is within a value and takes no more. */
static void close_since(struct parser *p, size_t n)
{
	for (; n < p->n_known; n++)
		p->known[n].state = CLOSED;
}

static int take_value(struct parser *p, json_t **out)
{
	bool array = peek(p) == '[';

	if (!array && peek(p) != '{')
		return toml_scalar(&p->text, out, p->err);
	if (p->depth == TOML_DEPTH_MAX)
		return bad(p, "values lie in values more than %d deep", TOML_DEPTH_MAX);
	p->text.s++;
	json_t *made = array ? json_array() : json_object();
	size_t known = p->n_known;
	p->depth++;
	if (remember(p, made, CLOSED) < 0 || (array ? fill_array : fill_inline)(p, made) < 0) {
		json_decref(made);
		return -1;
	}
	p->depth--;
	close_since(p, known);
	*out = made;
	return 0;
}

/* --- the text
 * ------------------------------------------------------------------------------------- */

static int parse(struct parser *p, json_t *root)
{
	json_t *table = root;

	for (;;) {
		if (skip_lines(p) < 0)
			return -1;
		if (p->text.s == p->text.end)
			return 0;
		if ((peek(p) == '[' ? take_header(p, root, &table) : take_pair(p, table)) < 0)
			return -1;
		skip_blanks(p);
		if (skip_comment(p) < 0)
			return -1;
		if (p->text.s < p->text.end && !skip_newline(p))
			return bad(p, "something follows that does not belong to the line");
	}
}

int toml_parse(const char *text, size_t len, json_t **out, struct error *err)
{
	struct parser p = {.text = {text, text + len, 1}, .err = err};
	json_t *root = json_object();

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		p.text.s += 3;
	int result = parse(&p, root);
	free(p.known);
	if (result < 0)
		json_decref(root);
	else
		*out = root;
	return result;
}
