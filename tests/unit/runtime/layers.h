/* SPDX-License-Identifier: MIT */
/* Layers from archives that libarchive makes here, entry by entry. */
#ifndef TESTS_UNIT_RUNTIME_LAYERS_H
#define TESTS_UNIT_RUNTIME_LAYERS_H

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strvec.h"
#include "runtime/import.h"
#include "runtime/layer.h"
#include "tests/unit/runtime/instance.h"

struct item {
	const char *path;
	mode_t mode;
	const char *link; /* symbolic with S_IFLNK, otherwise hard */
	const char *data;
	long uid;
};

static inline int pack(const struct item *items, size_t n, int filter)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct archive *a = archive_write_new();
	archive_write_set_format_pax(a);
	archive_write_add_filter(a, filter);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();
		size_t len = items[i].data ? strlen(items[i].data) : 0;
		archive_entry_set_pathname(e, items[i].path);
		archive_entry_set_mode(e, items[i].mode);
		archive_entry_set_uid(e, items[i].uid);
		archive_entry_set_gid(e, items[i].uid);
		archive_entry_set_size(e, (la_int64_t)len);
		archive_entry_set_mtime(e, 1000000000, 0);
		if (items[i].link && S_ISLNK(items[i].mode))
			archive_entry_set_symlink(e, items[i].link);
		else if (items[i].link)
			archive_entry_set_hardlink(e, items[i].link);
		if (S_ISREG(items[i].mode) && !items[i].link) {
			archive_entry_xattr_add_entry(e, "user.kept", "1", 1);
			archive_entry_xattr_add_entry(e, "user.overlay.opaque", "y", 1);
			archive_entry_xattr_add_entry(e, "trusted.overlay.opaque", "y", 1);
		}
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		if (len)
			archive_write_data(a, items[i].data, len);
		archive_entry_free(e);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static inline void assert_nothing_left(const struct instance *inst)
{
	struct error err = ERROR_INIT;
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	assert_int_equal(layer_list(inst, &found, &err), 0);
	assert_int_equal(layer_cleanup(inst, true, &found, &err), 0);
	assert_int_equal(found.n, 0);
}

/* Unpacks the archive that FD gives, and closes that, as the layer ID of RANGE on the layers BELOW:
 * uncommitted. Gives its folder, or -1. */
static inline int lay(const struct instance *inst, const char *id, uint32_t range,
		      const struct strvec *below, int fd, bool *out_implied, struct error *err)
{
	int tree = -1;
	error_clear(err);
	int result = import_layer(inst, id, range, fd, below, &tree, out_implied, err);
	close(fd);
	return result < 0 ? -1 : tree;
}

#define LAY(inst, id, range, below, out_implied, err, ...)                                         \
	({                                                                                         \
		const struct item items_[] = {__VA_ARGS__};                                        \
		lay(inst, id, range, below, pack(items_, ARRAY_SIZE(items_), ARCHIVE_FILTER_NONE), \
		    out_implied, err);                                                             \
	})

#endif
