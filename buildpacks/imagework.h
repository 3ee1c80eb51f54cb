/* SPDX-License-Identifier: MIT */
/*
 * The build of a Dockerfile under way, as its steps see it: the stages with their images, the
 * variables that an instruction sees, and the layers, each known by a key of all that it depends
 * on.
 */
#ifndef BUILDPACKS_IMAGEWORK_H
#define BUILDPACKS_IMAGEWORK_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "buildpacks/builder.h"
#include "buildpacks/dockerfile.h"
#include "buildpacks/hash.h"
#include "runtime/image.h"

struct stage_state {
	bool needed, done, own_entrypoint, own_port;
	bool *needs; /* for each stage whether this one needs it */
	unsigned first_step;
	unsigned n_triggers; /* steps that what it is built on asks of it (ONBUILD) */
	struct image im;
	struct strvec args; /* "K=V" */
};

struct imagework {
	const struct build *b;
	struct dockerfile f;
	struct stage_state *stages;
	struct strvec globals; /* ARGs before FROM */
	struct strvec used;    /* layers of this build */
	struct strvec kept;    /* what earlier ones used (imagekept.h) */
	struct image *images;  /* from elsewhere, and what they are called */
	struct strvec image_names;
	size_t last;     /* the stage that becomes the image */
	bool one_by_one; /* a variable says what is needed: stages are built in order */
	unsigned step, n_steps;
	struct strvec made;          /* layers of the stage that is built */
	const struct strvec *replay; /* those of one that was built elsewhere, or NULL */
	size_t replayed;
	int report; /* where a process that builds one stage says what it does, or -1 */
};

/* Puts the line and text of STEP before the error; gives -1. */
int imagework_in_line(const struct docker_step *step, struct error *err);

void imagework_release(struct imagework *w);

/* --- variables --- */

/* TARGETARCH and the like, or NULL. */
const char *imagework_built_in(const char *name);
/* Adds all of them, which FROM sees without an ARG. */
void imagework_add_built_ins(struct strvec *vars);
/* WORD with the variables VARS ("K=V") replaced; QUOTES are taken away. */
int imagework_expand(const struct imagework *w, const struct strvec *vars, const char *word,
		     bool quotes, struct strbuf *out, struct error *err);
/* Adds what instructions of STAGE see: its ARGs, and its ENV before them. */
void imagework_visible(const struct stage_state *s, struct strvec *vars);
/* ARG: the operator's value, else one of OUTER (before FROM; or NULL), else its own, into ARGS. */
int imagework_declare(const struct imagework *w, const struct docker_step *step,
		      const struct strvec *vars, const struct strvec *outer, struct strvec *args,
		      struct error *err);
/* The arguments of STEP, expanded unless a shell reads them; those of EXPOSE then are split. */
int imagework_words(const struct imagework *w, const struct docker_step *step,
		    const struct strvec *vars, struct strvec *out, struct error *err);
/* The option NAME expanded into *out, which the caller frees; not touched when it is not there. */
int imagework_option(const struct imagework *w, const struct docker_step *step,
		     const struct strvec *vars, const char *name, char **out, struct error *err);

/* --- layers --- */

/* Makes sure of the layer that stands for none. */
int imagework_empty(const struct build *b, struct error *err);
/* The layers of IM to run something on: never none. */
int imagework_layers(const struct imagework *w, const struct image *im, struct strvec *out,
		     struct error *err);
/* Those of --from=NAME in stage N: of an earlier stage, or of another image. */
int imagework_layers_from(struct imagework *w, size_t n, const char *name, struct strvec *out,
			  struct error *err);
/* The image that FROM or --from calls NAME, into *out; it stays the build's. */
int imagework_image(struct imagework *w, const char *name, const struct image **out,
		    struct error *err);

/* Begins a key with what every layer on IM depends on. */
void imagework_key(const struct imagework *w, const char *kind, const struct image *im,
		   struct hash *h);
/* What a build of this app found KEY (HASH_TEXT) to give; false when none did. */
bool imagework_known(struct imagework *w, const char *key, char out[HASH_TEXT]);
void imagework_learn(struct imagework *w, const char *key, const char *value);

/* Puts the layer ID on IM. */
void imagework_use(struct imagework *w, struct image *im, const char *id);
/* How a layer is made: fills UPPER. */
typedef int imagework_make(struct imagework *w, const char *upper, void *data, struct error *err);
/* Puts the layer of KEY on IM: the one that is there, or what MAKE makes. Who needs one that
 * another build is making waits for it. */
int imagework_ensure(struct imagework *w, struct image *im, struct hash *key, imagework_make *make,
		     void *data, bool *out_cached, struct error *err);

#endif
