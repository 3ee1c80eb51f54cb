/* SPDX-License-Identifier: MIT */
#include "runtime/stoppers.h"

#include <unistd.h>

#include "base/sock.h"
#include "runtime/wire.h"

bool stoppers_add(struct stoppers *all, int fd)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < all->n; i++) {
		if (sock_hung_up(all->fds[i]))
			close(all->fds[i]);
		else
			all->fds[kept++] = all->fds[i];
	}
	all->n = kept;
	if (kept == STOPPERS_MAX)
		return false;
	all->fds[all->n++] = fd;
	return true;
}

void stoppers_answer(struct stoppers *all)
{
	while (all->n > 0) {
		wire_send(all->fds[--all->n], WIRE_OK, NULL, NULL, 0, NULL);
		close(all->fds[all->n]);
	}
}
