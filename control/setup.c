/* SPDX-License-Identifier: MIT */
#include "control/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "instance/number.h"

#define CONF_MAX (1u << 20)
#define KEY_BYTES 32

static const char heading[] = "# Settings of this Berth instance: see berth.conf(5).\n";

/* --- one setting in the text of an INI file --- */

/* The offset of the line after LINE's section header, or of KEY's line in it (*out_len: its length
 * with the newline); npos (text->len + 1) when there is no such section. */
static size_t find_place(const struct strbuf *text, const char *section, const char *key,
			 size_t *out_len)
{
	_cleanup_free_ char *header = xasprintf("[%s]", section);
	size_t key_len = strlen(key), place = text->len + 1;
	bool inside = false;
	*out_len = 0;
	for (size_t at = 0; at < text->len;) {
		const char *line = text->data + at;
		size_t len = strcspn(line, "\n"), next = at + len + (line[len] == '\n');
		const char *word = line + strspn(line, " \t");
		if (*word == '[') {
			inside = str_starts(word, header);
			if (inside && place > text->len)
				place = next;
		} else if (inside && strncmp(word, key, key_len) == 0 &&
			   word[key_len + strspn(word + key_len, " \t")] == '=') {
			*out_len = next - at;
			return at;
		}
		at = next;
	}
	return place;
}

static void set_setting(struct strbuf *text, const char *section, const char *key,
			const char *value)
{
	size_t old_len;
	size_t at = find_place(text, section, key, &old_len);
	struct strbuf out = STRBUF_INIT;
	if (at > text->len) {
		strbuf_addf(&out, "%s\n[%s]\n%s = %s\n", text->data, section, key, value);
	} else {
		strbuf_add(&out, text->data, at);
		strbuf_addf(&out, "%s = %s\n", key, value);
		strbuf_addstr(&out, text->data + at + old_len);
	}
	strbuf_release(text);
	*text = out;
}

/* --- what the host already knows about packages --- */

/* The one line that a command prints; "" when there is no such command or it fails. */
static char *ask(const char *program, const char *a, const char *b, const char *c)
{
	struct strbuf out = STRBUF_INIT;
	strbuf_cap(&out, 4096);
	_cleanup_child_ struct child child;
	child_init(&child);
	child_args(&child, program, a, b, c, NULL);
	const char *home = getenv("HOME");
	strvec_setenv(&child.env, "HOME", home ? home : "/root");
	child.cwd = "/";
	child.timeout_ms = 10000;
	child.capture = &out;
	if (child_run(&child, NULL) < 0)
		strbuf_reset(&out);
	strbuf_trim(&out);
	return strbuf_detach(&out);
}

/* npm's own setting; without npm, what ~/.npmrc says. */
static char *npm_registry(void)
{
	char *said = ask("npm", "config", "get", "registry");
	if (*said)
		return said;
	free(said);
	const char *home = getenv("HOME");
	_cleanup_free_ char *path = xasprintf("%s/.npmrc", home ? home : "/root");
	_cleanup_ini_ struct ini ini = INI_INIT;
	/* .npmrc is INI with nothing but a nameless section, in the case that matters here */
	if (ini_read(&ini, path, NULL) == 0 && ini_get(&ini, "", "registry"))
		return xstrdup(ini_get(&ini, "", "registry"));
	return xstrdup("");
}

/* apt-config prints P='http://...' */
static char *apt_proxy(void)
{
	_cleanup_free_ char *said = ask("apt-config", "shell", "P", "Acquire::http::Proxy/f");
	const char *value = str_skip(said, "P='");
	return value ? xstrndup(value, strcspn(value, "'")) : xstrdup("");
}

static void note_package_sources(struct strbuf *text)
{
	_cleanup_free_ char *npm = npm_registry();
	_cleanup_free_ char *proxy = apt_proxy();
	if (str_starts(npm, "http") && !str_starts(npm, "https://registry.npmjs.org"))
		set_setting(text, "packages", "npm-registry", npm);
	if (str_starts(proxy, "http"))
		set_setting(text, "packages", "apt-proxy", proxy);
}

/* --- berth.conf --- */

static int apply_settings(struct strbuf *text, const struct strvec *settings, struct error *err)
{
	for (size_t i = 0; i < settings->n; i++) {
		const char *s = settings->v[i];
		size_t section = strcspn(s, ".="), key = strcspn(s, "=");
		if (s[section] != '.' || s[key] != '=' || section == 0 || key == section + 1 ||
		    strpbrk(s, "\n\r"))
			return error_set(err, ERROR_USAGE, 0,
					 "setting '%s' is not SECTION.KEY=VALUE", s);
		_cleanup_free_ char *section_text = xstrndup(s, section);
		_cleanup_free_ char *key_text = xstrndup(s + section + 1, key - section - 1);
		set_setting(text, section_text, key_text, s + key + 1);
	}
	return 0;
}

