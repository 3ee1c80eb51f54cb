/* SPDX-License-Identifier: MIT */
#include "buildpacks/cachelocks.h"

#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "buildpacks/say.h"

#define LOOK_MS 100

void cachelocks_release(struct cachelocks *l)
{
	while (l->n > 0)
		close(l->fds[--l->n]);
}

int cachelocks_try(struct cachelocks *l, const struct build *b, const char *id, bool *out_taken,
		   struct error *err)
{
	_cleanup_free_ char *path = instance_run(b->inst, "locks/cache-%s", id);
	struct error why = ERROR_INIT;

	*out_taken = file_lock(path, false, &l->fds[l->n], &why) == 0;
	if (*out_taken)
		l->n++;
	else if (why.code != ERROR_BUSY)
		return error_set(err, why.code, why.sys, "%s", why.message);
	return 0;
}

int cachelocks_wait(struct cachelocks *l, const struct build *b, const char *id, struct error *err)
{
	struct pollfd cancel = {b->cancel_fd, POLLIN, 0};
	bool taken = false, told = false;

	while (cachelocks_try(l, b, id, &taken, err) == 0 && !taken) {
		if (!told)
			say_detail(b->out, "Waiting for a cache that another step has");
		told = true;
		if (poll(&cancel, 1, LOOK_MS) > 0)
			return error_set(err, ERROR_CANCELLED, 0, "cancelled");
	}
	return taken ? 0 : -1;
}
