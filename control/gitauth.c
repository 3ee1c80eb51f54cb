/* SPDX-License-Identifier: MIT */
#include "control/gitauth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "control/app.h"
#include "instance/name.h"

#define NETRC_MAX (1u << 20)
#define HOSTS_MAX (1u << 20)
#define SCAN_TIMEOUT_MS 20000
#define ALLOWED "git-allowed-hosts"

char *gitauth_folder(const struct context *c)
{
	return instance_lib(c->inst, "git");
}

void gitauth_advise(enum remote_trouble trouble, const char *host, struct strbuf *out)
{
	switch (trouble) {
	case REMOTE_PLAIN_HTTP:
		strbuf_addstr(out, "use https://, or allow it with "
				   "'git:set --global allow-http true'");
		break;
	case REMOTE_HOST_KEY:
		strbuf_addf(out, "'git:allow-host %s' gets it", host);
		break;
	case REMOTE_ACCESS:
		strbuf_addf(out,
			    "give it a password with 'git:auth %.*s USER PASSWORD', or the key of "
			    "'git:public-key'",
			    (int)strcspn(host, ":"), host);
		break;
	}
}

static int open_folder(struct context *c, int *out, struct error *err)
{
	_cleanup_free_ char *path = gitauth_folder(c);

	if (file_make_dirs(path, 0700, err) < 0)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	*out = fd;
	return 0;
}

static int read_optional(int folder, const char *name, size_t max, struct strbuf *out,
			 struct error *err)
{
	struct error why = ERROR_INIT;

	if (file_read(folder, name, max, out, &why) == 0 || why.code == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* "HOST" or "HOST:PORT"; HOST a name or an IPv4 address, in lower case. */
static int check_host(const char *host, bool with_port, struct error *err)
{
	const char *colon = strchr(host, ':');
	_cleanup_free_ char *name = xstrndup(host, colon ? (size_t)(colon - host) : strlen(host));
	unsigned long long port;
	struct in_addr address;

	if (colon && (!with_port || str_to_u64(colon + 1, 1, 65535, &port) < 0))
		return error_set(err, ERROR_INVALID, 0, "'%.80s' is not a host%s", host,
				 with_port ? " or HOST:PORT" : ": leave the port out");
	if (name[0] != '*' &&
	    (inet_pton(AF_INET, name, &address) == 1 || name_check_domain(name, NULL) == 0))
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%.80s' is not a host: a name such as github.com",
			 host);
}

/* A word of netrc: curl splits at white space, and quotes would start a string. */
static int check_word(const char *what, const char *s, struct error *err)
{
	if (!*s || strlen(s) > 1000)
		return error_set(err, ERROR_INVALID, 0, "the %s has 1 to 1000 characters", what);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '"' || *p == '\\')
			return error_set(err, ERROR_INVALID, 0,
					 "the %s may hold no space, quote or backslash", what);
	return 0;
}

