/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagebuild.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "buildpacks/buildstep.h"
#include "buildpacks/dockerconfig.h"
#include "buildpacks/dockerfile.h"
#include "buildpacks/dockerline.h"
#include "buildpacks/dockervar.h"
#include "buildpacks/environment.h"
#include "buildpacks/hint.h"
#include "buildpacks/imagecopy.h"
#include "buildpacks/pump.h"
#include "buildpacks/say.h"
#include "buildpacks/source.h"
#include "buildpacks/stage.h"
#include "runtime/client.h"

#define EMPTY_LAYER IMAGEBUILD_LAYER "empty"
#define KEPT_MAX (1u << 20)
#define CACHE "cache/" /* before the id of a cache, among layers */

struct stage_state {
	bool needed, done, own_entrypoint;
	struct image im;
	struct strvec args; /* "K=V" */
};

struct work {
	const struct build *b;
	struct dockerfile f;
	struct stage_state *stages;
	struct strvec globals; /* ARGs before FROM */
	struct strvec used;    /* layers of this build */
	unsigned step, n_steps;
};

static void release_work(struct work *w)
{
	for (size_t i = 0; i < w->f.n_stages; i++) {
		image_release(&w->stages[i].im);
		strvec_release(&w->stages[i].args);
	}
	free(w->stages);
	dockerfile_release(&w->f);
	strvec_release(&w->globals);
	strvec_release(&w->used);
}

static int in_line(const struct docker_step *step, struct error *err)
{
	return error_wrap(err, "Dockerfile line %u: %.200s", step->line, step->text);
}

/* --- variables --- */

static const char *built_in(const char *name)
{
#if defined(__aarch64__)
	static const char arch[] = "arm64", platform[] = "linux/arm64";
#else
	static const char arch[] = "amd64", platform[] = "linux/amd64";
#endif
	if (str_equal(name, "TARGETPLATFORM") || str_equal(name, "BUILDPLATFORM"))
		return platform;
	if (str_equal(name, "TARGETOS") || str_equal(name, "BUILDOS"))
		return "linux";
	if (str_equal(name, "TARGETARCH") || str_equal(name, "BUILDARCH"))
		return arch;
	return NULL;
}

static int expand(const struct work *w, const struct strvec *vars, const char *word, bool quotes,
		  struct strbuf *out, struct error *err)
{
	struct dockervar how = {.vars = vars, .escape = w->f.escape, .keep_quotes = !quotes};
	size_t ignored;

	return dockervar_expand(&how, word, out, &ignored, err);
}

/* What instructions of STAGE see: its ARGs, and its ENV before them. */
static void visible(const struct stage_state *s, struct strvec *vars)
{
	strvec_push_all(vars, s->args.v);
	for (size_t i = 0; i < s->im.env.n; i++) {
		const char *equals = strchr(s->im.env.v[i], '=');
		_cleanup_free_ char *key =
			xstrndup(s->im.env.v[i], (size_t)(equals - s->im.env.v[i]));
		strvec_setenv(vars, key, equals + 1);
	}
}

/* ARG: the operator's value, else one from before FROM, else its own. */
static int declare(const struct work *w, const struct docker_step *step, const struct strvec *vars,
		   const struct strvec *outer, struct strvec *args, struct error *err)
{
	for (size_t i = 0; i < step->words.n; i++) {
		const char *word = step->words.v[i], *equals = strchr(word, '=');
		_cleanup_free_ char *key =
			xstrndup(word, equals ? (size_t)(equals - word) : strlen(word));
		const char *given = w->b->args ? strvec_getenv(w->b->args, key) : NULL;
		_cleanup_strbuf_ struct strbuf own = STRBUF_INIT;

		if (equals && expand(w, vars, equals + 1, true, &own, err) < 0)
			return in_line(step, err);
		if (!given && !equals && outer)
			given = strvec_getenv(outer, key);
		if (!given && !equals)
			given = built_in(key);
		if (given || equals)
			strvec_setenv(args, key, given ? given : own.data);
	}
	return 0;
}

/* The instructions whose arguments are expanded: all but what a shell reads. */
static bool is_expanded(const struct docker_step *step)
{
	switch (step->op) {
	case DOCKER_RUN:
	case DOCKER_CMD:
	case DOCKER_ENTRYPOINT:
	case DOCKER_HEALTHCHECK:
	case DOCKER_SHELL:
	case DOCKER_ONBUILD:
	case DOCKER_MAINTAINER:
		return false;
	default:
		return true;
	}
}

