/* SPDX-License-Identifier: MIT */
#include "buildpacks/layerset.h"

#include <fcntl.h>
#include <poll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "buildpacks/environment.h"
#include "buildpacks/hash.h"
#include "buildpacks/hint.h"
#include "buildpacks/say.h"

#define PACKAGE_NAME_MAX 128
#define PACKAGES_MAX 256
#define LAYER_TIME_MS (20 * 60 * 1000)
#define LAYER_MEMORY (2048ull << 20)
#define LAYER_DISK (8192ull << 20)
#define LOCK_POLL_MS 200
#define TOOLS "build-essential file git jq unzip wget zip zstd"

/* Debian policy 5.6.1: lower-case letters, digits, "+", "-", "."; at least two characters. */
static bool is_package(const char *s)
{
	size_t n = strlen(s);

	return n >= 2 && n <= PACKAGE_NAME_MAX && s[0] != '-' && s[0] != '+' && s[0] != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == n;
}

int layerset_parse_aptfile(const char *text, struct strvec *out, struct error *err)
{
	unsigned line = 0;

	for (const char *s = text; *s; line++) {
		size_t n = strcspn(s, "\n");
		_cleanup_strbuf_ struct strbuf word = STRBUF_INIT;
		strbuf_add(&word, s, n);
		strbuf_trim(&word);
		s += n + (s[n] == '\n');
		if (word.len == 0 || word.data[0] == '#')
			continue;
		if (!is_package(word.data))
			return error_set(err, ERROR_INVALID, 0,
					 "Aptfile line %u: '%.80s' is no name of a Debian package",
					 line + 1, word.data);
		if (out->n == PACKAGES_MAX)
			return error_set(err, ERROR_INVALID, 0,
					 "Aptfile line %u: at most %d packages are allowed",
					 line + 1, PACKAGES_MAX);
		if (!strvec_has(out, word.data))
			strvec_push(out, word.data);
	}
	return 0;
}

/* Everything a layer is made from. */
struct recipe {
	const struct instance *inst;
	const char *stack, *runtime; /* the layers below; runtime: NULL for none */
	struct strvec packages;      /* sorted, each once */
	struct strvec scripts;       /* paths inside the container */
	struct strvec script_files;  /* and on the host */
};

static void release_recipe(struct recipe *r)
{
	strvec_release(&r->packages);
	strvec_release(&r->scripts);
	strvec_release(&r->script_files);
}

static int make_id(const struct recipe *r, char **out, struct error *err)
{
	_cleanup_free_ char *driver = xasprintf("%s/buildpacks/driver/layer", r->inst->share);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char hex[HASH_TEXT];
	struct hash h;

	if (file_read(AT_FDCWD, driver, 1u << 20, &text, err) < 0)
		return -1;
	hash_init(&h, "runtime layer");
	hash_addstr(&h, r->stack);
	if (r->runtime)
		hash_addstr(&h, r->runtime);
	hash_add(&h, text.data, text.len);
	for (size_t i = 0; i < r->packages.n; i++)
		hash_addstr(&h, r->packages.v[i]);
	for (size_t i = 0; i < r->script_files.n; i++) {
		strbuf_reset(&text);
		if (file_read(AT_FDCWD, r->script_files.v[i], 1u << 20, &text, err) < 0)
			return -1;
		hash_addstr(&h, NULL);
		hash_add(&h, text.data, text.len);
	}
	hash_text(&h, hex);
	*out = xasprintf("%s-%s", r->runtime ? "tools" : "runtime", hex);
	return 0;
}

/* Takes the layer's lock, saying so when another build holds it. */
static int take_lock(const struct instance *inst, const char *id, const struct pump *user,
		     int *out_fd, struct error *err)
{
	_cleanup_free_ char *folder = instance_run(inst, "locks");
	_cleanup_free_ char *path = instance_run(inst, "locks/layer-%s", id);
	bool said = false;

	if (file_make_dirs(folder, 0755, err) < 0)
		return -1;
	for (;;) {
		struct error why = ERROR_INIT;
		if (file_lock(path, false, out_fd, &why) == 0)
			return 0;
		if (why.code != ERROR_BUSY) {
			*err = why;
			return -1;
		}
		if (!said)
			say_detail(user->out, "Another build is installing them; waiting for it");
		said = true;
		struct pollfd cancel = {user->cancel_fd, POLLIN, 0};
		if (poll(&cancel, 1, LOCK_POLL_MS) > 0)
			return error_set(err, ERROR_CANCELLED, 0, "cancelled");
	}
}

static void fill_spec(const struct recipe *r, const char *id, struct container_spec *spec)
{
	const char *proxy = instance_setting(r->inst, "packages", "apt-proxy", NULL);
	char random[17];

	container_spec_init(spec);
	random_hex(random, 16);
	spec->id = xasprintf("layer-%s", random);
	spec->label = xstrdup("runtime layer");
	spec->profile = SPEC_LAYER;
	spec->upper = xstrdup(id);
	spec->network = SPEC_NET_EGRESS;
	spec->restart = SPEC_RESTART_NO;
	spec->limits = (struct spec_limits){
		.memory = LAYER_MEMORY, .disk = LAYER_DISK, .time_ms = LAYER_TIME_MS};
	if (r->runtime)
		strvec_pushf(&spec->layers, "layer/%s", r->runtime);
	strvec_pushf(&spec->layers, "layer/%s", r->stack);
	container_spec_add_mount(spec, SPEC_MOUNT_PACKS, "bundled", "/packs", true);
	environment_common(r->inst, &spec->env);
	strvec_setenv(&spec->env, "DEBIAN_FRONTEND", "noninteractive");
	strvec_setenv(&spec->env, "HOME", "/root");
	if (proxy)
		strvec_setenv(&spec->env, "BERTH_APT_PROXY", proxy);
	strvec_push(&spec->argv, "bash");
	strvec_push(&spec->argv, "/packs/driver/layer");
	strvec_push_all(&spec->argv, r->packages.v);
	strvec_push(&spec->argv, "--");
	strvec_push_all(&spec->argv, r->scripts.v);
}

