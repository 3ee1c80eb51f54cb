/* SPDX-License-Identifier: MIT */
#include "control/strain.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/call.h"

/* How what is added here ends; CALL_NO_ROOM too. */
#define AGAIN ", then do this again"
#define FULL "the disk of '%s' %s: make room there" AGAIN

/* SQLite wants some of these for its log. */
#define FULL_BYTES (1ull << 20)

/* FOLDER's disk has no room, in bytes or in files. */
static bool is_full(const char *folder, const char **out_what)
{
	struct statvfs fs;
	if (statvfs(folder, &fs) < 0)
		return false;
	bool bytes = (unsigned long long)fs.f_bavail * fs.f_frsize < FULL_BYTES;
	/* some file systems do not count files */
	bool files = fs.f_files > 0 && fs.f_favail == 0;
	*out_what = bytes ? "is full" : "can hold no more files";
	return bytes || files;
}

/* The folder of INST whose disk is full; NULL: none. */
static const char *find_full(const struct instance *inst, const char **out_what)
{
	const char *folders[] = {inst->lib, inst->run};
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (is_full(folders[i], out_what))
			return folders[i];
	return NULL;
}

void strain_explain(const struct instance *inst, struct error *err)
{
	const char *folder, *what;
	_cleanup_free_ char *said = xstrdup(err->message);
	/* a mistake in what was asked has nothing to do with it; and once is enough */
	if (strstr(said, AGAIN))
		return;
	if (err->code != ERROR_SYSTEM && err->code != ERROR_FAILED && err->sys == 0)
		return;
	if (err->sys == EAGAIN || err->sys == ENOMEM)
		error_set(err, err->code, 0, "%s: " CALL_NO_ROOM, said);
	else if ((folder = find_full(inst, &what)))
		error_set(err, err->code, 0, "%s: " FULL, said, folder, what);
}

int strain_check_room(const struct instance *inst, struct error *err)
{
	const char *what, *folder = find_full(inst, &what);
	return folder ? error_set(err, ERROR_SYSTEM, 0, FULL, folder, what) : 0;
}
