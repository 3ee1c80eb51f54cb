/* SPDX-License-Identifier: MIT */
#include "receiver/gc.h"

#include "base/child.h"
#include "base/cleanup.h"
#include "receiver/gitdir.h"

#define GC_TIMEOUT_MS (30 * 60 * 1000)

int gc_run(const struct instance *inst, const char *app, bool now, struct error *err)
{
	_cleanup_child_ struct child git;
	_cleanup_free_ char *path = gitdir_path(inst, app);
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	child_init(&git);
	strbuf_cap(&why, 4096);
	/* receive-pack's own gc is off (the door's client would wait for it): the threshold is
	 * git's */
	child_args(&git, "git", "-C", path, "-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc",
		   "--quiet", NULL);
	if (!now)
		strvec_push(&git.argv, "--auto");
	git.capture_err = &why;
	git.timeout_ms = GC_TIMEOUT_MS;
	return child_run(&git, err);
}
