/* SPDX-License-Identifier: MIT */
/*
 * Instance numbers: each instance on a machine needs one of its own, because its interfaces,
 * nftables table, subnet and id ranges follow from it. /run/berth-instances/N names the root that
 * has N; the file is locked (flock(2)) while that instance runs, so a claim cannot outlive its
 * holder by mistake, whatever happens to process ids.
 */
#ifndef INSTANCE_NUMBER_H
#define INSTANCE_NUMBER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* One chooser at a time: keeps numbers from being chosen, noted or held until *out_fd is closed. A
 * number is its root's only once the root's berth.conf says so; who chooses it locks until then. */
int number_lock(int *out_fd, struct error *err);

/* A number that no other root has: no claim of a root that still exists, no interface "bN-..."
 * and no nftables table "berth-N". Notes ROOT as its holder. With number_lock. */
int number_choose(const char *root, unsigned *out, struct error *err);

/* Notes ROOT as the holder of NUMBER; ERROR_BUSY when another root has it. With number_lock. */
int number_note(const char *root, unsigned number, struct error *err);

/* An instance had NUMBER, but does not run and its root, if it is still there, does not say so any
 * more. With number_lock nobody takes it meanwhile. */
bool number_is_gone(unsigned number);
/* Appends the names of all nftables tables of the machine. */
void number_tables(struct strvec *out);

/* Holds the number of a starting instance until *out_fd is closed; ERROR_BUSY when another
 * instance runs under it. */
int number_hold(const struct instance *inst, int *out_fd, struct error *err);

#endif
