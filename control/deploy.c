/* SPDX-License-Identifier: MIT */
#include "control/deploy.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "buildpacks/builder.h"
#include "control/answer.h"
#include "control/appfile.h"
#include "control/build.h"
#include "control/buildset.h"
#include "control/collect.h"
#include "control/config.h"
#include "control/dockerfile.h"
#include "control/domain.h"
#include "control/lock.h"
#include "control/packlist.h"
#include "control/release.h"
#include "control/rollout.h"
#include "control/source.h"
#include "control/step.h"
#include "control/strain.h"
#include "control/trigger.h"
#include "control/volume.h"
#include "instance/call.h"
#include "receiver/export.h"
#include "receiver/gc.h"
#include "receiver/repo.h"
#include "router/router.h"

int deploy_stack(struct context *c, const struct app *app, char **out, struct error *err)
{
	const char *fallback = instance_setting(c->inst, "build", "stack", "debian-12");
	_cleanup_free_ char *stack = NULL;
	if (setting_get(&c->db, app->id, "stack", fallback, &stack, err) < 0)
		return -1;
	if (!runtime_layer_exists(c->inst, stack))
		return error_set(
			err, ERROR_NOT_FOUND, 0,
			"stack '%s' is not here: make it with 'scripts/stack stack.tar' and "
			"'berth stack:import %s < stack.tar'",
			stack, stack);
	*out = TAKE_PTR(stack);
	return 0;
}

char *deploy_url(struct context *c, const struct app *app)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	struct error ignored = ERROR_INIT;
	if (domain_list(&c->db, app->id, &hosts, &ignored) < 0 || hosts.n == 0)
		return NULL;
	return router_url(c->inst, hosts.v[0]);
}

/* Times of the steps, for the last lines of a push. */
struct timing {
	int64_t start, last;
	struct strbuf text;
};

static void timing_add(struct timing *t, const char *step, int64_t ms)
{
	strbuf_addf(&t->text, "%s%s %.2f s", t->text.len ? ", " : "", step, (double)ms / 1000.0);
	build_phase(step, ms);
	t->last += ms;
}

static void timing_mark(struct timing *t, const char *step)
{
	timing_add(t, step, clock_ms() - t->last);
}

static int export_source(struct context *c, const struct app *app, const char *commit,
			 const char *previous, char tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_export_ struct export_stats stats;
	export_stats_init(&stats);
	if (source_tree(c, app, commit, tree, err) < 0 ||
	    export_tree(c->inst, app->name, tree, previous, &stats, err) < 0)
		return -1;
	for (size_t i = 0; i < stats.warnings.n; i++)
		answer_warning("%s", stats.warnings.v[i]);
	return 0;
}

static int build_image(struct context *c, const struct app *app, const struct release *r,
		       const char *previous_image, struct image *im, int64_t *out_runtime_ms,
		       struct error *err)
{
	_cleanup_free_ char *stack = NULL, *stack_name = NULL, *dockerfile = NULL, *target = NULL;
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT, args = STRVEC_INIT;
	_cleanup_source_access_ struct source_access access = SOURCE_ACCESS_INIT;
	if (deploy_stack(c, app, &stack, err) < 0 ||
	    packlist_load(&c->db, app->id, &packs, err) < 0 ||
	    setting_get(&c->db, app->id, "stack-name", NULL, &stack_name, err) < 0 ||
	    dockerfile_choose(c, app, r->tree, &packs, &dockerfile, err) < 0 ||
	    dockerfile_args(c, app, &args, err) < 0 || source_access(c, app, &access, err) < 0 ||
	    setting_get(&c->db, app->id, "dockerfile-target", "", &target, err) < 0 ||
	    trigger_run(c, app, "pre-build", NULL, err) < 0)
		return -1;
	_cleanup_free_ char *id = app_text_id(app);
	_cleanup_free_ char *salt = NULL;
	if (setting_own(&c->db, app->id, "cache-salt", &salt, err) < 0)
		return -1;
	struct build b = {
		.salt = salt,
		.inst = c->inst,
		.app = id,
		.range = app->range,
		.tree = r->tree,
		.commit = r->commit,
		.stack = stack,
		.stack_name = stack_name,
		.config = &r->config,
		.packs = &packs,
		.dockerfile = dockerfile,
		.target = *target ? target : NULL,
		.args = &args,
		.base = dockerfile_base,
		.base_data = c,
		.repository = source_repository,
		.repository_data = &access,
		.previous_image = previous_image,
		.out = fileno(c->out),
		.err = STDERR_FILENO,
		.cancel_fd = -1,
		.turn = build_turn,
		.turn_data = c,
		.out_runtime_ms = out_runtime_ms,
	};
	fflush(c->out);
	unsigned long long reproducible, cache_size;
	if (buildset_number(c, app->id, "reproducible", &reproducible, err) < 0 ||
	    buildset_number(c, app->id, "cache-size", &cache_size, err) < 0)
		return -1;
	b.reproducible = reproducible != 0;
	b.cache_size = cache_size;
	if (buildset_limits(c, app, &b.limits, err) < 0 || builder_run(&b, im, err) < 0 ||
	    build_built(c, im->id, err) < 0)
		return -1;
	return trigger_run(c, app, "post-build", im->id, err);
}

