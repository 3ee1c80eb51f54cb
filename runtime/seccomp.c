/* SPDX-License-Identifier: MIT */
#include "runtime/seccomp.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* Every call that an ordinary program needs; modelled on the well-known default profiles of
 * container engines, without what those allow only to privileged containers, and without io_setup,
 * which answers ENOSYS: the machine has few such queues for all (fs.aio-max-nr), no limit counts
 * them, and who uses them does without. Names that this architecture or libseccomp does not know
 * are skipped. */
static const char *const allowed[] = {
	"accept",
	"accept4",
	"access",
	"alarm",
	"arch_prctl",
	"bind",
	"brk",
	"cachestat",
	"capget",
	"capset",
	"chdir",
	"chmod",
	"chown",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"clone",
	"close",
	"close_range",
	"connect",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_ctl_old",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"epoll_wait_old",
	"eventfd",
	"eventfd2",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fanotify_mark",
	"fchdir",
	"fchmod",
	"fchmodat",
	"fchmodat2",
	"fchown",
	"fchownat",
	"fcntl",
	"fdatasync",
	"fgetxattr",
	"flistxattr",
	"flock",
	"fork",
	"fremovexattr",
	"fsetxattr",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"futex",
	"futex_requeue",
	"futex_wait",
	"futex_waitv",
	"futex_wake",
	"futimesat",
	"get_mempolicy",
	"get_robust_list",
	"get_thread_area",
	"getcpu",
	"getcwd",
	"getdents",
	"getdents64",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getitimer",
	"getpeername",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getsid",
	"getsockname",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"getuid",
	"getxattr",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"ioctl",
	"ioprio_get",
	"ioprio_set",
	"kill",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"lchown",
	"lgetxattr",
	"link",
	"linkat",
	"listen",
	"listxattr",
	"llistxattr",
	"lremovexattr",
	"lseek",
	"lsetxattr",
	"lstat",
	"madvise",
	"map_shadow_stack",
	"mbind",
	"membarrier",
	"memfd_create",
	"memfd_secret",
	"mincore",
	"mkdir",
	"mkdirat",
	"mknod",
	"mknodat",
	"mlock",
	"mlock2",
	"mlockall",
	"mmap",
	"mprotect",
	"mq_getsetattr",
	"mq_notify",
	"mq_open",
	"mq_timedreceive",
	"mq_timedsend",
	"mq_unlink",
	"mremap",
	"msgctl",
	"msgget",
	"msgrcv",
	"msgsnd",
	"mseal",
	"msync",
	"munlock",
	"munlockall",
	"munmap",
	"nanosleep",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pause",
	"pidfd_open",
	"pidfd_send_signal",
	"pipe",
	"pipe2",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"poll",
	"ppoll",
	"prctl",
	"pread64",
	"preadv",
	"preadv2",
	"prlimit64",
	"process_mrelease",
	"pselect6",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readlink",
	"readlinkat",
	"readv",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"remap_file_pages",
	"removexattr",
	"rename",
	"renameat",
	"renameat2",
	"restart_syscall",
	"rmdir",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigqueueinfo",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_tgsigqueueinfo",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"sched_yield",
	"seccomp",
	"select",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"sendfile",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"set_mempolicy",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"setfsgid",
	"setfsuid",
	"setgid",
	"setgroups",
	"setitimer",
	"setpgid",
	"setpriority",
	"setregid",
	"setresgid",
	"setresuid",
	"setreuid",
	"setrlimit",
	"setsid",
	"setsockopt",
	"setuid",
	"setxattr",
	"shmat",
	"shmctl",
	"shmdt",
	"shmget",
	"shutdown",
	"sigaltstack",
	"signalfd",
	"signalfd4",
	"socket",
	"socketpair",
	"splice",
	"stat",
	"statfs",
	"statx",
	"symlink",
	"symlinkat",
	"sync",
	"sync_file_range",
	"syncfs",
	"sysinfo",
	"tee",
	"tgkill",
	"time",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_settime",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	"times",
	"tkill",
	"truncate",
	"umask",
	"uname",
	"unlink",
	"unlinkat",
	"utime",
	"utimensat",
	"utimes",
	"vfork",
	"vmsplice",
	"wait4",
	"waitid",
	"write",
	"writev",
	/* debuggers inside their own container: the kernel's own checks suffice since 4.8 */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
};

/* Known and refused: EPERM rather than ENOSYS, because the call exists and is not for a tenant. */
static const char *const refused[] = {
	"acct",
	"add_key",
	"adjtimex",
	"bpf",
	"clock_adjtime",
	"clock_settime",
	"delete_module",
	"fanotify_init",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"fspick",
	"init_module",
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"ioperm",
	"iopl",
	"kcmp",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"lookup_dcookie",
	"mount",
	"mount_setattr",
	"move_mount",
	"move_pages",
	"migrate_pages",
	"name_to_handle_at",
	"nfsservctl",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pivot_root",
	"quotactl",
	"quotactl_fd",
	"reboot",
	"request_key",
	"set_mempolicy_home_node",
	"setdomainname",
	"sethostname",
	"setns",
	"settimeofday",
	"swapoff",
	"swapon",
	"syslog",
	"sysfs",
	"_sysctl",
	"umount",
	"umount2",
	"unshare",
	"uselib",
	"userfaultfd",
	"ustat",
	"vhangup",
	"vserver",
	"process_madvise",
	"pidfd_getfd",
	"chroot",
};

static struct seccomp_filter filters[SPEC_STEP + 1];

static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n,
		     struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		/* negative numbers are other architectures' pseudo calls */
		int r = nr < 0 ? 0 : seccomp_rule_add_exact(ctx, action, nr, 0);

		if (r < 0)
			return error_set(err, ERROR_FAILED, -r, "seccomp rule for '%s'", names[i]);
	}
	return 0;
}

