/* SPDX-License-Identifier: MIT */
#include "buildpacks/project.h"

#include <jansson.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "buildpacks/pack.h"
#include "buildpacks/source.h"
#include "buildpacks/toml.h"
#include "instance/name.h"

#define FILE_NAME "project.toml"
#define ID_MAX 128

static void release_list(struct project_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].name);
		free(list->v[i].script);
	}
	free(list->v);
}

void project_release(struct project *p)
{
	release_list(&p->group);
	release_list(&p->pre);
	release_list(&p->post);
	strvec_release(&p->env);
	free(p->builder);
	*p = (struct project)PROJECT_INIT;
}

static int wrong(struct error *err, const char *where, const char *key, const char *what)
{
	return error_set(err, ERROR_INVALID, 0, FILE_NAME ": '%s.%s' must be %s", where, key, what);
}

/* The text KEY of TABLE, or NULL. */
static int get_text(const json_t *table, const char *where, const char *key, const char **out,
		    struct error *err)
{
	const json_t *value = json_object_get(table, key);

	if (value && !json_is_string(value))
		return wrong(err, where, key, "text");
	*out = json_string_value(value);
	return 0;
}

static int get_rows(const json_t *table, const char *where, const char *key, const json_t **out,
		    struct error *err)
{
	const json_t *rows = json_object_get(table, key);
	const json_t *row;
	size_t i;

	*out = rows;
	if (rows && !json_is_array(rows))
		return wrong(err, where, key, "an array of tables");
	json_array_foreach(rows, i, row) if (!json_is_object(row)) return wrong(
		err, where, key, "an array of tables");
	return 0;
}

/* What Berth builds is `production`. */
static bool is_for_us(const json_t *row)
{
	const json_t *wanted = json_object_get(row, "exec-env");
	const json_t *one;
	size_t i;

	json_array_foreach(wanted, i, one)
	{
		const char *text = json_string_value(one);
		if (str_equal(text, "all") || str_equal(text, "production"))
			return true;
	}
	return json_array_size(wanted) == 0;
}

/* --- packs --------------------------------------------------------------------------------------
 */

/* A folder of the app, without "./" before and "/" after it. */
static int folder_name(const char *uri, char **out, struct error *err)
{
	while (str_starts(uri, "./"))
		uri += 2;
	size_t len = strlen(uri);
	while (len > 0 && uri[len - 1] == '/')
		len--;
	_cleanup_free_ char *name = xasprintf("./%.*s", (int)len, uri);
	if (pack_check_folder(name, err) < 0)
		return error_wrap(err, FILE_NAME);
	*out = TAKE_PTR(name);
	return 0;
}

