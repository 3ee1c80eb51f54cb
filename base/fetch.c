/* SPDX-License-Identifier: MIT */
#include "base/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

int fetch_git_clone(const char *url, const char *committish, const char *git_dir,
		    char out_commit[FETCH_COMMIT_SIZE], struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, noise = STRBUF_INIT;
	_cleanup_child_ struct child clone, parse;

	child_init(&clone);
	child_init(&parse);
	if (fetch_check_url(url, err) < 0 ||
	    (committish && fetch_check_committish(committish, err) < 0))
		return -1;
	git_args(&clone, git_dir);
	child_args(&clone, "clone", "--bare", "--quiet", "--template=", "--", url, git_dir, NULL);
	strbuf_cap(&noise, 65536);
	clone.capture_err = &noise;
	if (child_run(&clone, err) < 0)
		return error_wrap(err, "clone '%s'", url);

	git_args(&parse, git_dir);
	strvec_pushf(&parse.argv, "--git-dir=%s", git_dir);
	child_args(&parse, "rev-parse", "--quiet", "--verify", "--end-of-options", NULL);
	strvec_pushf(&parse.argv, "%s^{commit}", committish ? committish : "HEAD");
	strbuf_cap(&text, 4096);
	parse.capture = &text;
	if (child_run(&parse, NULL) < 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "'%s' has no branch, tag or commit '%s'",
				 url, committish ? committish : "HEAD");
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
