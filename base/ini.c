/* SPDX-License-Identifier: MIT */
#include "base/ini.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define INI_MAX (1u << 20)

static void trim(const char **start, const char **end)
{
	while (*start < *end && strchr(" \t\r", **start))
		(*start)++;
	while (*end > *start && strchr(" \t\r", (*end)[-1]))
		(*end)--;
}

static int add(struct ini *ini, const char *section, const char *key, size_t key_len,
	       const char *value, size_t value_len)
{
	_cleanup_free_ char *k = xstrndup(key, key_len);
	if (ini_get(ini, section, k))
		return -1;
	ini->entries = xreallocarray(ini->entries, ini->n + 1, sizeof(*ini->entries));
	ini->entries[ini->n++] = (struct ini_entry){
		.section = xstrdup(section),
		.key = TAKE_PTR(k),
		.value = xstrndup(value, value_len),
	};
	return 0;
}

static int parse_line(struct ini *ini, char **section, const char *start, const char *end,
		      struct error *err)
{
	trim(&start, &end);
	if (start == end || *start == '#' || *start == ';')
		return 0;
	if (*start == '[') {
		if (end[-1] != ']' || end - start < 3)
			return error_set(err, ERROR_INVALID, 0, "a section is [name]");
		free(*section);
		*section = xstrndup(start + 1, (size_t)(end - start - 2));
		return 0;
	}
	const char *equals = memchr(start, '=', (size_t)(end - start));
	if (!equals)
		return error_set(err, ERROR_INVALID, 0, "expected 'key = value'");
	const char *key_end = equals, *value = equals + 1;
	trim(&start, &key_end);
	trim(&value, &end);
	if (start == key_end)
		return error_set(err, ERROR_INVALID, 0, "a key is missing before '='");
	if (add(ini, *section, start, (size_t)(key_end - start), value, (size_t)(end - value)) < 0)
		return error_set(err, ERROR_INVALID, 0, "'%.*s' is set twice in [%s]",
				 (int)(key_end - start), start, *section);
	return 0;
}

int ini_parse(struct ini *ini, const char *text, size_t len, const char *name, struct error *err)
{
	_cleanup_free_ char *section = xstrdup("");
	const char *p = text, *stop = text + len;
	if (memchr(text, '\0', len))
		return error_set(err, ERROR_INVALID, 0, "'%s' has a NUL byte", name);
	for (int line = 1; p < stop; line++) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));
		if (!end)
			end = stop;
		if (parse_line(ini, &section, p, end, err) < 0) {
			ini_release(ini);
			return error_wrap(err, "'%s' line %d", name, line);
		}
		p = end + 1;
	}
	return 0;
}

int ini_read(struct ini *ini, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (file_read(AT_FDCWD, path, INI_MAX, &text, err) < 0)
		return -1;
	return ini_parse(ini, text.data, text.len, path, err);
}

void ini_release(struct ini *ini)
{
	for (size_t i = 0; i < ini->n; i++) {
		free(ini->entries[i].section);
		free(ini->entries[i].key);
		free(ini->entries[i].value);
	}
	free(ini->entries);
	*ini = (struct ini)INI_INIT;
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
	for (size_t i = 0; i < ini->n; i++)
		if (strcmp(ini->entries[i].section, section) == 0 &&
		    strcmp(ini->entries[i].key, key) == 0)
			return ini->entries[i].value;
	return NULL;
}
