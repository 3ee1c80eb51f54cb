/* SPDX-License-Identifier: MIT */
/*
 * Buildpacks from elsewhere, kept in lib/packs:
 *
 *   pack-HASH/     a pack's files, named by their content, never changed
 *   KEY.ref        which of them an address gave; KEY is a hash of the address
 *
 * An address is a git repository ("https://host/pack.git#ref"; a branch or tag after "#"), an
 * archive ("https://host/pack.tgz": .tgz, .tar, .tar.gz, .tar.xz, .tar.zst, .zip, .cnb) or, when an
 * operator chose it, a folder of this server ("file:///srv/pack"). It is fetched once;
 * fetched_ensure with REFRESH asks again. Everything runs as user berth, no code of a pack does.
 */
#ifndef BUILDPACKS_FETCHED_H
#define BUILDPACKS_FETCHED_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Whether NAME is an address and not the name of a bundled pack. */
bool fetched_is_address(const char *name);

/* Whether it is a well-formed one. */
int fetched_check(const char *address, struct error *err);

/* Makes sure of the pack at ADDRESS and gives its id below lib/packs, which the caller frees.
 * TRUSTED: an operator chose it, so it may be on this server's disk. Progress and what the fetching
 * programs complain of go to OUT and ERR_FD (-1: nowhere). */
int fetched_ensure(const struct instance *inst, const char *address, bool trusted, bool refresh,
		   int out, int err_fd, char **out_id, struct error *err);

/* Whether the pack ID is one of Cloud Native Buildpacks (buildpack.toml with bin/build or an order)
 * and not one of Heroku's API, which wins where a pack is both. */
bool fetched_is_cnb(const struct instance *inst, const char *id);

/* Removes packs that no address gave last, and addresses that are not in KEEP, or with DRY only
 * names them. One line each goes to OUT. */
int fetched_collect(const struct instance *inst, const struct strvec *keep, bool dry,
		    struct strvec *out, struct error *err);

#endif