static int settle_number(const char *root, struct strbuf *text, struct error *err)
{
	_cleanup_ini_ struct ini ini = INI_INIT;
	if (ini_parse(&ini, text->data, text->len, "berth.conf", err) < 0)
		return -1;
	const char *said = ini_get(&ini, "instance", "number");
	unsigned long long wanted;
	unsigned number;
	if (said) {
		if (str_to_u64(said, 0, INSTANCE_NUMBERS - 1, &wanted) < 0)
			return error_set(err, ERROR_INVALID, 0,
					 "instance number '%s' is not a whole number from 0 to %d",
					 said, INSTANCE_NUMBERS - 1);
		return number_note(root, (unsigned)wanted, err);
	}
	if (number_choose(root, &number, err) < 0)
		return -1;
	_cleanup_free_ char *value = xasprintf("%u", number);
	set_setting(text, "instance", "number", value);
	return 0;
}

int setup_settings(const char *root, const struct strvec *settings, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *etc = *root ? xasprintf("%s/etc", root) : xstrdup("/etc/berth");
	_cleanup_free_ char *path = xasprintf("%s/berth.conf", etc);
	_cleanup_close_ int lock = -1;
	struct error why = ERROR_INIT;
	/* until the file is written: before that the number is nobody's */
	if (file_make_dirs(etc, 0755, err) < 0 || number_lock(&lock, err) < 0)
		return -1;
	if (file_read(AT_FDCWD, path, CONF_MAX, &text, &why) < 0) {
		if (why.code != ERROR_NOT_FOUND) {
			*err = why;
			return -1;
		}
		strbuf_addstr(&text, heading);
		note_package_sources(&text);
	}
	if (apply_settings(&text, settings, err) < 0 || settle_number(root, &text, err) < 0)
		return error_wrap(err, "%s", path);
	return file_replace(AT_FDCWD, path, text.data, text.len, 0644, err);
}

/* --- folders --- */

enum owner {
	ROOT,
	BERTH,
	BERTH_GROUP, /* root's, with berth as its group */
	WEB,
	PLUGIN,
};

struct folder {
	const char *name; /* below etc, lib or run */
	mode_t mode;
	enum owner owner;
};

static const struct folder lib_folders[] = {
	{"", 01771, BERTH_GROUP},
	{"repos", 0750, BERTH},
	{"sources", 0711, BERTH},
	{"images", 0750, BERTH},
	{"packs", 0755, BERTH},
	{"router", 0750, BERTH},
	{"ssh", 0700, BERTH},
	{"plugins", 0755, BERTH},
	{"plugins-data", 0711, PLUGIN},
	{"layers", 0711, ROOT},
	{"cache", 0711, ROOT},
	{"volumes", 0711, ROOT},
	{"logs", 0750, BERTH_GROUP},
	{"logs/berth", 0750, BERTH_GROUP},
	/* not below run: before Linux 6.3 a tmpfs cannot be mounted idmapped */
	{"stage", 0711, BERTH},
};

static const struct folder run_folders[] = {
	{"", 01775, BERTH_GROUP},
	{"web", 0755, WEB},
	{"plugins", 0755, PLUGIN},
};

static int make_folder(const struct instance *inst, const char *base, const struct folder *f,
		       struct error *err)
{
	_cleanup_free_ char *path = *f->name ? xasprintf("%s/%s", base, f->name) : xstrdup(base);
	uid_t uid = f->owner == BERTH    ? inst->uid
		    : f->owner == WEB    ? inst->web_uid
		    : f->owner == PLUGIN ? inst->plugin_uid
					 : 0;
	gid_t gid = f->owner == ROOT     ? 0
		    : f->owner == WEB    ? inst->web_gid
		    : f->owner == PLUGIN ? inst->plugin_gid
					 : inst->gid;
	struct stat st;
	if (file_make_dirs(path, 0755, err) < 0)
		return -1;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open folder '%s'", path);
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chown '%s'", path);
	if ((st.st_mode & 07777) != f->mode && fchmod(fd, f->mode) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", path);
	return 0;
}

static int make_key(const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/master.key", inst->etc);
	unsigned char key[KEY_BYTES];
	if (!file_exists(AT_FDCWD, path)) {
		if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
			return error_set(err, ERROR_SYSTEM, errno, "getrandom");
		int failed = file_replace(AT_FDCWD, path, key, sizeof(key), 0600, err);
		explicit_bzero(key, sizeof(key));
		if (failed)
			return -1;
	}
	if (lchown(path, inst->uid, inst->gid) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chown '%s'", path);
	return 0;
}

int setup_folders(const struct instance *inst, struct error *err)
{
	if (file_make_dirs(inst->etc, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(lib_folders); i++)
		if (make_folder(inst, inst->lib, &lib_folders[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(run_folders); i++)
		if (make_folder(inst, inst->run, &run_folders[i], err) < 0)
			return -1;
	return make_key(inst, err);
}
