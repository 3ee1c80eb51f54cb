/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define CONFIG_MAX (16u << 20)

void bundle_init(struct bundle *b)
{
	memset(b, 0, sizeof(*b));
	strvec_init(&b->texts);
	strvec_init(&b->warnings);
	b->setup.console_to = b->setup.gate = -1;
	b->setup.personality = ~0ul;
	b->program.listener_to = -1;
}

void bundle_release(struct bundle *b)
{
	for (unsigned i = 0; i < b->setup.n_joins; i++)
		close_fd(b->joins[i].fd);
	for (unsigned i = 0; i < b->root.n_mounts; i++)
		close_fd(b->mounts[i].tree);
	for (unsigned i = 0; i < b->n_writes; i++)
		free(b->writes[i].value);
	hook_lists_release(b->hooks);
	bundle_ids_release(&b->ids);
	free(b->mounts);
	free(b->devices);
	free(b->sysctls);
	free(b->masked);
	free(b->protected);
	free(b->argv);
	free(b->env);
	free(b->groups);
	free(b->writes);
	free(b->rules);
	free(b->filter.filter);
	free(b->path);
	free(b->rootfs);
	strvec_release(&b->texts);
	strvec_release(&b->warnings);
	json_decref(b->json);
	bundle_init(b);
}

void bundle_warn(struct bundle *b, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	for (size_t i = 0; i < b->warnings.n; i++) {
		if (!strcmp(b->warnings.v[i], text.data))
			return;
	}
	strvec_push(&b->warnings, text.data);
}

const char *bundle_text(struct bundle *b, char *text)
{
	strvec_push_take(&b->texts, text);
	return text;
}

/* --- process -------------------------------------------------------------------------------- */

static char **text_list(struct fields *f, json_t *parent, const char *key)
{
	json_t *list = fields_array(f, parent, key);
	size_t n = json_array_size(list);
	char **v = xcalloc(n + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const char *s = fields_text(f, json_array_get(list, i), key);

		/* execve(2) wants them without const and does not change them */
		memcpy(&v[i], &s, sizeof(s));
	}
	return v;
}

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

static bool has_namespace(const struct bundle *b, int flag)
{
	for (unsigned i = 0; i < b->setup.n_joins; i++) {
		if (b->joins[i].type == flag)
			return true;
	}
	return (b->setup.namespaces & (unsigned)flag) != 0;
}

/* What cannot be granted is missing, with a warning. An unknown name is an error for version 1.0 of
 * the specification, and from 1.1 on a warning, too. */
static uint64_t read_caps(struct bundle *b, struct fields *f, json_t *parent, const char *key)
{
	json_t *list = fields_array(f, parent, key);
	bool all = has_namespace(b, CLONE_NEWUSER);
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
	b->program.argv = b->argv = text_list(f, process, "args");
	b->program.env = b->env = text_list(f, process, "env");
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

/* Only its start needs one (runtime-spec, config.md, "Process"). */
static void no_process(struct bundle *b)
{
	b->program.argv = b->argv = xcalloc(1, sizeof(*b->argv));
	b->program.env = b->env = xcalloc(1, sizeof(*b->env));
	b->program.cwd = "/";
	b->setup.program = &b->program;
}

int bundle_process(struct bundle *b, json_t *process, struct error *err)
{
	struct fields f = {err, false};

	read_process(b, &f, process);
	return f.bad ? -1 : 0;
}

/* --- namespaces ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int flag;
} namespace_names[] = {
	/* in the order in which they are entered */
	{"user", CLONE_NEWUSER},   {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},
	{"network", CLONE_NEWNET}, {"pid", CLONE_NEWPID},   {"cgroup", CLONE_NEWCGROUP},
	{"mount", CLONE_NEWNS},    {"time", CLONE_NEWTIME},
};

const char *bundle_namespace(size_t i)
{
	return i < ARRAY_SIZE(namespace_names) ? namespace_names[i].name : NULL;
}

