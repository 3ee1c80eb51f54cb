/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagerun.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "buildpacks/buildstep.h"
#include "buildpacks/cachelocks.h"
#include "buildpacks/dockerconfig.h"
#include "buildpacks/dockermount.h"
#include "buildpacks/hint.h"
#include "buildpacks/imagebuild.h"
#include "buildpacks/imagecopy.h"
#include "buildpacks/imagekept.h"
#include "buildpacks/pump.h"
#include "buildpacks/stage.h"
#include "runtime/client.h"

#define APT_FOLDER "/dev/shm/.apt"
#define APT_CONF_MAX 4096

struct run {
	const struct docker_step *step;
	const struct stage_state *stage;
	struct strvec argv, env;
	struct strvec lower;   /* layers that --mount=type=bind puts above the image's */
	struct strvec binds;   /* their ids, removed after */
	struct strvec scratch; /* caches of --mount=type=tmpfs, likewise */
	struct strvec locked;  /* caches that this step has alone */
	struct strvec private; /* or has another of, when somebody has them */
	struct spec_mount mounts[DOCKER_MOUNTS_MAX];
	size_t n_mounts;
	struct stage secrets; /* for /run/secrets */
	struct stage files;   /* those for other places */
	struct stage apt;     /* its settings */
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
		free(r->mounts[i].file);
	}
	strvec_release(&r->argv);
	strvec_release(&r->env);
	strvec_release(&r->lower);
	strvec_release(&r->binds);
	strvec_release(&r->scratch);
	strvec_release(&r->locked);
	strvec_release(&r->private);
	stage_release(&r->secrets);
	stage_release(&r->files);
	stage_release(&r->apt);
}

static struct spec_mount *add_mount(struct run *r, enum spec_mount_kind kind, const char *id,
				    const char *dest)
{
	struct spec_mount *m = &r->mounts[r->n_mounts++];

	*m = (struct spec_mount){.kind = kind,
				 .id = xstrdup(id),
				 .dest = xstrdup(dest),
				 .read_only = kind == SPEC_MOUNT_STAGE};
	return m;
}

static void give_away(struct spec_mount *to, const struct docker_mount *m, unsigned mode)
{
	to->owned = true;
	to->uid = m->uid;
	to->gid = m->gid;
	to->mode = m->mode == DOCKER_MODE_NONE ? mode : m->mode;
}

/* The app's config var ID, as a file or as a variable. Those below /run/secrets are in one folder,
 * which is gone afterwards. */
static int add_secret(const struct imagework *w, struct run *r, const struct docker_mount *m,
		      struct error *err)
{
	const char *value = w->b->config ? strvec_getenv(w->b->config, m->id) : NULL;
	_cleanup_free_ char *to = m->target ? dockerconfig_path(r->stage->im.config.cwd, m->target)
					    : xasprintf("/run/secrets/%s", m->id);
	const char *below = str_skip(to, "/run/secrets/"), *name = strrchr(to, '/') + 1;

	if (!value && m->required)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "no secret '%.80s': set the config var of that name", m->id);
	if (!value)
		return 0;
	if (m->env)
		strvec_setenv(&r->env, m->env, value);
	if (m->env && !m->target)
		return 0;
	bool own = !below || strstr(below, "..");
	if (!*name || str_equal(name, ".."))
		return error_set(err, ERROR_INVALID, 0, "a secret's target is a file, not '%.200s'",
				 to);
	struct stage *stage = own ? &r->files : &r->secrets;
	bool first = !stage->id;
	if (first && stage_make(w->b->inst, stage, err) < 0)
		return -1;
	_cleanup_free_ char *file = own ? xasprintf("%zu", r->n_mounts) : xstrdup(below);
	if (own)
		add_mount(r, SPEC_MOUNT_STAGE, stage->id, to)->file = xstrdup(file);
	else if (first)
		add_mount(r, SPEC_MOUNT_STAGE, stage->id, "/run/secrets");
	return stage_add(stage, file, value, strlen(value), err);
}

