/* SPDX-License-Identifier: MIT */
#include "runtime/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/sdbus.h"

#define BOOTED "/run/systemd/system" /* sd_booted(3) */
#define UNIT_NAME_SIZE 256
#define DEFAULT_SLICE "system.slice"
#define INSTEAD                                                                                    \
	"let the engine manage cgroups itself (podman --cgroup-manager=cgroupfs, "                 \
	"dockerd --exec-opt native.cgroupdriver=cgroupfs)"

/* --- names ------------------------------------------------------------------------------------ */

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), tail = strlen(end);

	return len > tail && !strcmp(s + len - tail, end);
}

/* systemd.unit(5) */
static int check_unit(const char *name, struct error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789:-_.\\@";
	size_t good = strspn(name, allowed);

	if (name[good])
		return error_set(err, ERROR_INVALID, 0,
				 "'%.64s' names no unit of systemd: its character %zu is not a "
				 "letter, a digit, or one of :-_.\\@",
				 name, good + 1);
	if (strlen(name) >= UNIT_NAME_SIZE || name[0] == '@')
		return error_set(err, ERROR_INVALID, 0,
				 "'%.64s' names no unit of systemd: expected at most %d "
				 "characters, the first of them not '@'",
				 name, UNIT_NAME_SIZE - 1);
	return 0;
}

/* systemd.slice(5): "a-b.slice" lies in "a.slice". */
static int check_slice(const char *name, struct error *err)
{
	if (!strcmp(name, "-.slice"))
		return 0;
	if (!ends_with(name, ".slice") || name[0] == '-' || strstr(name, "--") ||
	    strstr(name, "-.slice"))
		return error_set(err, ERROR_INVALID, 0,
				 "'%.64s' names no slice of systemd: expected one like "
				 "'machine.slice' or 'a-b.slice'",
				 name);
	return check_unit(name, err);
}

static int split(char *text, char *parts[3])
{
	int n = 0;

	for (char *part = strsep(&text, ":"); part; part = strsep(&text, ":")) {
		if (n == 3)
			return -1;
		parts[n++] = part;
	}
	return n == 3 && *parts[2] ? 0 : -1;
}

static int make_names(char *const parts[3], struct scope *s, struct error *err)
{
	s->slice = xstrdup(*parts[0] ? parts[0] : DEFAULT_SLICE);
	s->unit = ends_with(parts[2], ".slice") ? xstrdup(parts[2])
						: xasprintf("%s-%s.scope", parts[1], parts[2]);
	if (check_slice(s->slice, err) < 0)
		return -1;
	return ends_with(s->unit, ".slice") ? check_slice(s->unit, err) : check_unit(s->unit, err);
}

int scope_parse(const char *path, const char *id, struct scope *out, struct error *err)
{
	_cleanup_free_ char *copy = path ? xstrdup(path) : xasprintf(":berth-oci:%s", id);
	_cleanup_(scope_release) struct scope s = SCOPE_INIT;
	char *parts[3];

	if (split(copy, parts) < 0)
		return error_set(err, ERROR_INVALID, 0,
				 "'cgroupsPath' is '%.64s': with --systemd-cgroup expected "
				 "'SLICE:PREFIX:NAME', like 'machine.slice:libpod:web'",
				 path ? path : "");
	if (make_names(parts, &s, err) < 0)
		return error_wrap(err, "'cgroupsPath'");
	*out = s;
	s = (struct scope)SCOPE_INIT;
	return 0;
}

void scope_release(struct scope *s)
{
	scope_settle(s);
	free(s->unit);
	free(s->slice);
	*s = (struct scope)SCOPE_INIT;
}

/* --- the holder ------------------------------------------------------------------------------- */

/* A scope begins with a process, before there is one of the container's. */
static int hold(struct scope *s, struct error *err)
{
	pid_t parent = getpid();

	s->holder = fork();
	if (s->holder == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
		    close_range(0, ~0u, 0) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (s->holder > 0)
		return 0;
	s->holder = 0;
	return error_set(err, ERROR_SYSTEM, errno, "fork");
}

void scope_settle(struct scope *s)
{
	if (s->holder <= 0)
		return;
	kill(s->holder, SIGKILL);
	while (waitpid(s->holder, NULL, 0) < 0 && errno == EINTR)
		;
	s->holder = 0;
}

/* --- the unit --------------------------------------------------------------------------------- */

int scope_check(struct error *err)
{
	if (!file_exists(AT_FDCWD, BOOTED))
		return error_set(
			err, ERROR_UNSUPPORTED, 0,
			"--systemd-cgroup: expected systemd to run this machine, and there "
			"is no '" BOOTED "': " INSTEAD);
	if (!hierarchy_is_v2())
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "--systemd-cgroup: expected cgroup version 2 alone at "
				 "'/sys/fs/cgroup' (systemd.unified_cgroup_hierarchy=1): " INSTEAD);
	return 0;
}

static void describe(const struct scope *s, const char *id, struct properties *p)
{
	static const char *const yes[] = {"CPUAccounting", "MemoryAccounting", "IOAccounting",
					  "TasksAccounting"};
	_cleanup_free_ char *description = xasprintf("berth-oci container %s", id);

	properties_text(p, "Description", description);
	properties_number(p, "DefaultDependencies", "b", false);
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		properties_number(p, yes[i], "b", true);
	/* one that ended badly is not kept to be looked at: engines say how it ended */
	properties_text(p, "CollectMode", "inactive-or-failed");
	/* where a slice lies its name says, and processes come by themselves */
	if (ends_with(s->unit, ".slice"))
		return;
	properties_text(p, "Slice", s->slice);
	properties_number(p, "Delegate", "b", true);
	properties_pid(p, "PIDs", s->holder);
}

int scope_start(struct scope *s, const char *id, const struct hierarchy_write *writes, unsigned n,
		json_t *annotations, char **out_path, struct error *err)
{
	_cleanup_properties_ struct properties p = PROPERTIES_INIT;
	_cleanup_(sdbus_freep) struct sdbus *bus = NULL;

	if (hold(s, err) < 0)
		return -1;
	describe(s, id, &p);
	properties_limits(&p, writes, n);
	if (properties_annotations(&p, annotations, err) < 0 || sdbus_open(&bus, err) < 0 ||
	    sdbus_start(bus, s->unit, &p, err) < 0)
		return -1;
	return sdbus_cgroup(bus, s->unit, out_path, err);
}

int scope_limit(const char *unit, const struct hierarchy_write *writes, unsigned n,
		struct error *err)
{
	_cleanup_properties_ struct properties p = PROPERTIES_INIT;
	_cleanup_(sdbus_freep) struct sdbus *bus = NULL;

	properties_limits(&p, writes, n);
	if (!p.n)
		return 0;
	return sdbus_open(&bus, err) < 0 ? -1 : sdbus_set(bus, unit, &p, err);
}

int scope_stop(const char *unit, struct error *err)
{
	_cleanup_(sdbus_freep) struct sdbus *bus = NULL;

	return sdbus_open(&bus, err) < 0 ? -1 : sdbus_stop(bus, unit, err);
}
