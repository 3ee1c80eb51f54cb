/* SPDX-License-Identifier: MIT */
/*
 * What a program sees and may do where it runs, one fact per line: "WORD NAME VALUE...". Static, so
 * that it runs in any container, and outside as the positive control. tests/security/isolation.bats
 * compares its lines with what Berth promises.
 *
 *   probe                    everything but the network
 *   probe net ADDR:PORT...   "net ADDR:PORT connected|ERRNO", tcp
 *   probe udp SOURCE ADDR:PORT  one datagram with that source address
 *                            (ADDR is dotted or, in brackets, of IPv6; a link-local one is eth0's)
 *   probe listen PORT        accepts for ever, over IPv6 too; one byte per connection
 *   probe show PATH...       "show LINE" for each line of each, or "show PATH ERRNO"
 *   probe reopen             descriptor 9 for writing: "reopen ok|ERRNO"
 *   probe sleep SECONDS | true | fork-bomb | memory MIB | disk PATH MIB | spin
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "probe.h"
#include "target.h"

extern char **environ;

const char *answer(long result)
{
	return result < 0 ? strerrorname_np(errno) : "ok";
}

static void copy_lines(const char *word, const char *path)
{
	char line[4096];
	FILE *f = fopen(path, "re");
	if (!f) {
		printf("%s %s\n", word, answer(-1));
		return;
	}
	while (fgets(line, sizeof(line), f))
		printf("%s %s", word, line);
	fclose(f);
}

static void show_identity(void)
{
	uid_t r, e, s;
	gid_t groups[64];
	getresuid(&r, &e, &s);
	printf("id uid %u %u %u\n", r, e, s);
	getresgid(&r, &e, &s);
	printf("id gid %u %u %u\n", r, e, s);
	int n = getgroups(64, groups);
	printf("id groups %d", n);
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\nid pid %d\n", getpid());
	char cwd[4096];
	printf("id cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : answer(-1));
	copy_lines("uid_map", "/proc/self/uid_map");
	copy_lines("gid_map", "/proc/self/gid_map");
	copy_lines("status", "/proc/self/status");
	copy_lines("cgroup", "/proc/self/cgroup");
	copy_lines("mount", "/proc/self/mountinfo");
	for (char **e2 = environ; *e2; e2++)
		printf("env %s\n", *e2);
}

static void show_namespaces(void)
{
	static const char *const names[] = {"user", "pid", "mnt", "net", "ipc", "uts", "cgroup"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64], link[64] = "";
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		printf("ns %s %s\n", names[i], n < 0 ? answer(-1) : link);
	}
}

static void show_folder(const char *word, const char *path)
{
	DIR *dir = opendir(path);
	if (!dir) {
		printf("%s %s\n", word, answer(-1));
		return;
	}
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		char link[4096] = "";
		struct stat st;
		if (entry->d_name[0] == '.' ||
		    (strcmp(word, "fd") == 0 && strtol(entry->d_name, NULL, 10) == dirfd(dir)))
			continue;
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		printf("%s %s %s", word, entry->d_name,
		       S_ISCHR(st.st_mode)   ? "char"
		       : S_ISBLK(st.st_mode) ? "block"
		       : S_ISDIR(st.st_mode) ? "folder"
		       : S_ISLNK(st.st_mode) ? "link"
					     : "file");
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			printf(" %u:%u", major(st.st_rdev), minor(st.st_rdev));
		printf("%s%s\n", n > 0 ? " " : "", n > 0 ? link : "");
	}
	closedir(dir);
}

static void show_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	if (dir)
		closedir(dir);
	printf("processes %u\n", n);
}

static void show_limits(void)
{
	static const struct {
		const char *name;
		int which;
	} limits[] = {{"nofile", RLIMIT_NOFILE},
		      {"core", RLIMIT_CORE},
		      {"nproc", RLIMIT_NPROC},
		      {"memlock", RLIMIT_MEMLOCK}};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l;
		getrlimit((__rlimit_resource_t)limits[i].which, &l);
		printf("limit %s %llu %llu\n", limits[i].name, (unsigned long long)l.rlim_cur,
		       (unsigned long long)l.rlim_max);
	}
}

/* Opens for writing without changing anything, and makes a file that it removes again. */
static void show_files(void)
{
	static const char *const folders[] = {"/",    "/app", "/tmp", "/usr",  "/etc",
					      "/var", "/dev", "/run", "/proc", "/sys"};
	static const char *const masked[] = {"/proc/kcore",
					     "/proc/keys",
					     "/proc/timer_list",
					     "/proc/latency_stats",
					     "/proc/sched_debug",
					     "/proc/acpi",
					     "/proc/scsi",
					     "/proc/asound",
					     "/proc/interrupts",
					     "/sys/firmware",
					     "/sys/devices/virtual/powercap"};
	static const char *const fixed[] = {"/proc/sys/kernel/core_pattern",
					    "/proc/sys/kernel/hostname",
					    "/proc/sys/net/ipv4/ip_forward",
					    "/proc/sys/vm/overcommit_memory",
					    "/proc/sysrq-trigger",
					    "/proc/irq/default_smp_affinity",
					    "/proc/bus/pci/devices",
					    "/sys/kernel/uevent_helper",
					    "/sys/fs/cgroup/cgroup.procs",
					    "/proc/1/mem",
					    "/proc/self/uid_map",
					    "/etc/resolv.conf",
					    "/etc/hosts"};
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s/.probe", folders[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		printf("create %s %s\n", folders[i], answer(fd));
		if (fd >= 0) {
			close(fd);
			unlink(path);
		}
	}
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		char bytes[16];
		int fd = open(masked[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
		struct stat st;
		bool folder = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
		if (folder) {
			unsigned entries = 0;
			DIR *dir = fdopendir(fd);
			while (dir && readdir(dir))
				entries++;
			printf("read %s %s\n", masked[i], entries > 2 ? "entries" : "empty");
			closedir(dir);
			continue;
		}
		printf("read %s %s\n", masked[i], n > 0 ? "bytes" : n == 0 ? "empty" : answer(n));
		if (fd >= 0)
			close(fd);
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		int fd = open(fixed[i], O_WRONLY | O_CLOEXEC);
		printf("write %s %s\n", fixed[i], answer(fd));
		if (fd >= 0)
			close(fd);
	}
	printf("mknod null %s\n", answer(mknod("/tmp/.null", S_IFCHR | 0600, makedev(1, 3))));
	unlink("/tmp/.null");
	printf("mknod disk %s\n", answer(mknod("/tmp/.disk", S_IFBLK | 0600, makedev(8, 0))));
	unlink("/tmp/.disk");
}

