/* SPDX-License-Identifier: MIT */
/*
 * Store, host, executor and runner together: real folders, a real berth-plugins process under its
 * own user, real plugins. Needs root, which is what changes users.
 */
#include "plugins/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* after the three that it needs */
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/service.h"
#include "plugins/executor.h"
#include "base/fetch.h"
#include "plugins/store.h"

struct world {
	struct instance inst;
	char root[64], source[96];
	pid_t executor;
};

static void write_file(const char *folder, const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	_cleanup_free_ char *above = xstrdup(path);
	struct error err = ERROR_INIT;

	*strrchr(above, '/') = '\0';
	assert_int_equal(file_make_dirs(above, 0755, &err), 0);
	if (file_replace(AT_FDCWD, path, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(chmod(path, mode), 0);
}

static void start_executor(struct world *w)
{
	_cleanup_free_ char *path = instance_run(&w->inst, "plugins.sock");
	struct error err = ERROR_INIT;
	int fd;

	if (service_listen(path, SOCK_STREAM, 0660, w->inst.plugin_uid, w->inst.gid, &fd, &err) < 0)
		fail_msg("%s", err.message);
	w->executor = fork();
	assert_true(w->executor >= 0);
	if (w->executor == 0) {
		if (service_become(w->inst.plugin_uid, w->inst.plugin_gid, &err) < 0 ||
		    executor_serve(&w->inst, fd, &err) < 0)
			_exit(1);
		_exit(0);
	}
	close(fd);
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct error err = ERROR_INIT;
	const char *const folders[] = {"etc", "lib", "run", "lib/plugins-data"};

	memcpy(w->root, "/var/tmp/berth-unit-XXXXXX", sizeof("/var/tmp/berth-unit-XXXXXX"));
	if (!mkdtemp(w->root) || chmod(w->root, 0755) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", w->root, folders[i]);

		if (file_make_dirs(path, 0755, &err) < 0)
			return -1;
	}
	write_file(w->root, "etc/berth.conf",
		   "[plugins]\ntimeout = 60\noutput-max = 4096\n[plugin.probe]\ncolour = red\n",
		   0644);
	snprintf(w->source, sizeof(w->source), "%s/source", w->root);
	if (instance_open(&w->inst, w->root, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	_cleanup_free_ char *data = instance_lib(&w->inst, "plugins-data");
	if (chown(data, w->inst.plugin_uid, w->inst.plugin_gid) < 0)
		return -1;
	start_executor(w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	kill(w->executor, SIGTERM);
	waitpid(w->executor, NULL, 0);
	file_remove_tree(AT_FDCWD, w->root, NULL);
	instance_release(&w->inst);
	free(w);
	return 0;
}

#define MANIFEST                                                                                   \
	"name: probe\nversion: 1.2\ndescription: looks around\ncommands:\n"                        \
	"  look: {args: APP, help: look}\n  spin: {timeout: 1}\n  leave: {}\n"                     \
	"triggers: [pre-build, post-deploy]\nsettings:\n  colour: {default: blue}\n"               \
	"  two-words: {default: two}\n"

static void make_plugin(struct world *w)
{
	write_file(w->source, "plugin.yml", MANIFEST, 0644);
	write_file(w->source, "commands/look",
		   "#!/bin/sh\necho \"$(id -un) $(pwd) $HOME $*\"; env | sort; ls /proc/self/fd\n"
		   "echo problem >/dev/stderr; exit 7\n",
		   0755);
	write_file(w->source, "commands/spin", "#!/bin/sh\nsetsid sleep 321 &\nsleep 321\n", 0755);
	write_file(w->source, "commands/leave", "#!/bin/sh\nsetsid sleep 322 &\n", 0755);
	write_file(w->source, "triggers/pre-build",
		   "#!/bin/sh\nread json; echo \"$BERTH_TRIGGER $BERTH_APP $1 $2 $json\"\n"
		   "[ \"$2\" != bad ]\n",
		   0755);
	write_file(w->source, "triggers/post-deploy",
		   "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x\nexit 3\n", 0755);
}

static void install(struct world *w)
{
	_cleanup_free_ char *name = NULL, *version = NULL;
	struct plugin_install how = {0};
	struct error err = ERROR_INIT;

	make_plugin(w);
	if (plugin_store_install_path(&w->inst, w->source, &how, &err) < 0)
		fail_msg("%s", err.message);
	name = how.out_name;
	version = how.out_version;
	assert_string_equal(name, "probe");
	assert_string_equal(version, "1.2");
}

/* What RUN writes into a pipe of at most 64 KiB. */
struct output {
	int fds[2];
	struct strbuf text;
};

static void output_open(struct output *o)
{
	strbuf_init(&o->text);
	assert_int_equal(pipe2(o->fds, O_CLOEXEC), 0);
}

static void output_close(struct output *o)
{
	struct error err = ERROR_INIT;

	close(o->fds[1]);
	assert_int_equal(strbuf_read_fd(&o->text, o->fds[0], &err), 0);
	close(o->fds[0]);
}

static int run_command(struct world *w, char *text[], int *status, struct output *o,
		       struct error *err)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ret;

	strvec_push_all(&words, text);
	output_open(o);
	ret = plugin_command(&w->inst, &words, "alice", (const int[]){null, o->fds[1], o->fds[1]},
			     status, err);
	output_close(o);
	close(null);
	return ret;
}

static void test_command(void **state)
{
	struct world *w = *state;
	struct output o;
	struct error err = ERROR_INIT;
	int status = -1;
	char look[] = "probe:look", app[] = "hello", odd[] = "$(id) ; \n";
	_cleanup_free_ char *head = NULL;
	bool found = false;

	install(w);
	assert_int_equal(plugin_find_command(&w->inst, "probe:look", &found, &err), 0);
	assert_true(found);
	assert_int_equal(plugin_find_command(&w->inst, "probe:nothing", &found, &err), 0);
	assert_false(found);
	if (run_command(w, (char *[]){look, app, odd, NULL}, &status, &o, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(status, 7);
	head = xasprintf(
		"berth-plugin %s/lib/plugins/probe %s/lib/plugins-data/probe hello $(id) ; \n",
		w->root, w->root);
	assert_true(str_starts(o.text.data, head));
	assert_non_null(strstr(o.text.data, "\nBERTH_APP=hello\n"));
	assert_non_null(strstr(o.text.data, "\nBERTH_USER=alice\n"));
	assert_non_null(strstr(o.text.data, "\nBERTH_SETTING_COLOUR=red\n"));
	assert_non_null(strstr(o.text.data, "\nBERTH_SETTING_TWO_WORDS=two\n"));
	assert_null(strstr(o.text.data, "SUDO"));
	/* 0, 1, 2 and that of ls itself: nothing is inherited */
	assert_non_null(strstr(o.text.data, "\n0\n1\n2\n3\n"));
	assert_null(strstr(o.text.data, "\n4\n"));
	assert_non_null(strstr(o.text.data, "problem\n"));
	strbuf_release(&o.text);
}

static bool is_running(const char *seconds)
{
	_cleanup_child_ struct child c;

	child_init(&c);
	child_args(&c, "pgrep", "-u", "berth-plugin", "-f", NULL);
	strvec_pushf(&c.argv, "^sleep %s$", seconds);
	return child_run(&c, NULL) == 0;
}

static void test_timeout(void **state)
{
	struct world *w = *state;
	struct output o;
	struct error err = ERROR_INIT;
	int status = -1;
	char spin[] = "probe:spin", leave[] = "probe:leave";
	int64_t begin = clock_ms();

	install(w);
	assert_int_equal(run_command(w, (char *[]){spin, NULL}, &status, &o, &err), -1);
	assert_int_equal(err.code, ERROR_TIMEOUT);
	/* its own time, not everybody's */
	assert_true(clock_ms() - begin < 60000);
	assert_false(is_running("321"));
	strbuf_release(&o.text);
	assert_int_equal(run_command(w, (char *[]){leave, NULL}, &status, &o, &err), 0);
	assert_int_equal(status, 0);
	assert_false(is_running("322"));
	strbuf_release(&o.text);
}

static int run_trigger(struct world *w, const char *name, const char *second, struct output *o,
		       struct error *err)
{
	_cleanup_strvec_ struct strvec args = STRVEC_INIT;
	int ret;

	strvec_push(&args, "hello");
	strvec_push(&args, second);
	output_open(o);
	ret = plugin_trigger(&w->inst, name, &args, "{\"app\": \"hello\"}\n", o->fds[1], o->fds[1],
			     err);
	output_close(o);
	return ret;
}

static void test_trigger(void **state)
{
	struct world *w = *state;
	struct output o;
	struct error err = ERROR_INIT;

	install(w);
	assert_int_equal(run_trigger(w, "pre-build", "good", &o, &err), 0);
	assert_string_equal(o.text.data, "pre-build hello hello good {\"app\": \"hello\"}\n");
	strbuf_release(&o.text);
	assert_int_equal(run_trigger(w, "pre-build", "bad", &o, &err), -1);
	assert_string_equal(err.message, "plugin 'probe' stopped this in pre-build: exit status 1");
	strbuf_release(&o.text);
	/* a failing post trigger is reported, its output capped */
	error_clear(&err);
	assert_int_equal(run_trigger(w, "post-deploy", "x", &o, &err), 0);
	assert_non_null(strstr(o.text.data, "the rest of its output is left out\n"));
	assert_non_null(strstr(o.text.data, "Plugin 'probe' failed in post-deploy: exit status 3"));
	assert_true(o.text.len < 4500);
	strbuf_release(&o.text);
	/* disabled: nobody is called */
	assert_int_equal(plugin_store_enable(&w->inst, "probe", false, &err), 0);
	assert_int_equal(run_trigger(w, "pre-build", "bad", &o, &err), 0);
	assert_int_equal(o.text.len, 0);
}

static void test_hangup(void **state)
{
	struct world *w = *state;
	struct error err = ERROR_INIT;
	char *words[] = {xstrdup("probe:look"), NULL};
	pid_t pid;

	install(w);
	write_file(w->root, "lib/plugins/probe/commands/look", "#!/bin/sh\nsleep 323\n", 0755);
	pid = fork();
	if (pid == 0) {
		struct output o;
		int status;

		run_command(w, words, &status, &o, &err);
		_exit(0);
	}
	for (int i = 0; i < 500 && !is_running("323"); i++)
		clock_sleep_ms(20);
	assert_true(is_running("323"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 200 && is_running("323"); i++)
		clock_sleep_ms(20);
	assert_false(is_running("323"));
	free(words[0]);
}

static void test_refuses_strangers(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	install(w);
	pid = fork();
	if (pid == 0) {
		struct error err = ERROR_INIT;
		struct output o;
		char look[] = "probe:look";

		/* another user with berth's group can connect, and is refused by its id */
		if (setresgid(w->inst.gid, w->inst.gid, w->inst.gid) < 0 ||
		    setresuid(w->inst.web_uid, w->inst.web_uid, w->inst.web_uid) < 0)
			_exit(2);
		_exit(run_command(w, (char *[]){look, NULL}, &status, &o, &err) < 0 &&
				      strstr(err.message, "may not run plugins")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_fast_without_plugins(void **state)
{
	struct world *w = *state;
	_cleanup_strvec_ struct strvec args = STRVEC_INIT;
	struct error err = ERROR_INIT;
	_cleanup_free_ char *path = instance_run(&w->inst, "plugins.sock");
	int64_t begin;

	/* it asks nobody: there is nobody to be asked */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(plugin_trigger(&w->inst, "pre-build", &args, "{}", 1, 2, &err), 0);
	begin = clock_us();
	for (int i = 0; i < 100; i++)
		assert_int_equal(plugin_trigger(&w->inst, "pre-build", &args, "{}", 1, 2, &err), 0);
	print_message("a trigger without plugins: %.1f us\n", (double)(clock_us() - begin) / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_command, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timeout, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trigger, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hangup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fast_without_plugins, set_up, tear_down),
	};

	if (geteuid() != 0) {
		print_message("SKIP: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("plugins host", tests, NULL, NULL);
}
