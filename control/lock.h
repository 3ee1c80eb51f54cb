/* SPDX-License-Identifier: MIT */
/*
 * One deploy at a time per app: an flock on run/locks/ID whose file says who holds it and what
 * for. The kernel drops it when the holder dies, however that happens.
 */
#ifndef CONTROL_LOCK_H
#define CONTROL_LOCK_H

#include "control/app.h"
#include "control/context.h"

/* Takes APP's lock; waits while another has it, and says for whom. WHAT ("deploy of 1a2b3c4") is
 * shown to those who wait. The lock lasts until *out_fd is closed. */
int lock_take(struct context *c, const struct app *app, const char *what, int *out_fd,
	      struct error *err);
/* The same, but ERROR_BUSY when another has it. */
int lock_try(struct context *c, const struct app *app, const char *what, int *out_fd,
	     struct error *err);

/* Pushes that wait collapse to the newest: each leaves its ticket, and whoever gets the lock asks
 * whether a newer one came. A ticket counts until *out_fd is closed: that of a push which was
 * cancelled while it waited keeps nobody back. */
int lock_leave_ticket(struct context *c, const struct app *app, const char *ticket, int *out_fd,
		      struct error *err);
bool lock_ticket_is_newest(struct context *c, const struct app *app, const char *ticket);

#endif
