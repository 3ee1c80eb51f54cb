/* SPDX-License-Identifier: MIT */
/* Importing real archives, among them hostile ones, each made here byte by byte by libarchive or by
 * hand. Whatever is refused leaves no layer behind. */
#include "runtime/import.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strvec.h"
#include "runtime/layer.h"
#include "tests/unit/runtime/instance.h"
#include "tests/unit/runtime/layers.h"

static int import(int fd, struct error *err)
{
	error_clear(err);
	int result = import_tar(&fx.inst, "it", 2, fd, err);
	close(fd);
	return result;
}

#define IMPORT(filter, ...)                                                                        \
	({                                                                                         \
		const struct item items_[] = {__VA_ARGS__};                                        \
		import(pack(items_, ARRAY_SIZE(items_), filter), &err);                            \
	})

#define REFUSES(text, ...)                                                                         \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		if (IMPORT(ARCHIVE_FILTER_NONE, __VA_ARGS__) == 0)                                 \
			fail_msg("was taken: %s", text);                                           \
		if (!strstr(err.message, text))                                                    \
			fail_msg("'%s' is not in: %s", text, err.message);                         \
		assert_nothing_left(&fx.inst);                                                     \
	} while (0)

static void keeps_what_matters(void **state)
{
	(void)state;
	static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ,
				      ARCHIVE_FILTER_ZSTD};
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct error err = ERROR_INIT;
		int result = IMPORT(filters[i], {"./", S_IFDIR | 0755, NULL, NULL, 0},
				    {"./bin/", S_IFDIR | 0755, NULL, NULL, 0},
				    {"./bin/su", S_IFREG | 04755, NULL, "x", 0},
				    {"./bin/hard", S_IFREG | 04755, "./bin/su", NULL, 0},
				    {"./home/", S_IFDIR | 0500, NULL, NULL, 1000},
				    {"./home/f", S_IFREG | 0600, NULL, "hello", 1000},
				    {"./null", S_IFCHR | 0666, NULL, NULL, 0},
				    {"./pipe", S_IFIFO | 0666, NULL, NULL, 0},
				    {"./abs", S_IFLNK | 0777, "/etc/shadow", NULL, 0},
				    {"./\xc3\xbc\n", S_IFREG | 0644, NULL, "u", 65535});
		if (result < 0)
			fail_msg("%s", err.message);
		int fd = -1;
		uid_t base;
		uint32_t count;
		struct stat st, hard;
		char value[8];
		assert_int_equal(layer_open(&fx.inst, "layer/it", &fd, &base, &count, &err), 0);
		assert_int_equal(base, instance_range_base(&fx.inst, 2));
		assert_int_equal(fstatat(fd, "bin/su", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 04755);
		assert_int_equal(st.st_uid, base);
		assert_int_equal(fstatat(fd, "bin/hard", &hard, 0), 0);
		assert_int_equal(st.st_ino, hard.st_ino);
		assert_int_equal(fstatat(fd, "home", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0500);
		assert_int_equal(st.st_mtime, 1000000000);
		assert_int_equal(fstatat(fd, "home/f", &st, 0), 0);
		assert_int_equal(st.st_uid, base + 1000);
		assert_int_equal(st.st_mtime, 1000000000);
		assert_int_equal(fstatat(fd, "\xc3\xbc\n", &st, 0), 0);
		assert_int_equal(st.st_gid, base + 65535);
		assert_int_equal(fstatat(fd, "abs", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_false(file_exists(fd, "null"));
		assert_int_equal(fstatat(fd, "pipe", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISFIFO(st.st_mode));
		_cleanup_close_ int f = openat(fd, "home/f", O_RDONLY | O_CLOEXEC);
		assert_int_equal(fgetxattr(f, "user.kept", value, sizeof(value)), 1);
		assert_int_equal(fgetxattr(f, "user.overlay.opaque", value, sizeof(value)), -1);
		assert_int_equal(fgetxattr(f, "trusted.overlay.opaque", value, sizeof(value)), -1);
		close(fd);
		assert_int_equal(layer_remove(&fx.inst, "it", &err), 0);
	}
	assert_nothing_left(&fx.inst);
}

static void hostile_paths(void **state)
{
	(void)state;
	REFUSES("'../evil': has '..'", {"../evil", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("'a/../../evil'", {"a/../../evil", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("'a/../'", {"a/..", S_IFDIR | 0755, NULL, NULL, 0});
	REFUSES("'/etc/passwd': is an absolute", {"/etc/passwd", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("'//etc/passwd'", {"//etc/passwd", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("\\x1b[31m", {"../\033[31m", S_IFREG | 0644, NULL, "x", 0});
	/* refused after others were written: nothing stays of them either */
	REFUSES("'../late'", {"good", S_IFREG | 0644, NULL, "x", 0},
		{"../late", S_IFREG | 0644, NULL, "x", 0});
}

static void hostile_links(void **state)
{
	(void)state;
	REFUSES("'l/f'", {"l", S_IFLNK | 0777, "/var/tmp", NULL, 0},
		{"l/f", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("'l/f'", {"l", S_IFLNK | 0777, "../../..", NULL, 0},
		{"l/f", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("'a/l/f'", {"d/", S_IFDIR | 0755, NULL, NULL, 0},
		{"a/l", S_IFLNK | 0777, "../d", NULL, 0}, {"a/l/f", S_IFREG | 0644, NULL, "x", 0});
	REFUSES("hard link: archive entry 'h'", {"h", S_IFREG | 0644, "/etc/passwd", NULL, 0});
	REFUSES("hard link: archive entry 'h'", {"h", S_IFREG | 0644, "../../x", NULL, 0});
	REFUSES("'h'", {"h", S_IFREG | 0644, "etc/passwd", NULL, 0});
	REFUSES("'h'", {"l", S_IFLNK | 0777, "/etc", NULL, 0},
		{"h", S_IFREG | 0644, "l/passwd", NULL, 0});
}

/* A link in the place of a file is replaced, never written through. */
static void link_then_file(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct stat st;
	int fd = -1;
	uid_t base;
	uint32_t count;
	_cleanup_free_ char *target = xasprintf("%s/target", fx.root);
	assert_int_equal(file_replace(AT_FDCWD, target, "old", 3, 0666, &err), 0);
	assert_int_equal(IMPORT(ARCHIVE_FILTER_NONE, {"f", S_IFLNK | 0777, target, NULL, 0},
				{"f", S_IFREG | 0644, NULL, "new!", 0}),
			 0);
	assert_int_equal(layer_open(&fx.inst, "layer/it", &fd, &base, &count, &err), 0);
	assert_int_equal(fstatat(fd, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	close(fd);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(layer_remove(&fx.inst, "it", &err), 0);
}

static void hostile_owners(void **state)
{
	(void)state;
	REFUSES("'big': its owner", {"big", S_IFREG | 0644, NULL, "x", 65536});
	REFUSES("'big': its owner", {"big", S_IFREG | 0644, NULL, "x", 4294967295L});
}

/* --- archives that no packer writes --- */

static void put_ustar(int fd, const char *name, char type, const char *size, const char *link)
{
	char h[512] = {0};
	snprintf(h, 100, "%s", name);
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	memcpy(h + 124, size, strlen(size));
	memcpy(h + 136, "00000000000", 11);
	memset(h + 148, ' ', 8);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link);
	memcpy(h + 257, "ustar\00000", 8);
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum & 0777777);
	assert_int_equal(write(fd, h, sizeof(h)), sizeof(h));
}

static void put_block(int fd, const char *data)
{
	char block[512] = {0};
	snprintf(block, sizeof(block), "%s", data);
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
}

static void refuses_fd(int fd, const char *text)
{
	struct error err = ERROR_INIT;
	lseek(fd, 0, SEEK_SET);
	if (import(fd, &err) == 0)
		fail_msg("was taken: %s", text);
	if (!strstr(err.message, text))
		fail_msg("'%s' is not in: %s", text, err.message);
	assert_nothing_left(&fx.inst);
}

static void pax_overrides(void **state)
{
	(void)state;
	int fd = memfd_create("a", MFD_CLOEXEC);
	put_ustar(fd, "pax", 'x', "00000000022", "");
	put_block(fd, "18 path=../../pax\n");
	put_ustar(fd, "harmless", '0', "00000000000", "");
	refuses_fd(fd, "'../../pax'");
	fd = memfd_create("a", MFD_CLOEXEC);
	put_ustar(fd, "pax", 'x', "00000000027", "");
	put_block(fd, "23 linkpath=../../pax2\n");
	put_ustar(fd, "harmless", '1', "00000000000", "x");
	refuses_fd(fd, "hard link");
	/* a header that says it is longer than it is */
	fd = memfd_create("a", MFD_CLOEXEC);
	put_ustar(fd, "pax", 'x', "00000000022", "");
	put_block(fd, "999999999 path=x\n");
	put_ustar(fd, "harmless", '0', "00000000000", "");
	refuses_fd(fd, "archive");
}

static void lying_sizes(void **state)
{
	(void)state;
	int fd = memfd_create("a", MFD_CLOEXEC);
	/* 8 GiB in the header, nothing behind it */
	put_ustar(fd, "short", '0', "77777777777", "");
	put_block(fd, "data");
	refuses_fd(fd, "'short'");
	fd = memfd_create("a", MFD_CLOEXEC);
	/* base 256: 2^62 */
	put_ustar(fd, "huge", '0', "\x80\x01\x01\x01\x40\x01\x01\x01\x01\x01\x01\x01", "");
	refuses_fd(fd, "archive");
	fd = memfd_create("a", MFD_CLOEXEC);
	/* a sparse file of 4 TiB that takes no space */
	put_ustar(fd, "pax", 'x', "00000000142", "");
	put_block(fd, "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
		      "30 GNU.sparse.name=sparsefile\n38 GNU.sparse.realsize=4398046511104\n");
	put_ustar(fd, "sparse", '0', "00000001000", "");
	put_block(fd, "0\n");
	refuses_fd(fd, "archive");
}

static void not_an_archive(void **state)
{
	(void)state;
	int fd = memfd_create("a", MFD_CLOEXEC);
	refuses_fd(fd, "the archive is empty");
	fd = memfd_create("a", MFD_CLOEXEC);
	put_block(fd, "#!/bin/sh\necho hello\n");
	refuses_fd(fd, "archive");
	fd = memfd_create("a", MFD_CLOEXEC);
	put_block(fd, "\x1f\x8b\x08 broken gzip");
	refuses_fd(fd, "archive");
	fd = memfd_create("a", MFD_CLOEXEC);
	put_block(fd, "\xfd"
		      "7zXZ broken");
	refuses_fd(fd, "archive");
	/* a folder instead of a file */
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refuses_fd(fd, "archive");
	/* cut off in the middle */
	const struct item item = {"f", S_IFREG | 0644, NULL, "some data that is compressed", 0};
	fd = pack(&item, 1, ARCHIVE_FILTER_GZIP);
	assert_int_equal(ftruncate(fd, 60), 0);
	refuses_fd(fd, "archive");
}

static void same_id_stays(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_int_equal(IMPORT(ARCHIVE_FILTER_NONE, {"f", S_IFREG | 0644, NULL, "x", 0}), 0);
	assert_int_equal(IMPORT(ARCHIVE_FILTER_NONE, {"g", S_IFREG | 0644, NULL, "x", 0}), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_true(layer_exists(&fx.inst, "it"));
	assert_int_equal(layer_remove(&fx.inst, "it", &err), 0);
}

/* --- layers of images --- */

static int import_as_layer(int fd, struct error *err)
{
	const struct strvec none = STRVEC_INIT;
	bool implied;
	int tree = lay(&fx.inst, "it", 2, &none, fd, &implied, err);
	close_fd(tree);
	return tree < 0 ? -1 : 0;
}

#define LAYER(...)                                                                                 \
	({                                                                                         \
		const struct item items_[] = {__VA_ARGS__};                                        \
		import_as_layer(pack(items_, ARRAY_SIZE(items_), ARCHIVE_FILTER_NONE), &err);      \
	})

#define LAYER_REFUSES(text, ...)                                                                   \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		if (LAYER(__VA_ARGS__) == 0)                                                       \
			fail_msg("was taken: %s", text);                                           \
		if (!strstr(err.message, text))                                                    \
			fail_msg("'%s' is not in: %s", text, err.message);                         \
		assert_nothing_left(&fx.inst);                                                     \
	} while (0)

static bool is_whiteout(int fd, const char *path)
{
	struct stat st;
	return fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == 0;
}

static bool is_opaque(int fd, const char *path)
{
	char value[4];
	_cleanup_close_ int dir = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fgetxattr(dir, "trusted.overlay.opaque", value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

static void whiteouts_become_overlayfs_own(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int fd = -1;
	uid_t base;
	uint32_t count;
	struct stat st;
	int result =
		LAYER({"/", S_IFDIR | 0755, NULL, NULL, 0}, {"etc/", S_IFDIR | 0750, NULL, NULL, 7},
		      {"etc/.wh.gone", S_IFREG | 0644, NULL, NULL, 0},
		      {"etc/.wh.back", S_IFREG | 0644, NULL, NULL, 0},
		      {"etc/back", S_IFREG | 0644, NULL, "again", 0},
		      {"etc/newdir/f", S_IFREG | 0644, NULL, "x", 0},
		      {"etc/.wh.newdir", S_IFREG | 0644, NULL, NULL, 0},
		      {"opaque/.wh..wh..opq", S_IFREG | 0644, NULL, NULL, 0},
		      {"opaque/f", S_IFREG | 0644, NULL, "x", 0},
		      {"unnamed/deep/.wh.x", S_IFREG | 0644, NULL, NULL, 0},
		      {"./.wh.top", S_IFREG | 0644, NULL, NULL, 0},
		      {".wh..wh.plnk", S_IFDIR | 0755, NULL, NULL, 0},
		      {"dev/", S_IFDIR | 0755, NULL, NULL, 0},
		      {"dev/null", S_IFCHR | 0666, NULL, NULL, 0},
		      {"dev/console", S_IFREG | 0644, NULL, NULL, 0},
		      {"dev/fd", S_IFLNK | 0777, "/proc/self/fd", NULL, 0},
		      {"proc/", S_IFDIR | 0555, NULL, NULL, 0},
		      {"proc/self/", S_IFDIR | 0555, NULL, NULL, 0});
	if (result < 0)
		fail_msg("%s", err.message);
	assert_false(layer_exists(&fx.inst, "it"));
	assert_int_equal(layer_commit(&fx.inst, "it", &err), 0);
	assert_int_equal(layer_open(&fx.inst, "layer/it", &fd, &base, &count, &err), 0);
	assert_true(is_whiteout(fd, "etc/gone"));
	assert_int_equal(fstatat(fd, "etc", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_int_equal(fstatat(fd, "etc/back", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_true(is_opaque(fd, "etc/newdir"));
	assert_true(is_opaque(fd, "opaque"));
	assert_false(is_opaque(fd, "etc"));
	assert_true(file_exists(fd, "opaque/f"));
	assert_true(is_whiteout(fd, "unnamed/deep/x"));
	assert_int_equal(fstatat(fd, "opaque", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(is_whiteout(fd, "top"));
	assert_false(file_exists(fd, "opaque/.wh..wh..opq"));
	assert_false(file_exists(fd, ".wh..wh.plnk"));
	assert_true(file_exists(fd, "dev"));
	assert_false(file_exists(fd, "dev/null"));
	assert_false(file_exists(fd, "dev/console"));
	assert_int_not_equal(faccessat(fd, "dev/fd", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	assert_false(file_exists(fd, "proc/self"));
	close(fd);
	assert_int_equal(layer_remove(&fx.inst, "it", &err), 0);
	assert_nothing_left(&fx.inst);
}

static void hostile_whiteouts(void **state)
{
	(void)state;
	LAYER_REFUSES("'.wh.': the whiteout names nothing",
		      {".wh.", S_IFREG | 0644, NULL, NULL, 0});
	LAYER_REFUSES("'a/.wh...': the whiteout", {"a/.wh...", S_IFREG | 0644, NULL, NULL, 0});
	LAYER_REFUSES("'.wh..': the whiteout", {".wh..", S_IFREG | 0644, NULL, NULL, 0});
	LAYER_REFUSES("'../.wh.x': has '..'", {"../.wh.x", S_IFREG | 0644, NULL, NULL, 0});
	LAYER_REFUSES("what every container gets", {"./.wh.proc", S_IFREG | 0644, NULL, NULL, 0});
	/* through a link, and through a file */
	LAYER_REFUSES("whiteout of 'l/x'", {"l", S_IFLNK | 0777, "/etc", NULL, 0},
		      {"l/.wh.x", S_IFREG | 0644, NULL, NULL, 0});
	LAYER_REFUSES("whiteout of 'f/x'", {"f", S_IFREG | 0644, NULL, "x", 0},
		      {"f/.wh.x", S_IFREG | 0644, NULL, NULL, 0});
	LAYER_REFUSES("opaque folder 'l'", {"l", S_IFLNK | 0777, "/etc", NULL, 0},
		      {"l/.wh..wh..opq", S_IFREG | 0644, NULL, NULL, 0});
}

static void hostile_places(void **state)
{
	(void)state;
	LAYER_REFUSES("'proc': must be a folder", {"proc", S_IFLNK | 0777, "/etc", NULL, 0});
	LAYER_REFUSES("'./dev': must be a folder", {"./dev", S_IFREG | 0644, NULL, "x", 0});
	LAYER_REFUSES("'sys': must be", {"f", S_IFREG | 0644, NULL, "x", 0},
		      {"sys", S_IFREG | 0644, "f", NULL, 0});
	LAYER_REFUSES("'proc/1/environ': lies in",
		      {"proc/1/environ", S_IFREG | 0644, NULL, "x", 0});
	LAYER_REFUSES("'.//proc/./x': lies in", {".//proc/./x", S_IFLNK | 0777, "/", NULL, 0});
	LAYER_REFUSES("'dev/null': lies in", {"dev/null", S_IFREG | 0666, NULL, "x", 0});
	LAYER_REFUSES("'../evil'", {"../evil", S_IFREG | 0644, NULL, "x", 0});
	LAYER_REFUSES("'l': is a link out", {"l", S_IFLNK | 0777, "..", NULL, 0});
	LAYER_REFUSES("'a/l': is a link out", {"a/l", S_IFLNK | 0777, "./b/../../../x", NULL, 0});
}

/* What changes nothing is a layer too. */
static void empty_layer(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int fd = memfd_create("a", MFD_CLOEXEC);
	put_block(fd, "");
	put_block(fd, "");
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(import_as_layer(fd, &err), 0);
	assert_int_equal(layer_discard(&fx.inst, "it", &err), 0);
	assert_nothing_left(&fx.inst);
}

static int set_up(void **state)
{
	(void)state;
	setlocale(LC_ALL, "C.UTF-8");
	return fixture_open(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_matters),
		cmocka_unit_test(hostile_paths),
		cmocka_unit_test(hostile_links),
		cmocka_unit_test(link_then_file),
		cmocka_unit_test(hostile_owners),
		cmocka_unit_test(pax_overrides),
		cmocka_unit_test(lying_sizes),
		cmocka_unit_test(not_an_archive),
		cmocka_unit_test(same_id_stays),
		cmocka_unit_test(whiteouts_become_overlayfs_own),
		cmocka_unit_test(hostile_whiteouts),
		cmocka_unit_test(hostile_places),
		cmocka_unit_test(empty_layer),
	};
	return cmocka_run_group_tests_name("import", tests, set_up, fixture_tear_down);
}
