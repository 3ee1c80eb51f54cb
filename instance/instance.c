/* SPDX-License-Identifier: MIT */
#include "instance/instance.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

static int find_user(const struct instance *inst, const char *key, const char *fallback,
		     char **out_name, uid_t *out_uid, gid_t *out_gid, struct error *err)
{
	const char *name = instance_setting(inst, "users", key, fallback);
	const struct passwd *pw = getpwnam(name);
	if (!pw)
		return error_set(
			err, ERROR_NOT_FOUND, 0,
			"no user '%s' on this machine: 'make install' or 'scripts/deps run' "
			"makes it",
			name);
	*out_name = xstrdup(name);
	*out_uid = pw->pw_uid;
	*out_gid = pw->pw_gid;
	return 0;
}

static int set_folders(struct instance *inst, const char *root, struct error *err)
{
	if (!root)
		root = getenv("BERTH_ROOT");
	if (!root || !*root || strcmp(root, "/") == 0) {
		inst->root = xstrdup("");
		inst->etc = xstrdup("/etc/berth");
		inst->lib = xstrdup("/var/lib/berth");
		inst->run = xstrdup("/run/berth");
		return 0;
	}
	char real[PATH_MAX];
	if (!realpath(root, real))
		return error_set(err, ERROR_NOT_FOUND, errno, "instance root '%s'", root);
	if (strlen(real) > INSTANCE_ROOT_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "instance root '%s' is longer than %d characters, too long for "
				 "socket paths",
				 real, INSTANCE_ROOT_MAX);
	inst->root = xstrdup(real);
	inst->etc = xasprintf("%s/etc", real);
	inst->lib = xasprintf("%s/lib", real);
	inst->run = xasprintf("%s/run", real);
	return 0;
}

static int read_settings(struct instance *inst, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/berth.conf", inst->etc);
	struct error why = ERROR_INIT;
	if (ini_read(&inst->settings, path, &why) < 0) {
		if (why.code != ERROR_NOT_FOUND || *inst->root) {
			*err = why;
			return -1;
		}
	}
	unsigned long long number;
	if (instance_setting_u64(inst, "instance", "number", 0, INSTANCE_NUMBERS - 1, 0, &number,
				 err) < 0)
		return -1;
	inst->number = (unsigned)number;
	return 0;
}

int instance_open(struct instance *inst, const char *root, struct error *err)
{
	*inst = (struct instance){.settings = INI_INIT};
	inst->prefix = file_prefix();
	inst->share = xasprintf("%s/share/berth", inst->prefix);
	if (set_folders(inst, root, err) < 0 || read_settings(inst, err) < 0 ||
	    find_user(inst, "berth", "berth", &inst->user, &inst->uid, &inst->gid, err) < 0 ||
	    find_user(inst, "web", "berth-web", &inst->web_user, &inst->web_uid, &inst->web_gid,
		      err) < 0 ||
	    find_user(inst, "plugin", "berth-plugin", &inst->plugin_user, &inst->plugin_uid,
		      &inst->plugin_gid, err) < 0) {
		instance_release(inst);
		return -1;
	}
	return 0;
}

void instance_release(struct instance *inst)
{
	free(inst->root);
	free(inst->etc);
	free(inst->lib);
	free(inst->run);
	free(inst->prefix);
	free(inst->share);
	free(inst->user);
	free(inst->web_user);
	free(inst->plugin_user);
	ini_release(&inst->settings);
	*inst = (struct instance){.settings = INI_INIT};
}

static char *below(const char *folder, const char *fmt, va_list ap)
{
	struct strbuf sb = STRBUF_INIT;
	strbuf_addf(&sb, "%s/", folder);
	strbuf_vaddf(&sb, fmt, ap);
	return strbuf_detach(&sb);
}

char *instance_lib(const struct instance *inst, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *path = below(inst->lib, fmt, ap);
	va_end(ap);
	return path;
}

char *instance_run(const struct instance *inst, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *path = below(inst->run, fmt, ap);
	va_end(ap);
	return path;
}

const char *instance_setting(const struct instance *inst, const char *section, const char *key,
			     const char *fallback)
{
	const char *value = ini_get(&inst->settings, section, key);
	return value ? value : fallback;
}

int instance_setting_u64(const struct instance *inst, const char *section, const char *key,
			 unsigned long long min, unsigned long long max,
			 unsigned long long fallback, unsigned long long *out, struct error *err)
{
	const char *value = ini_get(&inst->settings, section, key);
	if (!value) {
		*out = fallback;
		return 0;
	}
	if (str_to_u64(value, min, max, out) < 0)
		return error_set(err, ERROR_INVALID, 0,
				 "setting [%s] %s: '%s' is not a whole number from %llu to %llu",
				 section, key, value, min, max);
	return 0;
}

uid_t instance_range_base(const struct instance *inst, unsigned range)
{
	return (inst->number + 1) * INSTANCE_RANGES * INSTANCE_RANGE_SIZE +
	       range * INSTANCE_RANGE_SIZE;
}

int instance_subnet(const struct instance *inst, uint32_t *out, struct error *err)
{
	const char *text = instance_setting(inst, "network", "subnet", NULL);
	struct in_addr addr;
	if (!text) {
		*out = (10u << 24) | ((200 + inst->number) << 16);
		return 0;
	}
	_cleanup_free_ char *copy = xstrdup(text);
	char *slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, copy, &addr) != 1 || (ntohl(addr.s_addr) & 0xffff) ||
	    (slash && strcmp(slash + 1, "16") != 0))
		return error_set(
			err, ERROR_INVALID, 0,
			"setting [network] subnet: '%s' is not a /16 such as '10.200.0.0/16'",
			text);
	*out = ntohl(addr.s_addr);
	return 0;
}
