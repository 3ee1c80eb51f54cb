/* SPDX-License-Identifier: MIT */
#include "control/source.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/gitauth.h"
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

/* TREE with its submodules, from the hosts that git:allow-host named. */
static int with_submodules(struct context *c, const struct app *app, const char *tree,
			   char out_tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_strvec_ struct strvec allowed = STRVEC_INIT;
	_cleanup_free_ char *credentials = gitauth_folder(c);
	struct submodules s = {
		.credentials = credentials,
		.advice = gitauth_advise,
		.inst = c->inst,
		.app = app->name,
		.allowed = &allowed,
		.notes = STRVEC_INIT,
		.warnings = STRVEC_INIT,
	};

	if (gitauth_allowed(c, &allowed, err) < 0 || gitauth_allows_http(c, &s.allow_http, err) < 0)
		return -1;
	int ret = submodule_resolve(&s, tree, out_tree, err);
	for (size_t i = 0; i < s.notes.n; i++)
		answer_step(c, "%s", s.notes.v[i]);
	for (size_t i = 0; i < s.warnings.n; i++)
		answer_warning("%s", s.warnings.v[i]);
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
