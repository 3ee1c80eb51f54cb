/* SPDX-License-Identifier: MIT */
#include "runtime/seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "runtime/copyup.h"
#include "runtime/place.h"

#define MARK "trusted.berth.new"
#define WAIT_MS 60000
#define PAUSE_MS 20

void seeds_init(struct seeds *s, const struct container_spec *spec)
{
	*s = (struct seeds){.spec = spec, .lock = -1};
}

void seeds_release(struct seeds *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		close_fd(s->v[i].image);
		close_fd(s->v[i].place);
	}
	close_fd(s->lock);
	seeds_init(s, s->spec);
}

void seed_mark(int fd)
{
	(void)!fsetxattr(fd, MARK, "1", 1, 0);
}

static bool is_new(int fd)
{
	return fgetxattr(fd, MARK, NULL, 0) >= 0;
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

void seeds_note(struct seeds *s, unsigned mount, int fd)
{
	const struct spec_mount *m = &s->spec->mounts[mount];

	if (m->kind != SPEC_MOUNT_VOLUME || m->read_only ||
	    (s->spec->profile != SPEC_APP && s->spec->profile != SPEC_IMAGE) || !is_new(fd))
		return;
	/* one that is mounted twice starts as the first place is */
	for (unsigned i = 0; i < s->n; i++)
		if (is_same(s->v[i].volume, fd))
			return;
	s->v[s->n++] = (struct seed){mount, fd, -1, -1};
}

/* --- one at a time ---------------------------------------------------------------------------- */

/* A byte of the lock file for each volume: a folder cannot be locked so that only those who fill it
 * wait for each other. */
static int lock(int fd, int volume, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
	struct stat st;

	if (fstat(volume, &st) < 0)
		return -1;
	l.l_start = (off_t)(st.st_ino & INT64_MAX);
	return fcntl(fd, F_OFD_SETLK, &l);
}

/* All of them or, so that no two wait for each other, none. */
static int lock_all(const struct seeds *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (lock(s->lock, s->v[i].volume, F_WRLCK) == 0)
			continue;
		int why = errno;
		while (i-- > 0)
			lock(s->lock, s->v[i].volume, F_UNLCK);
		errno = why;
		return -1;
	}
	return 0;
}

/* Of one that was cut short: no program has seen it. */
static int empty(int volume, struct error *err)
{
	int fd = openat(volume, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		close_fd(fd);
		return error_set(err, ERROR_SYSTEM, errno, "look into a new volume");
	}
	for (struct dirent *e; !failed && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			failed = file_remove_tree(volume, e->d_name, err);
	closedir(d);
	return failed;
}

int seeds_claim(struct seeds *s, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "volumes.lock");
	unsigned n = 0;

	if (!s->n)
		return 0;
	s->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	for (int64_t end = clock_ms() + WAIT_MS; lock_all(s) < 0; clock_sleep_ms(PAUSE_MS)) {
		if (errno != EAGAIN && errno != EACCES)
			return error_set(err, ERROR_SYSTEM, errno, "lock '%s'", path);
		if (clock_ms() >= end)
			return error_set(err, ERROR_BUSY, 0,
					 "volume '%s' is being filled for another process",
					 s->spec->mounts[s->v[0].mount].id);
	}
	for (unsigned i = 0; i < s->n; i++) {
		if (!is_new(s->v[i].volume))
			continue;
		if (empty(s->v[i].volume, err) < 0)
			return -1;
		s->v[n++] = s->v[i];
	}
	s->n = n;
	if (!n)
		s->lock = close_fd(s->lock);
	return 0;
}

/* --- the two folders -------------------------------------------------------------------------- */

static struct seed *find(struct seeds *s, unsigned mount)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i].mount == mount)
			return &s->v[i];
	return NULL;
}

void seeds_before(struct seeds *s, unsigned mount, int root, const char *dest)
{
	struct seed *seed = find(s, mount);

	/* the image's own: nothing that is mounted on it */
	if (seed && s->spec->profile == SPEC_IMAGE)
		seed->image =
			place_lookup(root, dest, O_RDONLY | O_DIRECTORY,
				     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int seeds_after(struct seeds *s, unsigned mount, int tree, struct error *err)
{
	struct seed *seed = find(s, mount);

	if (!seed)
		return 0;
	seed->place = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return seed->place < 0 ? error_set(err, ERROR_SYSTEM, errno, "open '%s'",
					   s->spec->mounts[mount].dest)
			       : 0;
}

/* --- filling ---------------------------------------------------------------------------------- */

static int fill(const struct seed *seed, const struct program *p)
{
	struct copyup_limits limits = {SEED_FILES, SEED_BYTES};
	struct stat st;

	if (seed->image < 0)
		return fchown(seed->place, p->uid, p->gid);
	if (copyup_tree(seed->image, seed->place, &limits) < 0 || fstat(seed->image, &st) < 0)
		return -1;
	return fchmod(seed->place, st.st_mode & 07777);
}

enum step seeds_fill(const struct seeds *s, const struct program *p, const char **out_subject)
{
	for (unsigned i = 0; i < s->n; i++) {
		*out_subject = s->spec->mounts[s->v[i].mount].dest;
		if (fill(&s->v[i], p) < 0)
			return STEP_VOLUME;
	}
	*out_subject = NULL;
	return STEP_NONE;
}

int seeds_settle(struct seeds *s, struct error *err)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct seed *seed = &s->v[i];

		/* first what it holds, and the end of the mark before the program writes: one that
		 * has the mark after a power cut is begun anew */
		if ((seed->image >= 0 && syncfs(seed->volume) < 0) ||
		    fremovexattr(seed->volume, MARK) < 0 || fsync(seed->volume) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "fill volume '%s'",
					 s->spec->mounts[seed->mount].id);
		/* the first process has the file open, too */
		lock(s->lock, seed->volume, F_UNLCK);
	}
	seeds_release(s);
	return 0;
}