int seccomp_export(void *ctx, struct sock_fprog *out, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	off_t len;
	int r;

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "memfd_create");
	r = seccomp_export_bpf(ctx, fd);
	len = lseek(fd, 0, SEEK_END);
	if (r < 0 || len <= 0 || (size_t)len / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return error_set(err, ERROR_FAILED, r < 0 ? -r : 0, "export a seccomp filter");
	out->filter = xmalloc((size_t)len);
	out->len = (unsigned short)((size_t)len / sizeof(struct sock_filter));
	if (pread(fd, out->filter, (size_t)len, 0) != len)
		return error_set(err, ERROR_SYSTEM, errno, "read a seccomp filter");
	return 0;
}

static int build_calls(enum spec_profile profile, struct sock_fprog *out, struct error *err)
{
	static const char *const chroot_call[] = {"chroot"};
	static const uint32_t personas[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	size_t n_refused = ARRAY_SIZE(refused) - (profile == SPEC_LAYER);
	int failed = -1;

	if (!ctx)
		return error_set(err, ERROR_FAILED, 0, "seccomp_init");
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* chroot is the last of `refused`: a package manager's maintainer scripts may use it. */
	if (add_names(ctx, SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed), err) == 0 &&
	    add_names(ctx, SCMP_ACT_ERRNO(EPERM), refused, n_refused, err) == 0 &&
	    (profile != SPEC_LAYER || add_names(ctx, SCMP_ACT_ALLOW, chroot_call, 1, err) == 0))
		failed = 0;
	/* Linux, UNAME26 and "what is it now": nothing that turns randomisation off. */
	for (size_t i = 0; i < ARRAY_SIZE(personas) && !failed; i++) {
		int r = seccomp_rule_add_exact(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
			SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffff, personas[i]));

		if (r < 0)
			failed = error_set(err, ERROR_FAILED, -r, "seccomp rule for personality");
	}
	if (!failed)
		failed = seccomp_export(ctx, out, err);
	seccomp_release(ctx);
	return failed;
}

/* One rule that refuses CALL with ERRNUM when its argument ARG, masked, equals VALUE. The kernel
 * reads these arguments as 32 bits, so the mask never looks at more. */
static int refuse(scmp_filter_ctx ctx, const char *call, int errnum, unsigned arg, uint64_t mask,
		  uint64_t value)
{
	int nr = seccomp_syscall_resolve_name(call);

	return nr < 0 ? 0
		      : seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO((uint32_t)errnum), nr, 1,
					       SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

static int add_argument_rules(scmp_filter_ctx ctx)
{
	static const unsigned long namespaces[] = {CLONE_NEWNS,    CLONE_NEWUTS, CLONE_NEWIPC,
						   CLONE_NEWUSER,  CLONE_NEWPID, CLONE_NEWNET,
						   CLONE_NEWCGROUP};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		r |= refuse(ctx, "clone", EPERM, 0, namespaces[i], namespaces[i]);
	r |= refuse(ctx, "ioctl", EPERM, 1, 0xffffffff, TIOCSTI);
	r |= refuse(ctx, "ioctl", EPERM, 1, 0xffffffff, TIOCLINUX);
	/* Sockets: unix, IPv4, IPv6 and routing netlink; everything else is refused by number. */
	for (unsigned family = 0; family < 64; family++) {
		if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
		    family == AF_NETLINK)
			continue;
		r |= refuse(ctx, "socket", EAFNOSUPPORT, 0, 0xffffffff, family);
		r |= refuse(ctx, "socketpair", EAFNOSUPPORT, 0, 0xffffffff, family);
	}
	for (unsigned protocol = 0; protocol < 32; protocol++) {
		if (protocol == NETLINK_ROUTE)
			continue;
		r |= seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket),
					    2,
					    SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffff, AF_NETLINK),
					    SCMP_CMP(2, SCMP_CMP_MASKED_EQ, 0xffffffff, protocol));
	}
	return r;
}

static int build_arguments(struct sock_fprog *out, struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int failed;

	if (!ctx)
		return error_set(err, ERROR_FAILED, 0, "seccomp_init");
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (add_argument_rules(ctx) != 0)
		failed = error_set(err, ERROR_FAILED, 0, "seccomp rules for arguments");
	else
		failed = seccomp_export(ctx, out, err);
	seccomp_release(ctx);
	return failed;
}

int seccomp_init_layer(struct error *err)
{
	if (build_calls(SPEC_LAYER, &filters[SPEC_LAYER].calls, err) < 0)
		return -1;
	return build_arguments(&filters[SPEC_LAYER].arguments, err);
}

int seccomp_init_filters(struct error *err)
{
	if (seccomp_init_layer(err) < 0 || build_calls(SPEC_APP, &filters[SPEC_APP].calls, err) < 0)
		return -1;
	filters[SPEC_APP].arguments = filters[SPEC_LAYER].arguments;
	filters[SPEC_BUILD] = filters[SPEC_IMAGE] = filters[SPEC_APP];
	filters[SPEC_STEP] = filters[SPEC_LAYER];
	return 0;
}

int seccomp_enter(enum spec_profile profile, struct error *err)
{
	const struct sock_fprog *both[] = {&filters[profile].calls, &filters[profile].arguments};

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		if (both[i]->len && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, both[i]) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "filter system calls");
	}
	return 0;
}

void seccomp_program(enum spec_profile profile, struct program *program)
{
	program->filters[0] = &filters[profile].calls;
	program->filters[1] = &filters[profile].arguments;
	program->n_filters = 2;
	program->filter_flags = 0;
}
