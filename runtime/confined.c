/* SPDX-License-Identifier: MIT */
#include "runtime/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/cell.h"
#include "runtime/seccomp.h"

#if defined(__SANITIZE_ADDRESS__)
#define MAX_MEMORY RLIM_INFINITY /* its shadow takes terabytes of address space */
#else
#define MAX_MEMORY (1ull << 30)
#endif
#define MAX_TOLD (64u << 20)

static int system_error(struct error *err, const char *what)
{
	return error_set(err, ERROR_SYSTEM, errno, "%s", what);
}

static int hear_told(struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	strbuf_cap(&text, MAX_TOLD);
	if (strbuf_read_fd(&text, CONFINED_TOLD, err) < 0)
		return -1;
	if (text.overflow)
		return error_set(err, ERROR_INVALID, 0, "it would be told more than %u bytes",
				 MAX_TOLD);
	close(CONFINED_TOLD);
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
		strvec_push(out, text.data + at);
	return 0;
}

/* Makes CONFINED_TREE the root, in mount, network, ipc and uts namespaces that belong to the host's
 * user namespace: what comes after has no power over them. */
static int change_root(bool read_only, struct error *err)
{
	/* the working folder follows into the new namespace; a descriptor would stay in the old */
	if (fchdir(CONFINED_TREE) < 0)
		return system_error(err, "enter the layer");
	close(CONFINED_TREE);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return system_error(err, "new namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return system_error(err, "make mounts private");
	_cleanup_close_ int clone = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone < 0)
		return system_error(err, "bind the layer");
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      MOUNT_ATTR_NOEXEC |
					      (read_only ? MOUNT_ATTR_RDONLY : 0)};
	if (mount_setattr(clone, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return system_error(err, "restrict the layer's mount");
	if (move_mount(clone, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return system_error(err, "mount the layer");
	if (fchdir(clone) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return system_error(err, "change the root");
	return 0;
}

static int become_inside(uid_t id, struct error *err)
{
	char byte = CONFINED_READY;
	if (unshare(CLONE_NEWUSER) < 0)
		return system_error(err, "new user namespace");
	if (write(CONFINED_SYNC, &byte, 1) != 1 || read(CONFINED_SYNC, &byte, 1) != 1)
		return error_set(err, ERROR_FAILED, 0, "the runtime went away");
	/* the namespace's capabilities stay with an id that is not its root */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		return system_error(err, "become the layer's owner");
	return 0;
}

static int set_limit(int which, rlim_t value)
{
	struct rlimit now, limit = {value, value};
	/* never more than what is allowed */
	if (getrlimit(which, &now) == 0 && now.rlim_max < value)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(which, &limit);
}

static int confine(const struct confined *c, struct error *err)
{
	int n = (int)c->n_caps;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return system_error(err, "restrict the process");
	/* a core limit of 1 starts no handler of core_pattern, which would be root's (limits.c) */
	if (set_limit(RLIMIT_AS, MAX_MEMORY) < 0 || set_limit(RLIMIT_CORE, 1) < 0 ||
	    set_limit(RLIMIT_FSIZE, CELL_MAX_BYTES) < 0 || set_limit(RLIMIT_NOFILE, 64) < 0 ||
	    set_limit(RLIMIT_CPU, CELL_MAX_SECONDS) < 0)
		return system_error(err, "set limits");
	/* a file past its limit is an error, not a death */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	cap_t caps = cap_init();
	int failed = !caps || cap_set_flag(caps, CAP_PERMITTED, n, c->caps, CAP_SET) < 0 ||
		     cap_set_flag(caps, CAP_EFFECTIVE, n, c->caps, CAP_SET) < 0 ||
		     cap_set_proc(caps) < 0;
	cap_free(caps);
	if (failed)
		return system_error(err, "drop capabilities");
	return seccomp_enter(SPEC_LAYER, err);
}

int confined_say(const char *what, struct error *err)
{
	_cleanup_free_ char *text = xasprintf("%c%s", CONFINED_SAYS, what);
	return file_write_all(CONFINED_SYNC, text, strlen(text), err);
}

int confined_run(const struct confined *c, uid_t id)
{
	_cleanup_strvec_ struct strvec told = STRVEC_INIT;
	struct error err = ERROR_INIT;
	char done = CONFINED_DONE;
	if (hear_told(&told, &err) < 0 || seccomp_init_layer(&err) < 0 ||
	    change_root(c->read_only, &err) < 0 || become_inside(id, &err) < 0 ||
	    confine(c, &err) < 0 || c->work(CONFINED_WORK, &told, &err) < 0) {
		file_write_all(CONFINED_SYNC, err.message, strlen(err.message), NULL);
		return -1;
	}
	return file_write_all(CONFINED_SYNC, &done, 1, NULL);
}