/* Appends the lines of TEXT that do not start with PREFIX. */
static void keep_others(const struct strbuf *text, const char *prefix, struct strbuf *out)
{
	for (const char *p = text->data; *p;) {
		size_t len = strcspn(p, "\n");
		if (len && !str_starts(p, prefix))
			strbuf_addf(out, "%.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
}

int gitauth_set(struct context *c, const char *host, const char *user, const char *password,
		struct error *err)
{
	_cleanup_strbuf_ struct strbuf before = STRBUF_INIT, after = STRBUF_INIT;
	_cleanup_close_ int folder = -1;

	if (check_host(host, false, err) < 0 || (user && check_word("user", user, err) < 0) ||
	    (user && check_word("password", password, err) < 0) ||
	    open_folder(c, &folder, err) < 0 ||
	    read_optional(folder, ".netrc", NETRC_MAX, &before, err) < 0)
		return -1;
	_cleanup_free_ char *prefix = xasprintf("machine %s ", host);
	keep_others(&before, prefix, &after);
	if (user)
		strbuf_addf(&after, "%slogin %s password %s\n", prefix, user, password);
	return file_replace(folder, ".netrc", after.data, after.len, 0600, err);
}

int gitauth_get(struct context *c, const char *host, struct strbuf *out_user,
		struct strbuf *out_password, bool *out_found, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int folder = -1;

	if (check_host(host, false, err) < 0 || open_folder(c, &folder, err) < 0 ||
	    read_optional(folder, ".netrc", NETRC_MAX, &text, err) < 0)
		return -1;
	_cleanup_free_ char *prefix = xasprintf("\nmachine %s login ", host);
	_cleanup_free_ char *lines = xasprintf("\n%s", text.data);
	const char *at = strstr(lines, prefix);
	*out_found = at != NULL;
	if (!at)
		return 0;
	at += strlen(prefix);
	size_t len = strcspn(at, " \n");
	strbuf_add(out_user, at, len);
	at = str_skip(at + len, " password ");
	if (at)
		strbuf_add(out_password, at, strcspn(at, "\n"));
	return 0;
}

int gitauth_make_key(struct context *c, struct error *err)
{
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;
	_cleanup_child_ struct child keygen;
	_cleanup_close_ int folder = -1;

	child_init(&keygen);
	if (open_folder(c, &folder, err) < 0)
		return -1;
	if (file_exists(folder, "id_ed25519"))
		return error_set(err, ERROR_EXISTS, 0,
				 "there is a deploy key already: 'git:public-key' shows it");
	_cleanup_free_ char *path = instance_lib(c->inst, "git/id_ed25519");
	child_args(&keygen, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "berth", "-f",
		   path, NULL);
	strbuf_cap(&noise, 4096);
	keygen.capture_err = &noise;
	return child_run(&keygen, err);
}

int gitauth_public_key(struct context *c, struct strbuf *out, struct error *err)
{
	_cleanup_close_ int folder = -1;
	struct error why = ERROR_INIT;

	if (open_folder(c, &folder, err) < 0)
		return -1;
	if (file_read(folder, "id_ed25519.pub", 4096, out, &why) == 0)
		return 0;
	if (why.code == ERROR_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "there is no deploy key: make one with 'git:generate-deploy-key'");
	*err = why;
	return -1;
}

/* FAMILY is an option of ssh-keyscan(1), NULL: whichever address comes first. */
static void scan_family(const char *host, const char *family, struct strbuf *out)
{
	_cleanup_child_ struct child keyscan;
	const char *colon = strchr(host, ':');
	_cleanup_free_ char *name = xstrndup(host, strcspn(host, ":"));

	child_init(&keyscan);
	child_args(&keyscan, "ssh-keyscan", "-T", "5", "-p", colon ? colon + 1 : "22", NULL);
	if (family)
		child_args(&keyscan, family, NULL);
	child_args(&keyscan, "--", name, NULL);
	keyscan.capture = out;
	keyscan.timeout_ms = SCAN_TIMEOUT_MS;
	/* nothing listens there: a host for https only */
	if (child_run(&keyscan, NULL) < 0)
		strbuf_reset(out);
}

/* The keys with which ssh answers at HOST, as lines of known_hosts; empty when it does not. */
static void scan(const char *host, struct strbuf *out)
{
	scan_family(host, NULL, out);
	/* it does not go on to the next address when the first refuses, or is of an IPv6 that leads
	 * nowhere */
	if (out->len == 0)
		scan_family(host, "-4", out);
}

static void fingerprints(const struct strbuf *keys, struct strbuf *out)
{
	_cleanup_child_ struct child keygen;

	child_init(&keygen);
	child_args(&keygen, "ssh-keygen", "-l", "-f", "-", NULL);
	keygen.input = keys->data;
	keygen.input_len = keys->len;
	keygen.capture = out;
	if (child_run(&keygen, NULL) < 0)
		strbuf_reset(out);
}

static int keep_keys(struct context *c, const char *host, const struct strbuf *keys,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf before = STRBUF_INIT, after = STRBUF_INIT;
	const char *colon = strchr(host, ':');
	_cleanup_free_ char *prefix =
		colon && strcmp(colon, ":22") != 0
			? xasprintf("[%.*s]%s ", (int)(colon - host), host, colon)
			: xasprintf("%.*s ", (int)strcspn(host, ":"), host);
	_cleanup_close_ int folder = -1;

	if (open_folder(c, &folder, err) < 0 ||
	    read_optional(folder, "known_hosts", HOSTS_MAX, &before, err) < 0)
		return -1;
	keep_others(&before, prefix, &after);
	keep_others(keys, "#", &after);
	return file_replace(folder, "known_hosts", after.data, after.len, 0600, err);
}

int gitauth_allow(struct context *c, const char *host, struct strbuf *out_fingerprints,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf keys = STRBUF_INIT;
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;

	if (check_host(host, true, err) < 0 || gitauth_allowed(c, &hosts, err) < 0)
		return -1;
	strbuf_cap(&keys, 65536);
	scan(host, &keys);
	if (keys.len) {
		if (keep_keys(c, host, &keys, err) < 0)
			return -1;
		fingerprints(&keys, out_fingerprints);
	}
	if (strvec_has(&hosts, host))
		return 0;
	_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;
	for (size_t i = 0; i < hosts.n; i++)
		strbuf_addf(&value, "%s ", hosts.v[i]);
	strbuf_addstr(&value, host);
	return setting_set(&c->db, 0, ALLOWED, value.data, err);
}

int gitauth_allowed(struct context *c, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *value = NULL;

	if (setting_get(&c->db, 0, ALLOWED, "", &value, err) < 0)
		return -1;
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, " ");
		if (len)
			strvec_push_take(out, xstrndup(p, len));
		p += len + (p[len] == ' ');
	}
	return 0;
}

int gitauth_allows_http(struct context *c, bool *out, struct error *err)
{
	_cleanup_free_ char *value = NULL;

	if (setting_get(&c->db, 0, "allow-http", "false", &value, err) < 0)
		return -1;
	*out = strcmp(value, "true") == 0;
	return 0;
}
