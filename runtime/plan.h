/* SPDX-License-Identifier: MIT */
/*
 * A container_spec as something that container.h starts: an app's, a build's or a layer's
 * container. Its shim does, and what is executed in it later becomes the same program.
 */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include "instance/instance.h"
#include "runtime/container.h"
#include "runtime/rootfs.h"
#include "runtime/spec.h"

struct plan {
	const struct instance *inst;
	const struct container_spec *spec;
	struct spec_limits limits; /* resolved */
	struct rootfs *rootfs;
	const struct cgroup *cgroup;
	struct helper *helper; /* cgroup version 1: one that stands in it, or made by the start */
	uint32_t address, gateway; /* 0: no network */
	bool ipv6;                 /* an address of that too */
	const char *address_text, *resolv;
	int stdio[3]; /* not used with spec->tty */
};

/* Starts it as container_start does. With spec->tty, *out_console is the terminal's master. */
int plan_start(const struct plan *plan, struct container_run *out, int *out_console,
	       struct error *err);
/* The program that the spec names, without its arguments and environment. */
void plan_program(const struct plan *plan, struct program *out);

#endif