static void join_namespace(struct bundle *b, struct fields *f, const char *path, const char *name,
			   int flag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int type = fd < 0 ? -1 : ioctl(fd, NS_GET_NSTYPE);

	if (type != flag) {
		if (fd < 0)
			fields_bad(f, "namespace '%s': open '%s': %s", name, path, strerror(errno));
		else
			fields_bad(f, "namespace '%s': '%s' is not of that type", name, path);
		close_fd(fd);
		return;
	}
	b->joins[b->setup.n_joins++] = (struct container_join){fd, flag};
}

static void read_namespaces(struct bundle *b, struct fields *f, json_t *linux_)
{
	json_t *list = fields_array(f, linux_, "namespaces");
	unsigned seen = 0;

	for (size_t k = 0; k < ARRAY_SIZE(namespace_names); k++) {
		const char *name = namespace_names[k].name;
		int flag = namespace_names[k].flag;

		for (size_t i = 0; i < json_array_size(list); i++) {
			json_t *one = json_array_get(list, i);
			const char *type = fields_string(f, one, "type");
			const char *path = fields_string(f, one, "path");

			if (!str_equal(type, name))
				continue;
			if (seen & (unsigned)flag)
				fields_bad(f, "'namespaces': '%s' is there twice", name);
			seen |= (unsigned)flag;
			if (path && *path)
				join_namespace(b, f, path, name, flag);
			else
				b->setup.namespaces |= (unsigned)flag;
		}
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = fields_string(f, json_array_get(list, i), "type");
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(namespace_names); k++)
			known = known || str_equal(type, namespace_names[k].name);
		if (!known)
			fields_bad(f, "'namespaces': unknown type '%s'", type ? type : "");
	}
	b->setup.joins = b->joins;
	b->setup.takes_ids = (seen & CLONE_NEWUSER) != 0;
	b->setup.loopback = (b->setup.namespaces & CLONE_NEWNET) != 0;
	b->root.pivot = (seen & CLONE_NEWNS) != 0;
}

static void read_ids(struct bundle *b, struct fields *f, json_t *linux_)
{
	bundle_ids(f, linux_, &b->ids);
	if (b->setup.namespaces & CLONE_NEWUSER) {
		if (!b->ids.n_uids || !b->ids.n_gids)
			fields_bad(f, "a user namespace needs 'uidMappings' and 'gidMappings'");
		b->setup.ids = &b->ids;
		for (unsigned i = 0; i < b->ids.n_uids; i++) {
			if (b->ids.uids[i].inside == 0)
				b->setup.owner = b->ids.uids[i].outside;
		}
	}
	b->root.nodes = !has_namespace(b, CLONE_NEWUSER);
}

/* --- the rest of "linux" -------------------------------------------------------------------- */

/* Only what belongs to one of the container's own namespaces: the others are the host's. */
static bool is_own_sysctl(const struct bundle *b, const char *key)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
					  "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
					  "kernel.shmmni", "kernel.shm_rmid_forced"};

	for (size_t i = 0; i < ARRAY_SIZE(ipc); i++) {
		if (!strcmp(key, ipc[i]))
			return has_namespace(b, CLONE_NEWIPC);
	}
	if (str_starts(key, "fs.mqueue."))
		return has_namespace(b, CLONE_NEWIPC);
	if (str_starts(key, "net."))
		return has_namespace(b, CLONE_NEWNET);
	if (!strcmp(key, "kernel.domainname"))
		return has_namespace(b, CLONE_NEWUTS);
	return str_starts(key, "user.") && has_namespace(b, CLONE_NEWUSER);
}

/* Dots and slashes change places, as with sysctl(8): net/ipv4/conf/eth0.1 has a dot of its own. */
static char *sysctl_path(const char *key)
{
	char *path = xstrdup(key), *first = strpbrk(path, "./");
	bool dots = first && *first == '.';

	for (char *p = path; *p && dots; p++) {
		if (*p == '.')
			*p = '/';
		else if (*p == '/')
			*p = '.';
	}
	return path;
}

static char *sysctl_key(const char *path)
{
	char *key = xstrdup(path);

	for (char *p = key; *p; p++) {
		if (*p == '/')
			*p = '.';
	}
	return key;
}

