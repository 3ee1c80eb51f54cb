/* SPDX-License-Identifier: MIT */
#include "control/up.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sha1.h>

#include "base/colour.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "receiver/plan.h"
#include "receiver/upload.h"

#define LIST_MAX PLAN_MAX_NAMES

struct file {
	char *path;
	mode_t mode;
	uint64_t size;
	char *target; /* of a link */
};

struct files {
	struct file *list;
	size_t n;
};

static void files_release(struct files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].path);
		free(f->list[i].target);
	}
	free(f->list);
}

/* ---- which files ---- */

static int list(const char *git_dir, const char *const *options, struct strbuf *out,
		struct error *err)
{
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;
	_cleanup_child_ struct child git;

	child_init(&git);
	child_args(&git, "git", NULL);
	if (git_dir) {
		strvec_pushf(&git.argv, "--git-dir=%s", git_dir);
		child_args(&git, "--work-tree=.", NULL);
	}
	child_args(&git, "ls-files", "-z", NULL);
	for (; *options; options++)
		strvec_push(&git.argv, *options);
	if (file_exists(AT_FDCWD, ".berthignore"))
		child_args(&git, "--exclude-from=.berthignore", NULL);
	git.keep_env = true;
	git.capture = out;
	strbuf_cap(out, LIST_MAX);
	strbuf_cap(&noise, 4096);
	git.capture_err = &noise;
	if (child_run(&git, err) < 0)
		return error_wrap(err, "list the files of this folder");
	return out->overflow ? error_set(err, ERROR_INVALID, 0, "this folder has too many files")
			     : 0;
}

static bool in_work_tree(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_child_ struct child git;

	child_init(&git);
	child_args(&git, "git", "rev-parse", "--is-inside-work-tree", NULL);
	git.keep_env = true;
	git.capture = &text;
	return child_run(&git, NULL) == 0 && str_starts(text.data, "true");
}

/* With an empty repository in a temporary folder, so that git reads the ignore files. */
static int list_plain(struct strbuf *out, struct error *err)
{
	static const char *const options[] = {"--others", "--exclude-standard", NULL};
	char folder[] = "/tmp/berth-up-XXXXXX";
	_cleanup_child_ struct child git;
	int ret = -1;

	if (!mkdtemp(folder))
		return error_set(err, ERROR_SYSTEM, errno, "make a folder in /tmp");
	child_init(&git);
	child_args(&git, "git", "init", "--quiet", "--bare", "--template=", folder, NULL);
	git.keep_env = true;
	if (child_run(&git, err) == 0)
		ret = list(folder, options, out, err);
	file_remove_tree(AT_FDCWD, folder, NULL);
	return ret;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths of the folder, sorted, each once. */
static int list_paths(struct strvec *out, struct error *err)
{
	static const char *const all[] = {"--cached", "--others", "--exclude-standard", NULL};
	static const char *const left_out[] = {"--cached", "--ignored", NULL};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, ignored = STRBUF_INIT;
	_cleanup_strvec_ struct strvec skip = STRVEC_INIT;
	bool tracked = in_work_tree();

	if ((tracked ? list(NULL, all, &text, err) : list_plain(&text, err)) < 0)
		return -1;
	/* tracked, but named in .berthignore */
	if (tracked && file_exists(AT_FDCWD, ".berthignore") &&
	    list(NULL, left_out, &ignored, err) < 0)
		return -1;
	for (size_t at = 0; at < ignored.len; at += strlen(ignored.data + at) + 1)
		strvec_push(&skip, ignored.data + at);
	strvec_sort(&skip);
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1) {
		char *path = text.data + at;
		if (!skip.n || !bsearch(&path, skip.v, skip.n, sizeof(*skip.v), by_text))
			strvec_push(out, path);
	}
	strvec_sort(out);
	return 0;
}

/* The id that git gives CONTENT of SIZE bytes, from FD or from TEXT. libgit2 has it too, but its
 * libraries would cost each `berth` and each command over ssh three milliseconds. */
