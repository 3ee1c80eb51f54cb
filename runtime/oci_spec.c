/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"
#include "runtime/oci.h"

static const char *const caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};

static const char *const masked[] = {"/proc/acpi",        "/proc/asound",        "/proc/kcore",
				     "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
				     "/proc/timer_stats", "/proc/sched_debug",   "/sys/firmware",
				     "/proc/scsi"};

static const char *const protected[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
					"/proc/sysrq-trigger"};

static const struct {
	const char *dest, *type, *source, *options[7];
} mounts[] = {
	{"/proc", "proc", "proc", {NULL}},
	{"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k", NULL}},
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL}},
	{"/dev/shm",
	 "tmpfs",
	 "shm",
	 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k", NULL}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev", NULL}},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro", NULL}},
	{"/sys/fs/cgroup",
	 "cgroup",
	 "cgroup",
	 {"nosuid", "noexec", "nodev", "relatime", "ro", NULL}},
};

static json_t *texts(const char *const *v, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n && v[i]; i++)
		json_array_append_new(array, json_string(v[i]));
	return array;
}

static json_t *process(void)
{
	json_t *capabilities = json_object();
	static const char *const sets[] = {"bounding", "effective", "permitted"};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		json_object_set_new(capabilities, sets[i], texts(caps, ARRAY_SIZE(caps)));
	return json_pack("{s:b, s:{s:i, s:i}, s:[s], s:[s, s], s:s, s:o, s:[{s:s, s:i, s:i}], s:b}",
			 "terminal", 1, "user", "uid", 0, "gid", 0, "args", "sh", "env",
			 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			 "TERM=xterm", "cwd", "/", "capabilities", capabilities, "rlimits", "type",
			 "RLIMIT_NOFILE", "hard", 1024, "soft", 1024, "noNewPrivileges", 1);
}

static json_t *mount_list(void)
{
	json_t *array = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		json_t *one = json_pack("{s:s, s:s, s:s}", "destination", mounts[i].dest, "type",
					mounts[i].type, "source", mounts[i].source);

		if (mounts[i].options[0])
			json_object_set_new(
				one, "options",
				texts(mounts[i].options, ARRAY_SIZE(mounts[i].options)));
		json_array_append_new(array, one);
	}
	return array;
}

char *oci_spec(void)
{
	json_t *config = json_pack(
		"{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:{s:{s:[{s:b, s:s}]}, s:[{s:s}, {s:s}, {s:s}, "
		"{s:s}, {s:s}, {s:s}], s:o, s:o}}",
		"ociVersion", BUNDLE_VERSION, "process", process(), "root", "path", "rootfs",
		"readonly", 1, "hostname", "berth-oci", "mounts", mount_list(), "linux",
		"resources", "devices", "allow", 0, "access", "rwm", "namespaces", "type", "pid",
		"type", "network", "type", "ipc", "type", "uts", "type", "mount", "type", "cgroup",
		"maskedPaths", texts(masked, ARRAY_SIZE(masked)), "readonlyPaths",
		texts(protected, ARRAY_SIZE(protected)));
	char *text = config ? json_dumps(config, JSON_INDENT(4)) : NULL;

	json_decref(config);
	return text ? text : xstrdup("{}");
}