static void read_sysctls(struct bundle *b, struct fields *f, json_t *linux_)
{
	json_t *all = fields_object(f, linux_, "sysctl"), *value;
	const char *key;

	b->sysctls = xcalloc(json_object_size(all) + 1, sizeof(*b->sysctls));
	json_object_foreach(all, key, value)
	{
		const char *path = bundle_text(b, sysctl_path(key));
		_cleanup_free_ char *dotted = sysctl_key(path);

		if (!json_is_string(value))
			fields_bad(f, "'sysctl': the value of '%s' is not a string", key);
		else if (strstr(path, "..") || !is_own_sysctl(b, dotted))
			fields_bad(f,
				   "sysctl '%s' is not in a namespace of the container's own: it "
				   "would change the host",
				   key);
		else
			b->sysctls[b->root.n_sysctls++] =
				(struct root_sysctl){path, json_string_value(value)};
	}
	b->root.sysctls = b->sysctls;
}

static const char **path_list(struct fields *f, json_t *parent, const char *key, unsigned *n)
{
	json_t *list = fields_array(f, parent, key);
	const char **v = xcalloc(json_array_size(list) + 1, sizeof(*v));

	*n = (unsigned)json_array_size(list);
	for (unsigned i = 0; i < *n; i++) {
		v[i] = fields_text(f, json_array_get(list, i), key);
		if (v[i][0] != '/')
			fields_bad(f, "'%s': '%s' is not an absolute path", key, v[i]);
	}
	return v;
}

static void read_propagation(struct bundle *b, struct fields *f, json_t *linux_)
{
	const char *name = fields_string(f, linux_, "rootfsPropagation");

	b->root.host_propagation = MS_SLAVE | MS_REC;
	if (name && *name) {
		b->root.propagation = bundle_propagation(name);
		if (!b->root.propagation)
			fields_bad(f, "'rootfsPropagation': '%s' is not known", name);
		/* the way out for mounts is open from the start */
		if (b->root.propagation & MS_SHARED)
			b->root.host_propagation = MS_SHARED | MS_REC;
		if (b->root.propagation & MS_PRIVATE)
			b->root.host_propagation = MS_PRIVATE | MS_REC;
	}
	/* without a mount namespace these are the host's own mounts */
	if (!(b->setup.namespaces & CLONE_NEWNS))
		b->root.host_propagation = 0;
}

static void read_personality(struct bundle *b, struct fields *f, json_t *linux_)
{
	json_t *p = fields_object(f, linux_, "personality");
	const char *domain = fields_string(f, p, "domain");

	if (!p)
		return;
	if (str_equal(domain, "LINUX"))
		b->setup.personality = PER_LINUX;
	else if (str_equal(domain, "LINUX32"))
		b->setup.personality = PER_LINUX32;
	else
		fields_bad(f, "'personality': domain '%s' is not LINUX or LINUX32",
			   domain ? domain : "");
}

static void read_offsets(struct bundle *b, struct fields *f, json_t *offsets)
{
	static const char *const clocks[] = {"monotonic", "boottime"};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!json_object_size(offsets))
		return;
	if (!(b->setup.namespaces & CLONE_NEWTIME)) {
		fields_bad(f, "'timeOffsets' need a new time namespace");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		json_t *one = fields_object(f, offsets, clocks[i]);
		int64_t secs = 0, nanosecs = 0;

		fields_number(f, one, "secs", INT64_MIN, INT64_MAX, &secs);
		fields_number(f, one, "nanosecs", 0, 999999999, &nanosecs);
		if (one)
			strbuf_addf(&text, "%s %lld %lld\n", clocks[i], (long long)secs,
				    (long long)nanosecs);
	}
	b->setup.time_offsets = bundle_text(b, strbuf_detach(&text));
}

