/* SPDX-License-Identifier: MIT */
/* git:...: what the door and git's hooks ask, and the other ways in which source arrives. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/random.h"
#include "control/answer.h"
#include "control/deploy.h"
#include "control/tenant.h"
#include "receiver/archive.h"
#include "receiver/gc.h"
#include "receiver/repo.h"
#include "runtime/client.h"

static bool autocreate(struct context *c)
{
	_cleanup_free_ char *off = NULL;
	struct error ignored = ERROR_INIT;
	return setting_get(&c->db, 0, "disable-autocreation", "false", &off, &ignored) < 0 ||
	       strcmp(off, "true") != 0;
}

/* git:allow APP SERVICE: the door asks before it runs git. A push to an app that does not exist
 * makes it. */
static int git_allow(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0], *service = rq->args.v[1];
	struct app app;
	struct error why = ERROR_INIT;
	if (app_find(&c->db, name, &app, &why) == 0) {
		if (app.locked && strcmp(service, "receive-pack") == 0)
			return error_set(
				err, ERROR_BUSY, 0,
				"app '%s' is locked: 'apps:unlock %s' allows deploys again", name,
				name);
		return tenant_mend(c, &app, err);
	}
	if (why.code != ERROR_NO_APP || strcmp(service, "receive-pack") != 0 || !autocreate(c)) {
		*err = why;
		return -1;
	}
	c->out = stderr;
	if (tenant_create(c, name, &app, err) < 0)
		return -1;
	answer_step(c, "Created app '%s'", name);
	return 0;
}

static bool is_zero(const char *hex)
{
	return hex[strspn(hex, "0")] == '\0';
}

/* Whether a push of BRANCH deploys: it is the branch that is set, or main or master. */
static int is_deploy_branch(struct context *c, const struct app *app, const char *branch, bool *out,
			    char **out_set, struct error *err)
{
	if (setting_get(&c->db, app->id, "deploy-branch", NULL, out_set, err) < 0)
		return -1;
	*out = *out_set ? strcmp(branch, *out_set) == 0
			: strcmp(branch, "main") == 0 || strcmp(branch, "master") == 0;
	return 0;
}

static int move_other_branch(struct context *c, struct request *rq, const char *branch,
			     const char *deploys, struct error *err)
{
	const char *ref = rq->args.v[0], *old = rq->args.v[1], *new = rq->args.v[2];
	if (repo_ref_update(c->inst, rq->app.name, ref, new, old, "push", err) < 0)
		return -1;
	if (is_zero(new))
		answer_step(c, "Branch '%s' was deleted", branch);
	else
		answer_step(
			c,
			"Branch '%s' was stored, and nothing was deployed: '%s' deploys (change "
			"it with 'git:set %s deploy-branch %s')",
			branch, deploys ? deploys : "main or master", rq->app.name, branch);
	return 0;
}

/* The reason for git's "[remote rejected] (...)": one line on stdout, for the hook. */
static int rejected(const struct error *err)
{
	_cleanup_strbuf_ struct strbuf reason = STRBUF_INIT;
	printable_add(&reason, err->message);
	printf("%.*s\n", (int)strcspn(reason.data, "\n"), reason.data);
	return -1;
}

/* git:update APP REF OLD NEW: the proc-receive hook asks for each branch of a push. */
static int git_update(struct context *c, struct request *rq, struct error *err)
{
	const char *ref = rq->args.v[0], *old = rq->args.v[1], *new = rq->args.v[2];
	const char *branch = str_skip(ref, "refs/heads/");
	_cleanup_free_ char *set = NULL;
	bool deploys = false;
	/* stdout is the hook's; the pusher reads stderr */
	c->out = stderr;
	if (!branch)
		return error_set(err, ERROR_INVALID, 0, "'%.80s' is not a branch", ref);
	if (is_deploy_branch(c, &rq->app, branch, &deploys, &set, err) < 0)
		return rejected(err);
	if (!deploys)
		return move_other_branch(c, rq, branch, set, err) < 0 ? rejected(err) : 0;
	if (is_zero(new)) {
		error_set(err, ERROR_DENIED, 0, "branch '%s' deploys this app and stays", branch);
		return rejected(err);
	}
	_cleanup_free_ char *description = xasprintf("Deploy %.8s", new);
	struct deploy d = {.commit = new,
			   .ref = ref,
			   .old = is_zero(old) ? "" : old,
			   .description = description};
	struct error ignored = ERROR_INIT;
	if (is_zero(old))
		repo_set_head(c->inst, rq->app.name, branch, &ignored);
	return deploy_run(c, &rq->app, &d, err) < 0 ? rejected(err) : 0;
}

