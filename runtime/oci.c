/* SPDX-License-Identifier: MIT */
#include "runtime/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/bundle.h"
#include "runtime/hierarchy.h"
#include "runtime/scope.h"
#include "runtime/status.h"

#define STATE_MAX (1u << 20)
#define CONFIG_MAX (16u << 20)

static void ignore(const struct error *err)
{
	(void)err;
}

void (*oci_warn)(const struct error *err) = ignore;

void oci_tell_warnings(const struct bundle *b)
{
	for (size_t i = 0; i < b->warnings.n; i++) {
		struct error what = ERROR_INIT;

		error_set(&what, ERROR_UNSUPPORTED, 0, "%s", b->warnings.v[i]);
		oci_warn(&what);
	}
}

void oci_init(struct oci *o)
{
	memset(o, 0, sizeof(*o));
}

void oci_release(struct oci *o)
{
	free(o->id);
	free(o->folder);
	free(o->bundle);
	free(o->rootfs);
	free(o->cgroup);
	free(o->unit);
	free(o->created);
	json_decref(o->config);
	oci_init(o);
}

int oci_check_id(const char *id, struct error *err)
{
	size_t len = strlen(id);

	if (!len || len > 1024 || !strcmp(id, ".") || !strcmp(id, "..") ||
	    strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") != len)
		return error_set(err, ERROR_INVALID, 0,
				 "invalid container ID '%.64s': letters, digits, '_', '+', '-' and "
				 "'.' make one",
				 id);
	return 0;
}

int oci_load(const char *root, const char *id, struct oci *out, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	struct fields f = {err, false};
	_cleanup_free_ char *path = NULL, *config = NULL;
	int64_t pid = 0, creator = 0, start = 0, namespaces = 0;
	json_t *json = NULL;

	if (oci_check_id(id, err) < 0)
		return -1;
	o.folder = xasprintf("%s/%s", root, id);
	path = xasprintf("%s/state.json", o.folder);
	config = xasprintf("%s/config.json", o.folder);
	if (!file_exists(AT_FDCWD, path))
		return error_set(err, ERROR_NOT_FOUND, 0, "container '%s' does not exist", id);
	if (fields_load(path, STATE_MAX, &json, err) < 0)
		return -1;
	fields_number(&f, json, "pid", 0, INT32_MAX, &pid);
	fields_number(&f, json, "creator", 0, INT32_MAX, &creator);
	fields_number(&f, json, "start", 0, INT64_MAX, &start);
	fields_number(&f, json, "namespaces", 0, UINT32_MAX, &namespaces);
	const char *texts[] = {fields_string(&f, json, "bundle"), fields_string(&f, json, "rootfs"),
			       fields_string(&f, json, "cgroup"),
			       fields_string(&f, json, "created"), fields_string(&f, json, "unit")};
	o.id = xstrdup(id);
	o.bundle = xstrdup(texts[0] ? texts[0] : "");
	o.rootfs = xstrdup(texts[1] ? texts[1] : "");
	o.cgroup = xstrdup(texts[2] ? texts[2] : "");
	o.created = xstrdup(texts[3] ? texts[3] : "");
	o.unit = xstrdup(texts[4] ? texts[4] : "");
	o.pid = (pid_t)pid;
	o.creator = (pid_t)creator;
	o.start = (uint64_t)start;
	o.namespaces = (unsigned)namespaces;
	json_decref(json);
	if (f.bad || fields_load(config, CONFIG_MAX, &o.config, err) < 0)
		return error_wrap(err, "container '%s'", id);
	*out = o;
	oci_init(&o);
	return 0;
}

int oci_put(const char *folder, const char *name, const char *text, size_t len, mode_t mode,
	    struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	_cleanup_free_ char *fresh = xasprintf("%s/.%s.new", folder, name);
	_cleanup_close_ int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "write '%s'", path);
	if (file_write_all(fd, text, len, err) < 0 || rename(fresh, path) < 0) {
		unlink(fresh);
		return error_set(err, ERROR_SYSTEM, errno, "write '%s'", path);
	}
	return 0;
}

int oci_save(const struct oci *o, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", o->id,
				 "bundle", o->bundle, "rootfs", o->rootfs, "cgroup", o->cgroup,
				 "unit", o->unit, "created", o->created, "pid", (json_int_t)o->pid,
				 "creator", (json_int_t)o->creator, "start", (json_int_t)o->start,
				 "namespaces", (json_int_t)o->namespaces);

	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	if (!text)
		return error_set(err, ERROR_INVALID, 0, "a path of the bundle is not UTF-8");
	return oci_put(o->folder, "state.json", text, strlen(text), 0600, err);
}

