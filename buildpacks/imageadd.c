/* SPDX-License-Identifier: MIT */
#include "buildpacks/imageadd.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "buildpacks/dockerconfig.h"
#include "buildpacks/dockerdoc.h"
#include "buildpacks/dockermode.h"
#include "buildpacks/dockersource.h"
#include "buildpacks/imagecopy.h"
#include "buildpacks/layerset.h"
#include "buildpacks/stage.h"

/* One step, its texts expanded. */
struct add {
	struct imagecopy copy;
	char *from, *to, *chown, *chmod, *checksum, *ignore;
	struct stage docs;
	struct builder_source repository; /* tree "": the app's own source, or another image */
};

static void release_add(struct add *a)
{
	strvec_release(&a->copy.from);
	strvec_release(&a->copy.exclude);
	strvec_release(&a->copy.sources);
	strvec_release(&a->copy.onto);
	free(a->from);
	free(a->to);
	free(a->chown);
	free(a->chmod);
	free(a->checksum);
	free(a->ignore);
	stage_release(&a->docs);
}

static int make_copy(struct imagework *w, const char *upper, void *data, struct error *err)
{
	return imagecopy_run(w->b, data, upper, err);
}

/* The files that stand in the Dockerfile itself: their words, "<<NAME", become sources of the copy.
 */
static int add_docs(const struct imagework *w, const struct docker_step *step,
		    const struct strvec *vars, struct add *a, struct error *err)
{
	struct imagecopy *copy = &a->copy;
	size_t next = 0;

	if (stage_make(w->b->inst, &a->docs, err) < 0)
		return -1;
	copy->docs = a->docs.id;
	for (size_t i = 0; i < copy->sources.n && next < step->n_docs; i++) {
		if (!dockerdoc_is(step->words.v[i]))
			continue;
		const struct docker_doc *doc = &step->docs[next++];
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (doc->expand && imagework_expand(w, vars, doc->text, false, &text, err) < 0)
			return -1;
		const char *content = doc->expand ? text.data : doc->text;
		if (stage_add(&a->docs, doc->name, content, strlen(content), err) < 0)
			return -1;
		free(copy->sources.v[i]);
		copy->sources.v[i] = xasprintf("<<%s", doc->name);
	}
	return 0;
}

static int check_chmod(const char *mode, struct error *err)
{
	size_t at = 0;
	const char *why = mode ? docker_mode_check(mode, &at) : NULL;

	return why ? error_set(err, ERROR_INVALID, 0, "--chmod=%.80s, character %zu: %s", mode,
			       at + 1, why)
		   : 0;
}

/* A repository over ssh: what takes our key never happens in a container, so it is there as a
 * source tree and copied as one. */
static int add_repository(struct imagework *w, const struct docker_step *step, struct add *a,
			  struct error *err)
{
	struct imagecopy *copy = &a->copy;
	struct builder_source *source = &a->repository;
	_cleanup_free_ char *url = NULL, *ref = NULL, *folder = NULL;

	if (copy->sources.n != 1 || step->n_docs > 0)
		return error_set(err, ERROR_INVALID, 0,
				 "a repository over ssh is added alone, from its own line");
	if (copy->keep_git)
		return error_set(err, ERROR_INVALID, 0,
				 "--keep-git-dir is not for a repository over ssh");
	docker_source_split(copy->sources.v[0], &url, &ref, &folder);
	if (w->b->repository(w->b->repository_data, url, ref, source, err) < 0)
		return -1;
	if (copy->checksum &&
	    (strlen(copy->checksum) < 7 || !str_starts(source->commit, copy->checksum)))
		return error_set(err, ERROR_INVALID, 0, "'%s' is at commit %s, not %s", url,
				 source->commit, copy->checksum);
	strvec_release(&copy->sources);
	strvec_push(&copy->sources, *folder ? folder : ".");
	copy->add = false;
	copy->checksum = copy->ignore = NULL;
	copy->tree = source->tree;
	return 0;
}

static bool is_repository(const struct imagecopy *copy)
{
	for (size_t i = 0; copy->add && i < copy->sources.n; i++)
		if (docker_source_is_ssh(copy->sources.v[i]))
			return true;
	return false;
}

/* The packages that the stack lacks for what is added. */
static int add_tools(struct imagework *w, const struct imagecopy *copy, struct strvec *layers,
		     struct error *err)
{
	const struct build *b = w->b;
	_cleanup_strvec_ struct strvec packages = STRVEC_INIT;
	struct pump user = {.out = b->out,
			    .err = b->err,
			    .cancel_fd = b->cancel_fd,
			    .turn = b->turn,
			    .turn_data = b->turn_data};
	struct packs none = {0};
	_cleanup_free_ char *id = NULL;
	bool git = false, packed = false;

	for (size_t i = 0; i < copy->sources.n; i++) {
		const char *source = copy->sources.v[i];
		git |= docker_source_is_git(source);
		packed |= docker_source_is_packed(source);
	}
	if (git)
		strvec_push(&packages, "git");
	if (packed) {
		strvec_push(&packages, "bzip2");
		strvec_push(&packages, "zstd");
	}
	if (layerset_ensure(b->inst, b->stack, &none, &packages, &user, &id, err) < 0)
		return -1;
	if (!id)
		return 0;
	strvec_pushf(layers, "layer/%s", id);
	if (!strvec_has(&w->used, id))
		strvec_push(&w->used, id);
	return 0;
}

