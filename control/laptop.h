/* SPDX-License-Identifier: MIT */
/*
 * berth on a machine without an instance: which host and app are meant, and how a command gets
 * there. `berth --remote HOST[:APP] COMMAND` says so; otherwise it is the git remote of the folder
 * that is named "berth", or whose user is berth: berth@HOST:APP or ssh://berth@HOST:PORT/APP.
 * Commands go through ssh(1), or what GIT_SSH_COMMAND says, as git itself would connect.
 */
#ifndef CONTROL_LAPTOP_H
#define CONTROL_LAPTOP_H

#include <stdbool.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

struct laptop {
	char *host; /* "USER@HOST" or "HOST"; NULL: this machine's own instance */
	char *port; /* or NULL */
	char *app;  /* or NULL */
};

void laptop_release(struct laptop *l);
#define _cleanup_laptop_ _cleanup_(laptop_release)

/* ADDRESS as above; HOST alone is enough with HOST_ONLY, and gets "berth@" when it names no user.
 */
int laptop_parse(const char *address, bool host_only, struct laptop *out, struct error *err);
/* The remote of the current folder; OUT stays empty when there is none. */
void laptop_find(struct laptop *out);
/* Whether an instance runs here, or BERTH_ROOT names one. */
bool laptop_has_instance(void);

/* Appends what connects and runs WORDS there; TERMINAL asks for one. */
void laptop_argv(const struct laptop *l, const struct strvec *words, bool terminal,
		 struct strvec *out);
/* Becomes that program; returns only when it cannot. */
void laptop_exec(const struct laptop *l, const struct strvec *words, struct error *err);

#endif