static int blob_id(const char *path, int fd, const char *text, uint64_t size,
		   char out[SHA1_DIGEST_STRING_LENGTH], struct error *err)
{
	SHA1_CTX sha;
	char head[32], block[65536];
	int len = snprintf(head, sizeof(head), "blob %llu", (unsigned long long)size);

	SHA1Init(&sha);
	SHA1Update(&sha, (const uint8_t *)head, (size_t)len + 1);
	if (text)
		SHA1Update(&sha, (const uint8_t *)text, (size_t)size);
	for (uint64_t left = text ? 0 : size; left;) {
		ssize_t n = read(fd, block, left < sizeof(block) ? (size_t)left : sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read '%s'", path);
		if (n == 0)
			return error_set(err, ERROR_BUSY, 0, "'%s' changed while it was read",
					 path);
		SHA1Update(&sha, (const uint8_t *)block, (size_t)n);
		left -= (uint64_t)n;
	}
	SHA1End(&sha, out);
	return 0;
}

static int file_id(const char *path, uint64_t size, char out[SHA1_DIGEST_STRING_LENGTH],
		   struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	return blob_id(path, fd, NULL, size, out, err);
}

static int take_file(const char *path, struct files *files, struct strbuf *manifest,
		     struct error *err)
{
	struct file file = {0};
	char target[PLAN_MAX_LINK + 1];
	char hex[SHA1_DIGEST_STRING_LENGTH];
	struct stat st;
	int result;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT) /* tracked, and deleted here */
			return 0;
		return error_set(err, ERROR_SYSTEM, errno, "look at '%s'", path);
	}
	if (S_ISREG(st.st_mode)) {
		file.mode = st.st_mode & S_IXUSR ? 0100755 : 0100644;
		file.size = (uint64_t)st.st_size;
		result = file_id(path, file.size, hex, err);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(path, target, sizeof(target));
		if (n < 0 || (size_t)n == sizeof(target))
			return error_set(err, ERROR_SYSTEM, errno, "read the link '%s'", path);
		file.mode = 0120000;
		file.size = (uint64_t)n;
		file.target = xstrndup(target, (size_t)n);
		result = blob_id(path, -1, target, file.size, hex, err);
	} else {
		colour_warn("'%s' is left out: it is neither file nor link%s", path,
			    S_ISDIR(st.st_mode) ? ", but a repository of its own" : "");
		return 0;
	}
	if (result < 0) {
		free(file.target);
		return -1;
	}
	strbuf_addf(manifest, "%o %s %llu %s", (unsigned)file.mode, hex,
		    (unsigned long long)file.size, path);
	strbuf_add(manifest, "", 1);
	file.path = xstrdup(path);
	files->list = xreallocarray(files->list, files->n + 1, sizeof(*files->list));
	files->list[files->n++] = file;
	return 0;
}

static int make_manifest(struct files *files, struct strbuf *manifest, struct error *err)
{
	_cleanup_strvec_ struct strvec paths = STRVEC_INIT;
	int ret = list_paths(&paths, err);

	strbuf_addstr(manifest, UPLOAD_MAGIC);
	for (size_t i = 0; ret == 0 && i < paths.n; i++)
		if (i == 0 || strcmp(paths.v[i - 1], paths.v[i]) != 0)
			ret = take_file(paths.v[i], files, manifest, err);
	strbuf_add(manifest, "", 1);
	if (ret == 0 && files->n == 0)
		return error_set(err, ERROR_INVALID, 0, "this folder has no files to deploy");
	return ret;
}

/* ---- the conversation ---- */

