/* SPDX-License-Identifier: MIT */
/* What was set counts when processes are started again. */
#ifndef CONTROL_NEXTSTART_H
#define CONTROL_NEXTSTART_H

#include "control/app.h"
#include "control/context.h"

/* Says when it counts: from the next start of APP, if its code runs; of all, if APP is none. */
void nextstart_tell(struct context *c, const struct app *app);

#endif
