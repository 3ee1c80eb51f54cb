/* SPDX-License-Identifier: MIT */
/* Those who have ordered a container to stop, and wait at its shim's control socket for its end. */
#ifndef RUNTIME_STOPPERS_H
#define RUNTIME_STOPPERS_H

#include <stdbool.h>

#define STOPPERS_MAX 8

/* Starts as zeros. */
struct stoppers {
	int fds[STOPPERS_MAX];
	unsigned n;
};

/* Takes the connection FD over, in the place of one who went away when it must; false: all places
 * are taken. */
bool stoppers_add(struct stoppers *all, int fd);
/* Tells all that it has ended. */
void stoppers_answer(struct stoppers *all);

#endif
