/* SPDX-License-Identifier: MIT */
/*
 * What the hosts that egress policies name are at: run/resolver/hosts, a line "NAME ADDRESS SEEN"
 * for each address (SEEN: unix seconds). berthd asks the host's resolvers each minute, and the
 * resolver tells apps what stands there and nothing newer, so an app never learns of an address
 * before the rules let it through. One that has not been seen for an hour is forgotten.
 */
#ifndef CONTROL_HOSTS_H
#define CONTROL_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

#define HOSTS_KEEP_S 3600
#define HOSTS_MAX_ADDRESSES 64 /* of one name; the oldest go */

struct host {
	char *name;
	uint32_t addr; /* host byte order */
	int64_t seen;  /* unix seconds */
};

struct hosts {
	struct host *list;
	size_t n;
};

#define HOSTS_INIT                                                                                 \
	{                                                                                          \
		NULL, 0                                                                            \
	}
void hosts_release(struct hosts *h);
#define _cleanup_hosts_ _cleanup_(hosts_release)

/* Asks for the IPv4 addresses of NAME and adds them as seen now; a name without any is
 * ERROR_NOT_FOUND. Takes as long as the host's resolvers do. */
int hosts_look_up(struct hosts *h, const char *name, struct error *err);
/* Adds what OTHER has; of the same address the later sight counts. */
void hosts_merge(struct hosts *h, const struct hosts *other);
/* Leaves out names that are not in KEPT, addresses that were seen too long before NOW, and too
 * many.
 */
void hosts_trim(struct hosts *h, const struct strvec *kept, int64_t now);

/* The same names at the same addresses, whenever they were seen. */
bool hosts_equal(const struct hosts *a, const struct hosts *b);

/* A missing file is an empty table. */
int hosts_read(struct hosts *h, const struct instance *inst, struct error *err);
int hosts_write(const struct hosts *h, const struct instance *inst, struct error *err);

#endif
