/* SPDX-License-Identifier: MIT */
#include "buildpacks/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/strbuf.h"
#include "buildpacks/appjson.h"
#include "buildpacks/composite.h"
#include "buildpacks/fetched.h"
#include "buildpacks/hash.h"
#include "buildpacks/project.h"
#include "buildpacks/source.h"

#define LIST_FILE_MAX (64u << 10)
#define PACK_ORDER_NONE 1000 /* of a pack.conf without `order` */

static void release_pack(struct pack *p)
{
	free(p->name);
	free(p->title);
	free(p->path);
	free(p->mount);
	free(p->runtime);
	free(p->hash);
	strvec_release(&p->packages);
	strvec_release(&p->build_packages);
	strvec_release(&p->inputs);
	strvec_release(&p->presence);
	strvec_release(&p->whole);
	strvec_release(&p->config);
	packs_release(&p->members);
}

void packs_release(struct packs *packs)
{
	for (size_t i = 0; i < packs->n; i++)
		release_pack(&packs->v[i]);
	free(packs->v);
	packs->v = NULL;
	packs->n = 0;
}

/* The words of a setting. */
static void get_words(const struct ini *conf, const char *key, struct strvec *out)
{
	const char *s = ini_get(conf, "pack", key);

	strvec_init(out);
	while (s && *(s += strspn(s, " \t"))) {
		size_t n = strcspn(s, " \t");
		strvec_push_take(out, xstrndup(s, n));
		s += n;
	}
}

static int read_conf(const struct instance *inst, const char *name, struct ini *conf,
		     struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/buildpacks/%s/pack.conf", inst->share, name);

	return ini_read(conf, path, err) < 0 ? error_wrap(err, "buildpack '%s'", name) : 0;
}

static int load_bundled(const struct instance *inst, const char *name, struct pack *out,
			struct error *err)
{
	_cleanup_free_ char *folder = xasprintf("%s/buildpacks/%s", inst->share, name);
	_cleanup_ini_ struct ini conf = INI_INIT;
	_cleanup_free_ char *hash = NULL;

	if (read_conf(inst, name, &conf, err) < 0)
		return -1;
	if (hash_tree(folder, &hash, err) < 0)
		return error_wrap(err, "buildpack '%s'", name);
	const char *title = ini_get(&conf, "pack", "title");
	const char *runtime = ini_get(&conf, "pack", "runtime");
	*out = (struct pack){.name = xstrdup(name),
			     .title = xstrdup(title ? title : name),
			     .path = xasprintf("/packs/%s", name),
			     .runtime = runtime ? xstrdup(runtime) : NULL,
			     .nothing = str_equal(ini_get(&conf, "pack", "compile"), "none"),
			     .hash = TAKE_PTR(hash)};
	get_words(&conf, "packages", &out->packages);
	get_words(&conf, "build-packages", &out->build_packages);
	get_words(&conf, "inputs", &out->inputs);
	get_words(&conf, "presence", &out->presence);
	get_words(&conf, "whole", &out->whole);
	get_words(&conf, "config", &out->config);
	return 0;
}

/* --- which packs come with Berth, and which of them fits ------------------------------------ */

struct candidate {
	char *name;
	int order;
	struct strvec detect, unless;
};

struct candidates {
	struct candidate *v;
	size_t n;
};

static void release_candidates(struct candidates *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].name);
		strvec_release(&all->v[i].detect);
		strvec_release(&all->v[i].unless);
	}
	free(all->v);
}

static int by_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->order != y->order ? (x->order > y->order) - (x->order < y->order)
				    : strcmp(x->name, y->name);
}

static bool has_conf(const struct instance *inst, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/buildpacks/%s/pack.conf", inst->share, name);
	struct stat st;

	return name[0] != '.' && !strchr(name, '/') && stat(path, &st) == 0;
}

static int add_candidate(const struct instance *inst, const char *name, struct candidates *all,
			 struct error *err)
{
	_cleanup_ini_ struct ini conf = INI_INIT;

	if (read_conf(inst, name, &conf, err) < 0)
		return -1;
	const char *order = ini_get(&conf, "pack", "order");
	all->v = xreallocarray(all->v, all->n + 1, sizeof(*all->v));
	struct candidate *c = &all->v[all->n++];
	*c = (struct candidate){.name = xstrdup(name),
				.order = order ? (int)strtol(order, NULL, 10) : PACK_ORDER_NONE};
	get_words(&conf, "detect", &c->detect);
	get_words(&conf, "unless", &c->unless);
	return 0;
}

