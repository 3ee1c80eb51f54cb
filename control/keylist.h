/* SPDX-License-Identifier: MIT */
/* The keys that are let in: the table of the state says which, authorized_keys follows it. */
#ifndef CONTROL_KEYLIST_H
#define CONTROL_KEYLIST_H

#include "control/context.h"

/* Writes authorized_keys as the table has it: after each change, before it is committed, and when
 * berthd starts, for a change that was cut short between the two. */
int keylist_write(struct context *c, struct error *err);

#endif
