/* SPDX-License-Identifier: MIT */
#include "buildpacks/copyfetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "buildpacks/copywire.h"
#include "buildpacks/dockersource.h"

/* Of one archive: they become arguments of tar. */
#define DEVICES_MAX 4096

/* Runs ARGV with stdout going to OUT; QUIET: what it says of errors is not shown. */
static pid_t start(const struct strvec *argv, int out, bool quiet)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, 0);
		dup2(out, 1);
		if (quiet)
			dup2(null, 2);
		execvp(argv->v[0], argv->v);
		copy_die("run '%s', which the stack should have", argv->v[0]);
	}
	if (pid < 0)
		copy_die("fork");
	return pid;
}

static bool succeeds(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void fill(struct strvec *argv, const char *const *words)
{
	for (; *words; words++)
		strvec_push(argv, *words);
}

static bool runs(const char *const *words)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	fill(&argv, words);
	return succeeds(start(&argv, 2, false));
}
#define RUNS(...) runs((const char *const[]){__VA_ARGS__, NULL})

/* The first bytes of what a command prints: -1 when it fails and prints nothing. */
static ssize_t first_output(const char *const *words, bool quiet, char *buf, size_t size)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	int ends[2];

	fill(&argv, words);
	if (pipe2(ends, O_CLOEXEC) < 0)
		copy_die("make a pipe");
	pid_t pid = start(&argv, ends[1], quiet);
	close(ends[1]);
	ssize_t n = read(ends[0], buf, size);
	close(ends[0]);
	bool good = succeeds(pid);
	return n > 0 || good ? n : -1;
}
#define FIRST_OUTPUT(buf, quiet, ...)                                                              \
	first_output((const char *const[]){__VA_ARGS__, NULL}, quiet, buf, sizeof(buf))

static char *make_temporary(struct copy_fetch *f)
{
	char *folder = xasprintf("/tmp/.berth-add.%u", f->n++);

	if (mkdir(folder, 0755) < 0)
		copy_die("make '%s'", folder);
	return folder;
}

/* FILE against "sha256:HEX". */
static void check_sum(const char *file, const char *url, const char *checksum)
{
	const char *wanted = str_skip(checksum, "sha256:");
	char said[65] = "";

	errno = 0;
	if (!wanted || strlen(wanted) != 64)
		copy_die("--checksum of a file is sha256: and 64 hexadecimal digits, not '%s'",
			 checksum);
	if (FIRST_OUTPUT(said, false, "sha256sum", "--", file) < 64)
		copy_die("sha256sum failed");
	said[64] = '\0';
	errno = 0;
	if (!str_equal(said, wanted))
		copy_die("'%s' has the checksum sha256:%s, not %s", url, said, checksum);
}

char *copy_get(struct copy_fetch *f, const char *url)
{
	const char *host = strstr(url, "://") + 3;
	_cleanup_free_ char *path = xstrndup(host, strcspn(host, "?#"));
	const char *slash = strrchr(path, '/'), *name = slash && slash[1] ? slash + 1 : NULL;
	_cleanup_free_ char *folder = make_temporary(f);
	char *file = xasprintf("%s/%s", folder, name ? name : "index.html");

	errno = 0;
	if (!RUNS("curl", "-fsSL", "--proto", "=http,https", "-o", file, "--", url))
		copy_die("get '%s' with curl", url);
	if (f->checksum)
		check_sum(file, url, f->checksum);
	return file;
}

/* The commit that is checked out in FOLDER, against what was wanted. */
static void check_commit(const char *folder, const char *source, const char *wanted)
{
	char said[65] = "";

	if (FIRST_OUTPUT(said, false, "git", "-C", folder, "rev-parse", "HEAD") < 40)
		copy_die("git rev-parse failed");
	said[strcspn(said, "\n")] = '\0';
	errno = 0;
	if (strlen(wanted) < 7 || !str_starts(said, wanted))
		copy_die("'%s' is at commit %s, not %s", source, said, wanted);
}

/* One commit deep; whole from servers that know no such thing. */
static bool fetch(const char *folder, const char *ref)
{
	char some[16];

	return FIRST_OUTPUT(some, true, "git", "-C", folder, "fetch", "-q", "--depth=1", "origin",
			    ref) >= 0 ||
	       RUNS("git", "-C", folder, "fetch", "-q", "origin", ref);
}