static int expand_words(const struct work *w, const struct docker_step *step,
			const struct strvec *vars, struct strvec *out, struct error *err)
{
	for (size_t i = 0; i < step->words.n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (!is_expanded(step)) {
			strvec_push(out, step->words.v[i]);
			continue;
		}
		if (expand(w, vars, step->words.v[i], true, &text, err) < 0)
			return -1;
		strvec_push(out, text.data);
	}
	return 0;
}

/* The option NAME expanded into *out, NULL when it is not there. */
static int option(const struct work *w, const struct docker_step *step, const struct strvec *vars,
		  const char *name, char **out, struct error *err)
{
	const char *value = docker_step_option(step, name);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!value)
		return 0;
	if (expand(w, vars, value, true, &text, err) < 0)
		return -1;
	*out = strbuf_detach(&text);
	return 0;
}

/* --- layers --- */

static int ensure_empty(const struct build *b, struct error *err)
{
	/* tar(5): a folder that each container has anyway, and two blocks of zeros for the end */
	char tar[3 * 512] = "tmp/";
	unsigned sum = 0;
	int ends[2];
	struct error why = ERROR_INIT;

	if (runtime_layer_exists(b->inst, EMPTY_LAYER))
		return 0;
	memcpy(tar + 100, "0001777", 8);
	memcpy(tar + 108, "0000000", 8);
	memcpy(tar + 116, "0000000", 8);
	memcpy(tar + 124, "00000000000", 12);
	memcpy(tar + 136, "00000000000", 12);
	memcpy(tar + 148, "        5", 9);
	memcpy(tar + 257, "ustar\00000", 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)tar[i];
	snprintf(tar + 148, 8, "%06o", sum);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	int result = file_write_all(ends[1], tar, sizeof(tar), err);
	close(ends[1]);
	if (result == 0)
		result = runtime_layer_import(b->inst, EMPTY_LAYER, ends[0], &why);
	close(ends[0]);
	if (result < 0 && why.code == ERROR_EXISTS)
		return 0;
	if (result < 0 && why.code)
		*err = why;
	return result;
}

/* The layers of IM to run something on: never none. */
static int layers_of(const struct work *w, const struct image *im, struct strvec *out,
		     struct error *err)
{
	strvec_push_all(out, im->layers.v);
	if (out->n > 0)
		return 0;
	strvec_push(out, "layer/" EMPTY_LAYER);
	return ensure_empty(w->b, err);
}

static void use_layer(struct work *w, struct image *im, const char *id)
{
	_cleanup_free_ char *ref = xasprintf("layer/%s", id);

	strvec_insert(&im->layers, 0, ref);
	if (!strvec_has(&w->used, id))
		strvec_push(&w->used, id);
}

/* How a layer is made: fills UPPER. */
typedef int make_fn(struct work *w, const char *upper, void *data, struct error *err);

/* Puts the layer of KEY on IM: the one that is there, or what MAKE makes. Who needs one that
 * another build is making waits for it. */
static int ensure_layer(struct work *w, struct image *im, struct hash *key, make_fn *make,
			void *data, bool *out_cached, struct error *err)
{
	const struct build *b = w->b;
	_cleanup_close_ int lock = -1;
	char text[HASH_TEXT];

	if (im->layers.n >= IMAGE_MAX_LAYERS)
		return error_set(err, ERROR_INVALID, 0, "more than %d layers: join some RUN lines",
				 IMAGE_MAX_LAYERS);
	hash_text(key, text);
	_cleanup_free_ char *id = xasprintf(IMAGEBUILD_LAYER "%s", text);
	_cleanup_free_ char *path = instance_run(b->inst, "locks/layer-%s", id);
	*out_cached = runtime_layer_exists(b->inst, id);
	if (!*out_cached) {
		if ((b->turn && b->turn(b->turn_data, err) < 0) ||
		    file_lock(path, true, &lock, err) < 0)
			return -1;
		*out_cached = runtime_layer_exists(b->inst, id);
	}
	if (!*out_cached &&
	    (make(w, id, data, err) < 0 || runtime_layer_commit(b->inst, id, err) < 0)) {
		runtime_layer_remove(b->inst, id, NULL);
		return -1;
	}
	use_layer(w, im, id);
	return 0;
}

/* What every layer depends on. */
static void start_key(const struct work *w, const char *kind, const struct image *im,
		      struct hash *h)
{
	hash_init(h, kind);
	hash_addstr(h, w->b->salt);
	for (size_t i = 0; i < im->layers.n; i++)
		hash_addstr(h, im->layers.v[i]);
	hash_addstr(h, NULL);
}

