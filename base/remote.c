/* SPDX-License-Identifier: MIT */
#include "base/remote.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/printable.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define URL_MAX 1024
#define LIST_MAX (1u << 20)

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

/* scp's form: [user@]host:path, where no slash comes before the colon */
static bool is_scp_form(const char *url)
{
	const char *colon = strchr(url, ':');

	return colon && colon != url && colon[1] && colon[1] != ':' && !strstr(url, "://") &&
	       strcspn(url, "/") > (size_t)(colon - url);
}

/* What follows "SCHEME://" in URL, or NULL. */
static const char *after_scheme(const char *url, bool allow_http, bool allow_file)
{
	static const char *const schemes[] = {"https://", "ssh://", "git://", "http://",
					      "file:///"};
	const size_t http = 3, file = 4;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if ((i != http || allow_http) && (i != file || allow_file) &&
		    str_starts(url, schemes[i]))
			return url + strlen(schemes[i]);
	return NULL;
}

/* What a caller says that has neither credentials nor settings to offer. */
static void advise_nothing(enum remote_trouble trouble, const char *host, struct strbuf *out)
{
	(void)host;
	strbuf_addstr(out, trouble == REMOTE_PLAIN_HTTP ? "use https://"
			   : trouble == REMOTE_HOST_KEY ? "use an https:// address"
							: "only what everybody may read can be "
							  "fetched from there");
}

/* Ends the message of ERR with what to do. */
static int advise(remote_advice *advice, enum remote_trouble trouble, const char *host,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!err)
		return -1;
	strbuf_addf(&text, "%s: ", err->message);
	(advice ? advice : advise_nothing)(trouble, host, &text);
	return error_set(err, err->code, 0, "%s", text.data);
}

int remote_check_url(const char *url, bool allow_http, bool allow_file, remote_advice *advice,
		     struct error *err)
{
	if (strlen(url) <= URL_MAX && is_printable(url) && url[0] != '-') {
		const char *rest = after_scheme(url, allow_http, allow_file);

		/* a user or host that starts with "-" would be an option of ssh(1) */
		if (rest ? rest[0] && rest[0] != '-' && !strstr(rest, "@-") : is_scp_form(url))
			return 0;
		if (!rest && str_starts(url, "http://")) {
			_cleanup_free_ char *host = remote_host(url);
			error_set(err, ERROR_INVALID, 0, "'%.128s' is not encrypted", url);
			return advise(advice, REMOTE_PLAIN_HTTP, host, err);
		}
	}
	return error_set(
		err, ERROR_INVALID, 0,
		"'%.128s' is no address of a git repository: use https://, ssh://, git://, "
		"%s%sHOST:PATH",
		is_printable(url) ? url : "?", allow_http ? "http://, " : "",
		allow_file ? "file:/// or " : "or ");
}

int remote_check_ref(const char *s, struct error *err)
{
	size_t len = strlen(s);

	if (len > 0 && len <= 255 && s[0] != '-' && !strstr(s, "..") &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == len)
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%.64s' is no branch, tag or commit",
			 is_printable(s) ? s : "?");
}

char *remote_host(const char *url)
{
	const char *start = strstr(url, "://");
	const char *stop = is_scp_form(url) ? ":" : "/?#";

	start = start ? start + 3 : url;
	size_t len = strcspn(start, stop);
	for (size_t i = 0; i < len; i++)
		if (start[i] == '@') {
			start += i + 1;
			len -= i + 1;
			i = (size_t)-1;
		}
	char *host = xstrndup(start, len);
	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return host;
}