/* Every folder of share/berth/buildpacks with a pack.conf, in the order of detection. */
static int list_candidates(const struct instance *inst, struct candidates *all, struct error *err)
{
	_cleanup_free_ char *folder = xasprintf("%s/buildpacks", inst->share);
	DIR *dir = opendir(folder);
	int result = 0;

	if (!dir)
		return error_set(err, ERROR_SYSTEM, errno, "list '%s'", folder);
	for (struct dirent *e; result == 0 && (e = readdir(dir));)
		if (has_conf(inst, e->d_name))
			result = add_candidate(inst, e->d_name, all, err);
	closedir(dir);
	if (all->n > 1)
		qsort(all->v, all->n, sizeof(*all->v), by_order);
	return result;
}

int pack_names(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_(release_candidates) struct candidates all = {NULL, 0};

	if (list_candidates(inst, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		strvec_push(out, all.v[i].name);
	return 0;
}

static char *joined_names(const struct instance *inst)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	(void)pack_names(inst, &names, NULL);
	for (size_t i = 0; i < names.n; i++)
		strbuf_addf(&sb, "%s%s", i > 0 ? ", " : "", names.v[i]);
	return strbuf_detach(&sb);
}

/* Takes P over. */
static void push(struct packs *packs, const struct pack *p)
{
	packs->v = xreallocarray(packs->v, packs->n + 1, sizeof(*packs->v));
	packs->v[packs->n++] = *p;
	/* the lifecycle reads and writes TOML */
	if (p->cnb)
		strvec_push(&packs->v[packs->n - 1].build_packages, "python3");
}

static int add_bundled(struct packs *packs, const struct instance *inst, const char *name,
		       bool chosen, struct error *err)
{
	struct pack p;

	if (load_bundled(inst, name, &p, err) < 0)
		return -1;
	p.chosen = chosen;
	push(packs, &p);
	return 0;
}

static const char *bundled_name(const char *name)
{
	const char *rest = str_skip(name, "heroku/");

	return rest ? rest : name;
}

/* heroku-buildpack-multi, by the names under which it is known. */
static bool is_multi(const char *name)
{
	return str_equal(name, "multi") || strstr(name, "/heroku-buildpack-multi");
}

static bool is_folder(const char *name)
{
	return str_starts(name, "./");
}

int pack_check_folder(const char *name, struct error *err)
{
	_cleanup_free_ char *parts = xasprintf("/%s/", name + 2);
	bool fine = !strstr(parts, "//") && !strstr(parts, "/../") && !strstr(parts, "/./");

	for (const char *s = parts; *s; s++)
		fine &= (unsigned char)*s >= 0x20 && *s != 0x7f && *s != ':';
	return fine ? 0
		    : error_set(err, ERROR_INVALID, 0,
				"'%.200s' is no folder of the app: write one as ./packs/mine",
				name);
}

bool pack_is_foreign(const struct pack *p)
{
	return !str_starts(p->path, "/packs/");
}

int pack_check_name(const struct instance *inst, const char *name, struct error *err)
{
	if (is_multi(name) || has_conf(inst, bundled_name(name)))
		return 0;
	if (is_folder(name))
		return pack_check_folder(name, err);
	if (fetched_is_address(name))
		return fetched_check(name, err);
	_cleanup_free_ char *names = joined_names(inst);
	return error_set(err, ERROR_NOT_FOUND, 0,
			 "there is no buildpack '%.200s'; use the address of one, or one of %s",
			 name, names);
}

/* "https://example.com/x/heroku-buildpack-ruby.git#v2" is heroku-buildpack-ruby to people. */
static char *title_of(const char *address)
{
	size_t len = strcspn(address, "#?");
	while (len > 0 && address[len - 1] == '/')
		len--;
	size_t begin = len;
	while (begin > 0 && address[begin - 1] != '/' && address[begin - 1] != ':')
		begin--;
	_cleanup_free_ char *name = xstrndup(address + begin, len - begin);
	char *dot = strrchr(name, '.');
	if (dot && dot != name)
		*dot = '\0';
	return *name ? TAKE_PTR(name) : xstrdup(address);
}

/* Whether one of the files that detection would look for is there. */
static bool may_fit(const struct candidates *all, const char *name, int dirfd)
{
	for (size_t i = 0; i < all->n; i++)
		for (size_t j = 0; str_equal(all->v[i].name, name) && j < all->v[i].detect.n; j++)
			if (source_matches(dirfd, all->v[i].detect.v[j]))
				return true;
	return false;
}

/* The bundled packs that the pack in the folder DIRFD may call in. */
static int add_members(struct pack *p, const struct pack_place *at, int dirfd, struct error *err)
{
	_cleanup_(release_candidates) struct candidates all = {NULL, 0};
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;

	composite_missing(dirfd, &ids);
	if (ids.n > 0 && list_candidates(at->inst, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.n; i++) {
		const char *name = bundled_name(ids.v[i]);
		if (may_fit(&all, name, at->dirfd) &&
		    add_bundled(&p->members, at->inst, name, true, err) < 0)
			return -1;
	}
	return 0;
}

static int add_fetched(struct packs *packs, const struct pack_place *at, const char *address,
		       bool trusted, struct error *err)
{
	_cleanup_free_ char *id = NULL;

	if (fetched_ensure(at->inst, address, trusted, false, at->out, at->err, &id, err) < 0)
		return -1;
	struct pack p = {.name = xstrdup(address),
			 .cnb = fetched_is_cnb(at->inst, id),
			 .title = title_of(address),
			 .path = xasprintf("/fetched/%s", id),
			 .hash = xstrdup(id),
			 .chosen = true};
	_cleanup_free_ char *path = instance_lib(at->inst, "packs/%s", id);
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p.mount = TAKE_PTR(id);
	push(packs, &p);
	return p.cnb ? add_members(&packs->v[packs->n - 1], at, dir, err) : 0;
}

static bool folder_has(const struct pack_place *at, const char *folder, const char *file)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder + 2, file);

	return source_has(at->dirfd, path);
}

