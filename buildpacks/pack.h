/* SPDX-License-Identifier: MIT */
/*
 * Buildpacks and which of them serve a source. A bundled pack is share/berth/buildpacks/NAME: the
 * scripts of Heroku's buildpack API plus pack.conf, which tells the builder what it may know
 * without starting a container:
 *
 *   [pack]
 *   title = Node.js              what bin/detect prints
 *   order = 10                   place in detection, lowest first; it decides when several fit
 *   detect = package.json        files of which one must be there for detection; a name may be a
 *                                pattern ("*.csproj"), "A&B" stands for both
 *   unless = Procfile            a file whose presence keeps detection off, but for the first of
 *                                `detect`
 *   packages = nodejs            Debian packages of its runtime layer
 *   build-packages = golang-go   Debian packages that only building needs: they are no part of the
 *                                image
 *   runtime = bin/runtime        script that completes that layer, run as its root
 *   inputs = package.json ...    files of the app's root on whose content compile depends, unless
 *                                it says at run time that it needs the whole source
 *   presence = public/index.html files of which only the presence matters
 *   whole = manage.py            files whose presence makes compile need the whole source
 *   config = NODE_* NPM_*        config vars on which compile depends
 *   compile = none               there is nothing to compile, release or install
 */
#ifndef BUILDPACKS_PACK_H
#define BUILDPACKS_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

#define PACK_LIST_MAX 16 /* packs that one app may have */

struct pack;
struct packs {
	struct pack *v;
	size_t n;
};
#define PACKS_INIT                                                                                 \
	{                                                                                          \
		NULL, 0                                                                            \
	}

struct pack {
	char *name;    /* bundled: "nodejs"; fetched: its address; in the app: "./FOLDER" */
	char *title;   /* for people: "Node.js" */
	char *path;    /* inside build containers: "/packs/nodejs", "/fetched/pack-HASH",
			  "/app/FOLDER"; "inline:PLACE": a script that project.toml has there */
	char *mount;   /* fetched: the id below lib/packs that is mounted there; else NULL */
	bool chosen;   /* by name, not by detection: its bin/detect need not print a name */
	bool nothing;  /* compile = none */
	bool cnb;      /* one of Cloud Native Buildpacks, run by share/.../driver/cnb */
	bool optional; /* the others go on when it does not fit */
	struct strvec packages, build_packages, inputs, presence, whole, config;
	char *runtime;
	char *hash;           /* of its content: 32 hex digits */
	struct packs members; /* of a composite one: the bundled packs that may serve the app */
};

void packs_release(struct packs *packs);
#define _cleanup_packs_ _cleanup_(packs_release)

/* Adds the names of the bundled packs in the order in which detection asks them. */
int pack_names(const struct instance *inst, struct strvec *out, struct error *err);

/* Where packs are looked for, and where fetching one shows its progress (-1: nowhere). */
struct pack_place {
	const struct instance *inst;
	int dirfd; /* the app's source */
	int out, err;
};

/* Whether NAME can be a pack: the name of a bundled one ("nodejs", "heroku/nodejs", "multi"), an
 * address (buildpacks/fetched.h) or a folder of the app ("./FOLDER"). The error says what is there.
 * Fetches nothing. */
int pack_check_name(const struct instance *inst, const char *name, struct error *err);

/* Whether NAME, which begins with "./", is one of a folder within the app. */
int pack_check_folder(const char *name, struct error *err);

/* Whether it does not come with Berth, and so knows nothing of how Berth's stack is made. */
bool pack_is_foreign(const struct pack *p);

/* Adds the pack NAME, fetching it if need be. TRUSTED: an operator chose it, not the app. "multi"
 * adds those of the app's .buildpacks. */
int packs_add(struct packs *packs, const struct pack_place *at, const char *name, bool trusted,
	      struct error *err);

/* The packs for a source, into PACKS (empty): those of CONFIGURED when it is not empty, else those
 * of the file .buildpacks, else those of project.toml, else those of app.json, else the first
 * bundled one whose files are there; around the last two go the `pre` and `post` of project.toml.
 * *out_why (may be NULL) says in words which of these it was; the caller frees it. */
int packs_choose(struct packs *packs, const struct pack_place *at, const struct strvec *configured,
		 char **out_why, struct error *err);

#endif
