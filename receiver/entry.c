// SPDX-License-Identifier: MIT
#include "receiver/entry.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/strbuf.h"

bool entry_kind_of(unsigned mode, enum entry_kind *out)
{
	switch (mode) {
	case 0100644:
	case 0100664:
		*out = ENTRY_FILE;
		return true;
	case 0100755:
		*out = ENTRY_PROGRAM;
		return true;
	case 0120000:
		*out = ENTRY_SYMLINK;
		return true;
	case 0040000:
		*out = ENTRY_FOLDER;
		return true;
	case 0160000:
		*out = ENTRY_SUBMODULE;
		return true;
	default:
		return false;
	}
}

/* How many bytes at S are a code point that HFS+ drops when it compares names. */
static size_t ignored_by_hfs(const unsigned char *s)
{
	if (s[0] == 0xe2 && s[1] == 0x80 &&
	    ((s[2] >= 0x8c && s[2] <= 0x8f) || (s[2] >= 0xaa && s[2] <= 0xae)))
		return 3;
	if (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xaa && s[2] <= 0xaf)
		return 3;
	if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
		return 3;
	return 0;
}

/* NAME as the laxest of file systems would see it: without ignored characters, in lower case, up
 * to an NTFS stream or separator, without trailing dots and spaces. */
static void fold_name(const char *name, char out[ENTRY_NAME_MAX + 1])
{
	const unsigned char *s = (const unsigned char *)name;
	size_t n = 0;

	while (*s && *s != ':' && *s != '\\') {
		size_t skip = ignored_by_hfs(s);
		if (!skip)
			out[n++] = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
		s += skip ? skip : 1;
	}
	while (n && (out[n - 1] == '.' || out[n - 1] == ' '))
		n--;
	out[n] = '\0';
}

static int refuse(const char *folder, const char *name, const char *why, struct error *err)
{
	_cleanup_free_ char *shown_folder = entry_printable(folder);
	_cleanup_free_ char *shown = entry_printable(name);

	return error_set(err, ERROR_INVALID, 0, "the commit has a file named '%s%s%s': %s",
			 shown_folder, *folder ? "/" : "", shown, why);
}

int entry_check_name(const char *name, enum entry_kind kind, const char *folder, struct error *err)
{
	char folded[ENTRY_NAME_MAX + 1];

	if (!*name)
		return refuse(folder, name, "a name is empty", err);
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return refuse(folder, name, "it would leave the folder", err);
	if (strchr(name, '/'))
		return refuse(folder, name, "a name contains a slash", err);
	if (strlen(name) > ENTRY_NAME_MAX)
		return refuse(folder, name, "a name is longer than 255 bytes", err);
	fold_name(name, folded);
	if (!strcmp(folded, ".git") || !strcmp(folded, "git~1"))
		return refuse(folder, name, "the name is reserved for git itself", err);
	if (kind == ENTRY_SYMLINK &&
	    (!strcmp(folded, ".gitmodules") || !strcmp(folded, "gitmod~1")))
		return refuse(folder, name, "it may not be a symbolic link", err);
	return 0;
}

char *entry_printable(const char *name)
{
	char *copy = xstrndup(name, 300);

	for (char *p = copy; *p; p++)
		for (size_t n = *p == '\n' || *p == '\t' ? 1 : printable_control(p); n; n--)
			p[n - 1] = '?';
	return copy;
}