static int fill_layers(struct imagework *w, size_t n, struct add *a, struct error *err)
{
	struct imagecopy *copy = &a->copy;

	if (imagework_layers(w, &w->stages[n].im, &copy->onto, err) < 0)
		return -1;
	if (a->from)
		return imagework_layers_from(w, n, a->from, &copy->from, err);
	strvec_pushf(&copy->from, "source/%s", copy->tree);
	if (copy->add && add_tools(w, copy, &copy->from, err) < 0)
		return -1;
	strvec_pushf(&copy->from, "layer/%s", w->b->stack);
	return 0;
}

static int fill(struct imagework *w, size_t n, const struct docker_step *step,
		const struct strvec *vars, struct add *a, struct error *err)
{
	struct imagecopy *copy = &a->copy;
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;

	if (imagework_words(w, step, vars, &words, err) < 0 ||
	    imagework_option(w, step, vars, "from", &a->from, err) < 0 ||
	    imagework_option(w, step, vars, "chown", &a->chown, err) < 0 ||
	    imagework_option(w, step, vars, "chmod", &a->chmod, err) < 0 ||
	    imagework_option(w, step, vars, "checksum", &a->checksum, err) < 0 ||
	    check_chmod(a->chmod, err) < 0)
		return -1;
	const char *dest = words.v[words.n - 1];
	size_t len = strlen(dest);
	copy->into = words.n > 2 || (len > 0 && dest[len - 1] == '/') || str_equal(dest, ".");
	copy->to = a->to = dockerconfig_path(w->stages[n].im.config.cwd, dest);
	copy->chown = a->chown;
	copy->chmod = a->chmod;
	copy->checksum = a->checksum;
	copy->root = a->from ? "/" : "/app";
	copy->keep_owner = a->from != NULL;
	copy->add = step->op == DOCKER_ADD;
	copy->parents = docker_step_flag(step, "parents", false);
	copy->keep_git = docker_step_flag(step, "keep-git-dir", false);
	if (docker_step_option(step, "unpack"))
		copy->unpack = docker_step_flag(step, "unpack", false) ? "true" : "false";
	if (!a->from)
		copy->ignore = a->ignore = xasprintf("%s.dockerignore", w->b->dockerfile);
	copy->tree = a->from ? NULL : w->b->tree;
	for (size_t i = 0; i + 1 < words.n; i++)
		strvec_push(&copy->sources, words.v[i]);
	for (size_t i = 0; i < step->options.n; i++) {
		const char *pattern = str_skip(step->options.v[i], "exclude=");
		if (pattern)
			strvec_push(&copy->exclude, pattern);
	}
	if (step->n_docs > 0 && add_docs(w, step, vars, a, err) < 0)
		return -1;
	if (is_repository(copy) && add_repository(w, step, a, err) < 0)
		return -1;
	return fill_layers(w, n, a, err);
}

/* Whether what is copied may be another when it is looked at again. */
static bool is_fleeting(const struct imagecopy *copy)
{
	bool remote = false;

	for (size_t i = 0; copy->add && i < copy->sources.n; i++)
		remote |= docker_source_is_url(copy->sources.v[i]);
	return remote && (!copy->checksum || !str_starts(copy->checksum, "sha256:"));
}

/* The digest, or what an earlier build of the app found it to be: layers and sources never change.
 */
static int find_digest(struct imagework *w, const struct imagecopy *copy, char out[HASH_TEXT],
		       struct error *err)
{
	char text[HASH_TEXT];
	struct hash h;

	if (is_fleeting(copy) || copy->checksum || copy->docs)
		return imagecopy_digest(w->b, copy, out, err);
	/* another word makes what earlier versions found be found again */
	hash_init(&h, "sent 2");
	hash_addlist(&h, &copy->from);
	hash_addlist(&h, &copy->sources);
	hash_addlist(&h, &copy->exclude);
	hash_addstr(&h, copy->root);
	hash_addstr(&h, copy->ignore);
	hash_addstr(&h, copy->unpack);
	hash_addstr(&h, copy->add ? "add" : "copy");
	hash_addstr(&h, copy->parents ? "parents" : "");
	hash_text(&h, text);
	if (imagework_known(w, text, out))
		return 0;
	if (imagecopy_digest(w->b, copy, out, err) < 0)
		return -1;
	imagework_learn(w, text, out);
	return 0;
}

int imageadd_do(struct imagework *w, size_t n, const struct docker_step *step, bool *out_cached,
		struct error *err)
{
	struct stage_state *s = &w->stages[n];
	struct add a = {.copy = {.from = STRVEC_INIT,
				 .exclude = STRVEC_INIT,
				 .sources = STRVEC_INIT,
				 .onto = STRVEC_INIT},
			.docs = STAGE_INIT};
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;
	char digest[HASH_TEXT];
	struct hash key;

	imagework_visible(s, &vars);
	int result = fill(w, n, step, &vars, &a, err);
	if (result == 0)
		result = find_digest(w, &a.copy, digest, err);
	if (result == 0) {
		imagework_key(w, "copy", &s->im, &key);
		hash_addstr(&key, digest);
		hash_addstr(&key, a.copy.into ? "into" : "as");
		hash_addstr(&key, a.to);
		hash_addstr(&key, a.chown);
		hash_addstr(&key, a.chmod);
		if (is_fleeting(&a.copy))
			hash_addstr(&key, w->b->app);
		result = imagework_ensure(w, &s->im, &key, make_copy, &a.copy, out_cached, err);
	}
	release_add(&a);
	return result;
}