/* `web` runs once unless scaled otherwise; other types wait to be scaled up. */
static void complete_formation(const struct image *im, struct strvec *formation)
{
	for (size_t i = 0; i < im->n_processes; i++) {
		const char *type = im->processes[i].type;
		if (strcmp(type, "release") != 0 && !strvec_getenv(formation, type))
			formation_set(formation, type, strcmp(type, "web") == 0);
	}
}

static int run_release_process(struct context *c, const struct app *app, const struct release *r,
			       const struct image *im, struct error *err)
{
	struct step step = {"release command", "release", image_command(im, "release")};
	return step.command ? step_run(c, app, r, im, &step, err) : 0;
}

/* From the image to a release that answers. */
static int launch(struct context *c, struct app *app, struct release *r, const struct image *im,
		  const struct appfile *f, struct timing *t, struct error *err)
{
	if (volume_note_unmounted(c, app, im, err) < 0 || release_create(c, app, r, false, err) < 0)
		return -1;
	struct error ignored = ERROR_INIT;
	if (trigger_run(c, app, "pre-deploy", im->id, err) < 0 ||
	    appfile_predeploy(c, app, r, im, f, err) < 0 ||
	    run_release_process(c, app, r, im, err) < 0) {
		release_fail(c, r, &ignored);
		return -1;
	}
	if (image_command(im, "release"))
		timing_mark(t, "release");
	answer_step(c, "Launching");
	if (rollout_release(c, app, r, err) < 0)
		return -1;
	appfile_finish(c, app, r, im, f);
	return 0;
}

static void report(struct context *c, const struct app *app, const struct release *r,
		   const struct timing *t)
{
	_cleanup_free_ char *url = deploy_url(c, app);
	answer_step(c, "Launched v%lld in %.2f s (%s)", (long long)r->version,
		    (double)(clock_ms() - t->start) / 1000.0, t->text.data);
	if (formation_get(&r->formation, "web", 0) == 0)
		answer_detail(c,
			      "No web process runs, so nothing answers over HTTP: have a line "
			      "'web: COMMAND' in the Procfile, and 'ps:scale %s web=1'",
			      app->name);
	else if (url)
		answer_detail(c, "%s deployed to Berth", url);
	else
		answer_detail(c, "No domain yet: add one with 'domains:add %s NAME'", app->name);
}

/* Builds and launches R, which names the commit and has the config and formation to start from. */
static int build_and_launch(struct context *c, struct app *app, struct release *r,
			    const struct release *current, struct timing *t, struct error *err)
{
	char tree[REPO_HEX_SIZE];
	_cleanup_image_ struct image im;
	_cleanup_appfile_ struct appfile file;
	int64_t runtime_ms = 0;
	image_init(&im);
	appfile_init(&file);
	if (export_source(c, app, r->commit, current->tree, tree, err) < 0)
		return -1;
	r->tree = xstrdup(tree);
	timing_mark(t, "source");
	if (appfile_load(c, app, r, !current->image, &file, err) < 0 ||
	    build_image(c, app, r, current->image, &im, &runtime_ms, err) < 0)
		return -1;
	if (build_waited())
		timing_add(t, "queue", build_waited());
	/* what is there already costs nothing worth a word */
	if (runtime_ms > 500 + build_waited())
		timing_add(t, "runtime", runtime_ms - build_waited());
	timing_mark(t, "build");
	r->image = xstrdup(im.id);
	complete_formation(&im, &r->formation);
	if (launch(c, app, r, &im, &file, t, err) < 0)
		return -1;
	timing_mark(t, "launch");
	report(c, app, r, t);
	return 0;
}