static void hash_list(struct hash *h, const struct strvec *list)
{
	for (size_t i = 0; i < list->n; i++)
		hash_addstr(h, list->v[i]);
	hash_addstr(h, NULL);
}

/* --- images that others are built on --- */

static int find_image(struct work *w, const char *name, struct image *out, struct error *err)
{
	if (!w->b->base)
		return error_set(err, ERROR_NOT_FOUND, 0, "no image '%.200s'", name);
	return w->b->base(w->b->base_data, name, out, err);
}

/* The layers that --from=NAME of stage N means. */
static int layers_from(struct work *w, size_t n, const char *name, struct strvec *out,
		       struct error *err)
{
	long other = dockerfile_stage(&w->f, name, n, true);

	if (other >= 0)
		return layers_of(w, &w->stages[other].im, out, err);
	_cleanup_image_ struct image im;
	image_init(&im);
	if (find_image(w, name, &im, err) < 0)
		return -1;
	return layers_of(w, &im, out, err);
}

static void copy_list(struct strvec *to, const struct strvec *from)
{
	strvec_release(to);
	strvec_push_all(to, from->v);
}

static void copy_text(char **to, const char *from)
{
	free(*to);
	*to = xstrdup(from ? from : "");
}

/* What a stage that is built on FROM begins with. */
static void inherit(struct image *im, const struct image *from)
{
	const struct image_config *c = &from->config;

	copy_list(&im->layers, &from->layers);
	copy_list(&im->env, &from->env);
	copy_list(&im->config.entrypoint, &c->entrypoint);
	copy_list(&im->config.cmd, &c->cmd);
	copy_list(&im->config.shell, &c->shell);
	copy_list(&im->config.onbuild, &c->onbuild);
	copy_list(&im->config.ports, &c->ports);
	copy_list(&im->config.volumes, &c->volumes);
	copy_list(&im->config.labels, &c->labels);
	copy_list(&im->config.health.test, &c->health.test);
	im->config.health.interval = c->health.interval;
	im->config.health.timeout = c->health.timeout;
	im->config.health.start_period = c->health.start_period;
	im->config.health.retries = c->health.retries;
	copy_text(&im->config.user, c->user);
	copy_text(&im->config.cwd, c->cwd);
	copy_text(&im->config.stop_signal, c->stop_signal);
	for (size_t i = 0; i < from->n_history; i++)
		image_add_step(im, from->history[i].created, from->history[i].created_by,
			       from->history[i].comment, from->history[i].empty);
}

/* --- RUN --- */

struct run {
	const struct docker_step *step;
	const struct stage_state *stage;
	struct strvec argv, env;
	struct strvec lower;   /* layers that --mount=type=bind puts above the image's */
	struct strvec binds;   /* their ids, removed after */
	struct strvec scratch; /* caches of --mount=type=tmpfs, likewise */
	struct spec_mount mounts[DOCKERFILE_MOUNTS_MAX];
	size_t n_mounts;
	struct stage secrets;
	bool network;
};

static void release_run(const struct build *b, struct run *r)
{
	for (size_t i = 0; i < r->binds.n; i++)
		runtime_layer_remove(b->inst, r->binds.v[i], NULL);
	for (size_t i = 0; i < r->scratch.n; i++)
		runtime_cache_remove(b->inst, r->scratch.v[i], NULL);
	for (size_t i = 0; i < r->n_mounts; i++) {
		free(r->mounts[i].id);
		free(r->mounts[i].dest);
	}
	strvec_release(&r->argv);
	strvec_release(&r->env);
	strvec_release(&r->lower);
	strvec_release(&r->binds);
	strvec_release(&r->scratch);
	stage_release(&r->secrets);
}

static void add_mount(struct run *r, enum spec_mount_kind kind, const char *id, const char *dest)
{
	r->mounts[r->n_mounts++] =
		(struct spec_mount){kind, xstrdup(id), xstrdup(dest), kind == SPEC_MOUNT_STAGE};
}

/* The app's config var ID, as a file below /run/secrets or as a variable. */
static int add_secret(const struct work *w, struct run *r, const struct docker_mount *m,
		      struct error *err)
{
	const char *value = w->b->config ? strvec_getenv(w->b->config, m->id) : NULL;
	const char *name = m->target ? str_skip(m->target, "/run/secrets/") : m->id;

