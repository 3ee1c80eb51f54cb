/* SPDX-License-Identifier: MIT */
/* registry:...: passwords for registries of container images, and what is in them. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/imagetag.h"
#include "control/listing.h"
#include "control/registry.h"

static int check_host(const char *host, struct error *err)
{
	if (registry_is_host(host))
		return 0;
	return error_set(err, ERROR_INVALID, 0,
			 "'%.200s' is no registry: expected HOST or HOST:PORT, such as docker.io",
			 host);
}

/* registry:login HOST USER [PASSWORD|-] */
static int login(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf typed = STRBUF_INIT;
	const char *host = rq->args.v[0], *user = rq->args.v[1];
	const char *password = rq->args.n > 2 ? rq->args.v[2] : "-";
	if (check_host(host, err) < 0)
		return -1;
	if (*user == '-' || !*user)
		return error_set(err, ERROR_USAGE, 0, "'%.80s' is no user's name", user);
	if (strcmp(password, "-") == 0) {
		strbuf_cap(&typed, 8192);
		if (strbuf_read_fd(&typed, STDIN_FILENO, err) < 0)
			return -1;
		strbuf_trim(&typed);
		password = typed.data;
	}
	if (!*password)
		return error_set(err, ERROR_USAGE, 0, "the password is empty");
	if (registry_login(c, host, user, password, err) < 0)
		return -1;
	answer_step(c, "'%s' knows Berth as '%s' from now on", host, user);
	return 0;
}

static int logout(struct context *c, struct request *rq, struct error *err)
{
	if (check_host(rq->args.v[0], err) < 0 || registry_logout(c, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Forgot the password for '%s'", rq->args.v[0]);
	return 0;
}

static int search(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"tag", NULL};
	_cleanup_strvec_ struct strvec tags = STRVEC_INIT;
	const char *ref = rq->args.v[0], *word = rq->args.n > 1 ? rq->args.v[1] : "";
	_cleanup_free_ char *full = imagetag_full(ref);
	size_t len = strlen(ref);
	if (!imagetag_is_name(ref) || strlen(full) == len)
		return error_set(err, ERROR_INVALID, 0,
				 "'%.200s' is no repository: expected NAME or HOST/NAME, without a "
				 "tag",
				 ref);
	if (registry_tags(c, ref, &tags, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < tags.n; i++) {
		if (!strstr(tags.v[i], word))
			continue;
		json_t *row = json_object();
		json_object_set_new(row, "tag", listing_text(tags.v[i]));
		json_array_append_new(rows, row);
	}
	_cleanup_free_ char *header = xasprintf("Tags of %s", ref);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

static int check_hosts(const char *list, struct error *err)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");
		_cleanup_free_ char *host = xstrndup(p, n);
		if (check_host(host, err) < 0)
			return -1;
		p += n + (p[n] == ',');
	}
	return 0;
}

static int set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	if (rq->app.id)
		return error_set(err, ERROR_USAGE, 0, "%s is for --global only", key);
	if (strcmp(key, "insecure") != 0)
		return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there is insecure",
				 key);
	if ((value && check_hosts(value, err) < 0) ||
	    setting_set(&c->db, 0, "registry-insecure", value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, value);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};

const struct command registry_commands[] = {
	{"registry:login", "HOST USER [PASSWORD|-]", "Keep a password for a registry", 0, 2, 3,
	 NULL, login},
	{"registry:logout", "HOST", "Forget the password for a registry", 0, 1, 1, NULL, logout},
	{"registry:search", "REPOSITORY [WORD]", "List the tags of a repository", COMMAND_API, 1, 2,
	 format_only, search},
	{"registry:set", "--global KEY [VALUE]", "Set insecure: hosts that are asked without TLS",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, set},
	{0},
};