char *copy_clone(struct copy_fetch *f, const char *source)
{
	_cleanup_free_ char *url = NULL, *ref = NULL, *below = NULL;
	docker_source_split(source, &url, &ref, &below);
	_cleanup_free_ char *sub = copy_clean(below);
	_cleanup_free_ char *folder = make_temporary(f);
	_cleanup_free_ char *fetched = xstrdup(*ref ? ref : "HEAD");

	errno = 0;
	if (*fetched == '-')
		copy_die("'%s' is no branch, tag or commit", fetched);
	setenv("GIT_TERMINAL_PROMPT", "0", 1);
	setenv("GIT_ALLOW_PROTOCOL", "https:http:git", 1);
	if (!RUNS("git", "init", "-q", folder) ||
	    !RUNS("git", "-C", folder, "remote", "add", "origin", url) || !fetch(folder, fetched) ||
	    !RUNS("git", "-C", folder, "-c", "advice.detachedHead=false", "checkout", "-q",
		  "FETCH_HEAD") ||
	    !RUNS("git", "-C", folder, "submodule", "-q", "update", "--init", "--recursive",
		  "--depth=1"))
		copy_die("get '%s' of '%s' with git", fetched, url);
	if (f->checksum)
		check_commit(folder, url, f->checksum);
	char *path = *sub ? xasprintf("%s/%s", folder, sub) : xstrdup(folder);
	char *real = realpath(path, NULL);
	bool within = real && str_starts(real, folder);
	free(real);
	errno = 0;
	if (!within)
		copy_die("'%s' has no folder '%s'", url, sub);
	return path;
}

/* How what may be a tar archive begins. */
static bool has_magic(int fd)
{
	static const struct {
		size_t offset, len;
		const char *magic;
	} known[] = {{0, 2, "\x1f\x8b"},
		     {0, 3, "BZh"},
		     {0, 6,
		      "\xfd"
		      "7zXZ\0"},
		     {0, 4, "\x28\xb5\x2f\xfd"},
		     {257, 5, "ustar"}};
	char buf[512] = "";

	if (pread(fd, buf, sizeof(buf), 0) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (memcmp(buf + known[i].offset, known[i].magic, known[i].len) == 0)
			return true;
	return false;
}

/* The member in a line of tar's long list, when that is a device: its mode, owner, numbers, date
 * and time go before it. */
static const char *device_of(const char *line)
{
	if (*line != 'b' && *line != 'c')
		return NULL;
	for (int i = 0; i < 5; i++) {
		line += strcspn(line, " ");
		line += i < 4 ? strspn(line, " ") : *line == ' ';
	}
	return *line ? line : NULL;
}

/* A name that tar quotes is not found again by its quoted form: it is in the way then. */
static void list_devices(const char *file, struct strvec *out)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int ends[2];

	fill(&argv, (const char *const[]){"tar", "-tvf", file, "--numeric-owner",
					  "--quoting-style=escape", NULL});
	if (pipe2(ends, O_CLOEXEC) < 0)
		copy_die("make a pipe");
	pid_t pid = start(&argv, ends[1], true);
	close(ends[1]);
	FILE *list = fdopen(ends[0], "r");
	while (list && out->n < DEVICES_MAX && getline(&line, &size, list) > 0) {
		line[strcspn(line, "\n")] = '\0';
		const char *device = device_of(line);
		if (device)
			strvec_push(out, device);
	}
	if (list)
		fclose(list);
	waitpid(pid, NULL, 0);
}

static bool unpack(const char *file, const char *folder, const struct strvec *without, bool quiet)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	fill(&argv, (const char *const[]){"tar", "-xpf", file, "-C", folder, "--xattrs",
					  "--xattrs-include=user.*",
					  "--xattrs-include=security.capability", "--no-wildcards",
					  "--anchored", NULL});
	for (size_t i = 0; i < without->n; i++)
		strvec_pushf(&argv, "--exclude=%s", without->v[i]);
	return succeeds(start(&argv, 2, quiet));
}

/* No container may make a device: what has some is unpacked once more, without them. */
static bool unpack_without_devices(const char *file, const char *folder, const char *name)
{
	_cleanup_strvec_ struct strvec devices = STRVEC_INIT;

	list_devices(file, &devices);
	if (!unpack(file, folder, &devices, false))
		return false;
	if (devices.n == 1)
		copy_note("'%s': the device '%s' is left out", name, devices.v[0]);
	else if (devices.n > 1)
		copy_note("'%s': %zu devices are left out, the first is '%s'", name, devices.n,
			  devices.v[0]);
	return true;
}

char *copy_unpack(struct copy_fetch *f, int fd, const char *name)
{
	_cleanup_close_ int mine = fcntl(fd, F_DUPFD, 10);
	_cleanup_free_ char *file = xasprintf("/proc/self/fd/%d", mine);
	char some[16];

	/* a compressed file that is no archive is copied as it is; one that begins as an archive
	 * must be whole */
	if (!has_magic(fd) || FIRST_OUTPUT(some, true, "tar", "-tf", file) <= 0)
		return NULL;
	const struct strvec all = STRVEC_INIT;
	char *folder = make_temporary(f);
	errno = 0;
	if (!unpack(file, folder, &all, true) && !unpack_without_devices(file, folder, name))
		copy_die("'%s' is an archive that tar cannot unpack: it is damaged or cut short",
			 name);
	return folder;
}