	if (!value && m->required)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "no secret '%.80s': set the config var of that name", m->id);
	if (!value)
		return 0;
	if (m->env)
		strvec_setenv(&r->env, m->env, value);
	if (m->env && !m->target)
		return 0;
	if (!name || !*name || strchr(name, '/') || str_equal(name, ".."))
		return error_set(err, ERROR_INVALID, 0,
				 "a secret's target lies right below /run/secrets");
	if (!r->secrets.id) {
		if (stage_make(w->b->inst, &r->secrets, err) < 0)
			return -1;
		add_mount(r, SPEC_MOUNT_STAGE, r->secrets.id, "/run/secrets");
	}
	return stage_add(&r->secrets, name, value, strlen(value), err);
}

/* A layer that has the bound files at the target: dropped again, it never becomes part of the
 * image. */
static int add_bind(struct work *w, size_t n, struct run *r, const struct docker_mount *m,
		    struct hash *key, struct error *err)
{
	struct imagecopy copy = {.root = m->from ? "/" : "/app", .keep_owner = m->from != NULL};
	char digest[HASH_TEXT], random[17];
	int result = 0;

	_cleanup_free_ char *to = dockerconfig_path(r->stage->im.config.cwd, m->target);
	copy.to = to;
	if (m->from)
		result = layers_from(w, n, m->from, &copy.from, err);
	else
		strvec_pushf(&copy.from, "source/%s", w->b->tree);
	if (!m->from)
		strvec_pushf(&copy.from, "layer/%s", w->b->stack);
	strvec_push(&copy.sources, m->source ? m->source : ".");
	strvec_push(&copy.onto, "layer/" EMPTY_LAYER);
	random_hex(random, 16);
	_cleanup_free_ char *id = xasprintf(IMAGEBUILD_LAYER "bind-%s", random);
	if (result == 0)
		result = ensure_empty(w->b, err);
	if (result == 0)
		result = imagecopy_digest(w->b, &copy, digest, err);
	if (result == 0) {
		hash_addstr(key, digest);
		strvec_push(&r->binds, id);
		result = imagecopy_run(w->b, &copy, id, err);
	}
	if (result == 0)
		result = runtime_layer_commit(w->b->inst, id, err);
	if (result == 0)
		strvec_pushf(&r->lower, "layer/%s", id);
	strvec_release(&copy.from);
	strvec_release(&copy.sources);
	strvec_release(&copy.onto);
	return result;
}

static int add_one_mount(struct work *w, size_t n, struct run *r, const struct docker_mount *m,
			 struct hash *key, struct error *err)
{
	char random[17], text[HASH_TEXT];
	struct hash h;

	if (r->n_mounts + 1 >= DOCKERFILE_MOUNTS_MAX)
		return error_set(err, ERROR_INVALID, 0, "more than %d mounts",
				 DOCKERFILE_MOUNTS_MAX - 1);
	/* what the app alone has, and may have filled as it likes, must reach no other */
	if (m->type == DOCKER_MOUNT_SECRET || m->type == DOCKER_MOUNT_CACHE)
		hash_addstr(key, w->b->app);
	if (m->type == DOCKER_MOUNT_SECRET)
		return add_secret(w, r, m, err);
	if (m->type == DOCKER_MOUNT_BIND)
		return add_bind(w, n, r, m, key, err);
	_cleanup_free_ char *to = dockerconfig_path(r->stage->im.config.cwd, m->target);
	if (m->type == DOCKER_MOUNT_TMPFS) {
		random_hex(random, 16);
		_cleanup_free_ char *id = xasprintf("build-%s", random);
		strvec_push(&r->scratch, id);
		add_mount(r, SPEC_MOUNT_CACHE, id, to);
		return 0;
	}
	hash_init(&h, "cache");
	hash_addstr(&h, m->id ? m->id : to);
	hash_text(&h, text);
	_cleanup_free_ char *id = xasprintf("%s.%s", w->b->app, text);
	_cleanup_free_ char *line = xasprintf(CACHE "%s", id);
	if (!strvec_has(&w->used, line))
		strvec_push(&w->used, line);
	add_mount(r, SPEC_MOUNT_CACHE, id, to);
	return 0;
}

static int add_mounts(struct work *w, size_t n, struct run *r, const struct strvec *vars,
		      struct hash *key, struct error *err)
{
	for (size_t i = 0; i < r->step->options.n; i++) {
		const char *value = str_skip(r->step->options.v[i], "mount=");
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		_cleanup_docker_mount_ struct docker_mount m = {0};
		if (!value)
			continue;
		if (expand(w, vars, value, true, &text, err) < 0 ||
		    docker_mount_parse(&m, text.data, err) < 0 ||
		    add_one_mount(w, n, r, &m, key, err) < 0)
			return -1;
		hash_addstr(key, text.data);
	}
	return 0;
}