static int make_layer(const struct recipe *r, const char *id, const struct pump *user,
		      struct error *err)
{
	const struct instance *inst = r->inst;
	_cleanup_strbuf_ struct strbuf tail = STRBUF_INIT;
	_cleanup_spec_ struct container_spec spec;
	struct pump pump = {.out = -1,
			    .err = -1,
			    .cancel_fd = user->cancel_fd,
			    .tail = &tail,
			    .doing = "installing",
			    .alive = user->out};
	struct runtime_result result;
	int64_t start = clock_ms();

	fill_spec(r, id, &spec);
	if (pump_run(inst, &spec, &pump, &result, err) < 0) {
		runtime_layer_remove(inst, id, NULL);
		return -1;
	}
	if (result.exit_code != 0 || result.oom_killed || result.timed_out || result.disk_full) {
		runtime_layer_remove(inst, id, NULL);
		say_lines(user->err, tail.data);
		error_set(err, ERROR_FAILED, 0,
			  result.timed_out    ? "installing took longer than 20 minutes"
			  : result.oom_killed ? "installing used more than 2048 MB of memory"
			  : result.disk_full  ? "installing used more than 8192 MB of disk"
					      : "installing failed; what it said is above");
		return hint_add(HINT_LAYER, tail.data, err);
	}
	if (runtime_layer_commit(inst, id, err) < 0)
		return -1;
	say_detail(user->out, "Done in %.1f s", (double)(clock_ms() - start) / 1000);
	return 0;
}

static void add_packages(struct recipe *r, const struct strvec *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strvec_has(&r->packages, list->v[i]))
			strvec_push(&r->packages, list->v[i]);
}

/* Packs that were written for another stack take for granted what that stack builds with. */
static void add_tools(const struct instance *inst, const struct packs *packs, struct recipe *r)
{
	bool foreign = false;

	for (size_t i = 0; i < packs->n; i++)
		foreign |= pack_is_foreign(&packs->v[i]);
	for (const char *s = instance_setting(inst, "packages", "pack-tools", TOOLS);
	     foreign && *(s += strspn(s, " \t"));) {
		size_t n = strcspn(s, " \t");
		_cleanup_free_ char *name = xstrndup(s, n);
		if (!strvec_has(&r->packages, name))
			strvec_push(&r->packages, name);
		s += n;
	}
}

static void describe(const struct recipe *r, struct strbuf *out)
{
	for (size_t i = 0; i < r->packages.n; i++)
		strbuf_addf(out, "%s%s", i > 0 ? ", " : "", r->packages.v[i]);
}

static int ensure(struct recipe *r, const char *why, const struct pump *user, char **out,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *id = NULL;

	if (r->packages.n == 0) {
		*out = NULL;
		return 0;
	}
	strvec_sort(&r->packages);
	if (make_id(r, &id, err) < 0)
		return -1;
	if (!runtime_layer_exists(r->inst, id)) {
		describe(r, &names);
		say_step(user->out, "Installing Debian packages: %s (%s)", names.data, why);
		/* first the turn, then the lock: who waits for a turn must not hold what one that
		 * has it waits for */
		if ((user->turn && user->turn(user->turn_data, err) < 0) ||
		    take_lock(r->inst, id, user, &lock, err) < 0)
			return -1;
		if (!runtime_layer_exists(r->inst, id) && make_layer(r, id, user, err) < 0)
			return error_wrap(err, "Debian packages %s", names.data);
	}
	*out = TAKE_PTR(id);
	return 0;
}

static void add_runtimes(struct recipe *r, const struct packs *packs)
{
	for (size_t i = 0; i < packs->n; i++) {
		const struct pack *p = &packs->v[i];
		add_packages(r, &p->packages);
		_cleanup_free_ char *script =
			p->runtime ? xasprintf("%s/%s", p->path, p->runtime) : NULL;
		if (script && !strvec_has(&r->scripts, script)) {
			strvec_push(&r->scripts, script);
			strvec_pushf(&r->script_files, "%s/buildpacks/%s/%s", r->inst->share,
				     p->name, p->runtime);
		}
		add_runtimes(r, &p->members);
	}
}

static void add_build_packages(struct recipe *r, const struct packs *packs)
{
	for (size_t i = 0; i < packs->n; i++) {
		add_packages(r, &packs->v[i].build_packages);
		add_build_packages(r, &packs->v[i].members);
	}
}

int layerset_ensure(const struct instance *inst, const char *stack, const struct packs *packs,
		    const struct strvec *extra, const struct pump *user, char **out,
		    struct error *err)
{
	_cleanup_(release_recipe) struct recipe r = {inst,        stack,       NULL,
						     STRVEC_INIT, STRVEC_INIT, STRVEC_INIT};

	add_runtimes(&r, packs);
	add_packages(&r, extra);
	return ensure(&r, "once for all apps", user, out, err);
}

int layerset_ensure_tools(const struct instance *inst, const char *stack, const char *runtime,
			  const struct packs *packs, const struct pump *user, char **out,
			  struct error *err)
{
	_cleanup_(release_recipe) struct recipe r = {inst,        stack,       runtime,
						     STRVEC_INIT, STRVEC_INIT, STRVEC_INIT};

	add_build_packages(&r, packs);
	add_tools(inst, packs, &r);
	return ensure(&r, "only to build, once for all apps", user, out, err);
}
