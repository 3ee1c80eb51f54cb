/* SPDX-License-Identifier: MIT */
#include "base/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* Starts C with a pipe as its stdout. */
static int start_with_pipe(struct child *c, int *out_fd, struct error *err)
{
	_cleanup_close_ int reader = -1, writer = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make pipe");
	reader = fds[0];
	writer = fds[1];
	c->out = writer;
	c->die_with_parent = true;
	if (child_start(c, err) < 0)
		return -1;
	*out_fd = TAKE_FD(reader);
	return 0;
}

int fetch_folder(const char *path, struct child *tar, int *out_fd, struct error *err)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return error_set(err, ERROR_NOT_FOUND, errno, "folder '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a folder", path);
	child_args(tar, "tar", "--create", "--file=-", "--sort=name", "--owner=0", "--group=0",
		   "--numeric-owner", "--exclude=./.git", "--hard-dereference", NULL);
	strvec_pushf(&tar->argv, "--directory=%s", real);
	strvec_push(&tar->argv, ".");
	return start_with_pipe(tar, out_fd, err);
}

int fetch_finish(struct child *feeder, int fd, struct error *err)
{
	char rest[4096];

	while (read(fd, rest, sizeof(rest)) > 0)
		;
	if (child_wait(feeder, err) < 0)
		return -1;
	if (feeder->status != 0)
		return error_set(err, ERROR_FAILED, 0,
				 "'%s' ended with status %d before all was read", feeder->argv.v[0],
				 child_exit_code(feeder->status));
	return 0;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

int fetch_check_url(const char *url, struct error *err)
{
	static const char *const schemes[] = {"https://", "ssh://", "git://", "file:///"};
	const char *colon = strchr(url, ':');

	if (strlen(url) <= 1024 && is_printable(url) && url[0] != '-') {
		for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
			const char *rest = str_skip(url, schemes[i]);

			/* a host that starts with "-" would be an option of ssh(1) */
			if (rest && rest[0] && rest[0] != '-')
				return 0;
		}
		/* scp's form: [user@]host:path, where no slash comes before the colon */
		if (colon && colon != url && colon[1] && colon[1] != ':' && !strstr(url, "://") &&
		    strcspn(url, "/") > (size_t)(colon - url))
			return 0;
	}
	return error_set(
		err, ERROR_INVALID, 0,
		"'%.128s' is no address of a git repository: use https://, ssh://, git://, "
		"file:/// or HOST:PATH",
		url);
}

int fetch_check_committish(const char *s, struct error *err)
{
	size_t len = strlen(s);

	if (len > 0 && len <= 255 && s[0] != '-' && !strstr(s, "..") &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == len)
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%.64s' is no branch, tag or commit", s);
}

/* How this machine reaches others. */
static void pass_proxy(struct child *c)
{
	static const char *const pass[] = {"http_proxy",   "https_proxy",    "HTTPS_PROXY",
					   "no_proxy",     "NO_PROXY",       "SSL_CERT_FILE",
					   "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"};

	for (size_t i = 0; i < ARRAY_SIZE(pass); i++)
		if (getenv(pass[i]))
			strvec_setenv(&c->env, pass[i], getenv(pass[i]));
}

/* git without the repository's or the user's ideas: no prompt, no helper, only these transports. */
static void git_args(struct child *c, const char *git_dir)
{
	child_args(c, "git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never",
		   "-c", "gc.auto=0", NULL);
	strvec_push(&c->env, "GIT_ALLOW_PROTOCOL=https:ssh:git:file");
	strvec_push(&c->env, "GIT_TERMINAL_PROMPT=0");
	strvec_push(&c->env, "GIT_ASKPASS=/bin/false");
	strvec_push(&c->env, "GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=20");
	strvec_pushf(&c->env, "HOME=%s", git_dir);
	pass_proxy(c);
	c->die_with_parent = true;
	c->new_group = true;
	c->timeout_ms = FETCH_GIT_TIMEOUT_MS;
}