/* The last line that was printed, for the error. */
static char *last_line(struct strbuf *tail)
{
	strbuf_trim(tail);
	const char *newline = strrchr(tail->data, '\n');
	return xasprintf("%.300s", newline ? newline + 1 : tail->data);
}

static int make_run(struct work *w, const char *upper, void *data, struct error *err)
{
	struct run *r = data;
	const struct build *b = w->b;
	const struct image *im = &r->stage->im;
	_cleanup_spec_ struct container_spec spec;
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf tail = STRBUF_INIT;
	struct pump pump = {.out = b->out,
			    .err = b->err,
			    .cancel_fd = b->cancel_fd,
			    .tail = &tail,
			    .doing = "running",
			    .alive = b->out};
	struct runtime_result result;

	strvec_push_all(&layers, r->lower.v);
	if (layers_of(w, im, &layers, err) < 0)
		return -1;
	imagecopy_spec(b, &layers, upper, &spec);
	spec.network = r->network ? SPEC_NET_EGRESS : SPEC_NET_NONE;
	spec.user = *im->config.user ? xstrdup(im->config.user) : NULL;
	spec.cwd = xstrdup(*im->config.cwd ? im->config.cwd : "/");
	strvec_push(&spec.env, "APT_CONFIG=" IMAGECOPY_TOOLS "/driver/apt.conf");
	for (size_t i = 0; i < r->env.n; i++) {
		const char *equals = strchr(r->env.v[i], '=');
		_cleanup_free_ char *key = xstrndup(r->env.v[i], (size_t)(equals - r->env.v[i]));
		strvec_setenv(&spec.env, key, equals + 1);
	}
	strvec_push_all(&spec.argv, r->argv.v);
	for (size_t i = 0; i < r->n_mounts; i++)
		container_spec_add_mount(&spec, r->mounts[i].kind, r->mounts[i].id,
					 r->mounts[i].dest, r->mounts[i].read_only);
	if (pump_run(b->inst, &spec, &pump, &result, err) < 0)
		return -1;
	if (result.exit_code == 0 && !result.timed_out)
		return 0;
	_cleanup_free_ char *limit = buildstep_limit_hit(b, &result);
	if (limit)
		return error_set(err, ERROR_FAILED, 0, "Build %s", limit);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	strbuf_add(&text, tail.data, tail.len);
	_cleanup_free_ char *said = last_line(&text);
	error_set(err, ERROR_FAILED, 0, "ended with status %d%s%s", result.exit_code,
		  *said ? ": " : "", said);
	return hint_add(HINT_BUILD, tail.data, err);
}

static int do_run(struct work *w, size_t n, const struct docker_step *step, bool *out_cached,
		  struct error *err)
{
	struct stage_state *s = &w->stages[n];
	const char *network = docker_step_option(step, "network");
	struct run r = {.step = step,
			.stage = s,
			.argv = STRVEC_INIT,
			.env = STRVEC_INIT,
			.lower = STRVEC_INIT,
			.binds = STRVEC_INIT,
			.scratch = STRVEC_INIT,
			.secrets = STAGE_INIT,
			.network = !str_equal(network, "none")};
	struct hash key;

	visible(s, &r.env);
	if (!step->exec && s->im.config.shell.n > 0) {
		strvec_push_all(&r.argv, s->im.config.shell.v);
	} else if (!step->exec) {
		strvec_push(&r.argv, "/bin/sh");
		strvec_push(&r.argv, "-c");
	}
	strvec_push_all(&r.argv, step->words.v);
	start_key(w, "run", &s->im, &key);
	hash_list(&key, &r.argv);
	hash_list(&key, &r.env);
	hash_addstr(&key, s->im.config.user);
	hash_addstr(&key, s->im.config.cwd);
	hash_addstr(&key, network);
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;
	visible(s, &vars);
	int result = add_mounts(w, n, &r, &vars, &key, err);
	if (result == 0)
		result = ensure_layer(w, &s->im, &key, make_run, &r, out_cached, err);
	release_run(w->b, &r);
	return result;
}

/* --- COPY and ADD --- */

static int make_copy(struct work *w, const char *upper, void *data, struct error *err)
{
	return imagecopy_run(w->b, data, upper, err);
}