/* The current release, or an empty one before the first. */
static int load_current(struct context *c, const struct app *app, struct release *out,
			struct error *err)
{
	struct error why = ERROR_INIT;
	if (release_load(c, app, 0, out, &why) == 0)
		return 0;
	if (why.code == ERROR_NOT_FOUND && app->release == 0)
		return 0;
	*err = why;
	return -1;
}

/* Whether the ref may move to the commit, now that the lock is held: it is where the pusher saw
 * it, or at an ancestor of the commit, as after the push that this one waited for. */
static int check_ref(struct context *c, const struct app *app, const struct deploy *d,
		     char now[REPO_HEX_SIZE], struct error *err)
{
	bool follows = false;
	if (repo_ref(c->inst, app->name, d->ref, now, err) < 0)
		return -1;
	if (strcmp(now, d->old) == 0)
		return 0;
	if (*now && repo_is_descendant(c->inst, app->name, d->commit, now, &follows, err) < 0)
		return -1;
	if (!*now || follows)
		return 0;
	return error_set(err, ERROR_BUSY, 0,
			 "the branch was moved by another push meanwhile: fetch, then push again");
}

/* Old releases off the disk, by another worker of berthd's: SQLite's locks do not survive a fork,
 * not even for a new connection in the child. */
static void ask_to_collect(const struct instance *inst, int null)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	int status;
	strvec_push(&words, "collect");
	/* when berthd is gone the next deploy asks again */
	(void)call_run(inst, "", &words, (int[3]){null, null, null}, -1, &status, NULL);
}

/* What nobody waits for, in a process of its own: the source to disk, old releases off it. */
static void settle(struct context *c, const struct app *app, const struct release *r)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid != 0)
		return;
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close_range(3, ~0U, 0);
	struct error ignored = ERROR_INIT;
	if (r->tree)
		export_settle(c->inst, r->tree, &ignored);
	ask_to_collect(c->inst, STDERR_FILENO);
	if (r->commit)
		gc_run(c->inst, app->name, false, &ignored);
	_exit(0);
}

static int deploy_locked(struct context *c, struct app *app, const struct deploy *d,
			 char **out_image, struct error *err)
{
	char now[REPO_HEX_SIZE] = "";
	_cleanup_close_ int hold = -1;
	_cleanup_release_ struct release current;
	_cleanup_release_ struct release r;
	release_init(&current);
	release_init(&r);
	/* what was read before the wait for the lock may be old */
	if (app_find_id(&c->db, app->id, app, err) < 0 || collect_hold(c->inst, &hold, err) < 0)
		return -1;
	if (app->locked)
		return error_set(err, ERROR_BUSY, 0,
				 "app '%s' is locked: 'apps:unlock %s' allows deploys again",
				 app->name, app->name);
	if (d->ref && check_ref(c, app, d, now, err) < 0)
		return -1;
	if (build_started(c, err) < 0 || load_current(c, app, &current, err) < 0 ||
	    config_merged(c, app->id, &r.config, err) < 0 ||
	    formation_load(&c->db, app->id, &r.formation, err) < 0)
		return -1;
	r.commit = xstrdup(d->commit);
	r.description = xstrdup(d->description);
	struct timing t = {clock_ms(), clock_ms(), STRBUF_INIT};
	int launched = build_and_launch(c, app, &r, &current, &t, err);
	strbuf_release(&t.text);
	if (launched < 0)
		return -1;
	if (d->ref &&
	    repo_ref_update(c->inst, app->name, d->ref, d->commit, now, d->description, err) < 0)
		return error_wrap(err, "the release runs, but the branch could not be moved");
	/* the release refers to all that was built: collection may go on */
	hold = close_fd(hold);
	settle(c, app, &r);
	*out_image = TAKE_PTR(r.image);
	return 0;
}

