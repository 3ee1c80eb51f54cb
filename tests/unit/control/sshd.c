// SPDX-License-Identifier: MIT
#include "control/sshd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "control/pubkey.h"

static struct instance inst;
static char folder[] = "/var/tmp/berth-sshd-XXXXXX";

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		if (call)                                                                          \
			fail_msg("%s", err.message);                                               \
	} while (0)

static int setup(void **state)
{
	static const char settings[] = "[ssh]\nenabled = yes\naddress = 127.0.0.1\nport = 2222\n";
	struct error err = ERROR_INIT;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	inst.root = xstrdup(folder);
	inst.lib = xasprintf("%s/l i%%b", folder);
	inst.prefix = xstrdup("/opt/it's \"here\"");
	inst.user = xstrdup("berth");
	return ini_parse(&inst.settings, settings, strlen(settings), "test", &err);
}

static int teardown(void **state)
{
	(void)state;
	assert_ok(file_remove_tree(AT_FDCWD, folder, &err));
	free(inst.root);
	free(inst.lib);
	free(inst.prefix);
	free(inst.user);
	ini_release(&inst.settings);
	return 0;
}

static char *run(char *const *argv)
{
	_cleanup_child_ struct child c;
	struct strbuf out = STRBUF_INIT;

	child_init(&c);
	strvec_push_all(&c.argv, argv);
	c.capture = &out;
	assert_ok(child_run(&c, &err));
	return strbuf_detach(&out);
}

#define RUN(...)                                                                                   \
	({                                                                                         \
		const char *args_[] = {__VA_ARGS__, NULL};                                         \
		char *mutable_[ARRAY_SIZE(args_)];                                                 \
		memcpy(mutable_, args_, sizeof(args_));                                            \
		run(mutable_);                                                                     \
	})

/* The public half of a fresh key of TYPE and BITS. */
static char *make_key(const char *type, const char *bits, char **out_path)
{
	struct strbuf text = STRBUF_INIT;

	*out_path = xasprintf("%s/key-%s-%s", folder, type, bits);
	free(RUN("ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-C", "me at home", "-f",
		 *out_path));
	_cleanup_free_ char *public = xasprintf("%s.pub", *out_path);
	assert_ok(file_read(AT_FDCWD, public, 8192, &text, &err));
	return strbuf_detach(&text);
}