/* Calls TRY in a child, because some of them change or end the process. */
static void in_child(const char *word, const char *name, long (*try)(void))
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		printf("%s %s %s\n", word, name, answer(try()));
		fflush(stdout);
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("%s %s SIG%s\n", word, name, sigabbrev_np(WTERMSIG(status)));
}

#define TRY(name, ...)                                                                             \
	static long try_##name(void)                                                               \
	{                                                                                          \
		return __VA_ARGS__;                                                                \
	}

TRY(unshare_user, unshare(CLONE_NEWUSER))
TRY(unshare_net, unshare(CLONE_NEWNET))
TRY(unshare_mnt, unshare(CLONE_NEWNS))
TRY(unshare_files, unshare(CLONE_FILES))
TRY(clone3, syscall(SYS_clone3, NULL, 0))
TRY(setns, setns(open("/proc/1/ns/net", O_RDONLY), 0))
TRY(io_uring, syscall(SYS_io_uring_setup, 1, NULL))
TRY(aio, syscall(SYS_io_setup, 1, &(unsigned long){0}))
TRY(keyctl, syscall(SYS_keyctl, 0, -3, 0))
TRY(add_key, syscall(SYS_add_key, "user", "x", "y", 1, -3))
TRY(bpf, syscall(SYS_bpf, 0, NULL, 0))
TRY(perf, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))
TRY(userfaultfd, syscall(SYS_userfaultfd, O_CLOEXEC | 1))
TRY(mount, mount("none", "/tmp", "tmpfs", 0, NULL))
TRY(umount, umount2("/proc", MNT_DETACH))
TRY(pivot_root, syscall(SYS_pivot_root, ".", "."))
TRY(chroot, chroot("/"))
TRY(open_tree, syscall(SYS_open_tree, AT_FDCWD, "/", 1))
TRY(move_mount, syscall(SYS_move_mount, -1, "", -1, "", 0))
TRY(fsopen, syscall(SYS_fsopen, "tmpfs", 0))
TRY(mount_setattr, syscall(SYS_mount_setattr, -1, "", 0, NULL, 0))
TRY(init_module, syscall(SYS_init_module, NULL, 0, ""))
TRY(kexec, syscall(SYS_kexec_load, 0, 0, NULL, 0))
TRY(swapon, syscall(SYS_swapon, "/x", 0))
TRY(sethostname, sethostname("x", 1))
TRY(settimeofday, syscall(SYS_settimeofday, NULL, NULL))
TRY(acct, syscall(SYS_acct, "/x"))
TRY(quotactl, syscall(SYS_quotactl, 0, NULL, 0, NULL))
TRY(syslog, syscall(SYS_syslog, 3, NULL, 0))
TRY(iopl, syscall(SYS_iopl, 3))
TRY(by_handle, syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0))
TRY(vm_read, syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0))
TRY(kcmp, syscall(SYS_kcmp, 1, 1, 0, 0, 0))
TRY(ptrace_init, ptrace(PTRACE_SEIZE, 1, NULL, NULL))
TRY(setuid_root, setuid(0))
TRY(setgid_root, setgid(0))
TRY(raise_limit, setrlimit(RLIMIT_CORE, &(struct rlimit){1 << 20, 1 << 20}))
TRY(nice_up, syscall(SYS_setpriority, PRIO_PROCESS, 0, -20))
TRY(ambient, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 12, 0, 0))

