/* SPDX-License-Identifier: MIT */
/*
 * Whose each address is: the map "owners" of the table berth-N, from a container's address to its
 * app's id range, by which the rules know who sends and who is sent to. An element is added when a
 * container gets its address and removed before another can have it: one nfnetlink transaction of
 * some hundred bytes, on the caller's stack, without libnftables, because starting a container must
 * not wait for that to read the table.
 */
#ifndef RUNTIME_OWNER_H
#define RUNTIME_OWNER_H

#include <stdint.h>

#include "instance/instance.h"

/* 0 or a negative errno: -ENOENT when the table is not there. An element that an earlier holder of
 * ADDR left is replaced. */
int owner_set(const struct instance *inst, uint32_t addr, unsigned range);
/* The same; that there was none is no error. */
int owner_remove(const struct instance *inst, uint32_t addr);

/* 0, or -ENOENT when the table is not there, or another negative errno. */
int owner_check(const struct instance *inst);

/* Calls EACH with the address of every element. 0 or a negative errno. */
int owner_each(const struct instance *inst, void (*each)(void *data, uint32_t addr), void *data);

#endif
