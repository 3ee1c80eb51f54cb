// SPDX-License-Identifier: MIT
#include "control/sshd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "control/pubkey.h"
#include "instance/name.h"
#include "base/quote.h"

static const char *const host_key_types[] = {"ed25519", "ecdsa"};

bool sshd_enabled(const struct instance *inst)
{
	return str_equal(instance_setting(inst, "ssh", "enabled", "no"), "yes");
}

static char *host_key_path(const struct instance *inst, const char *type)
{
	return instance_lib(inst, "ssh/host_%s", type);
}

static int make_host_key(const struct instance *inst, const char *type, struct error *err)
{
	_cleanup_free_ char *path = host_key_path(inst, type);
	_cleanup_free_ char *fresh = xasprintf("%s.new", path);
	_cleanup_free_ char *fresh_public = xasprintf("%s.pub", fresh);
	_cleanup_free_ char *public = xasprintf("%s.pub", path);
	_cleanup_child_ struct child keygen;
	_cleanup_strbuf_ struct strbuf output = STRBUF_INIT;

	if (file_exists(AT_FDCWD, path))
		return 0;
	unlink(fresh);
	child_init(&keygen);
	child_args(&keygen, "ssh-keygen", "-q", "-t", type, "-N", "", "-C", "berth", "-f", fresh,
		   NULL);
	keygen.timeout_ms = 30000;
	strbuf_cap(&output, 4096);
	keygen.capture = &output;
	keygen.capture_err = &output;
	if (child_run(&keygen, err))
		return error_wrap(err, "make the host key '%s'", path);
	/* the private half last: it is what says that the key is there */
	if (rename(fresh_public, public) || rename(fresh, path))
		return error_set(err, ERROR_SYSTEM, errno, "make the host key '%s'", path);
	return 0;
}

/* PATH for sshd_config(5): in quotes; "%%" where tokens are expanded. */
static int add_path(struct strbuf *out, const char *keyword, const char *path, bool tokens,
		    struct error *err)
{
	strbuf_addf(out, "%s \"", keyword);
	for (const char *p = path; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\')
			return error_set(err, ERROR_INVALID, 0,
					 "the path '%s' cannot be written into sshd's settings",
					 path);
		strbuf_addf(out, tokens && *p == '%' ? "%%%c" : "%c", *p);
	}
	strbuf_addstr(out, "\"\n");
	return 0;
}