static int add_folder(struct packs *packs, const struct pack_place *at, const char *folder,
		      struct error *err)
{
	bool compile = folder_has(at, folder, "bin/compile");

	if (!compile && !folder_has(at, folder, "buildpack.toml"))
		return error_set(err, ERROR_INVALID, 0,
				 "the app's folder '%.200s' is no buildpack: it has neither "
				 "bin/compile nor a buildpack.toml",
				 folder + 2);
	struct pack p = {.name = xstrdup(folder),
			 .cnb = !compile,
			 .title = title_of(folder),
			 .path = xasprintf("/app/%s", folder + 2),
			 .hash = xstrdup(""),
			 .chosen = true};
	_cleanup_close_ int dir =
		file_open_beneath(at->dirfd, folder + 2, O_RDONLY | O_DIRECTORY, 0, true, NULL);
	push(packs, &p);
	return p.cnb ? add_members(&packs->v[packs->n - 1], at, dir, err) : 0;
}

/* One whose script stands in project.toml. */
static void add_script(struct packs *packs, const struct project_pack *from)
{
	struct pack p = {.name = xstrdup(from->name),
			 .cnb = true,
			 .title = xstrdup(from->name),
			 .path = xasprintf("inline:%s", from->script),
			 .hash = xstrdup(""),
			 .chosen = true};
	push(packs, &p);
}

static int add_multi(struct packs *packs, const struct pack_place *at, struct error *err);

int packs_add(struct packs *packs, const struct pack_place *at, const char *name, bool trusted,
	      struct error *err)
{
	if (is_multi(name))
		return add_multi(packs, at, err);
	if (packs->n == PACK_LIST_MAX)
		return error_set(err, ERROR_INVALID, 0, "at most %d buildpacks are allowed",
				 PACK_LIST_MAX);
	if (pack_check_name(at->inst, name, err) < 0)
		return -1;
	if (has_conf(at->inst, bundled_name(name)))
		return add_bundled(packs, at->inst, bundled_name(name), true, err);
	if (is_folder(name))
		return add_folder(packs, at, name, err);
	return add_fetched(packs, at, name, trusted, err);
}

/* One name or URL a line, "#" comments. */
static int read_list(int dirfd, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (source_read(dirfd, ".buildpacks", LIST_FILE_MAX, &text, err) < 0)
		return -1;
	for (const char *s = text.data; *s;) {
		size_t n = strcspn(s, "\n");
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		strbuf_add(&line, s, n);
		strbuf_trim(&line);
		if (line.len > 0 && line.data[0] != '#')
			strvec_push(out, line.data);
		s += n + (s[n] == '\n');
	}
	return 0;
}

static int add_multi(struct packs *packs, const struct pack_place *at, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (read_list(at->dirfd, &names, err) < 0)
		return error_wrap(err, "the multi buildpack reads the app's .buildpacks");
	for (size_t i = 0; i < names.n; i++) {
		if (is_multi(names.v[i]))
			return error_set(err, ERROR_INVALID, 0,
					 ".buildpacks lists the multi buildpack, which reads it");
		if (packs_add(packs, at, names.v[i], false, err) < 0)
			return -1;
	}
	return 0;
}

