/* SPDX-License-Identifier: MIT */
#include "control/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/printable.h"
#include "control/answer.h"
#include "control/app.h"
#include "control/imagetag.h"

#define SKOPEO "skopeo"
#define TIMEOUT_MS (3600 * 1000)
#define OUTPUT_MAX (4u << 20)

bool registry_is_host(const char *s)
{
	_cleanup_free_ char *name = xasprintf("%s/x", s);

	return *s && !strchr(s, '/') && (strpbrk(s, ".:") || !strcmp(s, "localhost")) &&
	       imagetag_is_name(name);
}

int registry_insecure(struct context *c, char **out, struct error *err)
{
	return setting_get(&c->db, 0, "registry-insecure", "", out, err);
}

static bool has_word(const char *list, const char *word, size_t len)
{
	for (const char *p = list; *p;
	     p += p[strcspn(p, ",")] ? strcspn(p, ",") + 1 : strcspn(p, ","))
		if (strcspn(p, ",") == len && strncmp(p, word, len) == 0)
			return true;
	return false;
}

/* Begins "skopeo COMMAND --authfile FILE", with OPTION=false for a host that has no TLS. */
static int begin(struct context *c, struct child *child, const char *command, const char *option,
		 const char *ref, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(c->inst, "registry");
	_cleanup_free_ char *insecure = NULL;

	if (file_make_dirs(folder, 0700, err) < 0 || registry_insecure(c, &insecure, err) < 0)
		return -1;
	child_args(child, SKOPEO, command, "--authfile", NULL);
	strvec_pushf(&child->argv, "%s/auth.json", folder);
	if (has_word(insecure, ref, strcspn(ref, "/")))
		strvec_pushf(&child->argv, "%s=false", option);
	child->keep_env = true; /* the machine's proxy */
	strvec_pushf(&child->env, "HOME=%s", folder);
	strvec_pushf(&child->env, "XDG_RUNTIME_DIR=%s", folder);
	child->die_with_parent = true;
	child->timeout_ms = TIMEOUT_MS;
	return 0;
}

/* What skopeo means by the last of its lines: time="..." level=fatal msg="..." */
static void reason(const char *text, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	const char *msg = NULL;

	for (const char *p = text; (p = strstr(p, "msg=\"")); p++)
		msg = p + 5;
	for (; msg && *msg && *msg != '"'; msg++) {
		if (*msg == '\\' && msg[1])
			msg++;
		strbuf_addch(&plain, *msg);
	}
	if (!plain.len)
		strbuf_addstr(&plain, text);
	strbuf_trim(&plain);
	strbuf_truncate(&plain, plain.len < 600 ? plain.len : 600);
	printable_add(out, plain.data);
}

static int failed(const struct child *child, const char *said, const char *what, const char *ref,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	const char *advice = "";

	reason(said, &why);
	if (strstr(said, "unauthorized") || strstr(said, "authentication required") ||
	    strstr(said, "denied"))
		advice = "; 'registry:login' gives Berth a password";
	else if (strstr(said, "HTTP response to HTTPS client"))
		advice = "; 'registry:set --global insecure HOST' allows it without TLS";
	return error_set(err, ERROR_FAILED, 0, "%s '%.200s': %s%s", what, ref,
			 why.len            ? why.data
			 : child->timed_out ? "it took too long"
					    : "skopeo failed",
			 advice);
}

/* skopeo's own lines, as they come. */
static void show(struct context *c, int fd)
{
	_cleanup_close_ int own = fd;
	FILE *lines = fdopen(own, "r");
	char line[512];

	if (!lines)
		return;
	own = -1;
	while (fgets(line, sizeof(line), lines)) {
		line[strcspn(line, "\r\n")] = '\0';
		answer_detail(c, "%s", line);
		fflush(c->out);
	}
	fclose(lines);
}

static int read_all(int fd, struct strbuf *out)
{
	struct error ignored = ERROR_INIT;

	strbuf_cap(out, OUTPUT_MAX);
	return lseek(fd, 0, SEEK_SET) < 0 ? -1 : strbuf_read_fd(out, fd, &ignored);
}

/* Starts CHILD, whose stderr goes into memory. A program that is not there is named. */
static int start(struct child *child, int *out_said, struct error *err)
{
	_cleanup_close_ int said = memfd_create("stderr", MFD_CLOEXEC);
	struct error why = ERROR_INIT;

	if (said < 0)
		return error_set(err, ERROR_SYSTEM, errno, "memfd_create");
	child->err = said;
	if (child_start(child, &why) < 0) {
		if (why.sys == ENOENT || why.code == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND, 0,
					 "registries need skopeo, which is not installed on this "
					 "server: 'apt-get install skopeo'");
		*err = why;
		return -1;
	}
	*out_said = TAKE_FD(said);
	return 0;
}

