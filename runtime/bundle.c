/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

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

/* --- the rest of "linux" -------------------------------------------------------------------- */

/* Only what belongs to one of the container's own namespaces: the others are the host's. */
static bool is_own_sysctl(const struct bundle *b, const char *key)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
					  "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
					  "kernel.shmmni", "kernel.shm_rmid_forced"};

	for (size_t i = 0; i < ARRAY_SIZE(ipc); i++) {
		if (!strcmp(key, ipc[i]))
			return bundle_has_namespace(b, CLONE_NEWIPC);
	}
	if (str_starts(key, "fs.mqueue."))
		return bundle_has_namespace(b, CLONE_NEWIPC);
	if (str_starts(key, "net."))
		return bundle_has_namespace(b, CLONE_NEWNET);
	if (!strcmp(key, "kernel.domainname"))
		return bundle_has_namespace(b, CLONE_NEWUTS);
	return str_starts(key, "user.") && bundle_has_namespace(b, CLONE_NEWUSER);
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

static void read_linux(struct bundle *b, struct fields *f, json_t *config)
{
	json_t *linux_ = fields_object(f, config, "linux");

	bundle_namespaces(b, f, linux_);
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
	bundle_resources(b, f, fields_object(f, linux_, "resources"));
	if (fields_object(f, linux_, "seccomp"))
		bundle_seccomp(b, f, fields_object(f, linux_, "seccomp"));
	if (fields_object(f, linux_, "intelRdt"))
		fields_bad(f,
			   "'intelRdt' is not supported: this runtime divides neither caches nor "
			   "memory bandwidth; leave it out");
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

/* Only its start needs one (runtime-spec, config.md, "Process"). */
static void no_process(struct bundle *b)
{
	b->program.argv = b->argv = xcalloc(1, sizeof(*b->argv));
	b->program.env = b->env = xcalloc(1, sizeof(*b->env));
	b->program.cwd = "/";
	b->setup.program = &b->program;
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
	    !bundle_has_namespace(b, CLONE_NEWUTS))
		fields_bad(&f, "'hostname' needs a uts namespace of the container's own");
	if (b->setup.hostname && !*b->setup.hostname)
		b->setup.hostname = NULL;
	if (b->setup.domainname && !*b->setup.domainname)
		b->setup.domainname = NULL;
	hook_lists_read(&f, fields_object(&f, b->json, "hooks"), b->hooks);
	process = fields_object(&f, b->json, "process");
	if (f.bad)
		return -1;
	if (!process)
		no_process(b);
	else if (bundle_process(b, process, err) < 0)
		return -1;
	b->root.console = b->terminal;
	b->setup.root = &b->root;
	b->setup.stays = true;
	b->setup.staged = true;
	return 0;
}
