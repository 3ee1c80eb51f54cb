/* SPDX-License-Identifier: MIT */
#include "buildpacks/builder.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "buildpacks/buildstep.h"
#include "buildpacks/cache.h"
#include "buildpacks/content.h"
#include "buildpacks/environment.h"
#include "buildpacks/hash.h"
#include "buildpacks/imagebuild.h"
#include "buildpacks/layerset.h"
#include "buildpacks/outcome.h"
#include "buildpacks/pack.h"
#include "buildpacks/procfile.h"
#include "buildpacks/project.h"
#include "buildpacks/say.h"
#include "buildpacks/source.h"
#include "runtime/client.h"

#define INPUT_MAX (64u << 20)
#define INPUTS_MAX 1000
#define APTFILE_MAX (64u << 10)

/* A build under way. */
struct work {
	const struct build *b;
	int source; /* lib/sources/TREE/app */
	struct packs packs;
	struct procfile procfile;
	struct project project;
	struct strvec config; /* the app's config over what project.toml sets */
	char *runtime;        /* id of the runtime layer, or NULL */
	char *tools;          /* id of the layer that only building has, or NULL */
	char *deps;           /* id of the layer with the compiled inputs, or NULL */
	char *upper;          /* id of the layer that the whole source gave, or NULL */
	bool shared;          /* another image may have that layer too, now or in a moment */
	struct stage env, inputs;
	struct outcome outcome;
	struct report report;
};

static void release_work(struct work *w)
{
	close_fd(w->source);
	packs_release(&w->packs);
	procfile_release(&w->procfile);
	project_release(&w->project);
	strvec_release(&w->config);
	free(w->runtime);
	free(w->tools);
	free(w->deps);
	free(w->upper);
	stage_release(&w->env);
	stage_release(&w->inputs);
	outcome_release(&w->outcome);
	report_release(&w->report);
}

/* For errors that a missing file would give: absence is fine. */
static int unless_missing(int result, const struct error *why, struct error *err)
{
	if (result == 0 || why->code == ERROR_NOT_FOUND)
		return 0;
	*err = *why;
	return -1;
}

static int read_project(struct work *w, struct error *err)
{
	const struct strvec *config = w->b->config;

	if (project_read(&w->project, w->source, err) < 0)
		return -1;
	strvec_push_all(&w->config, w->project.env.v);
	for (size_t i = 0; config && i < config->n; i++) {
		const char *equals = strchr(config->v[i], '=');
		_cleanup_free_ char *key = xstrndup(config->v[i], (size_t)(equals - config->v[i]));
		strvec_setenv(&w->config, key, equals + 1);
	}
	if (w->project.builder)
		say_detail(w->b->out,
			   "The builder that project.toml names is not used: the stack is '%s'",
			   w->b->stack_name ? w->b->stack_name : w->b->stack);
	return 0;
}

static int look_at_source(struct work *w, struct error *err)
{
	struct error why = ERROR_INIT;

	if (source_open(w->b->inst, w->b->tree, &w->source, err) < 0)
		return -1;
	int read = procfile_read(&w->procfile, w->source, "Procfile", &why);
	if (unless_missing(read, &why, err) < 0)
		return -1;
	struct pack_place at = {w->b->inst, w->source, w->b->out, w->b->err};
	if (read_project(w, err) < 0 || packs_choose(&w->packs, &at, w->b->packs, NULL, err) < 0)
		return -1;
	/* what follows its patterns is written in it */
	if (w->project.filtered)
		strvec_push(&w->packs.v[0].build_packages, "python3");
	return 0;
}

static int make_runtime(struct work *w, struct error *err)
{
	const struct build *b = w->b;
	struct pump user = {.out = b->out,
			    .err = b->err,
			    .cancel_fd = b->cancel_fd,
			    .turn = b->turn,
			    .turn_data = b->turn_data};
	_cleanup_strvec_ struct strvec extra = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;

	int read = source_read(w->source, "Aptfile", APTFILE_MAX, &text, &why);
	if (unless_missing(read, &why, err) < 0 ||
	    layerset_parse_aptfile(text.data, &extra, err) < 0)
		return -1;
	if (layerset_ensure(b->inst, b->stack, &w->packs, &extra, &user, &w->runtime, err) < 0)
		return -1;
	return layerset_ensure_tools(b->inst, b->stack, w->runtime, &w->packs, &user, &w->tools,
				     err);
}