static bool is_address(const char *text)
{
	unsigned char binary[16];

	return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

static int add_places(const struct instance *inst, struct strbuf *out, struct error *err)
{
	const char *text = instance_setting(inst, "ssh", "address", NULL);
	unsigned long long port;
	int n = 0;

	if (instance_setting_u64(inst, "ssh", "port", 1, 65535, 22, &port, err))
		return -1;
	if (!text)
		text = file_exists(AT_FDCWD, "/proc/net/if_inet6") ? "0.0.0.0 [::]" : "0.0.0.0";
	strbuf_addf(out, "Port %llu\n", port);
	for (; *(text += strspn(text, " \t,")); n++) {
		size_t len = strcspn(text, " \t,");
		bool brackets = len > 2 && *text == '[' && text[len - 1] == ']';
		_cleanup_free_ char *address =
			brackets ? xstrndup(text + 1, len - 2) : xstrndup(text, len);
		if (!is_address(address))
			return error_set(err, ERROR_INVALID, 0,
					 "setting [ssh] address: '%s' is not an IP address",
					 address);
		strbuf_addf(out, "ListenAddress %s\n", address);
		text += len;
	}
	if (!n)
		return error_set(err, ERROR_INVALID, 0, "setting [ssh] address is empty");
	return 0;
}

/* lib is group-writable and sticky, which StrictModes would refuse; lib/ssh is berth's alone. */
static const char fixed_settings[] = "AllowUsers %s\n"
				     "AuthenticationMethods publickey\n"
				     "PubkeyAuthentication yes\n"
				     "PasswordAuthentication no\n"
				     "KbdInteractiveAuthentication no\n"
				     "HostbasedAuthentication no\n"
				     "UsePAM no\n"
				     "StrictModes no\n"
				     "DisableForwarding yes\n"
				     "AllowTcpForwarding no\n"
				     "AllowStreamLocalForwarding no\n"
				     "AllowAgentForwarding no\n"
				     "X11Forwarding no\n"
				     "PermitTunnel no\n"
				     "PermitUserRC no\n"
				     "PermitUserEnvironment no\n"
				     "AcceptEnv GIT_PROTOCOL LANG\n"
				     "PermitTTY yes\n"
				     "PrintMotd no\n"
				     "PrintLastLog no\n"
				     "UseDNS no\n"
				     "TCPKeepAlive yes\n"
				     "ClientAliveInterval 30\n"
				     "ClientAliveCountMax 4\n"
				     "LoginGraceTime 30\n"
				     "MaxAuthTries 10\n"
				     "MaxSessions 20\n"
				     "MaxStartups 50:30:200\n"
				     "LogLevel INFO\n"
				     "PidFile none\n";

static int write_config(const struct instance *inst, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *path = instance_lib(inst, "ssh/sshd_config");
	_cleanup_free_ char *keys = instance_lib(inst, "ssh/authorized_keys");

	strbuf_addstr(&text, "# written by Berth whenever this sshd starts\n");
	if (add_places(inst, &text, err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(host_key_types); i++) {
		_cleanup_free_ char *key = host_key_path(inst, host_key_types[i]);
		if (add_path(&text, "HostKey", key, false, err))
			return -1;
	}
	if (add_path(&text, "AuthorizedKeysFile", keys, true, err))
		return -1;
	if (strpbrk(inst->user, " \t\"*?!@,\n"))
		return error_set(err, ERROR_INVALID, 0, "the user name '%s' is not plain",
				 inst->user);
	strbuf_addf(&text, fixed_settings, inst->user);
	return file_replace(AT_FDCWD, path, text.data, text.len, 0600, err);
}

int sshd_configure(const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "ssh");
	_cleanup_free_ char *keys = instance_lib(inst, "ssh/authorized_keys");
	_cleanup_close_ int lock = -1;

	if (file_make_dirs(folder, 0700, err))
		return -1;
	_cleanup_free_ char *lock_path = instance_lib(inst, "ssh/lock");
	if (file_lock(lock_path, true, &lock, err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(host_key_types); i++)
		if (make_host_key(inst, host_key_types[i], err))
			return -1;
	if (!file_exists(AT_FDCWD, keys) && sshd_write_keys(inst, NULL, 0, err))
		return -1;
	return write_config(inst, err);
}

int sshd_command(const struct instance *inst, struct strvec *argv, struct error *err)
{
	static const char *const places[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd",
					     "/sbin/sshd"};
	_cleanup_free_ char *config = instance_lib(inst, "ssh/sshd_config");
	const char *program = NULL;

	/* sshd executes itself again for every connection and wants to know where it is */
	for (size_t i = 0; !program && i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			program = places[i];
	if (!program)
		return error_set(
			err, ERROR_NOT_FOUND, 0,
			"there is no sshd on this machine: apt-get install openssh-server");
	strvec_push(argv, program);
	strvec_push(argv, "-D");
	strvec_push(argv, "-e");
	strvec_push(argv, "-f");
	strvec_push(argv, config);
	return 0;
}

gid_t sshd_terminal_group(void)
{
	const struct group *tty = getgrnam("tty");
	_cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	struct stat st;

	if (!tty || master < 0 || ptsname_r(master, name, sizeof(name)) || stat(name, &st))
		return (gid_t)-1;
	return st.st_gid == tty->gr_gid ? (gid_t)-1 : tty->gr_gid;
}

/* ---- authorized_keys ---- */

/* The command as the shell that sshd starts reads it, quoted once more for authorized_keys, where
 * only '"' is special (sshd(8): AUTHORIZED_KEYS FILE FORMAT). */
static int add_command(const struct instance *inst, const char *name, struct strbuf *out,
		       struct error *err)
{
	_cleanup_strbuf_ struct strbuf command = STRBUF_INIT;
	_cleanup_free_ char *program = xasprintf("%s/bin/berth", inst->prefix);

	quote_shell(&command, program);
	if (*inst->root) {
		strbuf_addstr(&command, " --root ");
		quote_shell(&command, inst->root);
	}
	strbuf_addstr(&command, " door --key ");
	quote_shell(&command, name);
	strbuf_addstr(out, "command=\"");
	for (const char *p = command.data; *p; p++) {
		if ((unsigned char)*p < 0x20)
			return error_set(err, ERROR_INVALID, 0,
					 "the path '%s' cannot be written into authorized_keys",
					 program);
		strbuf_addf(out, *p == '"' ? "\\%c" : "%c", *p);
	}
	strbuf_addstr(out, "\"");
	return 0;
}

static int add_key(const struct instance *inst, const struct sshd_entry *entry, struct strbuf *out,
		   struct error *err)
{
	struct pubkey key;

	if (name_check_label(entry->name, err))
		return -1;
	if (pubkey_parse(entry->key, strlen(entry->key), &key, err))
		return error_wrap(err, "key '%s'", entry->name);
	strbuf_addstr(out, "restrict,pty,");
	int ret = add_command(inst, entry->name, out, err);
	if (ret == 0)
		strbuf_addf(out, " %s %s\n", key.line, entry->name);
	pubkey_release(&key);
	return ret;
}

int sshd_write_keys(const struct instance *inst, const struct sshd_entry *entries, size_t n,
		    struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *path = instance_lib(inst, "ssh/authorized_keys");

	strbuf_addstr(&text, "# written by berthd: use 'berth ssh-keys:add' and ':remove'\n");
	for (size_t i = 0; i < n; i++)
		if (add_key(inst, &entries[i], &text, err))
			return -1;
	return file_replace(AT_FDCWD, path, text.data, text.len, 0600, err);
}

int sshd_known_hosts(const struct instance *inst, const char *host, struct strbuf *out,
		     struct error *err)
{
	unsigned long long port;

	if (instance_setting_u64(inst, "ssh", "port", 1, 65535, 22, &port, err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(host_key_types); i++) {
		_cleanup_free_ char *path =
			instance_lib(inst, "ssh/host_%s.pub", host_key_types[i]);
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		struct pubkey key;
		if (file_read(AT_FDCWD, path, PUBKEY_MAX, &text, err) ||
		    pubkey_parse(text.data, text.len, &key, err))
			return -1;
		if (port == 22)
			strbuf_addf(out, "%s %s\n", host, key.line);
		else
			strbuf_addf(out, "[%s]:%llu %s\n", host, port, key.line);
		pubkey_release(&key);
	}
	return 0;
}
