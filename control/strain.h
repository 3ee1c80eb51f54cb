/* SPDX-License-Identifier: MIT */
/*
 * What the machine had no more of when a command failed. The error of the step says what could not
 * be done; here it gets what that comes from, and what to do, in one place for every command.
 */
#ifndef CONTROL_STRAIN_H
#define CONTROL_STRAIN_H

#include "base/error.h"
#include "instance/instance.h"

/* Adds to ERR that a disk of the instance is full, or that no more processes can be made; nothing
 * when neither is so. */
void strain_explain(const struct instance *inst, struct error *err);
/* Refuses when there is no room to write, before somebody else fails who can only say that he did.
 */
int strain_check_room(const struct instance *inst, struct error *err);

#endif
