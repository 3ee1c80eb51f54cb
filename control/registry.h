/* SPDX-License-Identifier: MIT */
/*
 * Registries of container images, through skopeo(1), which need not be installed until somebody
 * asks for one. Passwords are in lib/registry/auth.json, readable by user berth only; the setting
 * "registry-insecure" names the hosts that may be asked without TLS.
 */
#ifndef CONTROL_REGISTRY_H
#define CONTROL_REGISTRY_H

#include "base/strvec.h"
#include "control/context.h"

/* "HOST" or "HOST:PORT". */
bool registry_is_host(const char *s);

/* Copies image REF (control/imagetag.h) for this machine into FOLDER as an OCI image layout; what
 * skopeo says on the way are detail lines. */
int registry_pull(struct context *c, const char *ref, const char *folder, struct error *err);
/* The other way. */
int registry_push(struct context *c, const char *folder, const char *ref, struct error *err);
/* Appends the tags of the repository REF. */
int registry_tags(struct context *c, const char *ref, struct strvec *out, struct error *err);

/* Asks HOST whether the password is right, and keeps it. */
int registry_login(struct context *c, const char *host, const char *user, const char *password,
		   struct error *err);
int registry_logout(struct context *c, const char *host, struct error *err);

/* The hosts, separated by commas, that may be asked without TLS; the caller frees it. */
int registry_insecure(struct context *c, char **out, struct error *err);

#endif
