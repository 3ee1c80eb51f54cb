/* SPDX-License-Identifier: MIT */
/* The checks of `berth doctor`: each says what it looked at, whether it is well, and what to do. */
#ifndef CONTROL_DOCTOR_H
#define CONTROL_DOCTOR_H

#include <jansson.h>

#include "control/context.h"

/* Appends {"check", "result": "ok"|"warning"|"wrong", "detail"} to ROWS; gives how many are
 * wrong. */
size_t doctor_run(struct context *c, json_t *rows);

#endif
