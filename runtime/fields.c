/* SPDX-License-Identifier: MIT */
#include "runtime/fields.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/file.h"

int fields_load(const char *path, size_t max, json_t **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	json_error_t at;
	json_t *json;

	if (file_read(AT_FDCWD, path, max, &text, err) < 0)
		return -1;
	json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &at);
	/* 2^64-1 is a limit that some write, and more than an integer holds here */
	if (!json && json_error_code(&at) == json_error_numeric_overflow)
		json = json_loadb(text.data, text.len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &at);
	if (!json)
		return error_set(err, ERROR_INVALID, 0, "'%s': line %d, column %d: %s", path,
				 at.line, at.column, at.text);
	if (!json_is_object(json)) {
		json_decref(json);
		return error_set(err, ERROR_INVALID, 0, "'%s': expected an object", path);
	}
	*out = json;
	return 0;
}

void fields_bad(struct fields *f, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!f->bad)
		error_set(f->err, ERROR_INVALID, 0, "%s", text);
	f->bad = true;
}

static json_t *get(json_t *parent, const char *key)
{
	json_t *v = parent ? json_object_get(parent, key) : NULL;

	return json_is_null(v) ? NULL : v;
}

json_t *fields_object(struct fields *f, json_t *parent, const char *key)
{
	json_t *v = get(parent, key);

	if (v && !json_is_object(v)) {
		fields_bad(f, "'%s': expected an object", key);
		return NULL;
	}
	return v;
}

json_t *fields_array(struct fields *f, json_t *parent, const char *key)
{
	json_t *v = get(parent, key);

	if (v && !json_is_array(v)) {
		fields_bad(f, "'%s': expected a list", key);
		return NULL;
	}
	return v;
}

const char *fields_string(struct fields *f, json_t *parent, const char *key)
{
	json_t *v = get(parent, key);

	if (v && !json_is_string(v)) {
		fields_bad(f, "'%s': expected a string", key);
		return NULL;
	}
	return json_string_value(v);
}

bool fields_bool(struct fields *f, json_t *parent, const char *key)
{
	json_t *v = get(parent, key);

	if (v && !json_is_boolean(v))
		fields_bad(f, "'%s': expected true or false", key);
	return json_is_true(v);
}

bool fields_number(struct fields *f, json_t *parent, const char *key, int64_t min, int64_t max,
		   int64_t *out)
{
	json_t *v = get(parent, key);
	int64_t n;

	if (!v)
		return false;
	if (json_is_integer(v)) {
		n = json_integer_value(v);
	} else if (json_is_real(v) && fabs(json_real_value(v)) < 9e15 &&
		   floor(json_real_value(v)) == json_real_value(v)) {
		n = (int64_t)json_real_value(v);
	} else {
		fields_bad(f, "'%s': expected a whole number", key);
		return false;
	}
	if (n < min || n > max) {
		fields_bad(f, "'%s': expected %lld to %lld, got %lld", key, (long long)min,
			   (long long)max, (long long)n);
		return false;
	}
	*out = n;
	return true;
}

bool fields_u64(struct fields *f, json_t *parent, const char *key, uint64_t *out)
{
	json_t *v = get(parent, key);
	int64_t n = 0;

	if (json_is_real(v) && json_real_value(v) >= 9e15) {
		double d = json_real_value(v);

		*out = d >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)d;
		return true;
	}
	if (!fields_number(f, parent, key, 0, INT64_MAX, &n))
		return false;
	*out = (uint64_t)n;
	return true;
}

const char *fields_text(struct fields *f, json_t *item, const char *name)
{
	if (!json_is_string(item)) {
		fields_bad(f, "'%s': expected a list of strings", name);
		return "";
	}
	return json_string_value(item);
}

char **fields_texts(struct fields *f, json_t *list, const char *name)
{
	size_t n = json_array_size(list);
	char **v = xcalloc(n + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const char *s = fields_text(f, json_array_get(list, i), name);

		/* execve(2) wants them without const and does not change them */
		memcpy(&v[i], &s, sizeof(s));
	}
	return v;
}