/* Closes *lock, the app's, on the way: what plugins do after a deploy may need it. */
static int deploy_and_tell(struct context *c, struct app *app, const struct deploy *d, int *lock,
			   struct error *err)
{
	_cleanup_free_ char *image = NULL;
	if (deploy_locked(c, app, d, &image, err) < 0)
		return -1;
	*lock = close_fd(*lock);
	return trigger_run(c, app, "post-deploy", image, err);
}

/* Waits for the app's turn; *out_late when a newer push takes this one's place. */
static int wait_and_deploy(struct context *c, struct app *app, const struct deploy *d,
			   bool *out_late, struct error *err)
{
	_cleanup_free_ char *what = xasprintf("deploy of %.8s", d->commit);
	_cleanup_close_ int ticket = -1;
	_cleanup_close_ int lock = -1;
	if (lock_leave_ticket(c, app, d->commit, &ticket, err) < 0 ||
	    lock_take(c, app, what, &lock, err) < 0)
		return -1;
	*out_late = !lock_ticket_is_newest(c, app, d->commit);
	if (*out_late)
		return error_set(err, ERROR_BUSY, 0,
				 "a newer push came while this one waited: it is deployed instead");
	return deploy_and_tell(c, app, d, &lock, err);
}

int deploy_run(struct context *c, struct app *app, const struct deploy *d, struct error *err)
{
	struct error why = ERROR_INIT;
	bool late = false;
	if (build_begin(c, app, d->kind, d->commit, err) < 0)
		return -1;
	if (wait_and_deploy(c, app, d, &late, &why) == 0) {
		build_end(c, "succeeded", app->release, NULL);
		return 0;
	}
	strain_explain(c->inst, &why);
	build_end(c, late ? "cancelled" : "failed", 0, &why);
	*err = why;
	return -1;
}

/* The release that D makes: the app's config and formation, and no source. */
static int launch_image(struct context *c, struct app *app, const struct deploy_image *d,
			struct release *r, struct error *err)
{
	_cleanup_image_ struct image im;
	_cleanup_appfile_ struct appfile none;
	struct timing t = {clock_ms(), clock_ms(), STRBUF_INIT};
	image_init(&im);
	appfile_init(&none);
	int result = d->get(c, &im, d->data, err);
	if (result == 0 && !image_command(&im, "web"))
		result = error_set(err, ERROR_INVALID, 0,
				   "the image says no program to start: it has neither Entrypoint "
				   "nor Cmd");
	if (result == 0) {
		timing_mark(&t, "image");
		r->image = xstrdup(im.id);
		complete_formation(&im, &r->formation);
		result = build_built(c, im.id, err);
	}
	if (result == 0)
		result = launch(c, app, r, &im, &none, &t, err);
	if (result == 0) {
		timing_mark(&t, "launch");
		report(c, app, r, &t);
	}
	strbuf_release(&t.text);
	return result;
}

static int deploy_image_locked(struct context *c, struct app *app, const struct deploy_image *d,
			       char **out_image, struct error *err)
{
	_cleanup_close_ int hold = -1;
	_cleanup_release_ struct release r;
	release_init(&r);
	if (app_find_id(&c->db, app->id, app, err) < 0 || collect_hold(c->inst, &hold, err) < 0)
		return -1;
	if (app->locked)
		return error_set(err, ERROR_BUSY, 0,
				 "app '%s' is locked: 'apps:unlock %s' allows deploys again",
				 app->name, app->name);
	if (build_started(c, err) < 0 || config_merged(c, app->id, &r.config, err) < 0 ||
	    formation_load(&c->db, app->id, &r.formation, err) < 0)
		return -1;
	r.description = xstrdup(d->description);
	if (launch_image(c, app, d, &r, err) < 0)
		return -1;
	hold = close_fd(hold);
	settle(c, app, &r);
	*out_image = TAKE_PTR(r.image);
	return 0;
}