/* A layer that has the bound files at the target: dropped again, it never becomes part of the
 * image. */
static int add_bind(struct imagework *w, size_t n, struct run *r, const struct docker_mount *m,
		    struct hash *key, struct error *err)
{
	_cleanup_free_ char *ignore = xasprintf("%s.dockerignore", w->b->dockerfile);
	struct imagecopy copy = {.root = m->from ? "/" : "/app",
				 .keep_owner = m->from != NULL,
				 .tree = m->from ? NULL : w->b->tree,
				 .ignore = m->from ? NULL : ignore};
	char digest[HASH_TEXT], random[17];
	int result = 0;

	_cleanup_free_ char *to = dockerconfig_path(r->stage->im.config.cwd, m->target);
	copy.to = to;
	if (m->from)
		result = imagework_layers_from(w, n, m->from, &copy.from, err);
	else
		strvec_pushf(&copy.from, "source/%s", w->b->tree);
	if (!m->from)
		strvec_pushf(&copy.from, "layer/%s", w->b->stack);
	strvec_push(&copy.sources, m->source ? m->source : ".");
	strvec_push(&copy.onto, "layer/" IMAGEBUILD_EMPTY);
	random_hex(random, 16);
	_cleanup_free_ char *id = xasprintf(IMAGEBUILD_LAYER "bind-%s", random);
	if (result == 0)
		result = imagework_empty(w->b, err);
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

static int add_one_mount(struct imagework *w, size_t n, struct run *r, const struct docker_mount *m,
			 struct hash *key, struct error *err)
{
	char random[17], text[HASH_TEXT];
	struct hash h;

	if (r->n_mounts + 2 >= DOCKER_MOUNTS_MAX)
		return error_set(err, ERROR_INVALID, 0, "more than %d mounts",
				 DOCKER_MOUNTS_MAX - 2);
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
		give_away(add_mount(r, SPEC_MOUNT_CACHE, id, to), m, 01777);
		return 0;
	}
	hash_init(&h, "cache");
	hash_addstr(&h, m->id ? m->id : to);
	hash_text(&h, text);
	_cleanup_free_ char *id = xasprintf("%s.%s", w->b->app, text);
	_cleanup_free_ char *line = xasprintf(IMAGEKEPT_CACHE "%s", id);
	if (!strvec_has(&w->used, line))
		strvec_push(&w->used, line);
	if (m->sharing != DOCKER_SHARED)
		strvec_push(m->sharing == DOCKER_LOCKED ? &r->locked : &r->private, id);
	struct spec_mount *cache = add_mount(r, SPEC_MOUNT_CACHE, id, to);
	if (m->owned)
		give_away(cache, m, 0755);
	return 0;
}

static int add_mounts(struct imagework *w, size_t n, struct run *r, const struct strvec *vars,
		      struct hash *key, struct error *err)
{
	for (size_t i = 0; i < r->step->options.n; i++) {
		const char *value = str_skip(r->step->options.v[i], "mount=");
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		_cleanup_docker_mount_ struct docker_mount m = {0};
		if (!value)
			continue;
		if (imagework_expand(w, vars, value, true, &text, err) < 0 ||
		    docker_mount_parse(&m, text.data, err) < 0 ||
		    add_one_mount(w, n, r, &m, key, err) < 0)
			return -1;
		hash_addstr(key, text.data);
	}
	return 0;
}

static void add_to_spec(struct container_spec *spec, const struct spec_mount *m)
{
	container_spec_add_mount(spec, m->kind, m->id, m->dest, m->read_only);
	struct spec_mount *added = &spec->mounts[spec->n_mounts - 1];
	added->file = m->file ? xstrdup(m->file) : NULL;
	added->owned = m->owned;
	added->uid = m->uid;
	added->gid = m->gid;
	added->mode = m->mode;
}

