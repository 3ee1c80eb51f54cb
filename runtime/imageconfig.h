/* SPDX-License-Identifier: MIT */
/*
 * How a container image starts: the "config" of the Open Container Initiative's image
 * configuration, with what Docker adds to it (Shell, OnBuild, Healthcheck). Read and written as
 * JSON; read only by user berth, never by root. Environment variables are the image's own field
 * (image.h), because every kind of image has them.
 */
#ifndef RUNTIME_IMAGECONFIG_H
#define RUNTIME_IMAGECONFIG_H

#include <jansson.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define IMAGECONFIG_MAX_WORDS 4096 /* in each list */

/* Times are nanoseconds, 0: not said. */
struct image_health {
	struct strvec test; /* "NONE"; "CMD", words; "CMD-SHELL", line; empty: not said */
	int64_t interval, timeout, start_period, start_interval, retries;
};

struct image_config {
	struct strvec entrypoint, cmd; /* the program is the words of both */
	struct strvec shell;           /* what the Dockerfile's shell form uses; empty: sh -c */
	struct strvec onbuild;         /* instructions for whoever builds on it */
	struct strvec ports;           /* "8080/tcp", sorted */
	struct strvec volumes;         /* paths, sorted */
	struct strvec labels;          /* "KEY=VALUE", sorted */
	char *user;                    /* runtime/identity.h; "" is root */
	char *cwd;                     /* absolute; "" is "/" */
	char *stop_signal;             /* "SIGTERM", "15"; "" when it is not said */
	struct image_health health;
};

void image_config_init(struct image_config *c);
void image_config_release(struct image_config *c);
#define _cleanup_image_config_ _cleanup_(image_config_release)

/* Fills C, which is initialised and empty, and ENV from the object JSON; null is an empty one.
 * Unknown members are passed over. The error names the member that is wrong. */
int image_config_from_json(const json_t *json, struct image_config *c, struct strvec *env,
			   struct error *err);
/* The same object again; empty members are left out. */
json_t *image_config_to_json(const struct image_config *c, const struct strvec *env);

/* The number of the signal NAME ("SIGQUIT", "QUIT", "3", "SIGRTMIN+3"), 0 for none. */
int image_config_signal(const char *name);

/* The lowest TCP port that the image says it listens on, 0 when it says none. */
int image_config_port(const struct image_config *c);

#endif