/* Runs it with its lines shown. */
static int run_shown(struct context *c, struct child *child, const char *what, const char *ref,
		     struct error *err)
{
	_cleanup_close_ int said = -1, reader = -1, writer = -1;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	reader = ends[0];
	writer = ends[1];
	child->out = writer;
	fflush(c->out);
	if (start(child, &said, err) < 0)
		return -1;
	writer = close_fd(writer);
	show(c, TAKE_FD(reader));
	struct error why = ERROR_INIT;
	int waited = child_wait(child, &why);
	read_all(said, &text);
	if (waited < 0 || child_exit_code(child->status) != 0)
		return failed(child, text.data, what, ref, err);
	return 0;
}

/* Runs it for what it prints. */
static int run_quietly(struct child *child, struct strbuf *out, const char *what, const char *ref,
		       struct error *err)
{
	_cleanup_close_ int said = -1, printed = memfd_create("stdout", MFD_CLOEXEC);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;

	if (printed < 0)
		return error_set(err, ERROR_SYSTEM, errno, "memfd_create");
	child->out = printed;
	if (start(child, &said, err) < 0)
		return -1;
	int waited = child_wait(child, &why);
	read_all(said, &text);
	if (waited < 0 || child_exit_code(child->status) != 0)
		return failed(child, text.data, what, ref, err);
	if (out && read_all(printed, out) < 0)
		return error_set(err, ERROR_FAILED, 0, "skopeo printed too much");
	return 0;
}

int registry_pull(struct context *c, const char *ref, const char *folder, struct error *err)
{
	_cleanup_child_ struct child child;

	child_init(&child);
	if (begin(c, &child, "copy", "--src-tls-verify", ref, err) < 0)
		return -1;
	child_args(&child, "--retry-times", "2", NULL);
	strvec_pushf(&child.argv, "docker://%s", ref);
	strvec_pushf(&child.argv, "oci:%s", folder);
	return run_shown(c, &child, "pull", ref, err);
}

int registry_push(struct context *c, const char *folder, const char *ref, struct error *err)
{
	_cleanup_child_ struct child child;

	child_init(&child);
	if (begin(c, &child, "copy", "--dest-tls-verify", ref, err) < 0)
		return -1;
	child_args(&child, "--retry-times", "2", NULL);
	strvec_pushf(&child.argv, "oci:%s", folder);
	strvec_pushf(&child.argv, "docker://%s", ref);
	return run_shown(c, &child, "push", ref, err);
}

int registry_tags(struct context *c, const char *ref, struct strvec *out, struct error *err)
{
	_cleanup_child_ struct child child;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	child_init(&child);
	if (begin(c, &child, "list-tags", "--tls-verify", ref, err) < 0)
		return -1;
	strvec_pushf(&child.argv, "docker://%s", ref);
	if (run_quietly(&child, &text, "list the tags of", ref, err) < 0)
		return -1;
	json_auto_t *doc = json_loadb(text.data, text.len, 0, NULL);
	const json_t *tags = json_object_get(doc, "Tags");
	for (size_t i = 0; i < json_array_size(tags); i++)
		if (json_is_string(json_array_get(tags, i)))
			strvec_push(out, json_string_value(json_array_get(tags, i)));
	return 0;
}

int registry_login(struct context *c, const char *host, const char *user, const char *password,
		   struct error *err)
{
	_cleanup_child_ struct child child;
	_cleanup_close_ int in = memfd_create("password", MFD_CLOEXEC);

	child_init(&child);
	if (in < 0 || file_write_all(in, password, strlen(password), err) < 0 ||
	    lseek(in, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pass the password on");
	if (begin(c, &child, "login", "--tls-verify", host, err) < 0)
		return -1;
	/* through a descriptor: command lines can be seen by everybody */
	child_args(&child, "--password-stdin", "--username", user, host, NULL);
	child.in = in;
	return run_quietly(&child, NULL, "log in to", host, err);
}

int registry_logout(struct context *c, const char *host, struct error *err)
{
	_cleanup_child_ struct child child;

	child_init(&child);
	if (begin(c, &child, "logout", "--tls-verify", host, err) < 0)
		return -1;
	child_args(&child, host, NULL);
	return run_quietly(&child, NULL, "log out of", host, err);
}
