/* SPDX-License-Identifier: MIT */
/*
 * The environment of build containers: the search path, the certificate authorities of the host,
 * which the runtime binds at the usual place, under the names that tools look for, and the package
 * registries of the instance (the section [packages] of berth.conf(5)). An app's own config var of
 * the same name goes before them: packs import those over this environment.
 */
#ifndef BUILDPACKS_ENVIRONMENT_H
#define BUILDPACKS_ENVIRONMENT_H

#include "base/strvec.h"
#include "instance/instance.h"

#define ENVIRONMENT_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* Adds the instance's package registries. A build depends on them, so its key has them. */
void environment_registries(const struct instance *inst, struct strvec *env);

/* What a step of a Dockerfile has besides its image's own: only what building here needs. */
void environment_step(const struct instance *inst, struct strvec *env);

void environment_common(const struct instance *inst, struct strvec *env);

/* Adds what contracts of the buildpack API promise: STACK, SOURCE_VERSION, REQUEST_ID, HOME, ... */
void environment_build(const struct instance *inst, const char *stack, const char *commit,
		       struct strvec *env);

#endif