static int add_names(struct packs *packs, const struct pack_place *at, const struct strvec *names,
		     bool trusted, struct error *err)
{
	for (size_t i = 0; i < names->n; i++)
		if (packs_add(packs, at, names->v[i], trusted, err) < 0)
			return -1;
	return 0;
}

static int add_list(struct packs *packs, const struct pack_place *at,
		    const struct project_list *list, struct error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t n = packs->n;
		if (list->v[i].script && n < PACK_LIST_MAX)
			add_script(packs, &list->v[i]);
		else if (packs_add(packs, at, list->v[i].name, false, err) < 0)
			return error_wrap(err, "project.toml");
		for (; n < packs->n; n++)
			packs->v[n].optional = list->v[i].optional;
	}
	return 0;
}

static int read_appjson(int dirfd, struct strvec *out, struct error *err)
{
	struct error why = ERROR_INIT;
	_cleanup_appjson_ struct appjson aj;

	appjson_init(&aj);
	if (appjson_read(&aj, dirfd, "app.json", &why) < 0 && why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	strvec_push_all(out, aj.buildpacks.v);
	return 0;
}

/* The entry of `detect` that the app has, or NULL. */
static const char *fits(const struct candidate *c, int dirfd)
{
	for (size_t i = 0; i < c->detect.n; i++) {
		if (i == 1)
			for (size_t j = 0; j < c->unless.n; j++)
				if (source_matches(dirfd, c->unless.v[j]))
					return NULL;
		if (source_matches(dirfd, c->detect.v[i]))
			return c->detect.v[i];
	}
	return NULL;
}

static int detect(struct packs *packs, const struct pack_place *at, char **out_why,
		  struct error *err)
{
	_cleanup_(release_candidates) struct candidates all = {NULL, 0};
	_cleanup_strbuf_ struct strbuf files = STRBUF_INIT;

	if (list_candidates(at->inst, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const char *file = fits(&all.v[i], at->dirfd);
		if (file) {
			*out_why = xasprintf("the app has %s", file);
			return add_bundled(packs, at->inst, all.v[i].name, false, err);
		}
		for (size_t j = 0; j < all.v[i].detect.n; j++)
			strbuf_addf(&files, "%s%s", files.len > 0 ? ", " : "",
				    all.v[i].detect.v[j]);
	}
	return error_set(
		err, ERROR_INVALID, 0,
		"no buildpack fits: the app's top folder has none of %s; add a Procfile with a "
		"line such as 'web: ./server', or choose a buildpack with 'buildpacks:set'",
		files.data);
}

/* Of app.json, or by detection. */
static int choose_last(struct packs *packs, const struct pack_place *at, char **out_why,
		       struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (read_appjson(at->dirfd, &names, err) < 0)
		return -1;
	if (names.n == 0)
		return detect(packs, at, out_why, err);
	*out_why = xstrdup("chosen by app.json");
	return add_names(packs, at, &names, false, err);
}

static int choose(struct packs *packs, const struct pack_place *at, const struct strvec *configured,
		  char **out_why, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_project_ struct project project = PROJECT_INIT;
	struct error why = ERROR_INIT;

	if (configured && configured->n > 0) {
		*out_why = xstrdup("chosen by buildpacks:set");
		return add_names(packs, at, configured, true, err);
	}
	if (read_list(at->dirfd, &names, &why) < 0 && why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (names.n > 0) {
		*out_why = xstrdup("chosen by .buildpacks");
		return add_names(packs, at, &names, false, err);
	}
	if (project_read(&project, at->dirfd, err) < 0)
		return -1;
	if (project.group.n > 0) {
		*out_why = xstrdup("chosen by project.toml");
		return add_list(packs, at, &project.group, err);
	}
	if (add_list(packs, at, &project.pre, err) < 0 || choose_last(packs, at, out_why, err) < 0)
		return -1;
	return add_list(packs, at, &project.post, err);
}

int packs_choose(struct packs *packs, const struct pack_place *at, const struct strvec *configured,
		 char **out_why, struct error *err)
{
	_cleanup_packs_ struct packs found = PACKS_INIT;
	_cleanup_free_ char *why = NULL;

	if (choose(&found, at, configured, &why, err) < 0)
		return -1;
	if (found.n == 0)
		return error_set(err, ERROR_INVALID, 0, "the list of buildpacks %s is empty", why);
	*packs = found;
	found = (struct packs)PACKS_INIT;
	if (out_why)
		*out_why = TAKE_PTR(why);
	return 0;
}
