/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_CONFIRM_H
#define CONTROL_CONFIRM_H

#include "control/context.h"

/* Destroying is asked for by name, unless --force. WHAT is "app", NAME its name. */
int confirm(struct context *c, const char *what, const char *name, struct error *err);

#endif
