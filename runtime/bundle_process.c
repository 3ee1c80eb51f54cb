/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/file.h"

/* runtime-spec, config.md, "Process" */

static void read_user(struct bundle *b, struct fields *f, json_t *process)
{
	json_t *user = fields_object(f, process, "user");
	json_t *groups = fields_array(f, user, "additionalGids");
	int64_t uid = 0, gid = 0, mask = 022;

	fields_number(f, user, "uid", 0, UINT32_MAX - 1, &uid);
	fields_number(f, user, "gid", 0, UINT32_MAX - 1, &gid);
	fields_number(f, user, "umask", 0, 0777, &mask);
	b->program.uid = (uid_t)uid;
	b->program.gid = (gid_t)gid;
	b->program.umask = (mode_t)mask;
	free(b->groups);
	b->program.n_groups = json_array_size(groups);
	b->groups = xcalloc(b->program.n_groups + 1, sizeof(*b->groups));
	for (size_t i = 0; i < b->program.n_groups; i++) {
		json_t *one = json_array_get(groups, i);

		if (!json_is_number(one))
			fields_bad(f, "'additionalGids': expected numbers");
		b->groups[i] = (gid_t)json_number_value(one);
	}
	b->program.groups = b->groups;
}

/* What cannot be granted is missing, with a warning. An unknown name is an error for version 1.0 of
 * the specification, and from 1.1 on a warning, too. */
static uint64_t read_caps(struct bundle *b, struct fields *f, json_t *parent, const char *key)
{
	json_t *list = fields_array(f, parent, key);
	bool all = bundle_has_namespace(b, CLONE_NEWUSER);
	uint64_t bits = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = fields_text(f, json_array_get(list, i), key);
		int number = caps_number(name);

		if (number < 0 && b->minor == 0)
			fields_bad(f, "'%s': unknown capability '%s'", key, name);
		else if (number < 0 || (!all && prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 1))
			bundle_warn(b, "capability '%s' cannot be granted here", name);
		else
			bits |= 1ull << number;
	}
	return bits;
}

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

/* Without CAP_SYS_RESOURCE a hard limit only goes down. */
static void warn_of_rlimit(struct bundle *b, const struct program_rlimit *r, const char *type)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)r->resource, &now) == 0 &&
	    r->value.rlim_max > now.rlim_max && prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) != 1)
		bundle_warn(b, "'%s': the hard limit cannot be raised from %llu to %llu here", type,
			    (unsigned long long)now.rlim_max,
			    (unsigned long long)r->value.rlim_max);
}

static void read_rlimit(struct bundle *b, struct fields *f, json_t *json)
{
	const char *type = fields_string(f, json, "type");
	struct program_rlimit r = {.resource = -1};
	uint64_t soft = 0, hard = 0;

	for (size_t i = 0; type && i < ARRAY_SIZE(rlimit_names); i++) {
		if (!strcmp(type, rlimit_names[i].name))
			r.resource = rlimit_names[i].resource;
	}
	fields_u64(f, json, "soft", &soft);
	fields_u64(f, json, "hard", &hard);
	r.value = (struct rlimit){soft, hard};
	r.clamp = true;
	if (r.resource < 0)
		fields_bad(f, "'rlimits': unknown type '%s'", type ? type : "");
	for (unsigned i = 0; i < b->program.n_rlimits; i++) {
		if (b->program.rlimits[i].resource == r.resource)
			fields_bad(f, "'rlimits': '%s' is there twice", type);
	}
	if (!f->bad)
		warn_of_rlimit(b, &r, type);
	if (!f->bad)
		b->program.rlimits[b->program.n_rlimits++] = r;
}

static void read_label(struct bundle *b, struct fields *f, json_t *process)
{
	const char *apparmor = fields_string(f, process, "apparmorProfile");
	const char *selinux = fields_string(f, process, "selinuxLabel");

	if (apparmor && *apparmor) {
		b->setup.label = bundle_text(b, xasprintf("exec %s", apparmor));
		b->setup.label_file = file_exists(AT_FDCWD, "/proc/self/attr/apparmor/exec")
					      ? "/proc/self/attr/apparmor/exec"
					      : "/proc/self/attr/exec";
		if (!file_exists(AT_FDCWD, "/sys/kernel/security/apparmor"))
			fields_bad(f, "'apparmorProfile': AppArmor is not enabled on this host");
	} else if (selinux && *selinux) {
		b->setup.label = selinux;
		b->setup.label_file = "/proc/self/attr/exec";
		if (!file_exists(AT_FDCWD, "/sys/fs/selinux/enforce"))
			fields_bad(f, "'selinuxLabel': SELinux is not enabled on this host");
	}
}

static void read_process(struct bundle *b, struct fields *f, json_t *process)
{
	json_t *caps = fields_object(f, process, "capabilities");
	json_t *rlimits = fields_array(f, process, "rlimits");
	json_t *size = fields_object(f, process, "consoleSize");
	int64_t n = 0;

	free(b->argv);
	free(b->env);
	b->program.argv = b->argv = fields_texts(f, fields_array(f, process, "args"), "args");
	b->program.env = b->env = fields_texts(f, fields_array(f, process, "env"), "env");
	b->program.cwd = fields_string(f, process, "cwd");
	if (!b->argv[0] || !b->argv[0][0])
		fields_bad(f, "'process': 'args' must not be empty");
	if (!b->program.cwd || b->program.cwd[0] != '/')
		fields_bad(f, "'process': 'cwd' must be an absolute path");
	b->terminal = fields_bool(f, process, "terminal");
	if (fields_number(f, size, "height", 0, 65535, &n))
		b->setup.rows = (unsigned short)n;
	if (fields_number(f, size, "width", 0, 65535, &n))
		b->setup.columns = (unsigned short)n;
	read_user(b, f, process);
	b->program.caps = (struct caps){
		read_caps(b, f, caps, "bounding"), read_caps(b, f, caps, "effective"),
		read_caps(b, f, caps, "permitted"), read_caps(b, f, caps, "inheritable"),
		read_caps(b, f, caps, "ambient")};
	b->program.n_rlimits = 0;
	for (size_t i = 0; i < json_array_size(rlimits); i++)
		read_rlimit(b, f, json_array_get(rlimits, i));
	b->program.no_new_privs = fields_bool(f, process, "noNewPrivileges");
	if (fields_number(f, process, "oomScoreAdj", -1000, 1000, &n))
		b->setup.oom_score = bundle_text(b, xasprintf("%lld", (long long)n));
	read_label(b, f, process);
	bundle_schedule(b, f, process);
	b->setup.program = &b->program;
}

int bundle_process(struct bundle *b, json_t *process, struct error *err)
{
	struct fields f = {err, false};

	read_process(b, &f, process);
	return f.bad ? -1 : 0;
}