static int send_file(int to, const struct file *file, struct error *err)
{
	if (file->target)
		return file_write_all(to, file->target, (size_t)file->size, err);
	_cleanup_close_ int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", file->path);
	uint64_t left = file->size;
	char block[65536];
	while (left) {
		ssize_t n = read(fd, block, left < sizeof(block) ? (size_t)left : sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, ERROR_SYSTEM, n < 0 ? errno : 0,
					 "'%s' changed while it was sent: try again", file->path);
		if (file_write_all(to, block, (size_t)n, err) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	return 0;
}

static int answer_number(FILE *from, const char *prefix, unsigned long long max,
			 unsigned long long *out, struct error *err)
{
	char line[64];

	if (!fgets(line, sizeof(line), from))
		return error_set(err, ERROR_FAILED, 0, "the server refused");
	line[strcspn(line, "\n")] = '\0';
	const char *number = str_skip(line, prefix);
	if (!number || str_to_u64(number, 0, max, out) < 0)
		return error_set(err, ERROR_FAILED, 0,
				 "the server did not answer as expected: is it Berth?");
	return 0;
}

static int talk(int to, FILE *from, const struct files *files, const struct strbuf *manifest,
		struct error *err)
{
	unsigned long long wanted;

	if (file_write_all(to, manifest->data, manifest->len, err) < 0 ||
	    answer_number(from, "want ", files->n, &wanted, err) < 0)
		return -1;
	_cleanup_free_ size_t *which = xcalloc((size_t)wanted + 1, sizeof(*which));
	for (size_t i = 0; i < wanted; i++) {
		unsigned long long n;
		if (answer_number(from, "", files->n - 1, &n, err) < 0)
			return -1;
		which[i] = (size_t)n;
	}
	for (size_t i = 0; i < wanted; i++)
		if (send_file(to, &files->list[which[i]], err) < 0)
			return -1;
	return 0;
}

/* What the server says from now on is for the person. */
static void relay(FILE *from)
{
	char line[4096];

	while (fgets(line, sizeof(line), from)) {
		fputs(line, stdout);
		fflush(stdout);
	}
}

static void server_argv(const struct laptop *there, const char *root, const struct strvec *words,
			struct strvec *out)
{
	if (there->host) {
		laptop_argv(there, words, false, out);
		return;
	}
	strvec_push(out, "/proc/self/exe");
	if (*root) {
		strvec_push(out, "--root");
		strvec_push(out, root);
	}
	/* not "up" as first word: that is this client, which has the terminal */
	strvec_push(out, "--colour");
	strvec_push(out, colour_name(colour_wanted()));
	strvec_push_all(out, words->v);
}

static void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static int run(const struct laptop *there, const char *root, const struct strvec *words,
	       int *out_status, struct error *err)
{
	_cleanup_(files_release) struct files files = {0};
	_cleanup_strbuf_ struct strbuf manifest = STRBUF_INIT;
	_cleanup_child_ struct child server;
	int in[2], out[2];

	child_init(&server);
	if (make_manifest(&files, &manifest, err) < 0)
		return -1;
	if (pipe2(in, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make pipe");
	_cleanup_close_ int server_in = in[0], to = in[1];
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make pipe");
	_cleanup_close_ int server_out = out[1];
	_cleanup_(close_file) FILE *from = fdopen(out[0], "r");
	if (!from)
		return error_set(err, ERROR_SYSTEM, errno, "open pipe");
	server_argv(there, root, words, &server.argv);
	server.keep_env = true;
	server.in = server_in;
	server.out = server_out;
	server.err = STDERR_FILENO;
	server.die_with_parent = true;
	if (child_start(&server, err) < 0)
		return -1;
	server_in = close_fd(server_in);
	server_out = close_fd(server_out);
	struct error why = ERROR_INIT;
	int talked = talk(to, from, &files, &manifest, &why);
	to = close_fd(to);
	if (talked == 0)
		relay(from);
	if (child_wait(&server, err) < 0)
		return -1;
	*out_status = child_exit_code(server.status);
	/* when the server refused it has said why */
	if (talked < 0 && *out_status == 0) {
		*err = why;
		return -1;
	}
	return 0;
}

int up_run(const struct laptop *there, const char *root, const struct strvec *words)
{
	struct error err = ERROR_INIT;
	int status = 1;

	signal(SIGPIPE, SIG_IGN);
	if (run(there, root, words, &status, &err) == 0)
		return status;
	colour_complain(err.message);
	return error_exit_status(err.code);
}