/* The files that stand in the Dockerfile itself become the sources. */
static int add_docs(const struct work *w, const struct docker_step *step, const struct strvec *vars,
		    struct stage *stage, struct imagecopy *copy, struct error *err)
{
	if (copy->sources.n != step->n_docs)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "%s of heredocs and files together is not supported: use two",
				 docker_op_name(step->op));
	strvec_release(&copy->sources);
	if (stage_make(w->b->inst, stage, err) < 0)
		return -1;
	for (size_t i = 0; i < step->n_docs; i++) {
		const struct docker_doc *doc = &step->docs[i];
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (doc->expand && expand(w, vars, doc->text, false, &text, err) < 0)
			return -1;
		const char *content = doc->expand ? text.data : doc->text;
		if (stage_add(stage, doc->name, content, strlen(content), err) < 0)
			return -1;
		strvec_push(&copy->sources, doc->name);
	}
	if (!copy->chmod)
		copy->chmod = "644";
	copy->root = "/docs";
	copy->docs = stage->id;
	return 0;
}

static int fill_copy(struct work *w, size_t n, const struct docker_step *step,
		     const struct strvec *vars, struct imagecopy *copy, char **to, char **chown,
		     char **chmod, struct error *err)
{
	const struct image *im = &w->stages[n].im;
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_free_ char *from = NULL;

	if (expand_words(w, step, vars, &words, err) < 0 ||
	    option(w, step, vars, "from", &from, err) < 0 ||
	    option(w, step, vars, "chown", chown, err) < 0 ||
	    option(w, step, vars, "chmod", chmod, err) < 0)
		return -1;
	if (*chmod && (!**chmod || strlen(*chmod) > 4 || (*chmod)[strspn(*chmod, "01234567")]))
		return error_set(err, ERROR_INVALID, 0, "--chmod takes a number such as 755");
	const char *dest = words.v[words.n - 1];
	size_t len = strlen(dest);
	copy->into = words.n > 2 || (len > 0 && dest[len - 1] == '/') || str_equal(dest, ".");
	*to = dockerconfig_path(im->config.cwd, dest);
	copy->to = *to;
	copy->chown = *chown;
	copy->chmod = *chmod;
	copy->root = from ? "/" : "/app";
	copy->keep_owner = from != NULL;
	copy->unpack = step->op == DOCKER_ADD;
	for (size_t i = 0; i + 1 < words.n; i++)
		strvec_push(&copy->sources, words.v[i]);
	for (size_t i = 0; i < step->options.n; i++) {
		const char *pattern = str_skip(step->options.v[i], "exclude=");
		if (pattern)
			strvec_push(&copy->exclude, pattern);
	}
	if (layers_of(w, im, &copy->onto, err) < 0)
		return -1;
	if (from)
		return layers_from(w, n, from, &copy->from, err);
	strvec_pushf(&copy->from, "source/%s", w->b->tree);
	strvec_pushf(&copy->from, "layer/%s", w->b->stack);
	return 0;
}

static void release_copy(struct imagecopy *copy)
{
	strvec_release(&copy->from);
	strvec_release(&copy->exclude);
	strvec_release(&copy->sources);
	strvec_release(&copy->onto);
}

static int do_copy(struct work *w, size_t n, const struct docker_step *step, bool *out_cached,
		   struct error *err)
{
	struct stage_state *s = &w->stages[n];
	struct imagecopy copy = {.from = STRVEC_INIT,
				 .exclude = STRVEC_INIT,
				 .sources = STRVEC_INIT,
				 .onto = STRVEC_INIT};
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;
	_cleanup_free_ char *to = NULL, *chown = NULL, *chmod = NULL;
	_cleanup_stage_ struct stage docs = STAGE_INIT;
	char digest[HASH_TEXT];
	struct hash key;

	visible(s, &vars);
	int result = fill_copy(w, n, step, &vars, &copy, &to, &chown, &chmod, err);
	if (result == 0 && step->n_docs > 0)
		result = add_docs(w, step, &vars, &docs, &copy, err);
	if (result == 0)
		result = imagecopy_digest(w->b, &copy, digest, err);
	if (result == 0) {
		start_key(w, "copy", &s->im, &key);
		hash_addstr(&key, digest);
		hash_addstr(&key, copy.into ? "into" : "as");
		hash_addstr(&key, to);
		hash_addstr(&key, chown);
		hash_addstr(&key, chmod);
		result = ensure_layer(w, &s->im, &key, make_copy, &copy, out_cached, err);
	}
	release_copy(&copy);
	return result;
}

/* --- stages --- */