static int wait_and_deploy_image(struct context *c, struct app *app, const struct deploy_image *d,
				 struct error *err)
{
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *image = NULL;
	if (lock_take(c, app, "deploy of an image", &lock, err) < 0 ||
	    deploy_image_locked(c, app, d, &image, err) < 0)
		return -1;
	lock = close_fd(lock);
	return trigger_run(c, app, "post-deploy", image, err);
}

int deploy_run_image(struct context *c, struct app *app, const struct deploy_image *d,
		     struct error *err)
{
	struct error why = ERROR_INIT;
	if (build_begin(c, app, "image", NULL, err) < 0)
		return -1;
	if (wait_and_deploy_image(c, app, d, &why) == 0) {
		build_end(c, "succeeded", app->release, NULL);
		return 0;
	}
	strain_explain(c->inst, &why);
	build_end(c, "failed", 0, &why);
	*err = why;
	return -1;
}

static int check_source(const struct app *app, const struct release *current, struct error *err)
{
	if (current->commit)
		return 0;
	if (current->image)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' was deployed as an image, which is not built here: "
				 "'git:from-image' gets it anew",
				 app->name);
	return error_set(err, ERROR_NOT_FOUND, 0, "app '%s' has no source yet: push to it first",
			 app->name);
}

/* The commit that runs when the app's turn has come: a push may have come first, or an image. */
static int wait_and_rebuild(struct context *c, struct app *app, struct error *err)
{
	_cleanup_release_ struct release current;
	_cleanup_close_ int lock = -1;
	release_init(&current);
	if (lock_take(c, app, "rebuild", &lock, err) < 0 ||
	    app_find_id(&c->db, app->id, app, err) < 0 ||
	    release_load(c, app, 0, &current, err) < 0 || check_source(app, &current, err) < 0)
		return -1;
	struct deploy d = {.commit = current.commit, .description = "Rebuild"};
	return deploy_and_tell(c, app, &d, &lock, err);
}

int deploy_rebuild(struct context *c, struct app *app, struct error *err)
{
	_cleanup_release_ struct release current;
	struct error why = ERROR_INIT;
	release_init(&current);
	if (release_load(c, app, 0, &current, err) < 0 || check_source(app, &current, err) < 0)
		return -1;
	if (build_begin(c, app, "rebuild", current.commit, err) < 0)
		return -1;
	if (wait_and_rebuild(c, app, &why) == 0) {
		build_end(c, "succeeded", app->release, NULL);
		return 0;
	}
	strain_explain(c->inst, &why);
	build_end(c, "failed", 0, &why);
	*err = why;
	return -1;
}

static void replace_string(char **to, const char *value)
{
	if (!value)
		return;
	free(*to);
	*to = xstrdup(value);
}

static void replace_list(struct strvec *to, const struct strvec *value)
{
	if (!value)
		return;
	strvec_release(to);
	strvec_push_all(to, value->v);
}

int deploy_change(struct context *c, struct app *app, const struct deploy_change *change,
		  struct error *err)
{
	_cleanup_close_ int hold = -1;
	_cleanup_release_ struct release r;
	release_init(&r);
	/* what a rollback goes back to must not be collected on the way */
	if (collect_hold(c->inst, &hold, err) < 0 || load_current(c, app, &r, err) < 0)
		return -1;
	if (!r.image && app->release == 0 && formation_load(&c->db, app->id, &r.formation, err) < 0)
		return -1;
	if (!change->config && app->release == 0 && config_merged(c, app->id, &r.config, err) < 0)
		return -1;
	replace_list(&r.config, change->config);
	replace_list(&r.own, change->own);
	r.brings_config = change->own;
	replace_list(&r.formation, change->formation);
	replace_string(&r.image, change->image);
	/* what an image came from goes with it, and may be nothing */
	if (change->image) {
		free(r.tree);
		free(r.commit);
		r.tree = change->tree ? xstrdup(change->tree) : NULL;
		r.commit = change->commit ? xstrdup(change->commit) : NULL;
	}
	replace_string(&r.description, change->description);
	free(r.user);
	r.user = NULL;
	if (release_create(c, app, &r, change->keep_running && r.generation > 0, err) < 0)
		return -1;
	return rollout_release(c, app, &r, err);
}