static int git_set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	if (strcmp(key, "deploy-branch") != 0)
		return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there is deploy-branch",
				 key);
	if (value && (!*value || value[0] == '-' || strstr(value, "..") ||
		      value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789._/-")]))
		return error_set(err, ERROR_INVALID, 0, "'%.80s' is not a branch name", value);
	if (setting_set(&c->db, rq->app.id, key, value, err) < 0)
		return -1;
	answer_header(c, value ? "Setting %s to %s" : "Unsetting %s", key, value ? value : "");
	return 0;
}

/* git:from-archive APP -: a tar or zip on stdin becomes a commit and is deployed. */
static int git_from_archive(struct context *c, struct request *rq, struct error *err)
{
	struct app app;
	struct error why = ERROR_INIT;
	char commit[REPO_HEX_SIZE], old[REPO_HEX_SIZE];
	const char *branch = NULL;
	if (rq->args.n > 1 && strcmp(rq->args.v[1], "-") != 0)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "only '-' for now: the archive comes through stdin");
	if (app_find(&c->db, rq->args.v[0], &app, &why) < 0) {
		if (why.code != ERROR_NO_APP || !autocreate(c)) {
			*err = why;
			return -1;
		}
		if (tenant_create(c, rq->args.v[0], &app, err) < 0)
			return -1;
		answer_step(c, "Created app '%s'", app.name);
	}
	if (app.locked)
		return error_set(err, ERROR_BUSY, 0, "app '%s' is locked", app.name);
	answer_step(c, "Receiving the archive");
	if (tenant_mend(c, &app, err) < 0 ||
	    repo_default_branch(c->inst, app.name, &branch, err) < 0)
		return -1;
	_cleanup_free_ char *ref = xasprintf("refs/heads/%s", branch);
	if (repo_ref(c->inst, app.name, ref, old, err) < 0 ||
	    archive_commit(c->inst, app.name, STDIN_FILENO, old, c->identity, commit, err) < 0)
		return -1;
	_cleanup_free_ char *description = xasprintf("Deploy archive %.8s", commit);
	struct deploy d = {.commit = commit,
			   .ref = ref,
			   .old = old,
			   .description = description,
			   .source = "archive"};
	return deploy_run(c, &app, &d, err);
}

static int repo_gc(struct context *c, struct request *rq, struct error *err)
{
	answer_step(c, "Packing the repository of %s", rq->app.name);
	return gc_run(c->inst, rq->app.name, true, err);
}

static int purge_cache(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *id = app_text_id(&rq->app);
	char salt[17];
	/* what was compiled before is found by a key that has the salt in it */
	random_hex(salt, 16);
	if (setting_set(&c->db, rq->app.id, "cache-salt", salt, err) < 0 ||
	    runtime_cache_remove(c->inst, id, err) < 0)
		return -1;
	answer_step(c, "Purged the build cache of %s", rq->app.name);
	return 0;
}

const struct command git_commands[] = {
	{"git:allow", "APP SERVICE", "May this key use git here?", COMMAND_HIDDEN, 2, 2, NULL,
	 git_allow},
	{"git:update", "APP REF OLD NEW", "Deploy a pushed branch", COMMAND_APP | COMMAND_HIDDEN, 3,
	 3, NULL, git_update},
	{"repo:gc", "APP", "Pack an app's repository and drop what nothing reaches", COMMAND_APP, 0,
	 0, NULL, repo_gc},
	{"repo:purge-cache", "APP", "Empty an app's build cache", COMMAND_APP, 0, 0, NULL,
	 purge_cache},
	{"git:set", "APP|--global KEY [VALUE]", "Set deploy-branch", COMMAND_APP | COMMAND_GLOBAL,
	 1, 2, NULL, git_set},
	{"git:from-archive", "APP -", "Deploy a tar or zip from stdin", COMMAND_API, 1, 2, NULL,
	 git_from_archive},
	{0},
};