static int name_of_uri(const char *uri, char **out, struct error *err)
{
	static const char *const ids[] = {"urn:cnb:builder:", "urn:buildpack:"};
	static const char *const images[] = {"docker:", "urn:"};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const char *id = str_skip(uri, ids[i]);
		if (id) {
			*out = xstrndup(id, strcspn(id, "@"));
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		if (str_starts(uri, images[i]))
			return error_set(err, ERROR_INVALID, 0,
					 FILE_NAME ": '%.200s' is an image or an entry of a "
						   "registry; use the address of a git repository "
						   "or an archive, or a folder of the app",
					 uri);
	if (uri[0] == '/' || (strchr(uri, ':') && !str_starts(uri, "./"))) {
		*out = xstrdup(uri);
		return 0;
	}
	return folder_name(uri, out, err);
}

static int check_script(const json_t *script, const char *where, struct error *err)
{
	const char *inline_text, *api, *shell;

	if (!json_is_object(script))
		return wrong(err, where, "script", "a table");
	if (get_text(script, where, "inline", &inline_text, err) < 0 ||
	    get_text(script, where, "api", &api, err) < 0 ||
	    get_text(script, where, "shell", &shell, err) < 0)
		return -1;
	return inline_text && api ? 0 : wrong(err, where, "script", "a table with inline and api");
}

/* What an id is made of, so that none is an address or a folder. */
static int check_id(const char *id, const char *where, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789./_-";

	if (strlen(id) <= ID_MAX && id[strspn(id, letters)] == '\0' && *id && !strchr("./", *id))
		return 0;
	return wrong(err, where, "id",
		     "letters, digits, '/', '.', '_' and '-'; an address is a uri");
}

/* WHERE names the row: "io.buildpacks.group.2". */
static int add_pack(struct project_list *list, const json_t *row, const char *where,
		    struct error *err)
{
	const json_t *script = json_object_get(row, "script");
	const json_t *optional = json_object_get(row, "optional");
	const char *id, *uri, *version;
	_cleanup_free_ char *name = NULL;

	if (get_text(row, where, "id", &id, err) < 0 ||
	    get_text(row, where, "uri", &uri, err) < 0 ||
	    get_text(row, where, "version", &version, err) < 0)
		return -1;
	if (optional && !json_is_boolean(optional))
		return wrong(err, where, "optional", "true or false");
	if (!id && !uri)
		return error_set(err, ERROR_INVALID, 0, FILE_NAME ": '%s' has neither id nor uri",
				 where);
	if (uri && version)
		return error_set(err, ERROR_INVALID, 0,
				 FILE_NAME ": '%s' has a uri and a version: a uri says it with "
					   "#TAG",
				 where);
	if (uri ? name_of_uri(uri, &name, err) < 0 : check_id(id, where, err) < 0)
		return -1;
	if (!uri && script && check_script(script, where, err) < 0)
		return -1;
	list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = (struct project_pack){
		.name = name ? TAKE_PTR(name) : xstrdup(id),
		.script = script && !uri ? xstrdup(where) : NULL,
		.optional = json_is_true(optional),
	};
	return 0;
}

static int add_packs(struct project_list *list, const json_t *table, const char *where,
		     const char *key, struct error *err)
{
	const json_t *rows, *row;
	size_t i;

	if (get_rows(table, where, key, &rows, err) < 0)
		return -1;
	json_array_foreach(rows, i, row)
	{
		_cleanup_free_ char *at = xasprintf("%s.%s.%zu", where, key, i);
		if (is_for_us(row) && add_pack(list, row, at, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the rest -----------------------------------------------------------------------------------
 */

static int add_env(struct project *p, const json_t *table, const char *where, const char *key,
		   struct error *err)
{
	const json_t *rows, *row;
	size_t i;

	if (get_rows(table, where, key, &rows, err) < 0)
		return -1;
	json_array_foreach(rows, i, row)
	{
		const char *name, *value;
		if (get_text(row, where, "name", &name, err) < 0 ||
		    get_text(row, where, "value", &value, err) < 0)
			return -1;
		if (!name || !value)
			return wrong(err, where, key, "tables with a name and a value");
		if (name_check_key(name, err) < 0)
			return error_wrap(err, FILE_NAME);
		if (is_for_us(row))
			strvec_setenv(&p->env, name, value);
	}
	return 0;
}

static int check_patterns(const json_t *table, const char *where, const char *key, bool *out_any,
			  struct error *err)
{
	const json_t *list = json_object_get(table, key);
	const json_t *one;
	size_t i;

	if (list && !json_is_array(list))
		return wrong(err, where, key, "a list of texts");
	json_array_foreach(list, i, one) if (!json_is_string(one)) return wrong(err, where, key,
										"a list of texts");
	*out_any = json_array_size(list) > 0;
	return 0;
}

/* What both schemas have right in their table. */
static int read_common(struct project *p, const json_t *table, const char *where, struct error *err)
{
	const char *builder;
	bool include, exclude;

	if (get_text(table, where, "builder", &builder, err) < 0 ||
	    check_patterns(table, where, "include", &include, err) < 0 ||
	    check_patterns(table, where, "exclude", &exclude, err) < 0)
		return -1;
	if (include && exclude)
		return error_set(err, ERROR_INVALID, 0,
				 FILE_NAME ": '%s' has include and exclude: it may have one",
				 where);
	p->filtered |= include || exclude;
	if (builder && !p->builder)
		p->builder = xstrdup(builder);
	return 0;
}

/* The table NAME of TABLE; NULL when there is none. */
static int get_table(const json_t *table, const char *name, const json_t **out, struct error *err)
{
	const json_t *value = json_object_get(table, name);

	if (value && !json_is_object(value))
		return error_set(err, ERROR_INVALID, 0, FILE_NAME ": '%s' must be a table", name);
	*out = value;
	return 0;
}

static int read_new(struct project *p, const json_t *io, struct error *err)
{
	const json_t *table, *pre, *post, *build, *env;

	if (get_table(io, "buildpacks", &table, err) < 0 ||
	    get_table(table, "pre", &pre, err) < 0 || get_table(table, "post", &post, err) < 0 ||
	    get_table(table, "build", &build, err) < 0 || get_table(table, "env", &env, err) < 0)
		return -1;
	if (read_common(p, table, "io.buildpacks", err) < 0 ||
	    add_packs(&p->group, table, "io.buildpacks", "group", err) < 0 ||
	    add_packs(&p->pre, pre, "io.buildpacks.pre", "group", err) < 0 ||
	    add_packs(&p->post, post, "io.buildpacks.post", "group", err) < 0)
		return -1;
	/* the second is how it was once written */
	return add_env(p, build, "io.buildpacks.build", "env", err) < 0
		       ? -1
		       : add_env(p, env, "io.buildpacks.env", "build", err);
}

static int read_old(struct project *p, const json_t *build, struct error *err)
{
	if (read_common(p, build, "build", err) < 0 ||
	    add_packs(&p->group, build, "build", "buildpacks", err) < 0)
		return -1;
	return add_env(p, build, "build", "env", err);
}

/* A file that says both is read as the new kind. */
static int read_all(struct project *p, const json_t *root, struct error *err)
{
	const json_t *io, *build;

	if (get_table(root, "io", &io, err) < 0)
		return -1;
	if (json_object_get(io, "buildpacks"))
		return read_new(p, io, err);
	return get_table(root, "build", &build, err) < 0 ? -1 : read_old(p, build, err);
}

int project_parse(struct project *p, const char *text, size_t len, struct error *err)
{
	json_t *root = NULL;

	if (toml_parse(text, len, &root, err) < 0)
		return error_wrap(err, FILE_NAME);
	int result = read_all(p, root, err);
	json_decref(root);
	if (result < 0)
		project_release(p);
	return result;
}

int project_read(struct project *p, int dirfd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;

	if (source_read(dirfd, FILE_NAME, PROJECT_MAX, &text, &why) < 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	return project_parse(p, text.data, text.len, err);
}