static void limit_pack(void *data)
{
	const struct remote *r = data;
	rlim_t max = r->max_pack ? r->max_pack : REMOTE_MAX_PACK;
	struct rlimit limit = {max, max};

	signal(SIGXFSZ, SIG_IGN); /* git says "File too large" */
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* The shell that git starts for this expands the variable, so the folder's name is no shell text.
 */
static const char ssh_command[] =
	"ssh -F /dev/null -oBatchMode=yes -oConnectTimeout=20 -oStrictHostKeyChecking=yes "
	"-oIdentitiesOnly=yes -oIdentityFile=\"$GIT_CREDENTIALS/id_ed25519\" "
	"-oUserKnownHostsFile=\"$GIT_CREDENTIALS/known_hosts\"";

/* git without the repository's or the user's ideas: no prompt, no helper, only these transports. */
static void git_args(struct child *c, const struct remote *r)
{
	static const char *const pass[] = {"https_proxy",  "HTTPS_PROXY",   "http_proxy",
					   "no_proxy",     "NO_PROXY",      "SSL_CERT_FILE",
					   "SSL_CERT_DIR", "GIT_SSL_CAINFO"};

	child_args(c, "git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never",
		   "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c",
		   "credential.helper=", "-c", "http.lowSpeedLimit=100", "-c",
		   "http.lowSpeedTime=60", "-c", "fetch.fsckObjects=true", "-c",
		   "fetch.fsck.zeroPaddedFilemode=warn", "-c", "fetch.fsck.badTimezone=warn", "-c",
		   "fetch.fsck.missingSpaceBeforeDate=warn", "-c", NULL);
	strvec_pushf(&c->argv, "http.followRedirects=%s", r->no_redirects ? "false" : "initial");
	strvec_pushf(&c->argv, "--git-dir=%s", r->git_dir);
	strvec_pushf(&c->env, "GIT_ALLOW_PROTOCOL=https:ssh:git%s%s", r->allow_http ? ":http" : "",
		     r->allow_file ? ":file" : "");
	strvec_push(&c->env, "GIT_TERMINAL_PROMPT=0");
	strvec_push(&c->env, "GIT_ASKPASS=/bin/false");
	strvec_push(&c->env, "GIT_CONFIG_NOSYSTEM=1");
	strvec_push(&c->env, "GIT_CONFIG_GLOBAL=/dev/null");
	/* curl reads .netrc in HOME */
	strvec_pushf(&c->env, "HOME=%s", r->credentials ? r->credentials : r->git_dir);
	strvec_pushf(&c->env, "GIT_CREDENTIALS=%s", r->credentials ? r->credentials : r->git_dir);
	strvec_pushf(&c->env, "GIT_SSH_COMMAND=%s", ssh_command);
	for (size_t i = 0; i < ARRAY_SIZE(pass); i++)
		if (getenv(pass[i]))
			strvec_setenv(&c->env, pass[i], getenv(pass[i]));
	c->die_with_parent = true;
	c->new_group = true;
	c->timeout_ms = r->timeout_ms ? r->timeout_ms : REMOTE_TIMEOUT_MS;
	c->in_child = limit_pack;
	c->in_child_data = (void *)(uintptr_t)r;
}

int remote_init(const char *git_dir, struct error *err)
{
	_cleanup_child_ struct child git;
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;

	child_init(&git);
	strbuf_cap(&noise, 4096);
	git.capture_err = &noise;
	strvec_push(&git.env, "GIT_CONFIG_NOSYSTEM=1");
	strvec_push(&git.env, "GIT_CONFIG_GLOBAL=/dev/null");
	child_args(&git, "git", "init", "--bare", "--quiet", "--template=", "--", git_dir, NULL);
	return child_run(&git, err);
}

static bool says(const struct strbuf *noise, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(noise->data, *words))
			return true;
	return false;
}

/* What git or ssh complained of first, which says more than their last line; or NULL. */
static char *complaint(const struct strbuf *noise)
{
	for (const char *s = noise->data; *s;) {
		size_t len = strcspn(s, "\r\n");
		const char *text = str_skip(s, "fatal: ");

		if (len > 0 && !str_starts(s, "warning:") && !str_starts(s, "hint:")) {
			_cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;
			_cleanup_free_ char *line =
				xstrndup(text ? text : s, len - (size_t)(text ? text - s : 0));
			printable_add(&shown, line);
			return strbuf_detach(&shown);
		}
		s += len + (s[len] != '\0');
	}
	return NULL;
}

