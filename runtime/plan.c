/* SPDX-License-Identifier: MIT */
#include "runtime/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/caps.h"
#include "runtime/limits.h"
#include "runtime/network.h"
#include "runtime/veth.h"
#include "runtime/seccomp.h"
#include "runtime/terminal.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)

static const struct root_mount kernel_mounts[] = {
	{.dest = "/proc", .tree = -1, .type = "proc", .flags = SAFE},
	{.dest = "/sys", .tree = -1, .type = "sysfs", .flags = SAFE | MS_RDONLY, .or_empty = true},
	/* version 2 only */
	{.dest = "/sys/fs/cgroup",
	 .tree = -1,
	 .type = "cgroup2",
	 .source = "cgroup",
	 .flags = SAFE | MS_RDONLY,
	 .or_empty = true},
};

static const char *const masked[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/kallsyms",
	"/proc/kpagecount",
	"/proc/kpageflags",
	"/proc/kpagecgroup",
	"/proc/key-users",
	"/proc/modules",
	"/proc/vmallocinfo",
	"/proc/slabinfo",
	/* the host's disks and its maker, and what others do to them */
	"/proc/diskstats",
	"/proc/partitions",
	"/proc/fs",
	"/sys/fs/btrfs",
	"/sys/fs/ext4",
	"/sys/fs/xfs",
	"/sys/devices/virtual/dmi",
	"/sys/firmware",
	"/sys/kernel/debug",
	"/sys/kernel/security",
	"/sys/kernel/tracing",
	"/sys/devices/virtual/powercap",
	"/sys/fs/bpf",
	"/sys/fs/pstore",
	"/sys/kernel/config",
	"/sys/module",
};

static const char *const protected[] = {"/proc/bus", "/proc/irq", "/proc/sys",
					"/proc/sysrq-trigger"};

/* Images listen on 80 as whoever they like: the ports are the container's own. */
static const struct root_sysctl any_port[] = {{"net/ipv4/ip_unprivileged_port_start", "0"}};

void plan_program(const struct plan *plan, struct program *out)
{
	const struct container_spec *spec = plan->spec;
	bool app = spec->profile == SPEC_APP || spec->profile == SPEC_BUILD;

	memset(out, 0, sizeof(*out));
	out->uid = out->gid = app ? INSTANCE_APP_UID : 0;
	if (spec->profile == SPEC_IMAGE || spec->profile == SPEC_STEP)
		out->user = spec->user ? spec->user : "";
	out->cwd = spec->cwd ? spec->cwd : (app ? "/app" : "/");
	out->umask = 022;
	out->no_new_privs = true;
	out->listener_to = -1;
	caps_of_profile(spec->profile, &out->caps);
	limits_program(&plan->limits, out);
	seccomp_program(spec->profile, out);
}

static uid_t range_base(const struct plan *plan)
{
	return instance_range_base(plan->inst, plan->spec->range);
}

static struct rootfs_view view_of(const struct plan *plan)
{
	return (struct rootfs_view){range_base(plan), plan->limits.disk, plan->address_text,
				    plan->resolv};
}

static int enter(void *data, struct error *err)
{
	const struct plan *plan = data;
	struct rootfs_view view = view_of(plan);

	return rootfs_enter(plan->inst, plan->spec, plan->rootfs, &view, err);
}

static int build(void *data, struct error *err)
{
	const struct plan *plan = data;
	struct rootfs_view view = view_of(plan);

	return rootfs_build(plan->spec, plan->rootfs, &view, err);
}

static int serve(void *data, pid_t pid, struct error *err)
{
	const struct plan *plan = data;
	char path[64];

	if (!plan->address)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	_cleanup_close_ int netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	if (veth_attach(plan->inst, netns, plan->address, plan->ipv6, err) < 0)
		return -1;
	if (!plan->limits.net_to && !plan->limits.net_from)
		return 0;
	return veth_limit(plan->inst, netns, plan->address, plan->limits.net_to,
			  plan->limits.net_from, err);
}

static enum step inside(void *data, const struct program *program, const char **out_subject)
{
	const struct plan *plan = data;

	return seeds_fill(&plan->rootfs->seeds, program, out_subject);
}

/* The last that happens outside before the program runs. */
static int linked(void *data, struct error *err)
{
	const struct plan *plan = data;

	/* in the time that passes anyhow until the link can send */
	if (plan->ipv6 && veth_forward_ipv6(plan->inst, plan->address, err) < 0)
		return -1;
	if (plan->address && veth_await(plan->inst, plan->address, err) < 0)
		return -1;
	return seeds_settle(&plan->rootfs->seeds, err);
}

int plan_start(const struct plan *plan, struct container_run *out, int *out_console,
	       struct error *err)
{
	const struct container_spec *spec = plan->spec;
	struct idmap_range range = {0, range_base(plan), INSTANCE_RANGE_SIZE};
	struct idmap_table ids = {&range, &range, 1, 1};
	struct root root = {.path = "r",
			    .pivot = true,
			    .mounts = kernel_mounts,
			    .n_mounts = ARRAY_SIZE(kernel_mounts) - !plan->cgroup->v2,
			    .masked = masked,
			    .n_masked = ARRAY_SIZE(masked),
			    .protected = protected,
			    .n_protected = ARRAY_SIZE(protected),
			    .empty = "e"};
	struct program program;
	struct container_setup setup = {
		.namespaces = NAMESPACES,
		.ids = &ids,
		.owner = range_base(plan),
		.takes_ids = true,
		.cgroup = plan->cgroup,
		.helper = plan->helper,
		.root = &root,
		.hostname = spec->hostname ? spec->hostname : spec->id,
		.loopback = true,
		.address = plan->address,
		.gateway = plan->gateway,
		.ipv6 = plan->ipv6,
		.oom_score =
			spec->profile == SPEC_APP || spec->profile == SPEC_IMAGE ? "200" : "500",
		.program = &program,
		.reaper = true,
		.stdio = {plan->stdio[0], plan->stdio[1], plan->stdio[2]},
		.tty = spec->tty,
		.rows = spec->rows,
		.columns = spec->columns,
		.console_to = -1,
		.personality = ~0ul,
		.gate = -1,
		.enter = enter,
		.build = build,
		.serve = serve,
		.inside = inside,
		.linked = plan->address || plan->rootfs->seeds.n ? linked : NULL,
	};
	_cleanup_close_ int here = -1, there = -1;
	int ends[2];

	if (spec->profile == SPEC_IMAGE) {
		root.sysctls = any_port;
		root.n_sysctls = ARRAY_SIZE(any_port);
	}
	plan_program(plan, &program);
	program.argv = spec->argv.v;
	program.env = spec->env.v;
	/* the callbacks take it for reading only */
	memcpy(&setup.data, &plan, sizeof(plan));
	if (spec->tty) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "make a pair of sockets");
		here = ends[0];
		setup.console_to = there = ends[1];
	}
	if (container_start(&setup, out, err) < 0)
		return -1;
	*out_console = spec->tty ? terminal_take(here) : -1;
	return 0;
}
