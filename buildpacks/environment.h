/* SPDX-License-Identifier: MIT */
/*
 * The environment of build containers: the search path, the certificate authorities of the host,
 * which the runtime binds at the usual place, under the names that tools look for, and the package
 * registries of the instance ([packages] npm-registry, pip-index).
 */
#ifndef BUILDPACKS_ENVIRONMENT_H
#define BUILDPACKS_ENVIRONMENT_H

#include "base/strvec.h"
#include "instance/instance.h"

#define ENVIRONMENT_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

void environment_common(const struct instance *inst, struct strvec *env);

/* Adds what contracts of the buildpack API promise: STACK, SOURCE_VERSION, REQUEST_ID, HOME, ... */
void environment_build(const struct instance *inst, const char *stack, const char *commit,
		       struct strvec *env);

#endif