/* The last line that was printed, for the error. */
static char *last_line(struct strbuf *tail)
{
	strbuf_trim(tail);
	const char *newline = strrchr(tail->data, '\n');
	return xasprintf("%.300s", newline ? newline + 1 : tail->data);
}

/* A cache for this step alone. */
static void use_another(struct run *r, const char *id)
{
	char random[17];

	random_hex(random, 16);
	_cleanup_free_ char *own = xasprintf("build-%s", random);
	strvec_push(&r->scratch, own);
	for (size_t i = 0; i < r->n_mounts; i++) {
		struct spec_mount *m = &r->mounts[i];
		if (m->kind != SPEC_MOUNT_CACHE || strcmp(m->id, id) != 0)
			continue;
		free(m->id);
		m->id = xstrdup(own);
	}
}

/* Steps of stages that are built at the same time meet in the app's caches. */
static int lock_caches(const struct build *b, struct run *r, struct cachelocks *l,
		       struct error *err)
{
	/* in one order, or two steps would wait for each other; and each once */
	strvec_sort(&r->locked);
	for (size_t i = 0; i < r->locked.n; i++)
		if ((i == 0 || strcmp(r->locked.v[i - 1], r->locked.v[i]) != 0) &&
		    cachelocks_wait(l, b, r->locked.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < r->private.n; i++) {
		bool taken;
		if (cachelocks_try(l, b, r->private.v[i], &taken, err) < 0)
			return -1;
		if (!taken)
			use_another(r, r->private.v[i]);
	}
	return 0;
}

static int make_run(struct imagework *w, const char *upper, void *data, struct error *err)
{
	_cleanup_(cachelocks_release) struct cachelocks locks = {.n = 0};
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

	if (lock_caches(b, r, &locks, err) < 0)
		return -1;
	strvec_push_all(&layers, r->lower.v);
	if (imagework_layers(w, im, &layers, err) < 0)
		return -1;
	imagecopy_spec(b, &layers, upper, &spec);
	spec.network = r->network ? SPEC_NET_EGRESS : SPEC_NET_NONE;
	spec.user = *im->config.user ? xstrdup(im->config.user) : NULL;
	spec.cwd = xstrdup(*im->config.cwd ? im->config.cwd : "/");
	strvec_push(&spec.env, r->apt.id ? "APT_CONFIG=" APT_FOLDER "/apt.conf"
					 : "APT_CONFIG=" IMAGECOPY_TOOLS "/driver/apt.conf");
	for (size_t i = 0; i < r->env.n; i++) {
		const char *equals = strchr(r->env.v[i], '=');
		_cleanup_free_ char *key = xstrndup(r->env.v[i], (size_t)(equals - r->env.v[i]));
		strvec_setenv(&spec.env, key, equals + 1);
	}
	strvec_push_all(&spec.argv, r->argv.v);
	for (size_t i = 0; i < r->n_mounts; i++)
		add_to_spec(&spec, &r->mounts[i]);
	if (pump_run(b->inst, &spec, &pump, &result, err) < 0)
		return -1;
	if (buildstep_went_well(&result))
		return 0;
	_cleanup_free_ char *limit = buildstep_limit_hit(b, &result);
	if (limit)
		return error_set(err, ERROR_FAILED, 0, "Build %s", limit);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	strbuf_add(&text, tail.data, tail.len);
	_cleanup_free_ char *said = last_line(&text);
	error_set(err, ERROR_FAILED, 0, "ended with status %d%s%s", result.exit_code,
		  *said ? ": " : "", said);
	buildstep_add_refused(b, &result, err);
	return hint_add(HINT_RUN, tail.data, err);
}

/* A heredoc that names its interpreter in its first line ("#!") is a program of its own. It lies
 * where no layer is, while it runs. */
static bool fill_script(const struct docker_step *step, struct strvec *argv)
{
	static const char run[] = "f=/dev/shm/.run; printf %s \"$1\" >$f; shift; exec \"$@\" $f";
	const char *text = step->words.v[0], *line = str_skip(text, "#!");

	if (step->exec || step->n_docs != 1 || !line)
		return false;
	line += strspn(line, " \t");
	size_t len = strcspn(line, " \t\r\n");
	const char *rest = line + len + strspn(line + len, " \t");
	_cleanup_free_ char *interpreter = xstrndup(line, len);
	_cleanup_free_ char *argument = xstrndup(rest, strcspn(rest, "\r\n"));
	strvec_push(argv, "/bin/sh");
	strvec_push(argv, "-c");
	strvec_push(argv, run);
	strvec_push(argv, "sh");
	strvec_push(argv, text);
	strvec_push(argv, interpreter);
	if (*argument)
		strvec_push(argv, argument);
	return true;
}

static void fill_argv(const struct docker_step *step, const struct image *im, struct strvec *argv)
{
	if (fill_script(step, argv))
		return;
	if (!step->exec && im->config.shell.n > 0) {
		strvec_push_all(argv, im->config.shell.v);
	} else if (!step->exec) {
		strvec_push(argv, "/bin/sh");
		strvec_push(argv, "-c");
	}
	strvec_push_all(argv, step->words.v);
}

/* apt in the container uses the proxy that the host's own does. */
static int add_apt(const struct imagework *w, struct run *r, struct error *err)
{
	const char *proxy = instance_setting(w->b->inst, "packages", "apt-proxy", NULL);
	_cleanup_free_ char *bundled =
		xasprintf("%s/buildpacks/driver/apt.conf", w->b->inst->share);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!proxy || strpbrk(proxy, "\"\n;"))
		return 0;
	if (file_read(AT_FDCWD, bundled, APT_CONF_MAX, &text, err) < 0 ||
	    stage_make(w->b->inst, &r->apt, err) < 0)
		return -1;
	strbuf_addf(&text, "Acquire::http::Proxy \"%s\";\n", proxy);
	add_mount(r, SPEC_MOUNT_STAGE, r->apt.id, APT_FOLDER);
	return stage_add(&r->apt, "apt.conf", text.data, text.len, err);
}