static int do_step(struct work *w, size_t n, const struct docker_step *step, struct error *err)
{
	struct stage_state *s = &w->stages[n];
	int64_t start = clock_ms();
	bool layer = step->op == DOCKER_RUN || step->op == DOCKER_COPY || step->op == DOCKER_ADD;
	bool cached = false;
	int result;

	say_step(w->b->out, "Step %u/%u : %.200s", ++w->step, w->n_steps, step->text);
	if (step->op == DOCKER_RUN) {
		result = do_run(w, n, step, &cached, err);
	} else if (layer) {
		result = do_copy(w, n, step, &cached, err);
	} else {
		_cleanup_strvec_ struct strvec vars = STRVEC_INIT, words = STRVEC_INIT;
		visible(s, &vars);
		if (step->op == DOCKER_ARG)
			return declare(w, step, &vars, &w->globals, &s->args, err);
		result = expand_words(w, step, &vars, &words, err);
		if (result == 0)
			result = dockerconfig_apply(step, &words, &s->im, &s->own_entrypoint, err);
	}
	if (result < 0)
		return in_line(step, err);
	image_add_step(&s->im, "", step->text, "", !layer);
	if (layer && cached)
		say_detail(w->b->out, "Cached");
	else if (layer)
		say_detail(w->b->out, "Done in %.2f s", (double)(clock_ms() - start) / 1000);
	return 0;
}

/* What the image below asks its children to do. */
static int do_triggers(struct work *w, size_t n, struct error *err)
{
	struct strvec triggers = w->stages[n].im.config.onbuild;
	int result = 0;

	strvec_init(&w->stages[n].im.config.onbuild);
	for (size_t i = 0; i < triggers.n && result == 0; i++) {
		struct docker_step step;
		result = dockerfile_parse_trigger(triggers.v[i], &step, err);
		if (result < 0)
			break;
		w->n_steps++;
		result = do_step(w, n, &step, err);
		docker_step_release(&step);
	}
	strvec_release(&triggers);
	return result;
}

static int start_stage(struct work *w, size_t n, struct error *err)
{
	struct stage_state *s = &w->stages[n];
	const struct docker_step *from = &w->f.stages[n].from;
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	say_step(w->b->out, "Step %u/%u : %.200s", ++w->step, w->n_steps, from->text);
	if (expand(w, &w->globals, from->words.v[0], true, &name, err) < 0)
		return in_line(from, err);
	long other = dockerfile_stage(&w->f, name.data, n, false);
	if (other >= 0) {
		inherit(&s->im, &w->stages[other].im);
		strvec_release(&s->im.config.onbuild);
	} else if (!str_equal(name.data, DOCKERFILE_SCRATCH)) {
		_cleanup_image_ struct image im;
		image_init(&im);
		if (find_image(w, name.data, &im, err) < 0)
			return in_line(from, err);
		inherit(&s->im, &im);
	}
	s->im.container = true;
	return do_triggers(w, n, err);
}

