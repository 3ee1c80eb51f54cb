/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockermount.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

void docker_mount_release(struct docker_mount *m)
{
	free(m->id);
	free(m->from);
	free(m->source);
	free(m->target);
	free(m->env);
	*m = (struct docker_mount){0};
}

static int read_type(const char *value, enum docker_mount_type *out, struct error *err)
{
	static const char *const names[] = {[DOCKER_MOUNT_BIND] = "bind",
					    [DOCKER_MOUNT_CACHE] = "cache",
					    [DOCKER_MOUNT_SECRET] = "secret",
					    [DOCKER_MOUNT_TMPFS] = "tmpfs"};

	for (unsigned i = DOCKER_MOUNT_BIND; i < ARRAY_SIZE(names); i++) {
		if (str_equal(value, names[i])) {
			*out = (enum docker_mount_type)i;
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, 0,
			 "--mount knows the types bind, cache, secret and tmpfs, not '%.40s'",
			 value);
}

static int read_sharing(const char *value, enum docker_mount_sharing *out, struct error *err)
{
	static const char *const names[] = {[DOCKER_SHARED] = "shared",
					    [DOCKER_PRIVATE] = "private",
					    [DOCKER_LOCKED] = "locked"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_equal(value, names[i])) {
			*out = (enum docker_mount_sharing)i;
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, 0, "sharing is shared, private or locked, not '%.40s'",
			 value);
}

/* uid, gid and mode; variables are known only when they are. */
static int read_number(struct docker_mount *m, const char *key, const char *value, bool *out_known,
		       struct error *err)
{
	bool mode = str_equal(key, "mode");
	unsigned *to = str_equal(key, "uid") ? &m->uid : str_equal(key, "gid") ? &m->gid : NULL;
	char *end = NULL;
	unsigned long n;

	*out_known = mode || to;
	if (!*out_known || strchr(value, '$'))
		return 0;
	n = strtoul(value, &end, mode ? 8 : 10);
	if (*value < '0' || *value > '9' || *end || n > (mode ? 07777 : 65535))
		return error_set(err, ERROR_INVALID, 0, "%s is a number%s, not '%.40s'", key,
				 mode ? " such as 0755" : " from 0 to 65535", value);
	*(to ? to : &m->mode) = (unsigned)n;
	m->owned = true;
	return 0;
}

static bool is_true(const char *value)
{
	return str_equal(value, "") || str_equal(value, "true") || str_equal(value, "1");
}

static int read_field(struct docker_mount *m, const char *key, const char *value, struct error *err)
{
	const struct {
		const char *key;
		char **to;
	} texts[] = {{"id", &m->id},      {"from", &m->from},         {"source", &m->source},
		     {"src", &m->source}, {"env", &m->env},           {"target", &m->target},
		     {"dst", &m->target}, {"destination", &m->target}};
	bool known;

	if (str_equal(key, "type"))
		return read_type(value, &m->type, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!str_equal(key, texts[i].key))
			continue;
		free(*texts[i].to);
		*texts[i].to = xstrdup(value);
		return 0;
	}
	if (str_equal(key, "required")) {
		m->required = is_true(value);
		return 0;
	}
	if (str_equal(key, "sharing") && !strchr(value, '$'))
		return read_sharing(value, &m->sharing, err);
	if (read_number(m, key, value, &known, err) < 0)
		return -1;
	/* what holds here anyway, and a limit that is the build's */
	if (known || str_equal(key, "ro") || str_equal(key, "readonly") || str_equal(key, "rw") ||
	    str_equal(key, "readwrite") || str_equal(key, "sharing") || str_equal(key, "size"))
		return 0;
	return error_set(err, ERROR_INVALID, 0, "--mount knows no '%.40s'", key);
}

int docker_mount_parse(struct docker_mount *m, const char *text, struct error *err)
{
	*m = (struct docker_mount){.type = DOCKER_MOUNT_BIND, .mode = DOCKER_MODE_NONE};
	for (const char *s = text; *s;) {
		size_t len = strcspn(s, ",");
		_cleanup_free_ char *field = xstrndup(s, len);
		char *equals = strchr(field, '=');
		if (equals)
			*equals = '\0';
		if (read_field(m, field, equals ? equals + 1 : "", err) < 0)
			return -1;
		s += len + (s[len] == ',');
	}
	if (m->type == DOCKER_MOUNT_CACHE && (m->from || m->source))
		return error_set(err, ERROR_INVALID, 0,
				 "--mount=type=cache begins empty: from and source are not done");
	if (m->type == DOCKER_MOUNT_SECRET && !m->id && m->source)
		m->id = xstrdup(m->source);
	if (m->type == DOCKER_MOUNT_SECRET && !m->id && m->target)
		m->id = xstrdup(strrchr(m->target, '/') ? strrchr(m->target, '/') + 1 : m->target);
	if (m->type == DOCKER_MOUNT_SECRET && !m->id)
		return error_set(err, ERROR_INVALID, 0, "--mount=type=secret needs id=NAME");
	if (m->type != DOCKER_MOUNT_SECRET && !m->target)
		return error_set(err, ERROR_INVALID, 0, "--mount needs target=PATH");
	return 0;
}
