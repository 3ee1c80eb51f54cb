/* SPDX-License-Identifier: MIT */
/* git:...: what the door and git's hooks ask, and the other ways in which source arrives. */
#include "control/commands/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/random.h"
#include "buildpacks/imagekept.h"
#include "control/answer.h"
#include "base/child.h"
#include "control/deploy.h"
#include "control/gitauth.h"
#include "control/listing.h"
#include "control/release.h"
#include "control/strain.h"
#include "control/tenant.h"
#include "base/remote.h"
#include "receiver/archive.h"
#include "receiver/export.h"
#include "receiver/gc.h"
#include "receiver/repo.h"
#include "receiver/upload.h"
#include "runtime/client.h"

/* git:allow APP SERVICE: the door asks before it runs git. A push to an app that does not exist
 * makes it. */
static int git_allow(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0], *service = rq->args.v[1];
	struct app app;
	struct error why = ERROR_INIT;
	bool pushes = strcmp(service, "receive-pack") == 0;
	if (pushes && strain_check_room(c->inst, err) < 0)
		return -1;
	if (app_find(&c->db, name, &app, &why) == 0) {
		if (app.locked && pushes)
			return error_set(
				err, ERROR_BUSY, 0,
				"app '%s' is locked: 'apps:unlock %s' allows deploys again", name,
				name);
		return tenant_mend(c, &app, err);
	}
	if (why.code != ERROR_NO_APP || !pushes || !tenant_autocreates(c)) {
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

/* The branch that deploys: what is set, or main or master, whichever there is. */
static int deploy_branch(struct context *c, const struct app *app, char **out, struct error *err)
{
	_cleanup_free_ char *set = NULL;
	const char *branch = NULL;
	if (setting_get(&c->db, app->id, "deploy-branch", NULL, &set, err) < 0 ||
	    (!set && repo_default_branch(c->inst, app->name, &branch, err) < 0))
		return -1;
	*out = set ? TAKE_PTR(set) : xstrdup(branch);
	return 0;
}

static int move_other_branch(struct context *c, struct request *rq, const char *branch,
			     const char *deploys, const char *commit, struct error *err)
{
	const char *ref = rq->args.v[0], *old = rq->args.v[1], *app = rq->app.name;
	_cleanup_free_ char *target = NULL;
	if (repo_ref_update(c->inst, app, ref, commit, old, "push", err) < 0 ||
	    deploy_branch(c, &rq->app, &target, err) < 0)
		return -1;
	if (is_zero(commit)) {
		answer_step(c, "Branch '%s' was deleted", branch);
		return 0;
	}
	_cleanup_free_ char *which = deploys ? xasprintf("'%s' deploys", deploys)
					     : xstrdup("'main' or 'master' deploys");
	answer_step(c, "Branch '%s' was stored, and nothing was deployed: %s", branch, which);
	answer_detail(c, "To deploy it: git push berth '%s:%s'", branch, target);
	answer_detail(c, "To have it deploy from now on: git:set %s deploy-branch '%s'", app,
		      branch);
	return 0;
}

/* git:tagged APP TAG: the pre-receive hook asks when somebody pushes nothing but tags. */
static int git_tagged(struct context *c, struct request *rq, struct error *err)
{
	const char *tag = rq->args.v[0];
	_cleanup_free_ char *branch = NULL;
	if (deploy_branch(c, &rq->app, &branch, err) < 0)
		return -1;
	answer_step(c, "Tags are stored, and do not deploy: branch '%s' does", branch);
	answer_detail(c, "To deploy this one: git push berth '%s^{}:%s'", tag, branch);
	return 0;
}

/* The reason for git's "[remote rejected] (...)": one line on stdout, for the hook. */
static int rejected(struct context *c, struct error *err)
{
	_cleanup_strbuf_ struct strbuf reason = STRBUF_INIT;
	strain_explain(c->inst, err);
	printable_add(&reason, err->message);
	printf("%.*s\n", (int)strcspn(reason.data, "\n"), reason.data);
	return -1;
}

/* Where the branch is now, for the hook. */
static int moved(const char *commit)
{
	printf("%s\n", commit);
	return 0;
}

/* git:update APP REF OLD NEW: the proc-receive hook asks for each branch of a push. */
static int git_update(struct context *c, struct request *rq, struct error *err)
{
	const char *ref = rq->args.v[0], *old = rq->args.v[1], *new = rq->args.v[2];
	const char *branch = str_skip(ref, "refs/heads/");
	_cleanup_free_ char *set = NULL;
	char commit[REPO_HEX_SIZE];
	bool deploys = false;
	/* stdout is the hook's; the pusher reads stderr */
	c->out = stderr;
	if (!branch)
		return error_set(err, ERROR_INVALID, 0, "'%.80s' is not a branch", ref);
	snprintf(commit, sizeof(commit), "%s", new);
	/* a tag that is pushed to a branch stands for its commit */
	if (is_deploy_branch(c, &rq->app, branch, &deploys, &set, err) < 0 ||
	    (!is_zero(new) && repo_peel(c->inst, rq->app.name, new, commit, err) < 0))
		return rejected(c, err);
	if (!deploys)
		return move_other_branch(c, rq, branch, set, commit, err) < 0 ? rejected(c, err)
									      : moved(commit);
	if (is_zero(new)) {
		error_set(err, ERROR_DENIED, 0,
			  "branch '%s' deploys this app and stays: 'git:set %s deploy-branch "
			  "BRANCH' has another one deploy, 'apps:destroy %s' removes the app",
			  branch, rq->app.name, rq->app.name);
		return rejected(c, err);
	}
	_cleanup_free_ char *description = xasprintf("Deploy %.8s", commit);
	struct deploy d = {.commit = commit,
			   .ref = ref,
			   .old = is_zero(old) ? "" : old,
			   .description = description,
			   .kind = "push"};
	struct error ignored = ERROR_INIT;
	if (is_zero(old))
		repo_set_head(c->inst, rq->app.name, branch, &ignored);
	return deploy_run(c, &rq->app, &d, err) < 0 ? rejected(c, err) : moved(commit);
}

static int git_set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	if (strcmp(key, "allow-http") == 0) {
		if (rq->app.id)
			return error_set(err, ERROR_USAGE, 0, "allow-http is for --global only");
		if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return error_set(err, ERROR_INVALID, 0, "allow-http is true or false");
	} else if (strcmp(key, "deploy-branch") != 0) {
		return error_set(err, ERROR_USAGE, 0,
				 "no property '%.80s': there are deploy-branch and allow-http",
				 key);
	} else if (value && remote_check_ref(value, NULL) < 0) {
		return error_set(err, ERROR_INVALID, 0, "'%.80s' is not a branch name", value);
	}
	if (setting_set(&c->db, rq->app.id, key, value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, value);
	return 0;
}

/* ---- source from elsewhere ---- */

/* The app NAME, made when it may be, with its repository and the branch that deploys. */
static int open_target(struct context *c, const char *name, struct app *app, char **out_ref,
		       char old[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_free_ char *branch = NULL;
	if (tenant_open(c, name, app, err) < 0 || deploy_branch(c, app, &branch, err) < 0)
		return -1;
	_cleanup_free_ char *ref = xasprintf("refs/heads/%s", branch);
	if (repo_ref(c->inst, app->name, ref, old, err) < 0)
		return -1;
	*out_ref = TAKE_PTR(ref);
	return 0;
}

/* A running curl(1), whose limits hold for whatever the server sends; *out_fd gives the archive. */
static int start_download(struct context *c, const char *url, struct child *curl, int *out_fd,
			  struct error *err)
{
	_cleanup_free_ char *netrc = instance_lib(c->inst, "git/.netrc");
	_cleanup_close_ int reader = -1, writer = -1;
	unsigned long long max;
	bool http;
	int fds[2];
	if (instance_setting_u64(c->inst, "git", "archive-max-size", 1, 1ull << 50,
				 EXPORT_MAX_BYTES, &max, err) < 0 ||
	    gitauth_allows_http(c, &http, err) < 0)
		return -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make pipe");
	reader = fds[0];
	writer = fds[1];
	child_args(curl, "curl", "--disable", "--silent", "--show-error", "--fail", "--location",
		   "--max-redirs", "5", "--connect-timeout", "20", "--max-time", "600",
		   "--speed-limit", "100", "--speed-time", "60", "--netrc-optional", "--netrc-file",
		   netrc, "--proto", http ? "=https,http" : "=https", "--max-filesize", NULL);
	strvec_pushf(&curl->argv, "%llu", max);
	child_args(curl, "--", url, NULL);
	curl->keep_env = true; /* the machine's proxy and certificates */
	curl->out = writer;
	curl->err = STDERR_FILENO;
	curl->die_with_parent = true;
	if (child_start(curl, err) < 0)
		return -1;
	*out_fd = TAKE_FD(reader);
	return 0;
}

static int receive_url(struct context *c, const char *url, const struct app *app, const char *old,
		       char commit[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_child_ struct child curl;
	_cleanup_close_ int fd = -1;
	bool http;
	child_init(&curl);
	if (gitauth_allows_http(c, &http, err) < 0)
		return -1;
	if (!str_starts(url, "https://") && !(http && str_starts(url, "http://")))
		return error_set(err, ERROR_INVALID, 0, "'%.128s' is no https:// address%s", url,
				 str_starts(url, "http://")
					 ? ": 'git:set --global allow-http true' allows http://"
					 : ", and '-' stands for stdin");
	if (start_download(c, url, &curl, &fd, err) < 0)
		return -1;
	int got = archive_commit(c->inst, app->name, fd, old, c->identity, commit, err);
	fd = close_fd(fd);
	if (got < 0)
		child_kill(&curl, SIGTERM);
	struct error why = ERROR_INIT;
	if (child_wait(&curl, &why) == 0 && child_exit_code(curl.status) > 0 &&
	    child_exit_code(curl.status) < 128 && child_exit_code(curl.status) != 23)
		return error_set(err, ERROR_FAILED, 0,
				 "download '%.256s': curl's exit status is %d", url,
				 child_exit_code(curl.status));
	return got;
}

/* git:from-archive APP URL|-: a tar or zip becomes a commit and is deployed. */
static int git_from_archive(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *ref = NULL;
	char commit[REPO_HEX_SIZE], old[REPO_HEX_SIZE];
	const char *from = rq->args.n > 1 ? rq->args.v[1] : "-";
	bool is_stdin = strcmp(from, "-") == 0;
	struct app app;
	if (open_target(c, rq->args.v[0], &app, &ref, old, err) < 0)
		return -1;
	answer_step(c, is_stdin ? "Receiving the archive" : "Downloading the archive");
	if ((is_stdin ? archive_commit(c->inst, app.name, STDIN_FILENO, old, c->identity, commit,
				       err)
		      : receive_url(c, from, &app, old, commit, err)) < 0)
		return -1;
	_cleanup_free_ char *description = xasprintf("Deploy archive %.8s", commit);
	struct deploy d = {.commit = commit,
			   .ref = ref,
			   .old = old,
			   .description = description,
			   .kind = "archive"};
	return deploy_run(c, &app, &d, err);
}

/* Whether COMMIT is what runs. */
static bool runs(struct context *c, const struct app *app, const char *commit)
{
	_cleanup_release_ struct release r;
	struct error none = ERROR_INIT;
	release_init(&r);
	return release_load(c, app, 0, &r, &none) == 0 && str_equal(r.commit, commit);
}

/* git:sync APP URL [REF]: the app's deploy branch becomes what REF is there. */
static int git_sync(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *ref = NULL, *credentials = gitauth_folder(c);
	char commit[REMOTE_COMMIT_SIZE], old[REPO_HEX_SIZE];
	bool build = request_has(rq, "--build"), changes = request_has(rq, "--build-if-changes");
	struct app app;
	struct remote r = {
		.url = rq->args.v[1],
		.ref = rq->args.n > 2 ? rq->args.v[2] : NULL,
		.store = "refs/berth/sync",
		.credentials = credentials,
		.advice = gitauth_advise,
		.progress_fd = c->terminal ? STDERR_FILENO : -1,
	};
	if (gitauth_allows_http(c, &r.allow_http, err) < 0 ||
	    remote_check_url(r.url, r.allow_http, false, r.advice, err) < 0 ||
	    (r.ref && remote_check_ref(r.ref, err) < 0) ||
	    open_target(c, rq->args.v[0], &app, &ref, old, err) < 0)
		return -1;
	_cleanup_free_ char *git_dir = gitdir_path(c->inst, app.name);
	r.git_dir = git_dir;
	answer_step(c, "Fetching %s of %s", r.ref ? r.ref : "HEAD", r.url);
	if (remote_fetch(&r, commit, err) < 0)
		return -1;
	if (strlen(commit) != REPO_HEX)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "'%s' is a SHA-256 repository, which cannot be deployed", r.url);
	if (changes && runs(c, &app, commit)) {
		answer_step(c, "Nothing changed: %.8s runs", commit);
		return 0;
	}
	if (!build && !changes) {
		if (strcmp(old, commit) != 0 &&
		    repo_ref_update(c->inst, app.name, ref, commit, old, "git:sync", err) < 0)
			return -1;
		answer_step(c, "%s is at %.8s; 'git:sync --build' or 'ps:rebuild' deploys it",
			    ref + strlen("refs/heads/"), commit);
		return 0;
	}
	_cleanup_free_ char *description = xasprintf("Deploy %.8s", commit);
	struct deploy d = {.commit = commit,
			   .ref = ref,
			   .old = old,
			   .description = description,
			   .kind = "sync"};
	return deploy_run(c, &app, &d, err);
}

/* up APP: the folder that `berth up` sends (control/up.h). */
static int up(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *ref = NULL;
	char commit[REPO_HEX_SIZE], old[REPO_HEX_SIZE];
	struct upload_stats stats;
	struct app app;
	const char *name = rq->args.n ? rq->args.v[0] : c->default_app;
	FILE *out = c->out;
	if (!name)
		return error_set(err, ERROR_USAGE, 0,
				 "which app? 'berth up APP', or a git remote berth@HOST:APP");
	/* stdout is the client's until it has the list of what it is to send */
	c->out = stderr;
	if (open_target(c, name, &app, &ref, old, err) < 0 ||
	    upload_receive(c->inst, app.name, STDIN_FILENO, STDOUT_FILENO, old, c->identity, commit,
			   &stats, err) < 0)
		return -1;
	c->out = out;
	answer_step(c, "Received %llu of %llu files, %llu bytes",
		    (unsigned long long)stats.sent_files, (unsigned long long)stats.files,
		    (unsigned long long)stats.sent_bytes);
	if (runs(c, &app, commit)) {
		answer_step(c, "Nothing changed: %.8s runs", commit);
		return 0;
	}
	_cleanup_free_ char *description = xasprintf("Deploy folder %.8s", commit);
	struct deploy d = {
		.commit = commit, .ref = ref, .old = old, .description = description, .kind = "up"};
	return deploy_run(c, &app, &d, err);
}

static int git_initialize(struct context *c, struct request *rq, struct error *err)
{
	if (tenant_mend(c, &rq->app, err) < 0)
		return -1;
	answer_step(c, "App '%s' has its repository", rq->app.name);
	return 0;
}

/* What git:report and git:status have in common: branch, its commit, and what runs. */
static int describe(struct context *c, const struct app *app, char **out_branch,
		    char at[REPO_HEX_SIZE], struct release *r, struct error *err)
{
	_cleanup_free_ char *branch = NULL;
	struct error none = ERROR_INIT;
	if (deploy_branch(c, app, &branch, err) < 0)
		return -1;
	_cleanup_free_ char *ref = xasprintf("refs/heads/%s", branch);
	if (repo_ref(c->inst, app->name, ref, at, err) < 0)
		return -1;
	release_load(c, app, 0, r, &none);
	*out_branch = TAKE_PTR(branch);
	return 0;
}

static int git_report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *own = NULL, *global = NULL, *branch = NULL;
	_cleanup_release_ struct release r;
	char at[REPO_HEX_SIZE] = "";
	release_init(&r);
	if (setting_own(&c->db, rq->app.id, "deploy-branch", &own, err) < 0 ||
	    setting_own(&c->db, 0, "deploy-branch", &global, err) < 0 ||
	    describe(c, &rq->app, &branch, at, &r, err) < 0)
		return -1;
	json_t *report = json_object();
	json_object_set_new(report, "computed-deploy-branch", json_string(branch));
	json_object_set_new(report, "deploy-branch", json_string(own ? own : ""));
	json_object_set_new(report, "git-last-updated-at",
			    r.created_at ? listing_time(r.created_at) : json_string(""));
	json_object_set_new(report, "git-sha", json_string(r.commit ? r.commit : ""));
	json_object_set_new(report, "global-deploy-branch", json_string(global ? global : ""));
	listing_properties(c, rq, rq->app.name, "git", report);
	return 0;
}

static int git_status(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *branch = NULL, *summary = NULL;
	_cleanup_release_ struct release r;
	char at[REPO_HEX_SIZE] = "";
	release_init(&r);
	if (describe(c, &rq->app, &branch, at, &r, err) < 0 ||
	    (*at && repo_commit_summary(c->inst, rq->app.name, at, &summary, err) < 0))
		return -1;
	json_t *status = json_object();
	json_object_set_new(status, "branch", json_string(branch));
	json_object_set_new(status, "commit", *at ? json_string(at) : json_null());
	json_object_set_new(status, "summary", summary ? listing_text(summary) : json_null());
	json_object_set_new(status, "deployed", r.commit ? json_string(r.commit) : json_null());
	json_object_set_new(status, "clean", json_boolean(*at && str_equal(r.commit, at)));
	_cleanup_free_ char *header = xasprintf("App %s git status", rq->app.name);
	listing_report(c, rq, header, status);
	return 0;
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
	imagekept_forget(c->inst, id);
	answer_step(c, "Purged the build cache of %s", rq->app.name);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--deploy-branch", NULL, NULL, "only this: as set on the app"},
	{"--global-deploy-branch", NULL, NULL, "only this: as set with --global"},
	{"--computed-deploy-branch", NULL, NULL, "only this: the branch that deploys"},
	{"--git-sha", NULL, NULL, "only this: the commit that runs"},
	{"--git-last-updated-at", NULL, NULL, "only this: since when"},
	{0}};
static const struct option_spec sync_options[] = {
	{"--build", NULL, NULL, "deploy it"},
	{"--build-if-changes", NULL, NULL, "deploy it unless that commit runs"},
	{"--skip-deploy-branch", NULL, NULL, "for Dokku's users: deploy-branch is never changed"},
	{0}};

const struct command git_commands[] = {
	{"git:allow", "APP SERVICE", "May this key use git here?", COMMAND_HIDDEN, 2, 2, NULL,
	 git_allow},
	{"git:tagged", "APP TAG", "Say what a push of tags does", COMMAND_APP | COMMAND_HIDDEN, 1,
	 1, NULL, git_tagged},
	{"git:update", "APP REF OLD NEW", "Deploy a pushed branch", COMMAND_APP | COMMAND_HIDDEN, 3,
	 3, NULL, git_update},
	{"repo:gc", "APP", "Pack an app's repository and drop what nothing reaches", COMMAND_APP, 0,
	 0, NULL, repo_gc},
	{"repo:purge-cache", "APP", "Empty an app's build cache", COMMAND_APP, 0, 0, NULL,
	 purge_cache},
	{"git:set", "APP|--global KEY [VALUE]", "Set deploy-branch or allow-http",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, git_set},
	{"git:report", "APP", "Show how source arrives", COMMAND_APP | COMMAND_API, 0, 0,
	 report_options, git_report},
	{"git:status", "APP", "Show the deploy branch, and whether it runs",
	 COMMAND_APP | COMMAND_API, 0, 0, format_only, git_status},
	{"git:initialize", "APP", "Make the repository of an app that lost it", COMMAND_APP, 0, 0,
	 NULL, git_initialize},
	{"git:sync", "APP URL [REF]", "Take an app's source from a git repository", 0, 2, 3,
	 sync_options, git_sync},
	{"git:from-archive", "APP URL|FILE|-", "Deploy a tar or zip", COMMAND_API, 1, 2, NULL,
	 git_from_archive},
	{"up", "[APP]", "Deploy the folder you are in, without a commit", 0, 0, 1, NULL, up},
	{0},
};
