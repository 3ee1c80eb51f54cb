/* SPDX-License-Identifier: MIT */
#include "runtime/step.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const texts[STEP_COUNT_] = {
	[STEP_CGROUP] = "enter the cgroup",
	[STEP_CLONE] = "make the namespaces",
	[STEP_SYNC] = "wait for the supervisor",
	[STEP_IDS] = "take the container's ids",
	[STEP_ROOT] = "take the root over",
	[STEP_PROPAGATION] = "set the mount propagation of",
	[STEP_PLACE] = "make the mount point",
	[STEP_MOUNT] = "mount",
	[STEP_VOLUME] = "fill the new volume from what the image has on",
	[STEP_DEVICE] = "make the device",
	[STEP_MASK] = "mask",
	[STEP_READ_ONLY] = "make read-only:",
	[STEP_SYSCTL] = "set the sysctl",
	[STEP_HOOK] = "run the hook",
	[STEP_PIVOT] = "change the root",
	[STEP_CWD_CHECK] = "check the working folder after the root has changed",
	[STEP_HOSTNAME] = "set the host name",
	[STEP_NETWORK] = "set the network up",
	[STEP_USER] = "find the image's user",
	[STEP_TERMINAL] = "open the terminal",
	[STEP_STDIO] = "connect stdin, stdout and stderr",
	[STEP_LIMITS] = "set resource limits",
	[STEP_SCHEDULE] = "set the scheduler or the i/o priority",
	[STEP_PRIVILEGES] = "drop privileges",
	[STEP_LABEL] = "set the security label",
	[STEP_SECCOMP] = "install the seccomp filter",
	[STEP_FORK] = "fork",
	[STEP_CWD] = "enter the working folder",
	[STEP_EXEC] = "execute",
	[STEP_JOIN] = "enter the container's namespaces",
	[STEP_GATE] = "wait for the start",
};

void step_tell(int fd, enum step step, const char *subject, int error)
{
	struct step_report r;

	memset(&r, 0, sizeof(r));
	r.step = (int32_t)step;
	r.error = error;
	if (subject)
		memcpy(r.subject, subject, strnlen(subject, sizeof(r.subject) - 1));
	if (write(fd, &r, sizeof(r)) != sizeof(r))
		_exit(126);
}

void step_fail(int fd, enum step step, const char *subject, int error)
{
	step_tell(fd, step, subject, error);
	_exit(125);
}

void step_check(int failed, int fd, enum step step, const char *subject)
{
	if (failed)
		step_fail(fd, step, subject, errno);
}

int step_read(int fd, struct step_report *out)
{
	ssize_t n;

	do {
		n = read(fd, out, sizeof(*out));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(*out))
		return n == 0 ? 0 : -1;
	out->subject[sizeof(out->subject) - 1] = '\0';
	return 1;
}

int step_error(const struct step_report *r, struct error *err)
{
	const char *text = r->step > 0 && r->step < STEP_COUNT_ ? texts[r->step] : NULL;
	enum error_code code = ERROR_SYSTEM;

	if (r->step == STEP_EXEC && r->error == ENOENT)
		code = ERROR_NOT_FOUND;
	if (r->step == STEP_USER && r->error == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "the image's /etc/passwd and /etc/group do not know its user '%s'",
				 r->subject);
	if (r->step == STEP_VOLUME && r->error == EFBIG)
		return error_set(
			err, ERROR_INVALID, 0,
			"the image has too much on '%s' for a new volume to begin with: "
			"mount the volume on another folder, or restore it from a tar first",
			r->subject);
	if (r->subject[0])
		return error_set(err, code, r->error, "%s '%s'", text ? text : "start", r->subject);
	return error_set(err, code, r->error, "%s", text ? text : "start");
}