/* git's complaint as one of ours, which says what to do. ERR has child_run's. */
static int explain(const struct remote *r, const struct strbuf *noise, struct error *err)
{
	static const char *const key[] = {"Host key verification failed", NULL};
	static const char *const auth[] = {"Authentication failed",
					   "could not read Username",
					   "could not read Password",
					   "terminal prompts disabled",
					   "Permission denied",
					   "returned error: 403",
					   NULL};
	static const char *const missing[] = {"not found", "does not exist",
					      "does not appear to be a git", "no app '", NULL};
	static const char *const away[] = {"Could not resolve host",
					   "Connection refused",
					   "Connection timed out",
					   "Failed to connect",
					   "Couldn't connect",
					   "No route to host",
					   "Network is unreachable",
					   "unable to connect",
					   "Connection closed",
					   "Operation too slow",
					   NULL};
	static const char *const large[] = {"File too large", NULL};
	_cleanup_free_ char *host = remote_host(r->url);
	_cleanup_strbuf_ struct strbuf url = STRBUF_INIT;

	printable_add(&url, r->url);
	if (says(noise, key)) {
		error_set(err, ERROR_DENIED, 0, "the key of '%s' is not known here", host);
		return advise(r->advice, REMOTE_HOST_KEY, host, err);
	}
	if (says(noise, auth)) {
		error_set(err, ERROR_DENIED, 0, "'%s' does not let us read '%s'", host, url.data);
		return advise(r->advice, REMOTE_ACCESS, host, err);
	}
	_cleanup_free_ char *first = complaint(noise);
	if (says(noise, away) || err->code == ERROR_TIMEOUT)
		return error_set(err, ERROR_FAILED, 0, "'%s' cannot be reached for '%s': %s", host,
				 url.data, first ? first : "it took too long");
	if (says(noise, large))
		return error_set(
			err, ERROR_INVALID, 0, "'%s' is larger than %llu MB", url.data,
			(unsigned long long)(r->max_pack ? r->max_pack : REMOTE_MAX_PACK) >> 20);
	if (says(noise, missing))
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "'%s' does not exist, or may not be read from here", url.data);
	if (first)
		return error_set(err, ERROR_FAILED, 0, "fetch '%s': %s", url.data, first);
	return error_wrap(err, "fetch '%s'", url.data);
}

static bool is_hex(const char *s)
{
	size_t len = strlen(s);

	return len >= 7 && len <= 64 && strspn(s, "0123456789abcdef") == len;
}

/* LIST ("ID\tNAME" lines) has NAME. */
static bool has_ref(const struct strbuf *list, const char *name)
{
	_cleanup_free_ char *end = xasprintf("\t%s\n", name);

	return strstr(list->data, end) != NULL;
}

/* The full name of R->ref at the remote; NULL when no branch or tag has that name. */
static int find_ref(const struct remote *r, char **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT, noise = STRBUF_INIT;
	_cleanup_child_ struct child git;
	const char *ref = r->ref ? r->ref : "HEAD";
	bool whole = str_starts(ref, "refs/") || str_equal(ref, "HEAD");
	_cleanup_free_ char *branch = xasprintf("%s%s", whole ? "" : "refs/heads/", ref);
	_cleanup_free_ char *tag = xasprintf("%s%s", whole ? "" : "refs/tags/", ref);

	child_init(&git);
	git_args(&git, r);
	child_args(&git, "ls-remote", "--quiet", "--", r->url, branch, tag, NULL);
	strbuf_cap(&list, LIST_MAX);
	strbuf_cap(&noise, 65536);
	git.capture = &list;
	git.capture_err = &noise;
	if (child_run(&git, err) < 0)
		return explain(r, &noise, err);
	*out = has_ref(&list, branch) ? TAKE_PTR(branch)
	       : has_ref(&list, tag)  ? TAKE_PTR(tag)
				      : NULL;
	return 0;
}

