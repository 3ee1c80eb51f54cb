/* SPDX-License-Identifier: MIT */
#include "receiver/gitdir.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

bool gitdir_is_hex(const char *s)
{
	return strlen(s) == GITDIR_HEX && strspn(s, "0123456789abcdef") == GITDIR_HEX;
}

char *gitdir_path(const struct instance *inst, const char *app)
{
	return instance_lib(inst, "repos/%s.git", app);
}

bool gitdir_exists(const struct instance *inst, const char *app)
{
	_cleanup_free_ char *path = gitdir_path(inst, app);
	return file_exists(AT_FDCWD, path);
}

int gitdir_config(const struct instance *inst, const char *app, struct strvec *out,
		  struct error *err)
{
	_cleanup_free_ char *path = gitdir_path(inst, app);
	unsigned long long max;

	if (instance_setting_u64(inst, "git", "max-push", 1024, 1ull << 50, GITDIR_MAX_PUSH, &max,
				 err))
		return -1;
	strvec_pushf(out, "safe.directory=%s", path);
	strvec_pushf(out, "core.hooksPath=%s/hooks", inst->lib);
	strvec_push(out, "core.logAllRefUpdates=always");
	/* a deploy stands on these objects: loose ones are synced too, in one go */
	strvec_push(out, "core.fsync=committed");
	strvec_push(out, "core.fsyncMethod=batch");
	strvec_push(out, "receive.procReceiveRefs=refs/heads");
	strvec_push(out, "receive.advertisePushOptions=true");
	strvec_push(out, "receive.advertiseAtomic=true");
	strvec_pushf(out, "receive.maxInputSize=%llu", max);
	/* housekeeping is for after a deploy (receiver/gc.h), not a process left behind by a push
	 */
	strvec_push(out, "receive.autogc=false");
	strvec_push(out, "gc.auto=0");
	strvec_push(out, "transfer.hideRefs=refs/berth");
	strvec_push(out, "receive.fsckObjects=true");
	/* harmless, and found in the old history of many projects */
	strvec_push(out, "receive.fsck.zeroPaddedFilemode=warn");
	strvec_push(out, "receive.fsck.badTimezone=warn");
	strvec_push(out, "receive.fsck.missingSpaceBeforeDate=warn");
	return 0;
}
