/* SPDX-License-Identifier: MIT */
#include "runtime/import.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/layer.h"
#include "runtime/unpack.h"

#if defined(__SANITIZE_ADDRESS__)
#define IMPORT_MAX_MEMORY RLIM_INFINITY /* its shadow takes terabytes of address space */
#else
#define IMPORT_MAX_MEMORY (1ull << 30)
#endif

/* What the child has, at these numbers and nothing else. */
enum { FD_ARCHIVE = 3, FD_TREE, FD_SYNC, FD_FIRST_CLOSED };

/* The child says READY when it is in its user namespace, OPAQUE and a path for each folder that is
 * to hide what is below it, and DONE when all is unpacked; anything else is an error message. */
#define READY 'r'
#define DONE 'd'
#define OPAQUE '\x01'
#define MAX_SAID (PATH_MAX + ERROR_MESSAGE_MAX)

struct job {
	pid_t pid;
	int sync; /* the parent's end */
};

static void job_release(struct job *job)
{
	if (job->pid > 0) {
		kill(job->pid, SIGKILL);
		while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(job->sync);
}

static int system_error(struct error *err, const char *what)
{
	return error_set(err, ERROR_SYSTEM, errno, "%s", what);
}

/* --- the child --- */

static int arrange_descriptors(int archive, int tree, int sync, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* first out of the way of the final numbers */
	int a = fcntl(archive, F_DUPFD_CLOEXEC, 16), t = fcntl(tree, F_DUPFD_CLOEXEC, 16);
	int s = fcntl(sync, F_DUPFD_CLOEXEC, 16), n = fcntl(null, F_DUPFD_CLOEXEC, 16);
	if (a < 0 || t < 0 || s < 0 || n < 0)
		return system_error(err, "arrange descriptors");
	for (int fd = 0; fd < 3; fd++)
		dup2(n, fd);
	if (dup3(a, FD_ARCHIVE, O_CLOEXEC) < 0 || dup3(t, FD_TREE, O_CLOEXEC) < 0 ||
	    dup3(s, FD_SYNC, O_CLOEXEC) < 0 || close_range(FD_FIRST_CLOSED, ~0u, 0) < 0)
		return system_error(err, "arrange descriptors");
	return 0;
}

/* Makes FD_TREE the root, in mount, network, ipc and uts namespaces that belong to the host's user
 * namespace: what comes after has no power over them. */
static int change_root(struct error *err)
{
	/* the working folder follows into the new namespace; a descriptor would stay in the old */
	if (fchdir(FD_TREE) < 0)
		return system_error(err, "enter the layer");
	close(FD_TREE);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return system_error(err, "new namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return system_error(err, "make mounts private");
	_cleanup_close_ int clone = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone < 0)
		return system_error(err, "bind the layer");
	struct mount_attr attr = {.attr_set =
					  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
	if (mount_setattr(clone, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return system_error(err, "restrict the layer's mount");
	if (move_mount(clone, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return system_error(err, "mount the layer");
	if (fchdir(clone) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return system_error(err, "change the root");
	return 0;
}

static int become_range_root(struct error *err)
{
	char byte = READY;
	if (unshare(CLONE_NEWUSER) < 0)
		return system_error(err, "new user namespace");
	if (write(FD_SYNC, &byte, 1) != 1 || read(FD_SYNC, &byte, 1) != 1)
		return error_set(err, ERROR_FAILED, 0, "the runtime went away");
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return system_error(err, "become the range's root");
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

static int confine(struct error *err)
{
	static const cap_value_t keep[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
					   CAP_SETFCAP};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return system_error(err, "restrict the process");
	if (set_limit(RLIMIT_AS, IMPORT_MAX_MEMORY) < 0 || set_limit(RLIMIT_CORE, 0) < 0 ||
	    set_limit(RLIMIT_FSIZE, IMPORT_MAX_BYTES) < 0 || set_limit(RLIMIT_NOFILE, 64) < 0 ||
	    set_limit(RLIMIT_CPU, IMPORT_MAX_SECONDS) < 0)
		return system_error(err, "set limits");
	/* a file past its limit is an error, not a death */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	cap_t caps = cap_init();
	int failed = !caps ||
		     cap_set_flag(caps, CAP_PERMITTED, ARRAY_SIZE(keep), keep, CAP_SET) < 0 ||
		     cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_SIZE(keep), keep, CAP_SET) < 0 ||
		     cap_set_proc(caps) < 0;
	cap_free(caps);
	return failed ? system_error(err, "drop capabilities") : 0;
}

static int say_opaque(const char *folder, void *data, struct error *err)
{
	_cleanup_free_ char *text = xasprintf("%c%s", OPAQUE, folder);
	(void)data;
	return file_write_all(FD_SYNC, text, strlen(text), err);
}

static void child_main(int archive, int tree, int sync, enum unpack_kind kind)
{
	struct unpack how = {.kind = kind, .opaque = say_opaque};
	struct error err = ERROR_INIT;
	char done = DONE;
	umask(022); /* for folders that the archive does not name */
	unpack_prepare();
	if (arrange_descriptors(archive, tree, sync, &err) == 0 && change_root(&err) == 0 &&
	    become_range_root(&err) == 0 && confine(&err) == 0 &&
	    unpack_tar(FD_ARCHIVE, &how, &err) == 0)
		file_write_all(FD_SYNC, &done, 1, NULL);
	else
		file_write_all(FD_SYNC, err.message, strlen(err.message), NULL);
}

/* --- the parent --- */

static int write_map(pid_t pid, const char *which, uid_t base, struct error *err)
{
	char path[64], text[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	int n = snprintf(text, sizeof(text), "0 %u %u\n", base, INSTANCE_RANGE_SIZE);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return error_set(err, ERROR_SYSTEM, errno, "write '%s'", path);
	return 0;
}

/* The child's next words, at most until END; a cut-off or missing answer is its death. */
static int hear(struct job *job, int64_t end, struct strbuf *out, struct error *err)
{
	strbuf_reset(out);
	for (;;) {
		int64_t left = end - clock_ms();
		struct pollfd p = {.fd = job->sync, .events = POLLIN};
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return error_set(err, ERROR_TIMEOUT, 0, "it took longer than %d seconds",
					 IMPORT_MAX_SECONDS);
		char *place = strbuf_grow(out, MAX_SAID);
		ssize_t n = read(job->sync, place, MAX_SAID - 1);
		if (n <= 0)
			return error_set(err, ERROR_FAILED, 0,
					 "the unpacking process died (out of memory or time?)");
		strbuf_grown(out, (size_t)n);
		return 0;
	}
}

/* The one attribute that the child cannot set. It is confined and its words are a tenant's: the
 * folder is looked up below the layer, through no link. */
static int mark_opaque(int tree, const char *folder, struct error *err)
{
	_cleanup_close_ int fd =
		file_open_beneath(tree, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, true, err);
	if (fd < 0)
		return -1;
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "mark '%s' as opaque", folder);
	return 0;
}

static int supervise(struct job *job, uid_t base, int tree, struct error *err)
{
	int64_t end = clock_ms() + IMPORT_MAX_SECONDS * 1000LL;
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	if (hear(job, end, &said, err) < 0)
		return -1;
	if (said.len == 1 && said.data[0] == READY) {
		if (write_map(job->pid, "uid_map", base, err) < 0 ||
		    write_map(job->pid, "gid_map", base, err) < 0 ||
		    file_write_all(job->sync, "g", 1, err) < 0 || hear(job, end, &said, err) < 0)
			return -1;
		while (said.len > 1 && said.data[0] == OPAQUE)
			if (mark_opaque(tree, said.data + 1, err) < 0 ||
			    hear(job, end, &said, err) < 0)
				return -1;
		if (said.len == 1 && said.data[0] == DONE)
			return 0;
	}
	return error_set(err, ERROR_INVALID, 0, "%s", said.data);
}

static int unpack_into(const struct instance *inst, unsigned range, int tree, int archive,
		       enum unpack_kind kind, struct error *err)
{
	int ends[2];
	/* messages: one send is one receive */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return system_error(err, "socketpair");
	_cleanup_(job_release) struct job job = {.pid = fork(), .sync = ends[0]};
	if (job.pid == 0) {
		child_main(archive, tree, ends[1], kind);
		_exit(0);
	}
	close(ends[1]);
	if (job.pid < 0)
		return system_error(err, "fork");
	return supervise(&job, instance_range_base(inst, range), tree, err);
}

int import_into(const struct instance *inst, unsigned range, int tree, int fd, struct error *err)
{
	return unpack_into(inst, range, tree, fd, UNPACK_ROOT, err);
}

static int import(const struct instance *inst, const char *id, unsigned range, int fd,
		  enum unpack_kind kind, bool commit, struct error *err)
{
	_cleanup_close_ int tree = -1, work = -1;
	if (layer_create_upper(inst, id, range, &tree, &work, err) < 0)
		return -1;
	work = close_fd(work);
	int result = unpack_into(inst, range, tree, fd, kind, err);
	tree = close_fd(tree); /* with it the lock */
	if (result == 0 && commit)
		result = layer_commit(inst, id, err);
	if (result < 0) {
		layer_discard(inst, id, NULL);
		return error_wrap(err, "import layer '%s'", id);
	}
	return 0;
}

int import_tar(const struct instance *inst, const char *id, unsigned range, int fd,
	       struct error *err)
{
	return import(inst, id, range, fd, UNPACK_ROOT, true, err);
}

int import_layer(const struct instance *inst, const char *id, unsigned range, int fd,
		 struct error *err)
{
	return import(inst, id, range, fd, UNPACK_LAYER, false, err);
}