static int fetch_once(const struct remote *r, const char *from, const char *to, bool quiet,
		      unsigned depth, struct strbuf *noise, struct error *err)
{
	_cleanup_child_ struct child git;

	child_init(&git);
	git_args(&git, r);
	child_args(&git, "fetch", "--force", "--no-tags", "--no-recurse-submodules",
		   "--no-write-fetch-head", NULL);
	if (depth)
		strvec_pushf(&git.argv, "--depth=%u", depth);
	if (!quiet)
		child_args(&git, "--progress", NULL);
	child_args(&git, "--", r->url, NULL);
	strvec_pushf(&git.argv, "+%s:%s", from, to);
	strbuf_cap(noise, 65536);
	if (quiet)
		git.capture_err = noise;
	else
		git.err = r->progress_fd;
	return child_run(&git, err);
}

static int fetch(const struct remote *r, const char *from, const char *to, bool quiet,
		 struct error *err)
{
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;
	struct error why = ERROR_INIT;

	quiet |= r->progress_fd < 0;
	if (fetch_once(r, from, to, quiet, r->depth, &noise, &why) == 0)
		return 0;
	/* a plain file server has no part of a history to give */
	if (r->depth && strstr(noise.data, "dumb http")) {
		strbuf_reset(&noise);
		if (fetch_once(r, from, to, quiet, 0, &noise, &why) == 0)
			return 0;
	}
	*err = why;
	return explain(r, &noise, err);
}

/* The commit that NAME leads to in the repository; false when there is none. */
static bool resolve(const struct remote *r, const char *name, char out[REMOTE_COMMIT_SIZE])
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_child_ struct child git;

	child_init(&git);
	git_args(&git, r);
	child_args(&git, "rev-parse", "--quiet", "--verify", "--end-of-options", NULL);
	strvec_pushf(&git.argv, "%s^{commit}", name);
	strbuf_cap(&text, 4096);
	git.capture = &text;
	if (child_run(&git, NULL) < 0)
		return false;
	strbuf_trim(&text);
	if (text.len >= REMOTE_COMMIT_SIZE || text.len < 40 ||
	    strspn(text.data, "0123456789abcdef") != text.len)
		return false;
	memcpy(out, text.data, text.len + 1);
	return true;
}

static int no_ref(const struct remote *r, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, 0, "'%s' has no branch, tag or commit '%s'", r->url,
			 r->ref ? r->ref : "HEAD");
}

/* A commit by its id: a whole one may be asked for; a short one, or a server that does not give
 * what no ref points at, needs all branches and tags. */
static int fetch_commit(const struct remote *r, char out[REMOTE_COMMIT_SIZE], struct error *err)
{
	struct error why = ERROR_INIT;
	bool is_whole = strlen(r->ref) == 40 || strlen(r->ref) == 64;

	if (is_whole && fetch(r, r->ref, r->store, true, &why) == 0)
		return resolve(r, r->store, out) ? 0 : no_ref(r, err);
	struct remote all = *r;
	all.depth = 0;
	_cleanup_free_ char *heads = xasprintf("%s-heads/*", r->store);
	_cleanup_free_ char *tags = xasprintf("%s-tags/*", r->store);
	if (fetch(&all, "refs/heads/*", heads, false, err) < 0 ||
	    fetch(&all, "refs/tags/*", tags, true, err) < 0)
		return -1;
	return resolve(r, r->ref, out) ? 0 : no_ref(r, err);
}

int remote_fetch(const struct remote *r, char out_commit[REMOTE_COMMIT_SIZE], struct error *err)
{
	_cleanup_free_ char *name = NULL;

	if (remote_check_url(r->url, r->allow_http, r->allow_file, r->advice, err) < 0 ||
	    (r->ref && remote_check_ref(r->ref, err) < 0) || find_ref(r, &name, err) < 0)
		return -1;
	if (!name)
		return r->ref && is_hex(r->ref) ? fetch_commit(r, out_commit, err) : no_ref(r, err);
	if (fetch(r, name, r->store, false, err) < 0)
		return -1;
	return resolve(r, r->store, out_commit) ? 0 : no_ref(r, err);
}
