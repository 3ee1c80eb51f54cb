/* SPDX-License-Identifier: MIT */
/* What this runtime can do (runtime-spec, features.md), from the tables that it reads configs by.
 */
#include <ctype.h>
#include <seccomp.h>
#include <string.h>
#include <sys/capability.h>

#include "base/cleanup.h"
#include "runtime/bundle.h"
#include "runtime/oci.h"

static json_t *names(const char *(*get)(size_t))
{
	json_t *list = json_array();
	const char *name;

	for (size_t i = 0; (name = get(i)); i++)
		json_array_append_new(list, json_string(name));
	return list;
}

static json_t *capabilities(void)
{
	json_t *list = json_array();

	for (cap_value_t i = 0; i < cap_max_bits(); i++) {
		char *name = cap_to_name(i);

		/* a number where this library has no name for it */
		for (char *p = name; p && *p; p++)
			*p = (char)toupper((unsigned char)*p);
		if (name && !strncmp(name, "CAP_", 4))
			json_array_append_new(list, json_string(name));
		cap_free(name);
	}
	return list;
}

static json_t *architectures(void)
{
	static const char *const known[] = {
		"X86",       "X86_64", "X32",      "ARM",         "AARCH64", "MIPS",  "MIPS64",
		"MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC",     "PPC64", "PPC64LE",
		"S390",      "S390X",  "PARISC",   "PARISC64",    "RISCV64"};
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		json_array_append_new(list, json_sprintf("SCMP_ARCH_%s", known[i]));
	return list;
}

static json_t *seccomp_features(void)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions",
			 names(bundle_seccomp_action), "operators", names(bundle_seccomp_operator),
			 "archs", architectures(), "knownFlags", names(bundle_seccomp_flag),
			 "supportedFlags", names(bundle_seccomp_flag));
}

static json_t *linux_features(void)
{
	return json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b}, "
			 "s:{s:{s:b}}}",
			 "namespaces", names(bundle_namespace), "capabilities", capabilities(),
			 "cgroup", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 0, "rdma", 1,
			 "seccomp", seccomp_features(), "apparmor", "enabled", 1, "selinux",
			 "enabled", 1, "intelRdt", "enabled", 0, "mountExtensions", "idmap",
			 "enabled", 1);
}

char *oci_features(void)
{
	const struct scmp_version *v = seccomp_version();
	_cleanup_free_ char *seccomp = xasprintf("%u.%u.%u", v->major, v->minor, v->micro);
	json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s, s:s}, s:[]}", "ociVersionMin",
				 "1.0.0", "ociVersionMax", BUNDLE_VERSION, "hooks",
				 names(hook_kind_name), "mountOptions", names(bundle_mount_option),
				 "linux", linux_features(), "annotations", "berth-oci.version",
				 BERTH_VERSION, "io.github.seccomp.libseccomp.version", seccomp,
				 "potentiallyUnsafeConfigAnnotations");
	char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

	json_decref(json);
	return text ? text : xstrdup("{}");
}
