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

int fetch_git_clone(const char *url, const char *committish, const char *git_dir,
		    char out_commit[REMOTE_COMMIT_SIZE], struct error *err)
{
	struct remote r = {
		.url = url,
		.ref = committish,
		.git_dir = git_dir,
		.store = "refs/heads/fetched",
		.allow_file = true,
		.depth = 1,
		.max_pack = FETCH_GIT_MAX_BYTES,
		.progress_fd = -1,
	};

	if (remote_check_url(url, false, true, NULL, err) < 0 || remote_init(git_dir, err) < 0)
		return -1;
	return remote_fetch(&r, out_commit, err);
}

int fetch_git_archive(const char *git_dir, const char *commit, struct child *git, int *out_fd,
		      struct error *err)
{
	child_args(git, "git", NULL);
	strvec_pushf(&git->argv, "--git-dir=%s", git_dir);
	strvec_push(&git->env, "GIT_CONFIG_NOSYSTEM=1");
	strvec_push(&git->env, "GIT_CONFIG_GLOBAL=/dev/null");
	git->new_group = true;
	git->timeout_ms = REMOTE_TIMEOUT_MS;
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