void oci_remove_folder(const struct oci *o)
{
	static const char *const names[] = {"start", "config.json", "state.json",
					    ".config.json.new", ".state.json.new"};
	_cleanup_close_ int dir = open(o->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(names); i++)
		unlinkat(dir, names[i], 0);
	rmdir(o->folder);
}

int oci_remove_cgroup(const struct oci *o, struct error *err)
{
	struct error what = ERROR_INIT;

	if (hierarchy_remove(o->cgroup, err) < 0)
		return -1;
	/* an empty one goes by itself as well: without systemd's word for it nothing is wrong */
	if (*o->unit && scope_stop(o->unit, &what) < 0)
		oci_warn(&what);
	return 0;
}

enum oci_status oci_status(const struct oci *o)
{
	_cleanup_free_ char *gate = xasprintf("%s/start", o->folder);

	if (!o->pid) /* being created, or what is left of that */
		return status_process_is(o->creator, o->start) ? OCI_CREATING : OCI_STOPPED;
	if (!status_process_is(o->pid, o->start))
		return OCI_STOPPED;
	if (hierarchy_path_is_frozen(o->cgroup))
		return OCI_PAUSED;
	return file_exists(AT_FDCWD, gate) ? OCI_CREATED : OCI_RUNNING;
}

const char *oci_status_name(enum oci_status s)
{
	static const char *const names[] = {"creating", "created", "running", "paused", "stopped"};

	return names[s];
}

char *oci_state_text(const struct oci *o, enum oci_status status, bool pretty)
{
	json_t *json = json_object(), *annotations = json_object_get(o->config, "annotations");
	char *text;

	json_object_set_new(json, "ociVersion", json_string(BUNDLE_VERSION));
	json_object_set_new(json, "id", json_string(o->id));
	json_object_set_new(json, "status", json_string(oci_status_name(status)));
	json_object_set_new(json, "pid", json_integer(status == OCI_STOPPED ? 0 : o->pid));
	json_object_set_new(json, "bundle", json_string(o->bundle));
	if (pretty) {
		json_object_set_new(json, "rootfs", json_string(o->rootfs));
		json_object_set_new(json, "created", json_string(o->created));
		json_object_set_new(json, "owner", json_string("root"));
	}
	if (json_object_size(annotations))
		json_object_set(json, "annotations", annotations);
	text = json_dumps(json, pretty ? JSON_INDENT(2) : JSON_COMPACT);
	json_decref(json);
	return text ? text : xstrdup("{}");
}

int oci_pidfd(const struct oci *o, int *out, struct error *err)
{
	_cleanup_close_ int fd = o->pid > 0 ? (int)syscall(SYS_pidfd_open, o->pid, 0) : -1;

	/* looked at while it is held: the number cannot have gone to another process since */
	if (fd < 0 || !status_process_is(o->pid, o->start))
		return error_set(err, ERROR_NOT_FOUND, 0, "container '%s' is not running", o->id);
	*out = TAKE_FD(fd);
	return 0;
}

void oci_unmount(const struct oci *o)
{
	if (!(o->namespaces & CLONE_NEWNS))
		umount2(o->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW);
}

int oci_run_hooks(const struct oci *o, enum hook_kind kind, enum oci_status status,
		  struct error *err)
{
	_cleanup_free_ char *text = oci_state_text(o, status, false);
	struct hook_list lists[HOOK_KINDS];
	struct fields f = {err, false};
	int failed = 0;

	hook_lists_read(&f, json_object_get(o->config, "hooks"), lists);
	for (unsigned i = 0; i < lists[kind].n && !f.bad; i++) {
		struct hook_list one = {&lists[kind].v[i], 1};
		struct error what = ERROR_INIT;

		if (hook_run_all(&one, text, &what) == 0)
			continue;
		/* those of the end go on, whatever one of them says */
		if (kind == HOOK_POSTSTART || kind == HOOK_POSTSTOP) {
			oci_warn(&what);
			continue;
		}
		if (err)
			*err = what;
		failed = -1;
		break;
	}
	hook_lists_release(lists);
	return f.bad ? -1 : failed;
}
