/* SPDX-License-Identifier: MIT */
#include "plugins/index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define INDEX_MAGIC "berth-plugins 1"
#define INDEX_MAX (4u << 20)
#define MAX_FIELDS 6

void plugin_index_release(struct plugin_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		manifest_release(&index->entries[i].manifest);
	free(index->entries);
	*index = (struct plugin_index)PLUGIN_INDEX_INIT;
}

struct plugin_entry *plugin_index_add(struct plugin_index *index)
{
	struct plugin_entry *e;

	index->entries = xreallocarray(index->entries, index->n + 1, sizeof(*index->entries));
	e = &index->entries[index->n++];
	e->bundled = false;
	manifest_init(&e->manifest);
	return e;
}

static int by_name(const void *a, const void *b)
{
	const struct plugin_entry *x = a, *y = b;

	return strcmp(x->manifest.name, y->manifest.name);
}

void plugin_index_sort(struct plugin_index *index)
{
	if (index->n > 1)
		qsort(index->entries, index->n, sizeof(*index->entries), by_name);
}

struct plugin_entry *plugin_index_find(const struct plugin_index *index, const char *name)
{
	for (size_t i = 0; i < index->n; i++)
		if (str_equal(index->entries[i].manifest.name, name))
			return &index->entries[i];
	return NULL;
}

void plugin_index_format(const struct plugin_index *index, struct strbuf *out)
{
	strbuf_addstr(out, INDEX_MAGIC "\n");
	for (size_t i = 0; i < index->n; i++) {
		const struct manifest *m = &index->entries[i].manifest;

		strbuf_addf(out, "P\t%s\t%s\t%d\t%u\t%s\n", m->name, m->version,
			    index->entries[i].bundled, m->timeout, m->description);
		for (size_t c = 0; c < m->n_commands; c++)
			strbuf_addf(out, "C\t%s\t%u\t%s\t%s\n", m->commands[c].name,
				    m->commands[c].timeout, m->commands[c].args,
				    m->commands[c].help);
		for (size_t t = 0; t < m->triggers.n; t++)
			strbuf_addf(out, "T\t%s\n", m->triggers.v[t]);
		for (size_t s = 0; s < m->n_settings; s++)
			strbuf_addf(out, "S\t%s\t%s\t%s\n", m->settings[s].key,
				    m->settings[s].fallback, m->settings[s].help);
	}
}

/* Cuts LINE at its tabs; gives the number of fields, 0 when there are too many. */
static size_t cut(char *line, char *fields[MAX_FIELDS])
{
	size_t n = 0;

	for (char *p = line;; *p++ = '\0') {
		if (n == MAX_FIELDS)
			return 0;
		fields[n++] = p;
		p = strchr(p, '\t');
		if (!p)
			return n;
	}
}

static int number(const char *s, unsigned *out)
{
	unsigned long long n;

	if (str_to_u64(s, 0, MANIFEST_MAX_TIMEOUT, &n) < 0)
		return -1;
	*out = (unsigned)n;
	return 0;
}

static int read_plugin(struct plugin_index *index, char **f, size_t n)
{
	struct plugin_entry *e;
	unsigned bundled, timeout;

	if (n != 6 || !manifest_is_name(f[1]) || number(f[3], &bundled) < 0 ||
	    number(f[4], &timeout) < 0)
		return -1;
	e = plugin_index_add(index);
	e->bundled = bundled != 0;
	e->manifest.name = xstrdup(f[1]);
	e->manifest.version = xstrdup(f[2]);
	e->manifest.timeout = timeout;
	e->manifest.description = xstrdup(f[5]);
	return 0;
}

static int read_part(struct manifest *m, char **f, size_t n)
{
	if (f[0][0] == 'C' && n == 5 && manifest_is_name(f[1])) {
		struct manifest_command *c;
		unsigned timeout;

		if (number(f[2], &timeout) < 0)
			return -1;
		m->commands = xreallocarray(m->commands, m->n_commands + 1, sizeof(*m->commands));
		c = &m->commands[m->n_commands++];
		*c = (struct manifest_command){xstrdup(f[1]), xstrdup(f[3]), xstrdup(f[4]),
					       timeout};
		return 0;
	}
	if (f[0][0] == 'T' && n == 2 && manifest_is_name(f[1])) {
		strvec_push(&m->triggers, f[1]);
		return 0;
	}
	if (f[0][0] == 'S' && n == 4 && manifest_is_name(f[1])) {
		m->settings = xreallocarray(m->settings, m->n_settings + 1, sizeof(*m->settings));
		m->settings[m->n_settings++] =
			(struct manifest_setting){xstrdup(f[1]), xstrdup(f[2]), xstrdup(f[3])};
		return 0;
	}
	return -1;
}

static int read_line(struct plugin_index *index, char *line)
{
	char *fields[MAX_FIELDS];
	size_t n = cut(line, fields);

	if (n == 0 || strlen(fields[0]) != 1)
		return -1;
	if (fields[0][0] == 'P')
		return read_plugin(index, fields, n);
	return index->n ? read_part(&index->entries[index->n - 1].manifest, fields, n) : -1;
}

int plugin_index_parse(struct plugin_index *index, const char *text, struct error *err)
{
	_cleanup_plugin_index_ struct plugin_index read = PLUGIN_INDEX_INIT;
	const char *p = str_skip(text, INDEX_MAGIC "\n");

	if (!p)
		return error_set(err, ERROR_UNSUPPORTED, 0, "the plugin index has another form");
	while (*p) {
		size_t len = strcspn(p, "\n");
		_cleanup_free_ char *line = xstrndup(p, len);

		if (read_line(&read, line) < 0)
			return error_set(err, ERROR_INVALID, 0, "the plugin index is damaged");
		p += len + (p[len] == '\n');
	}
	*index = read;
	read = (struct plugin_index)PLUGIN_INDEX_INIT;
	return 0;
}

int plugin_index_load(const struct instance *inst, struct plugin_index *index, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "plugins/.index");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error read_err = ERROR_INIT;

	if (file_read(AT_FDCWD, path, INDEX_MAX, &text, &read_err) < 0) {
		if (read_err.code == ERROR_NOT_FOUND)
			return 0;
		*err = read_err;
		return -1;
	}
	if (plugin_index_parse(index, text.data, err) < 0)
		return error_wrap(err, "'%s'", path);
	return 0;
}

int plugin_index_save(const struct instance *inst, const struct plugin_index *index,
		      struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "plugins/.index");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	plugin_index_format(index, &text);
	return file_replace(AT_FDCWD, path, text.data, text.len, 0644, err);
}
