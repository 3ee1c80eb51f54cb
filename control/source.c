/* SPDX-License-Identifier: MIT */
#include "control/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/gitauth.h"
#include "receiver/export.h"
#include "receiver/submodule.h"

#define DIR_MAX 1024

int source_check_dir(const char *path, struct error *err)
{
	bool good = *path && strlen(path) <= DIR_MAX;

	for (const char *p = path; good; p++) {
		size_t len = strcspn(p, "/");
		good = len && !(len == 1 && p[0] == '.') && !(len == 2 && !strncmp(p, "..", 2));
		for (size_t i = 0; i < len; i++)
			good &= (unsigned char)p[i] >= ' ' && p[i] != 0x7f;
		p += len;
		if (!*p)
			break;
	}
	if (good)
		return 0;
	return error_set(
		err, ERROR_INVALID, 0,
		"build-dir is a folder of the source, such as services/api, without '.' and "
		"'..'");
}

int source_access(struct context *c, const struct app *app, struct source_access *out,
		  struct error *err)
{
	out->inst = c->inst;
	out->app = app->name;
	out->credentials = gitauth_folder(c);
	return gitauth_allowed(c, &out->allowed, err) < 0 ||
			       gitauth_allows_http(c, &out->allow_http, err) < 0
		       ? -1
		       : 0;
}

void source_access_release(struct source_access *a)
{
	strvec_release(&a->allowed);
	free(a->credentials);
	*a = (struct source_access)SOURCE_ACCESS_INIT;
}

static struct submodules submodules_of(const struct source_access *a)
{
	return (struct submodules){
		.credentials = a->credentials,
		.advice = gitauth_advise,
		.inst = a->inst,
		.app = a->app,
		.allowed = &a->allowed,
		.allow_http = a->allow_http,
		.notes = STRVEC_INIT,
		.warnings = STRVEC_INIT,
	};
}

static void say_warnings(const struct strvec *warnings)
{
	for (size_t i = 0; i < warnings->n; i++)
		answer_warning("%s", warnings->v[i]);
}

int source_repository(void *data, const char *url, const char *ref, struct builder_source *out,
		      struct error *err)
{
	const struct source_access *a = data;
	struct submodules s = submodules_of(a);
	_cleanup_export_ struct export_stats stats;

	export_stats_init(&stats);
	int ret = submodule_add(&s, url, ref, out->commit, out->tree, err);
	if (ret == 0)
		ret = export_tree(a->inst, a->app, out->tree, NULL, &stats, err);
	say_warnings(&s.warnings);
	say_warnings(&stats.warnings);
	strvec_release(&s.notes);
	strvec_release(&s.warnings);
	return ret;
}

/* TREE with its submodules, from the hosts that git:allow-host named. */
static int with_submodules(struct context *c, const struct app *app, const char *tree,
			   char out_tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_source_access_ struct source_access access = SOURCE_ACCESS_INIT;

	if (source_access(c, app, &access, err) < 0)
		return -1;
	struct submodules s = submodules_of(&access);
	int ret = submodule_resolve(&s, tree, out_tree, err);
	for (size_t i = 0; i < s.notes.n; i++)
		answer_step(c, "%s", s.notes.v[i]);
	say_warnings(&s.warnings);
	strvec_release(&s.notes);
	strvec_release(&s.warnings);
	return ret;
}

int source_tree(struct context *c, const struct app *app, const char *commit,
		char out_tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	char own[REPO_HEX_SIZE], tree[REPO_HEX_SIZE];

	if (repo_commit_tree(c->inst, app->name, commit, own, err) < 0 ||
	    with_submodules(c, app, own, tree, err) < 0 ||
	    setting_get(&c->db, app->id, "build-dir", NULL, &dir, err) < 0)
		return -1;
	if (dir) {
		if (repo_subtree(c->inst, app->name, tree, dir, out_tree, err) < 0)
			return error_wrap(err, "build-dir of app '%s'", app->name);
		return 0;
	}
	memcpy(out_tree, tree, sizeof(tree));
	return 0;
}
