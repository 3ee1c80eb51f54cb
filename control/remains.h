/* SPDX-License-Identifier: MIT */
/*
 * Processes of berthd that outlive it: a command goes on while berthd restarts, and a `logs --tail`
 * would go on for ever. Ending an instance ends them too. They are recognised by the program that
 * they run and the instance that they name, and signalled through a pidfd, never by a bare number.
 */
#ifndef CONTROL_REMAINS_H
#define CONTROL_REMAINS_H

#include "base/error.h"
#include "instance/instance.h"

/* Ends every process of this instance's berthd: SIGTERM, and SIGKILL after 5 s. Root's. */
int remains_end(const struct instance *inst, struct error *err);

#endif