static int build_stage(struct work *w, size_t n, struct error *err)
{
	const struct docker_stage *stage = &w->f.stages[n];

	if (start_stage(w, n, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->n_steps; i++)
		if (do_step(w, n, &stage->steps[i], err) < 0)
			return -1;
	w->stages[n].done = true;
	return 0;
}

/* Marks stage N and what it needs; adds up their steps. */
static int mark_needed(struct work *w, size_t n, struct error *err)
{
	const struct docker_stage *stage = &w->f.stages[n];
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	if (w->stages[n].needed)
		return 0;
	w->stages[n].needed = true;
	w->n_steps += (unsigned)stage->n_steps + 1;
	if (expand(w, &w->globals, stage->from.words.v[0], true, &name, err) < 0)
		return in_line(&stage->from, err);
	long other = dockerfile_stage(&w->f, name.data, n, false);
	if (other >= 0 && mark_needed(w, (size_t)other, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->n_steps; i++) {
		const struct docker_step *step = &stage->steps[i];
		const char *from = docker_step_option(step, "from");
		other = from ? dockerfile_stage(&w->f, from, n, true) : -1;
		if (other >= 0 && mark_needed(w, (size_t)other, err) < 0)
			return -1;
		for (size_t j = 0; j < step->options.n; j++) {
			const char *text = str_skip(step->options.v[j], "mount=");
			_cleanup_docker_mount_ struct docker_mount m = {0};
			if (!text || docker_mount_parse(&m, text, err) < 0 || !m.from)
				continue;
			other = dockerfile_stage(&w->f, m.from, n, true);
			if (other >= 0 && mark_needed(w, (size_t)other, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int read_file(struct work *w, struct error *err)
{
	_cleanup_close_ int source = -1;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (source_open(w->b->inst, w->b->tree, &source, err) < 0 ||
	    source_read(source, w->b->dockerfile, DOCKERLINE_FILE_MAX, &text, err) < 0)
		return -1;
	if (dockerfile_parse(&w->f, text.data, text.len, err) < 0)
		return error_wrap(err, "%s", w->b->dockerfile);
	return 0;
}

/* --- what is kept --- */

static char *kept_path(const struct instance *inst, const char *app)
{
	return instance_lib(inst, "dockerfiles/%s", app);
}

/* Appends the lines of FILE below DIRFD; none when it is not there. */
static int read_kept(int dirfd, const char *file, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;

	if (file_read(dirfd, file, KEPT_MAX, &text, &why) < 0 && why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	for (const char *s = text.data; *s;) {
		size_t len = strcspn(s, "\n");
		strvec_push_take(out, xstrndup(s, len));
		s += len + (s[len] == '\n');
	}
	return 0;
}

/* Notes what this build used; what earlier ones used stays when this one FAILED, and their caches
 * always, since those are found by nothing else. */
static int keep_used(struct work *w, bool failed, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(w->b->inst, "dockerfiles");
	_cleanup_free_ char *path = kept_path(w->b->inst, w->b->app);
	_cleanup_strvec_ struct strvec before = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (file_make_dirs(folder, 0750, err) < 0 || read_kept(AT_FDCWD, path, &before, err) < 0)
		return -1;
	for (size_t i = 0; i < before.n; i++)
		if ((failed || str_starts(before.v[i], CACHE)) &&
		    !strvec_has(&w->used, before.v[i]))
			strvec_push(&w->used, before.v[i]);
	for (size_t i = 0; i < w->used.n; i++)
		strbuf_addf(&text, "%s\n", w->used.v[i]);
	return file_replace(AT_FDCWD, path, text.data, text.len, 0640, err);
}

int imagebuild_kept(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "dockerfiles");
	DIR *dir = opendir(folder);
	int result = 0;

	strvec_push(out, EMPTY_LAYER);
	if (!dir)
		return errno == ENOENT ? 0
				       : error_set(err, ERROR_SYSTEM, errno, "open '%s'", folder);
	for (struct dirent *e; result == 0 && (e = readdir(dir));) {
		if (e->d_name[0] != '.')
			result = read_kept(dirfd(dir), e->d_name, out, err);
	}
	closedir(dir);
	return result;
}

void imagebuild_forget(const struct instance *inst, const char *app)
{
	_cleanup_free_ char *path = kept_path(inst, app);
	_cleanup_strvec_ struct strvec kept = STRVEC_INIT;
	struct error ignored = ERROR_INIT;

	read_kept(AT_FDCWD, path, &kept, &ignored);
	for (size_t i = 0; i < kept.n; i++)
		if (str_starts(kept.v[i], CACHE))
			runtime_cache_remove(inst, kept.v[i] + strlen(CACHE), &ignored);
	unlink(path);
}

static int finish(struct work *w, struct image *out, struct error *err)
{
	struct image *im = &w->stages[w->f.n_stages - 1].im;
	free(im->builder);
	im->builder = xstrdup("dockerfile");
	free(im->tree);
	im->tree = xstrdup(w->b->tree);
	copy_text(&im->architecture, built_in("TARGETARCH"));
	if (im->layers.n == 0 && ensure_empty(w->b, err) < 0)
		return -1;
	if (im->layers.n == 0)
		strvec_push(&im->layers, "layer/" EMPTY_LAYER);
	image_set_program(im);
	if (image_save(w->b->inst, im, err) < 0 || keep_used(w, false, err) < 0)
		return -1;
	struct image empty = *out;
	*out = *im;
	*im = empty;
	return 0;
}

int imagebuild_run(const struct build *b, struct image *out, struct error *err)
{
	_cleanup_(release_work) struct work w = {
		.b = b, .globals = STRVEC_INIT, .used = STRVEC_INIT};

	dockerfile_init(&w.f);
	if (read_file(&w, err) < 0)
		return -1;
	w.stages = xcalloc(w.f.n_stages, sizeof(*w.stages));
	for (size_t i = 0; i < w.f.n_stages; i++) {
		image_init(&w.stages[i].im);
		strvec_init(&w.stages[i].args);
	}
	for (size_t i = 0; i < w.f.n_args; i++)
		if (declare(&w, &w.f.args[i], &w.globals, NULL, &w.globals, err) < 0)
			return -1;
	if (mark_needed(&w, w.f.n_stages - 1, err) < 0)
		return -1;
	say_step(b->out, "Building %s", b->dockerfile);
	for (size_t i = 0; i < w.f.n_stages; i++) {
		struct error ignored = ERROR_INIT;
		if (w.stages[i].needed && build_stage(&w, i, err) < 0) {
			/* the next try takes what went well from the cache */
			keep_used(&w, true, &ignored);
			return -1;
		}
	}
	return finish(&w, out, err);
}
