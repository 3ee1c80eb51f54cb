/* SPDX-License-Identifier: MIT */
/*
 * From a source tree to an image: chooses the buildpacks, makes sure of the runtime layers that
 * they need, runs them in build containers and writes down what came out. It never touches a
 * container but through runtime/client.h, and reads nothing of the tenant's but plain files of the
 * source tree.
 *
 * The same source, packs, stack and config give the same image id (buildpacks/content.h): a layer
 * that was compiled is named after what it holds, so it is also kept once. A build's layer has a
 * random name until then.
 *
 * What must not be done twice is not: packs of which nothing needs compiling cost no container;
 * what depends only on an app's inputs (a lock file, say) is compiled once into a layer of its own
 * (buildpacks/outcome.h) and listed, not copied, by every later image, of other apps too: the key
 * holds stack, runtime, pack, inputs and the config vars that the pack reads. What an app's cache
 * had a part in is that app's alone: earlier builds of it, which ran its own code, may have left
 * anything there, so only what began with an empty cache (buildpacks/cache.h) is for others.
 */
#ifndef BUILDPACKS_BUILDER_H
#define BUILDPACKS_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "runtime/image.h"
#include "runtime/spec.h"

/* The caps of a build when `limits` leaves them 0. */
#define BUILD_MEMORY (2048ull << 20)
#define BUILD_DISK (4096ull << 20)
#define BUILD_TIME_MS (30u * 60 * 1000)

/* Forty hexadecimal digits each. */
struct builder_source {
	char commit[41], tree[41];
};

struct build {
	const struct instance *inst;
	const char *app;             /* the build cache's id */
	unsigned range;              /* the app's id range */
	const char *tree;            /* lib/sources/TREE */
	const char *commit;          /* for SOURCE_VERSION, or NULL */
	const char *stack;           /* the stack's layer id */
	const char *stack_name;      /* what packs are told in STACK ("heroku-24"); NULL: that id */
	const struct strvec *config; /* "K=V", the app's over the global ones; or NULL */
	const struct strvec *packs;  /* configured buildpacks; NULL or empty: detect */
	const char *previous_image; /* the image that runs now, or NULL; only to say what changed */
	const char *salt; /* an app's that purged its cache: it shares with no other; or NULL */
	const char *dockerfile;    /* path in the source: built from it (imagebuild.h); or NULL */
	const char *target;        /* the stage of it that is the image; NULL: the last */
	const struct strvec *args; /* for its ARGs, "K=V"; or NULL */
	/* Fills OUT, initialised and empty, with the image that FROM and COPY --from call NAME. */
	int (*base)(void *data, const char *name, struct image *out, struct error *err);
	void *base_data;
	/* Makes lib/sources/TREE of what REF ("": the default branch) of the git repository URL
	 * has, which takes a key of ours (ssh). Called in processes of their own, too. */
	int (*repository)(void *data, const char *url, const char *ref, struct builder_source *out,
			  struct error *err);
	void *repository_data;
	bool reproducible;   /* the same source, packs, stack and config give the same image id */
	uint64_t cache_size; /* bytes that the build cache may have afterwards; 0: no limit */
	struct spec_limits limits;
	/* asked before each container: waits until this build may run one; NULL: at once */
	int (*turn)(void *data, struct error *err);
	void *turn_data;
	int64_t *out_runtime_ms; /* how long the runtime layers took; NULL: nobody asks */
	int out, err;            /* the user's */
	int cancel_fd;           /* readable or hung up: cancel; -1: none */
};

/* Builds and saves the image into OUT (initialised, empty). On failure nothing is kept but runtime
 * layers and caches. ERROR_CANCELLED when the user went away. */
int builder_run(const struct build *b, struct image *out, struct error *err);

#endif