static void read_linux(struct bundle *b, struct fields *f, json_t *config)
{
	json_t *linux_ = fields_object(f, config, "linux");

	read_namespaces(b, f, linux_);
	read_ids(b, f, linux_);
	read_propagation(b, f, linux_);
	read_sysctls(b, f, linux_);
	read_personality(b, f, linux_);
	bundle_mounts(b, f, config);
	if (!f->bad)
		bundle_devices(b, f, linux_);
	b->root.masked = b->masked = path_list(f, linux_, "maskedPaths", &b->root.n_masked);
	b->root.protected = b->protected =
		path_list(f, linux_, "readonlyPaths", &b->root.n_protected);
	b->cgroup_path = fields_string(f, linux_, "cgroupsPath");
	if (b->cgroup_path && !*b->cgroup_path)
		b->cgroup_path = NULL;
	if (b->cgroup_path && b->cgroup_path[0] != '/')
		b->cgroup_path = bundle_text(b, xasprintf("/%s", b->cgroup_path));
	bundle_resources(b, f, fields_object(f, linux_, "resources"));
	if (fields_object(f, linux_, "seccomp"))
		bundle_seccomp(b, f, fields_object(f, linux_, "seccomp"));
	read_offsets(b, f, fields_object(f, linux_, "timeOffsets"));
	if (fields_object(f, linux_, "intelRdt"))
		fields_bad(f, "'intelRdt' is not supported");
}

/* --- the whole ------------------------------------------------------------------------------ */

void bundle_version(struct bundle *b, struct fields *f, json_t *config)
{
	const char *version = fields_string(f, config, "ociVersion");
	unsigned major, minor, patch;

	if (!version || sscanf(version, "%u.%u.%u", &major, &minor, &patch) != 3)
		fields_bad(f, "'ociVersion': expected a version like '%s', got '%s'",
			   BUNDLE_VERSION, version ? version : "");
	else if (major != 1)
		fields_bad(f, "'ociVersion': this runtime knows version 1, not '%s'", version);
	else
		b->minor = minor;
}

static void read_root(struct bundle *b, struct fields *f, json_t *config)
{
	json_t *root = fields_object(f, config, "root");
	const char *path = fields_string(f, root, "path");
	_cleanup_free_ char *full = NULL;
	struct stat st;

	if (!path) {
		fields_bad(f, "'root': needs a 'path'");
		return;
	}
	full = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", b->path, path);
	b->rootfs = realpath(full, NULL);
	if (!b->rootfs || stat(b->rootfs, &st) < 0)
		fields_bad(f, "root '%s': %s", full, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		fields_bad(f, "root '%s' is not a folder", full);
	b->root.path = b->rootfs;
	b->root.read_only = fields_bool(f, root, "readonly");
}

static void check_annotations(struct fields *f, json_t *config)
{
	json_t *all = fields_object(f, config, "annotations"), *value;
	const char *key;

	json_object_foreach(all, key, value)
	{
		if (!*key || !json_is_string(value))
			fields_bad(f, "'annotations': expected names with strings");
	}
}

int bundle_load(struct bundle *b, const char *path, struct error *err)
{
	struct fields f = {err, false};
	_cleanup_free_ char *config = xasprintf("%s/config.json", path);
	json_t *process;

	b->path = realpath(path, NULL);
	if (!b->path)
		return error_set(err, ERROR_SYSTEM, errno, "open the bundle '%s'", path);
	if (fields_load(config, CONFIG_MAX, &b->json, err) < 0)
		return -1;
	bundle_version(b, &f, b->json);
	check_annotations(&f, b->json);
	read_root(b, &f, b->json);
	if (f.bad)
		return -1;
	read_linux(b, &f, b->json);
	b->setup.hostname = fields_string(&f, b->json, "hostname");
	b->setup.domainname = fields_string(&f, b->json, "domainname");
	if (((b->setup.hostname && *b->setup.hostname) ||
	     (b->setup.domainname && *b->setup.domainname)) &&
	    !has_namespace(b, CLONE_NEWUTS))
		fields_bad(&f, "'hostname' needs a uts namespace of the container's own");
	if (b->setup.hostname && !*b->setup.hostname)
		b->setup.hostname = NULL;
	if (b->setup.domainname && !*b->setup.domainname)
		b->setup.domainname = NULL;
	hook_lists_read(&f, fields_object(&f, b->json, "hooks"), b->hooks);
	process = fields_object(&f, b->json, "process");
	if (f.bad)
		return -1;
	if (process)
		read_process(b, &f, process);
	else
		no_process(b);
	b->root.console = b->terminal;
	b->setup.root = &b->root;
	b->setup.stays = true;
	b->setup.staged = true;
	return f.bad ? -1 : 0;
}