/* The proxies that the reference knows as ARGs which nobody declares. They are no part of the key:
 * a step is the same behind another proxy. */
static void add_proxies(const struct imagework *w, struct strvec *env)
{
	static const char *const names[] = {
		"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
		"ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};

	for (size_t i = 0; w->b->args && i < ARRAY_SIZE(names); i++) {
		const char *value = strvec_getenv(w->b->args, names[i]);
		if (value && !strvec_getenv(env, names[i]))
			strvec_setenv(env, names[i], value);
	}
}

int imagerun_do(struct imagework *w, size_t n, const struct docker_step *step, bool *out_cached,
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
			.locked = STRVEC_INIT,
			.private = STRVEC_INIT,
			.secrets = STAGE_INIT,
			.files = STAGE_INIT,
			.apt = STAGE_INIT,
			.network = !str_equal(network, "none")};
	struct hash key;

	imagework_visible(s, &r.env);
	fill_argv(step, &s->im, &r.argv);
	imagework_key(w, "run", &s->im, &key);
	hash_addlist(&key, &r.argv);
	hash_addlist(&key, &r.env);
	hash_addstr(&key, s->im.config.user);
	hash_addstr(&key, s->im.config.cwd);
	hash_addstr(&key, network);
	add_proxies(w, &r.env);
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;
	imagework_visible(s, &vars);
	int result = add_mounts(w, n, &r, &vars, &key, err);
	if (result == 0)
		result = add_apt(w, &r, err);
	if (result == 0)
		result = imagework_ensure(w, &s->im, &key, make_run, &r, out_cached, err);
	release_run(w->b, &r);
	return result;
}