static void agrees_with_ssh_keygen(void **state)
{
	static const char *const kinds[][2] = {
		{"ed25519", "256"}, {"ecdsa", "256"}, {"ecdsa", "384"},
		{"ecdsa", "521"},   {"rsa", "2048"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *path = NULL;
		_cleanup_free_ char *text = make_key(kinds[i][0], kinds[i][1], &path);
		struct pubkey key;
		assert_ok(pubkey_parse(text, strlen(text), &key, &err));
		_cleanup_free_ char *says = RUN("ssh-keygen", "-l", "-f", path);
		_cleanup_free_ char *want = xasprintf("%u %s ", key.bits, key.fingerprint);
		assert_true(str_starts(says, want));
		assert_string_equal(key.comment, "me at home");
		assert_true(str_starts(text, key.line));
		pubkey_release(&key);
	}
}

static void assert_refused(const char *text, const char *part)
{
	struct error err = ERROR_INIT;
	struct pubkey key;

	assert_int_equal(pubkey_parse(text, strlen(text), &key, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in: %s", part, err.message);
}

static void refuses_other_keys(void **state)
{
	_cleanup_free_ char *path = NULL, *weak_path = NULL;
	_cleanup_free_ char *good = make_key("ed25519", "255", &path);
	_cleanup_free_ char *weak = make_key("rsa", "1024", &weak_path);
	_cleanup_free_ char *options = xasprintf("command=\"sh\" %s", good);
	_cleanup_free_ char *two = xasprintf("%s%s", good, good);
	_cleanup_free_ char *renamed = xasprintf("ssh-rsa %s", good + strlen("ssh-ed25519 "));
	_cleanup_free_ char *cut = xstrndup(good, 60);
	_cleanup_strbuf_ struct strbuf private = STRBUF_INIT;

	(void)state;
	assert_refused("", "no key");
	assert_refused(weak, "too weak");
	assert_refused(options, "no type of key");
	assert_refused(two, "one line");
	assert_refused(renamed, "damaged");
	assert_refused(cut, "damaged");
	assert_refused("ssh-dss AAAA", "no type of key");
	assert_refused("ssh-ed25519", "damaged");
	assert_refused("ssh-ed25519 !!!!", "damaged");
	assert_refused("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "damaged");
	assert_ok(file_read(AT_FDCWD, path, 8192, &private, &err));
	assert_refused(private.data, "private key");
}

/* What sshd makes of its settings. As root it would ask for a folder below /run first. */
static char *effective_settings(const char *program, const char *config)
{
	if (geteuid() != 0)
		return RUN(program, "-T", "-f", config, "-C", "user=berth");
	assert_int_equal(chmod(folder, 0755), 0);
	free(RUN("chown", "-R", "65534", inst.lib));
	return RUN("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program,
		   "-T", "-f", config, "-C", "user=berth");
}

static void writes_what_sshd_accepts(void **state)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf hosts = STRBUF_INIT;
	struct stat st;

	(void)state;
	assert_true(sshd_enabled(&inst));
	assert_ok(sshd_configure(&inst, &err));
	assert_ok(sshd_configure(&inst, &err));
	assert_ok(sshd_command(&inst, &argv, &err));
	_cleanup_free_ char *all = effective_settings(argv.v[0], argv.v[4]);
	assert_non_null(strstr(all, "port 2222\n"));
	assert_non_null(strstr(all, "listenaddress 127.0.0.1:2222\n"));
	assert_non_null(strstr(all, "disableforwarding yes\n"));
	assert_non_null(strstr(all, "passwordauthentication no\n"));
	assert_non_null(strstr(all, "permitopen any\n"));
	_cleanup_free_ char *want =
		xasprintf("authorizedkeysfile %s/l i%%%%b/ssh/authorized_keys\n", folder);
	assert_non_null(strstr(all, want));
	_cleanup_free_ char *secret = instance_lib(&inst, "ssh/host_ed25519");
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(sshd_known_hosts(&inst, "127.0.0.1", &hosts, &err));
	assert_true(str_starts(hosts.data, "[127.0.0.1]:2222 ssh-ed25519 "));
}

static void writes_keys_whole_or_not(void **state)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *key = make_key("ed25519", "254", &path);
	_cleanup_free_ char *file = instance_lib(&inst, "ssh/authorized_keys");
	const struct sshd_entry good = {"alice@home", key};
	const struct sshd_entry bad[] = {{"alice", key}, {"bob", "command=\"sh\" ssh-rsa AAAA"}};
	const struct sshd_entry name[] = {{"a\" ssh-rsa", key}};
	_cleanup_strbuf_ struct strbuf before = STRBUF_INIT, after = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_ok(sshd_write_keys(&inst, &good, 1, &err));
	assert_ok(file_read(AT_FDCWD, file, 99999, &before, &err));
	_cleanup_free_ char *want =
		xasprintf("\nrestrict,pty,command=\"'/opt/it'\\''s \\\"here\\\"/bin/berth' --root "
			  "%s door --key alice@home\" ssh-ed25519 ",
			  folder);
	assert_non_null(strstr(before.data, want));
	assert_non_null(strstr(before.data, " alice@home\n"));
	assert_int_equal(sshd_write_keys(&inst, bad, 2, &err), -1);
	assert_non_null(strstr(err.message, "'bob'"));
	assert_int_equal(sshd_write_keys(&inst, name, 1, &err), -1);
	assert_ok(file_read(AT_FDCWD, file, 99999, &after, &err));
	assert_string_equal(before.data, after.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_ssh_keygen),
		cmocka_unit_test(refuses_other_keys),
		cmocka_unit_test(writes_what_sshd_accepts),
		cmocka_unit_test(writes_keys_whole_or_not),
	};
	return cmocka_run_group_tests_name("control/sshd", tests, setup, teardown);
}