/* What is larger than any pack or plugin: git says "File too large" instead of filling the disk. */
static void cap_files(void *data)
{
	const struct rlimit limit = {FETCH_GIT_MAX_BYTES, FETCH_GIT_MAX_BYTES};

	(void)data;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* What git or ssh complained of first, which says more than their last line. */
static char *complaint(const struct strbuf *noise)
{
	for (const char *s = noise->data; *s;) {
		size_t len = strcspn(s, "\r\n");
		const char *text = str_skip(s, "fatal: ");

		if (len > 0 && !str_starts(s, "warning:") && !str_starts(s, "hint:"))
			return xasprintf("%.*s", (int)(len - (size_t)(text ? text - s : 0)),
					 text ? text : s);
		s += len + (s[len] != '\0');
	}
	return NULL;
}

static int run_git(struct child *c, struct strbuf *noise, struct error *err)
{
	struct error why = ERROR_INIT;

	strbuf_reset(noise);
	strbuf_cap(noise, 65536);
	c->capture_err = noise;
	c->in_child = cap_files;
	if (child_run(c, &why) == 0)
		return 0;
	_cleanup_free_ char *first = c->timed_out ? NULL : complaint(noise);
	if (!first) {
		*err = why;
		return -1;
	}
	return error_set(err, ERROR_FAILED, 0, "%s", first);
}

static int init_bare(const char *git_dir, struct error *err)
{
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;
	_cleanup_child_ struct child c;

	child_init(&c);
	git_args(&c, git_dir);
	child_args(&c, "init", "--bare", "--quiet", "--template=", "--", git_dir, NULL);
	return run_git(&c, &noise, err);
}

static int fetch_refs(const char *url, const char *refs, bool shallow, const char *git_dir,
		      struct strbuf *noise, struct error *err)
{
	_cleanup_child_ struct child c;

	child_init(&c);
	git_args(&c, git_dir);
	strvec_pushf(&c.argv, "--git-dir=%s", git_dir);
	child_args(&c, "fetch", "--quiet", "--no-tags", NULL);
	if (shallow)
		child_args(&c, "--depth=1", NULL);
	child_args(&c, "--", url, refs, NULL);
	return run_git(&c, noise, err) < 0 ? error_wrap(err, "fetch '%s'", url) : 0;
}

static bool may_be_id(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	return len >= 7 && len <= 64 && strspn(s, "0123456789abcdef") == len;
}

static int no_such_ref(const char *url, const char *committish, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, 0, "'%s' has no branch, tag or commit '%s'", url,
			 committish ? committish : "HEAD");
}

/* The wanted commit without its history; a commit's id may be anywhere in it, so that takes all. */
static int get_objects(const char *url, const char *committish, const char *git_dir,
		       struct error *err)
{
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;
	const char *ref = committish ? committish : "HEAD";
	struct error why = ERROR_INIT;

	if (may_be_id(committish))
		return fetch_refs(url, "+refs/*:refs/*", false, git_dir, &noise, err);
	if (fetch_refs(url, ref, true, git_dir, &noise, &why) == 0)
		return 0;
	if (strstr(noise.data, "couldn't find remote ref"))
		return no_such_ref(url, committish, err);
	/* a plain file server has no part of a history to give */
	if (strstr(noise.data, "dumb http"))
		return fetch_refs(url, ref, false, git_dir, &noise, err);
	*err = why;
	return -1;
}

int fetch_git_clone(const char *url, const char *committish, const char *git_dir,
		    char out_commit[FETCH_COMMIT_SIZE], struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_child_ struct child parse;

	child_init(&parse);
	if (fetch_check_url(url, err) < 0 ||
	    (committish && fetch_check_committish(committish, err) < 0) ||
	    init_bare(git_dir, err) < 0 || get_objects(url, committish, git_dir, err) < 0)
		return -1;

	git_args(&parse, git_dir);
	strvec_pushf(&parse.argv, "--git-dir=%s", git_dir);
	child_args(&parse, "rev-parse", "--quiet", "--verify", "--end-of-options", NULL);
	strvec_pushf(&parse.argv, "%s^{commit}", may_be_id(committish) ? committish : "FETCH_HEAD");
	strbuf_cap(&text, 4096);
	parse.capture = &text;
	if (child_run(&parse, NULL) < 0)
		return no_such_ref(url, committish, err);
	strbuf_trim(&text);
	if (text.len >= FETCH_COMMIT_SIZE || strspn(text.data, "0123456789abcdef") != text.len ||
	    text.len < 40)
		return error_set(err, ERROR_FAILED, 0, "git gave no commit for '%s'", url);
	memcpy(out_commit, text.data, text.len + 1);
	return 0;
}

int fetch_git_archive(const char *git_dir, const char *commit, struct child *git, int *out_fd,
		      struct error *err)
{
	git_args(git, git_dir);
	strvec_pushf(&git->argv, "--git-dir=%s", git_dir);
	child_args(git, "archive", "--format=tar", commit, NULL);
	return start_with_pipe(git, out_fd, err);
}

int fetch_check_web_url(const char *url, struct error *err)
{
	const char *rest = str_skip(url, "https://");

	if (!rest)
		rest = str_skip(url, "http://");
	if (!rest || !*rest || *rest == '/' || *rest == '-' || strlen(url) > 2048 ||
	    !is_printable(url))
		return error_set(err, ERROR_INVALID, 0,
				 "'%.128s' is no address of an archive: use https:// or http://",
				 url);
	if (memchr(rest, '@', strcspn(rest, "/?#")))
		return error_set(err, ERROR_INVALID, 0,
				 "the address holds a password, which logs would show");
	return 0;
}

int fetch_url(const char *url, struct child *curl, int *out_fd, struct error *err)
{
	if (fetch_check_web_url(url, err) < 0)
		return -1;
	child_args(curl, "curl", "--fail", "--silent", "--show-error", "--location", "--proto",
		   "=http,https", "--max-redirs", "5", "--retry", "2", "--connect-timeout", "20",
		   "--max-filesize", FETCH_URL_MAX_BYTES, "--globoff", NULL);
	pass_proxy(curl);
	curl->timeout_ms = FETCH_URL_TIMEOUT_MS;
	child_args(curl, "--url", url, NULL);
	return start_with_pipe(curl, out_fd, err);
}