TRY(af_inet, socket(AF_INET, SOCK_STREAM, 0))
TRY(af_inet6, socket(AF_INET6, SOCK_STREAM, 0))
TRY(af_unix, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(af_alg, socket(38, SOCK_SEQPACKET, 0))
TRY(af_vsock, socket(40, SOCK_STREAM, 0))
TRY(af_packet, socket(AF_PACKET, SOCK_RAW, 0))
TRY(af_bluetooth, socket(31, SOCK_RAW, 0))
TRY(af_can, socket(29, SOCK_RAW, 1))
TRY(af_key, socket(15, SOCK_RAW, 2))
TRY(af_xdp, socket(44, SOCK_RAW, 0))
TRY(raw, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP))
TRY(ping, socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
TRY(netlink_route, socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE))
TRY(netlink_netfilter, socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER))
TRY(netlink_audit, socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT))
TRY(netlink_xfrm, socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM))
TRY(netlink_uevent, socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT))

static long try_tiocsti(void)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	return ioctl(fd < 0 ? 0 : fd, TIOCSTI, "x");
}

/* The upper half of an argument is ignored by the kernel; a filter must ignore it too. */
static long try_tiocsti_high(void)
{
	return syscall(SYS_ioctl, 0, 0x100000000ul | TIOCSTI, "x");
}

static long try_clone_user(void)
{
	return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL) == 0
		       ? (_exit(0), 0)
		       : (errno ? -1 : 0);
}

#if defined(__x86_64__)
/* getpid of the 32-bit table, and of x32. */
static long try_abi_i386(void)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory");
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	return r;
}
static long try_abi_x32(void)
{
	return syscall(0x40000000 + SYS_getpid);
}
#endif

/* An interface's address, route or neighbour must not be ours to change. */
static long try_link_down(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {.ifr_name = "lo"};
	return ioctl(fd, SIOCSIFFLAGS, &req);
}

static long try_transparent(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	return setsockopt(fd, IPPROTO_IP, 19 /* IP_TRANSPARENT */, &one, sizeof(one));
}