static bool matches(const struct strvec *patterns, const char *pair)
{
	size_t key = strcspn(pair, "=");

	for (size_t i = 0; i < patterns->n; i++) {
		const char *p = patterns->v[i];
		size_t n = strcspn(p, "*");
		if (p[n] == '*' ? key >= n && strncmp(p, pair, n) == 0
				: key == n && strncmp(p, pair, n) == 0)
			return true;
	}
	return false;
}

/* The input files that the source has. */
static int list_inputs(const struct work *w, const struct pack *p, struct strvec *out,
		       struct error *err)
{
	for (size_t i = 0; i < p->inputs.n; i++) {
		const char *name = p->inputs.v[i];
		size_t len = strlen(name);
		if (name[len - 1] == '/') {
			_cleanup_free_ char *folder = xstrndup(name, len - 1);
			_cleanup_strvec_ struct strvec files = STRVEC_INIT;
			if (source_list(w->source, folder, INPUTS_MAX, &files, err) < 0)
				return -1;
			strvec_push_all(out, files.v);
		} else if (source_has(w->source, name)) {
			strvec_push(out, name);
		}
	}
	return 0;
}

/* Copies the pack's input files into the stage and adds them to the key. */
static int add_inputs(struct work *w, const struct pack *p, struct hash *h, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (list_inputs(w, p, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (source_read(w->source, names.v[i], INPUT_MAX, &text, err) < 0 ||
		    stage_add(&w->inputs, names.v[i], text.data, text.len, err) < 0)
			return -1;
		hash_addstr(h, names.v[i]);
		hash_add(h, text.data, text.len);
	}
	hash_addstr(h, NULL);
	for (size_t i = 0; i < p->presence.n; i++) {
		if (!source_has(w->source, p->presence.v[i]))
			continue;
		if (stage_add(&w->inputs, p->presence.v[i], "", 0, err) < 0)
			return -1;
		hash_addstr(h, p->presence.v[i]);
	}
	hash_addstr(h, NULL);
	return 0;
}

/* A hash of all that compiling the inputs of the one pack depends on, the inputs being staged on
 * the way. */
static int make_key(struct work *w, char key[HASH_TEXT], struct error *err)
{
	const struct build *b = w->b;
	const struct pack *p = &w->packs.v[0];
	_cleanup_strvec_ struct strvec registries = STRVEC_INIT;
	struct hash h;

	hash_init(&h, "inputs");
	hash_addstr(&h, b->salt);
	hash_addstr(&h, b->stack);
	hash_addstr(&h, w->runtime);
	hash_addstr(&h, w->tools);
	hash_addstr(&h, p->hash);
	environment_registries(b->inst, &registries);
	hash_addlist(&h, &registries);
	for (size_t i = 0; i < w->config.n; i++)
		if (matches(&p->config, w->config.v[i]))
			hash_addstr(&h, w->config.v[i]);
	hash_addstr(&h, NULL);
	if (stage_make(b->inst, &w->inputs, err) < 0 || add_inputs(w, p, &h, err) < 0)
		return -1;
	hash_text(&h, key);
	return 0;
}

static int make_env(struct work *w, struct error *err)
{
	if (w->env.id)
		return 0;
	if (stage_make(w->b->inst, &w->env, err) < 0)
		return -1;
	return stage_add_env(&w->env, &w->config, err);
}

/* ENV_DIR of the inputs: only what is part of their key. */
static int make_inputs_env(const struct work *w, struct stage *env, struct error *err)
{
	_cleanup_strvec_ struct strvec some = STRVEC_INIT;

	for (size_t i = 0; i < w->config.n; i++)
		if (matches(&w->packs.v[0].config, w->config.v[i]))
			strvec_push(&some, w->config.v[i]);
	if (stage_make(w->b->inst, env, err) < 0)
		return -1;
	return stage_add_env(env, &some, err);
}

/* A new layer's id. One that was made from the same inputs may still be in use, so none of these
 * names comes twice. */
static char *random_id(const char *kind)
{
	char random[25];

	random_hex(random, 24);
	return xasprintf("%s-%s", kind, random);
}

static void push_base(const struct work *w, struct strvec *layers)
{
	if (w->runtime)
		strvec_pushf(layers, "layer/%s", w->runtime);
	strvec_pushf(layers, "layer/%s", w->b->stack);
}

/* What build containers have below the source. */
static void push_build_base(const struct work *w, struct strvec *layers)
{
	if (w->tools)
		strvec_pushf(layers, "layer/%s", w->tools);
	push_base(w, layers);
}

/* Names the layer after what /app holds with it on BELOW, so that what is the same is there once,
 * and has that name on every instance. *out_shared: it got that name. */
static int name_by_content(const struct work *w, char **layer, const char *kind,
			   const struct strvec *below, bool *out_shared, struct error *err)
{
	const struct instance *inst = w->b->inst;
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;
	struct error why = ERROR_INIT;
	char digest[HASH_TEXT], text[HASH_TEXT];
	struct hash h;

	if (!w->b->reproducible)
		return 0;
	strvec_pushf(&layers, "layer/%s", *layer);
	strvec_push_all(&layers, below->v);
	if (content_app(inst, &layers, digest, err) < 0)
		return -1;
	hash_init(&h, kind);
	hash_addstr(&h, digest);
	/* the same /app on something else is another layer */
	hash_addstr(&h, w->upper ? w->deps : NULL);
	hash_addstr(&h, w->upper ? w->b->tree : NULL);
	hash_text(&h, text);
	_cleanup_free_ char *name = xasprintf("%s-%s", kind, text);
	if (runtime_layer_rename(inst, *layer, name, &why) < 0) {
		if (why.code != ERROR_EXISTS) {
			*err = why;
			return -1;
		}
		if (runtime_layer_remove(inst, *layer, err) < 0)
			return -1;
	}
	/* from now on a build of the same may take it, and have its image before this one has */
	*out_shared = true;
	free(*layer);
	*layer = TAKE_PTR(name);
	return 0;
}

/* Keeps what the container of STEP wrote as *LAYER, or drops it. */
static int keep(const struct work *w, char **layer, const char *kind, const struct strvec *below,
		bool *out_shared, struct error *err)
{
	if (runtime_layer_commit(w->b->inst, *layer, err) == 0 &&
	    name_by_content(w, layer, kind, below, out_shared, err) == 0)
		return 0;
	runtime_layer_remove(w->b->inst, *layer, NULL);
	return -1;
}

static int compile_inputs(struct work *w, const char *key, struct error *err)
{
	const struct build *b = w->b;
	_cleanup_stage_ struct stage env = STAGE_INIT;
	struct buildstep step = {
		.packs = &w->packs, .upper = w->deps, .env = &env, .inputs = &w->inputs};
	_cleanup_report_ struct report report = REPORT_INIT;

	if (make_inputs_env(w, &env, err) < 0)
		return -1;
	strvec_init(&step.layers);
	push_build_base(w, &step.layers);
	bool shared = false;
	int result = buildstep_run(b, &step, &report, err);
	if (result == 0)
		result = keep(w, &w->deps, "deps", &step.layers, &shared, err);
	strvec_release(&step.layers);
	if (result < 0)
		return -1;
	w->outcome.layer = xstrdup(w->deps);
	w->outcome.title = TAKE_PTR(report.title);
	w->outcome.whole = report.whole;
	w->outcome.defaults = report.defaults;
	report.defaults = (struct defaults)DEFAULTS_INIT;
	return outcome_save(b->inst, key, &w->outcome, err);
}

static bool find_inputs(struct work *w, const char *key)
{
	const struct build *b = w->b;
	struct error why = ERROR_INIT;

	if (outcome_load(b->inst, key, &w->outcome, &why) == 0 &&
	    runtime_layer_exists(b->inst, w->outcome.layer)) {
		w->deps = xstrdup(w->outcome.layer);
		say_step(b->out, "%s app detected",
			 *w->outcome.title ? w->outcome.title : w->packs.v[0].title);
		if (w->packs.v[0].inputs.n > 0)
			say_detail(b->out, "Nothing to install: %s unchanged",
				   w->packs.v[0].inputs.n > 1 ? "its dependencies are"
							      : "its settings are");
		return true;
	}
	outcome_release(&w->outcome);
	w->outcome = (struct outcome)OUTCOME_INIT;
	return false;
}

/* The key of what the app's own cache had a part in. */
static void make_own_key(const struct build *b, const char *key, char own[HASH_TEXT])
{
	struct hash h;

	hash_init(&h, "own inputs");
	hash_addstr(&h, key);
	hash_addstr(&h, b->app);
	hash_text(&h, own);
}

/* The layer of what depends on the inputs only: found, or made. Apps with the same inputs share it,
 * so one makes it while the others wait. */
static int ensure_inputs(struct work *w, struct error *err)
{
	const struct build *b = w->b;
	_cleanup_close_ int lock = -1;
	char key[HASH_TEXT], own[HASH_TEXT];

	if (make_key(w, key, err) < 0)
		return -1;
	make_own_key(b, key, own);
	if (find_inputs(w, own) || find_inputs(w, key))
		return 0;
	_cleanup_free_ char *path = instance_run(b->inst, "locks/deps-%s", key);
	/* first the turn, then the lock: see layerset_ensure */
	if ((b->turn && b->turn(b->turn_data, err) < 0) || file_lock(path, true, &lock, err) < 0)
		return -1;
	if (find_inputs(w, own) || find_inputs(w, key))
		return 0;
	w->deps = random_id("deps");
	/* earlier builds of the app may have put anything there, in the name of any package */
	return compile_inputs(w, cache_is_empty(b->inst, b->app) ? key : own, err);
}

static int compile_whole(struct work *w, struct error *err)
{
	const struct build *b = w->b;
	struct buildstep step = {.packs = &w->packs,
				 .env = &w->env,
				 .more = w->deps != NULL,
				 .filtered = w->project.filtered};
	if (make_env(w, err) < 0)
		return -1;
	w->upper = random_id("app");
	step.upper = w->upper;
	strvec_init(&step.layers);
	if (w->deps)
		strvec_pushf(&step.layers, "layer/%s", w->deps);
	strvec_pushf(&step.layers, "source/%s", b->tree);
	push_build_base(w, &step.layers);
	int result = buildstep_run(b, &step, &w->report, err);
	if (result == 0)
		result = keep(w, &w->upper, "app", &step.layers, &w->shared, err);
	strvec_release(&step.layers);
	return result;
}

static bool any_present(const struct work *w, const struct strvec *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (source_has(w->source, names->v[i]))
			return true;
	return false;
}

static bool nothing_to_compile(const struct work *w)
{
	for (size_t i = 0; i < w->packs.n; i++)
		if (!w->packs.v[i].nothing)
			return false;
	return true;
}

static int compile(struct work *w, struct error *err)
{
	const struct pack *first = &w->packs.v[0];
	bool ignores = w->project.filtered || source_has(w->source, ".slugignore");

	if (nothing_to_compile(w) && !ignores) {
		say_step(w->b->out, "%s app detected", first->title);
		return 0;
	}
	/* what several packs do to one folder cannot be told apart */
	if (w->packs.n == 1 && first->inputs.n + first->presence.n > 0) {
		if (ensure_inputs(w, err) < 0)
			return -1;
		if (!w->outcome.whole && !any_present(w, &first->whole) && !ignores)
			return 0;
	}
	return compile_whole(w, err);
}

static void add_name(struct strbuf *names, const char *name)
{
	strbuf_addf(names, "%s%s", names->len > 0 ? ", " : "", name);
}

/* The Procfile's processes, then the defaults that it does not name. */
static int discover(struct work *w, struct image *im, struct error *err)
{
	const struct defaults *own = &w->report.defaults, *inputs = &w->outcome.defaults;
	const struct defaults *defaults = w->upper && own->types.n > 0 ? own : inputs;
	const struct procfile *pf = w->report.has_procfile ? &w->report.procfile : &w->procfile;
	const struct pack *last = &w->packs.v[w->packs.n - 1];
	_cleanup_strbuf_ struct strbuf declared = STRBUF_INIT, added = STRBUF_INIT;

	for (size_t i = 0; i < pf->n; i++) {
		image_add_process(im, pf->entries[i].type, pf->entries[i].command);
		add_name(&declared, pf->entries[i].type);
	}
	for (size_t i = 0; i < defaults->types.n; i++) {
		const char *equals = strchr(defaults->types.v[i], '=');
		_cleanup_free_ char *type =
			xstrndup(defaults->types.v[i], (size_t)(equals - defaults->types.v[i]));
		if (image_command(im, type))
			continue;
		image_add_process(im, type, equals + 1);
		add_name(&added, type);
	}
	if (im->n_processes == 0)
		return error_set(
			err, ERROR_INVALID, 0,
			"the app has no process to start: the %s buildpack knows none, so add "
			"a Procfile with a line such as 'web: COMMAND'",
			last->title);
	say_step(w->b->out, "Discovering process types");
	say_detail(w->b->out, "Procfile declares types -> %s",
		   declared.len > 0 ? declared.data : "(none)");
	if (added.len > 0)
		say_detail(w->b->out, "Default types for %s -> %s", last->title, added.data);
	/* a release may have config vars and no types */
	if (w->upper && own->env.n > 0)
		defaults = own;
	strvec_push_all(&im->env, defaults->env.v);
	return 0;
}

static void list_layers(const struct work *w, struct image *im)
{
	if (w->upper)
		strvec_pushf(&im->layers, "layer/%s", w->upper);
	if (w->deps)
		strvec_pushf(&im->layers, "layer/%s", w->deps);
	strvec_pushf(&im->layers, "source/%s", w->b->tree);
	push_base(w, &im->layers);
}

static int add_base(const struct work *w, struct image *im, struct error *err)
{
	char base[HASH_TEXT];

	if (!w->b->reproducible)
		return 0;
	if (content_base(w->b->inst, w->b->stack, w->runtime, base, err) < 0)
		return -1;
	im->base = xstrdup(base);
	return 0;
}

/* The layer of a build that fails after its last container is of no use to anybody. */
static int finish(struct work *w, struct image *out, struct error *err)
{
	_cleanup_image_ struct image im;

	image_init(&im);
	if (discover(w, &im, err) == 0) {
		list_layers(w, &im);
		for (size_t i = 0; i < w->packs.n; i++)
			strvec_push(&im.packs, w->packs.v[i].name);
		im.tree = xstrdup(w->b->tree);
		im.builder = xstrdup("buildpacks");
		if (add_base(w, &im, err) == 0 && image_save(w->b->inst, &im, err) == 0) {
			*out = im;
			image_init(&im);
			return 0;
		}
	}
	if (w->upper && !w->shared)
		runtime_layer_remove(w->b->inst, w->upper, NULL);
	return -1;
}

int builder_run(const struct build *b, struct image *out, struct error *err)
{
	_cleanup_(release_work) struct work w = {
		.b = b,
		.source = -1,
		.packs = PACKS_INIT,
		.procfile = PROCFILE_INIT,
		.project = PROJECT_INIT,
		.config = STRVEC_INIT,
		.env = STAGE_INIT,
		.inputs = STAGE_INIT,
		.outcome = OUTCOME_INIT,
		.report = REPORT_INIT,
	};

	if (b->dockerfile)
		return imagebuild_run(b, out, err);
	int64_t start = clock_ms();
	if (look_at_source(&w, err) < 0 || make_runtime(&w, err) < 0)
		return -1;
	if (b->out_runtime_ms)
		*b->out_runtime_ms = clock_ms() - start;
	if (compile(&w, err) < 0)
		return -1;
	return finish(&w, out, err);
}
