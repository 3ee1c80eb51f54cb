/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/hierarchy.h"
#include "runtime/oci.h"

#define KILL_WAIT_MS 10000

int oci_signal(const char *name)
{
	unsigned long long n;

	if (isdigit((unsigned char)name[0]))
		return str_to_u64(name, 0, (unsigned long long)SIGRTMAX, &n) < 0 ? -1 : (int)n;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *abbrev = sigabbrev_np(sig);

		if (abbrev && !strcasecmp(abbrev, name))
			return sig;
	}
	if (!strncasecmp(name, "RTMIN", 5) && (!name[5] || name[5] == '+')) {
		n = 0;
		if (name[5] &&
		    str_to_u64(name + 6, 0, (unsigned long long)(SIGRTMAX - SIGRTMIN), &n) < 0)
			return -1;
		return SIGRTMIN + (int)n;
	}
	return -1;
}

/* Everything in its cgroup, which stands still meanwhile, so that nothing is missed. */
static int kill_all(const struct oci *o, int sig, struct error *err)
{
	struct cgroup cg;
	int failed;

	if (hierarchy_open(o->cgroup, false, &cg, NULL) < 0)
		return 0;
	failed = hierarchy_freeze(&cg, true, err);
	hierarchy_signal(&cg, sig);
	if (hierarchy_freeze(&cg, false, failed ? NULL : err) < 0)
		failed = -1;
	cgroup_close(&cg);
	return failed;
}

static int kill_one(const struct oci *o, int sig, struct error *err)
{
	_cleanup_close_ int pidfd = -1;
	struct cgroup cg;

	if (oci_pidfd(o, &pidfd, err) < 0)
		return -1;
	if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "send signal %d to container '%s'", sig,
				 o->id);
	/* on version 1 what is frozen does not even die */
	if (sig == SIGKILL && hierarchy_open(o->cgroup, false, &cg, NULL) == 0) {
		if (hierarchy_is_frozen(&cg))
			hierarchy_freeze(&cg, false, NULL);
		cgroup_close(&cg);
	}
	return 0;
}

int oci_kill(const char *root, const char *id, int sig, bool all, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	enum oci_status status;

	if (oci_load(root, id, &o, err) < 0)
		return -1;
	status = oci_status(&o);
	if (all)
		return kill_all(&o, sig, err);
	/* containerd knows by the first words that there is nothing left to do */
	if (status == OCI_STOPPED || status == OCI_CREATING)
		return error_set(err, ERROR_INVALID, 0, "container not running: '%s' is %s", id,
				 oci_status_name(status));
	/* without a pid namespace of its own the others would stay */
	if (sig == SIGKILL && !(o.namespaces & CLONE_NEWPID))
		return kill_all(&o, sig, err);
	return kill_one(&o, sig, err);
}

static void await_end(const struct oci *o)
{
	_cleanup_close_ int pidfd = -1;
	struct pollfd end = {-1, POLLIN, 0};

	if (oci_pidfd(o, &pidfd, NULL) < 0)
		return;
	end.fd = pidfd;
	poll(&end, 1, KILL_WAIT_MS);
}

int oci_delete(const char *root, const char *id, bool force, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	struct error what = ERROR_INIT;
	enum oci_status status;

	if (oci_load(root, id, &o, &what) < 0) {
		if (force && what.code == ERROR_NOT_FOUND) {
			/* what a create left that was killed before it had said anything */
			o.folder = xasprintf("%s/%s", root, id);
			oci_remove_folder(&o);
			return 0;
		}
		if (err)
			*err = what;
		return -1;
	}
	status = oci_status(&o);
	if (status != OCI_STOPPED && !force)
		return error_set(err, ERROR_INVALID, 0,
				 "cannot delete container '%s' that is not stopped: it is %s", id,
				 oci_status_name(status));
	if (status != OCI_STOPPED && status != OCI_CREATING && kill_one(&o, SIGKILL, NULL) == 0)
		await_end(&o);
	if (oci_remove_cgroup(&o, err) < 0)
		return -1;
	oci_unmount(&o);
	oci_run_hooks(&o, HOOK_POSTSTOP, OCI_STOPPED, NULL);
	oci_remove_folder(&o);
	return 0;
}

int oci_pause(const char *root, const char *id, bool pause, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	enum oci_status status;
	struct cgroup cg;
	int failed;

	if (oci_load(root, id, &o, err) < 0)
		return -1;
	status = oci_status(&o);
	if (pause ? status != OCI_RUNNING && status != OCI_CREATED : status != OCI_PAUSED)
		return error_set(err, ERROR_INVALID, 0, "cannot %s a container that is %s: '%s'",
				 pause ? "pause" : "resume", oci_status_name(status), id);
	if (hierarchy_open(o.cgroup, false, &cg, err) < 0)
		return -1;
	failed = hierarchy_freeze(&cg, pause, err);
	cgroup_close(&cg);
	return failed;
}

int oci_pids(const char *root, const char *id, struct strbuf *out, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	struct cgroup cg;
	int failed;

	if (oci_load(root, id, &o, err) < 0)
		return -1;
	if (oci_status(&o) == OCI_STOPPED)
		return error_set(err, ERROR_INVALID, 0, "container '%s' is not running", id);
	if (hierarchy_open(o.cgroup, false, &cg, err) < 0)
		return -1;
	failed = hierarchy_pids(&cg, out, err);
	cgroup_close(&cg);
	return failed;
}