static void show_calls(void)
{
#define CALL(name) in_child("call", #name, try_##name)
	CALL(unshare_user);
	CALL(unshare_net);
	CALL(unshare_mnt);
	CALL(unshare_files);
	CALL(clone_user);
	CALL(clone3);
	CALL(setns);
	CALL(io_uring);
	CALL(aio);
	CALL(keyctl);
	CALL(add_key);
	CALL(bpf);
	CALL(perf);
	CALL(userfaultfd);
	CALL(mount);
	CALL(umount);
	CALL(pivot_root);
	CALL(chroot);
	CALL(open_tree);
	CALL(move_mount);
	CALL(fsopen);
	CALL(mount_setattr);
	CALL(init_module);
	CALL(kexec);
	CALL(swapon);
	CALL(sethostname);
	CALL(settimeofday);
	CALL(acct);
	CALL(quotactl);
	CALL(syslog);
	CALL(iopl);
	CALL(by_handle);
	CALL(vm_read);
	CALL(kcmp);
	CALL(ptrace_init);
	CALL(setuid_root);
	CALL(setgid_root);
	CALL(raise_limit);
	CALL(nice_up);
	CALL(ambient);
	CALL(af_inet);
	CALL(af_inet6);
	CALL(af_unix);
	CALL(af_alg);
	CALL(af_vsock);
	CALL(af_packet);
	CALL(af_bluetooth);
	CALL(af_can);
	CALL(af_key);
	CALL(af_xdp);
	CALL(raw);
	CALL(ping);
	CALL(netlink_route);
	CALL(netlink_netfilter);
	CALL(netlink_audit);
	CALL(netlink_xfrm);
	CALL(netlink_uevent);
	CALL(tiocsti);
	CALL(tiocsti_high);
	CALL(link_down);
	CALL(transparent);
#if defined(__x86_64__)
	CALL(abi_i386);
	CALL(abi_x32);
#endif
}

/* How far it gets before a limit stops it. */
static int use_up(const char *what, char **args)
{
	long n = args[0] ? strtol(args[0], NULL, 10) : 0;
	if (strcmp(what, "fork-bomb") == 0) {
		int made = 0;
		pid_t pid;
		while (made < 100000 && (pid = fork()) != -1) {
			if (pid == 0) {
				pause();
				_exit(0);
			}
			made++;
		}
		printf("forks %d %s\n", made, answer(-1));
		fflush(stdout);
		return 0;
	}
	if (strcmp(what, "memory") == 0) {
		for (long i = 0; i < n; i++) {
			char *p = malloc(1 << 20);
			if (!p)
				return 1;
			memset(p, (int)i + 1, 1 << 20);
		}
		printf("memory %ld\n", n);
		return 0;
	}
	if (strcmp(what, "disk") == 0 && args[0] && args[1]) {
		static char block[1 << 20];
		long wanted = strtol(args[1], NULL, 10), i = 0;
		int fd = open(args[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		ssize_t r = 0;
		memset(block, 1, sizeof(block));
		while (fd >= 0 && i < wanted && (r = write(fd, block, sizeof(block))) > 0)
			i++;
		printf("disk %ld %s\n", i, answer(fd < 0 ? -1 : r));
		return 0;
	}
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(verb, "true") == 0)
		return 0;
	if (strcmp(verb, "net") == 0) {
		for (int i = 2; i < argc; i++)
			printf("net %s %s\n", argv[i], target_reach(argv[i]));
		return 0;
	}
	if (strcmp(verb, "show") == 0) {
		for (int i = 2; i < argc; i++) {
			if (access(argv[i], R_OK) < 0)
				printf("show %s %s\n", argv[i], answer(-1));
			else
				copy_lines("show", argv[i]);
		}
		return 0;
	}
	if (strcmp(verb, "reopen") == 0) {
		printf("reopen %s\n", answer(open("/proc/self/fd/9", O_WRONLY | O_CLOEXEC)));
		return 0;
	}
	if (strcmp(verb, "udp") == 0 && argc == 4)
		return target_send(argv[2], argv[3]);
	if (strcmp(verb, "listen") == 0 && argc == 3)
		return target_listen((int)strtol(argv[2], NULL, 10));
	if (strcmp(verb, "sleep") == 0 && argc == 3) {
		sleep((unsigned)strtol(argv[2], NULL, 10));
		return 0;
	}
	if (strcmp(verb, "spin") == 0)
		for (;;)
			;
	if (argc > 1)
		return use_up(verb, argv + 2);
	show_folder("fd", "/proc/self/fd");
	show_identity();
	show_namespaces();
	show_processes();
	show_folder("dev", "/dev");
	show_limits();
	show_files();
	show_calls();
	printf("end\n");
	return 0;
}
