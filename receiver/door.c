// SPDX-License-Identifier: MIT
#include "receiver/door.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/colour.h"
#include "base/strbuf.h"
#include "instance/call.h"
#include "instance/name.h"
#include "receiver/gitdir.h"
#include "receiver/relay.h"
#include "receiver/words.h"

/* git and its hook get this long to end by themselves after the client has gone. */
#define DOOR_GRACE_MS 5000

static int door_fail(const struct error *err)
{
	/* git clients read the exit status only after the error line */
	colour_complain(err->message);
	return error_exit_status(err->code);
}

/* "/hello.git", "~/hello" and "hello" are all the app hello. */
static int parse_app(const char *path, char **out, struct error *err)
{
	if (*path == '-')
		return error_set(err, ERROR_INVALID, 0, "'%.80s' is not an app's name", path);
	if (str_starts(path, "~/"))
		path++;
	path += strspn(path, "/");
	size_t len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	if (len > 4 && !strncmp(path + len - 4, ".git", 4))
		len -= 4;
	_cleanup_free_ char *app = xstrndup(path, len);
	if (name_check_app(app, err))
		return error_wrap(err, "the repository's path must be an app's name");
	*out = TAKE_PTR(app);
	return 0;
}

int door_parse_git(const struct strvec *words, const char **out_service, char **out_app,
		   struct error *err)
{
	static const char *const services[] = {"receive-pack", "upload-pack", "upload-archive"};
	const char *service = NULL;
	const char *name = words->n ? words->v[0] : "";
	size_t at = 1;

	if (str_starts(name, "git-")) {
		name += strlen("git-");
	} else if (str_equal(name, "git") && words->n > 1) {
		name = words->v[1];
		at = 2;
	} else {
		*out_service = NULL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (str_equal(name, services[i]))
			service = services[i];
	if (!service) {
		*out_service = NULL;
		return 0;
	}
	if (words->n != at + 1)
		return error_set(err, ERROR_USAGE, 0, "git-%s takes one argument, the app",
				 service);
	if (parse_app(words->v[at], out_app, err))
		return -1;
	*out_service = service;
	return 0;
}

bool door_is_git_protocol(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789=:.-";
	size_t len = strlen(s);

	return len > 0 && len <= 256 && strspn(s, allowed) == len;
}

/* ---- a command for berthd ---- */

/* LINE: as the user's ssh sent WORDS, where that matters; or NULL. */
static int run_command(const struct instance *inst, const char *key, struct strvec *words,
		       const char *line)
{
	struct error err = ERROR_INIT;
	int status;

	/* the berth of a laptop knows its terminal better */
	if (!words->n || !str_equal(words->v[0], "--colour")) {
		strvec_insert(words, 0, "--colour");
		strvec_insert(words, 1, colour_name(colour_wanted()));
	}
	if (line) {
		strvec_insert(words, words->n < 2 ? words->n : 2, "--line");
		strvec_insert(words, words->n < 3 ? words->n : 3, line);
	}

	/* our stdout is sshd's socket or terminal: it reports when the client is gone */
	if (call_run(inst, key, words, (int[3]){0, 1, 2}, STDOUT_FILENO, &status, &err))
		return door_fail(&err);
	return status;
}

static int run_help(const struct instance *inst, const char *key)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;

	fprintf(stderr, "Hello %s: Berth gives no shell, but runs commands: ssh HOST COMMAND\n",
		key);
	strvec_push(&words, "help");
	return run_command(inst, key, &words, NULL);
}

/* ---- git ---- */

/* berthd checks that KEY may do that, and makes a new app; its words go to the user's stderr, as
 * stdout belongs to git's protocol. */
static int ask_allowed(const struct instance *inst, const char *key, const char *service,
		       const char *app, int *out_status, struct error *err)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open /dev/null");
	strvec_push(&words, "git:allow");
	strvec_push(&words, app);
	strvec_push(&words, service);
	return call_run(inst, key, &words, (int[3]){null, 2, 2}, STDOUT_FILENO, out_status, err);
}

static int fill_env(const struct instance *inst, const char *key, const char *app,
		    struct strvec *env, struct error *err)
{
	_cleanup_strvec_ struct strvec config = STRVEC_INIT;
	const char *protocol = getenv("GIT_PROTOCOL");

	if (gitdir_config(inst, app, &config, err))
		return -1;
	strvec_pushf(env, "HOME=%s", inst->lib);
	strvec_pushf(env, "BERTH_APP=%s", app);
	strvec_pushf(env, "BERTH_KEY=%s", key);
	if (*inst->root)
		strvec_pushf(env, "BERTH_ROOT=%s", inst->root);
	if (protocol && door_is_git_protocol(protocol))
		strvec_pushf(env, "GIT_PROTOCOL=%s", protocol);
	strvec_push(env, "GIT_CONFIG_NOSYSTEM=1");
	strvec_push(env, "GIT_CONFIG_GLOBAL=/dev/null");
	strvec_pushf(env, "GIT_CONFIG_COUNT=%zu", config.n);
	for (size_t i = 0; i < config.n; i++) {
		const char *value = strchr(config.v[i], '=') + 1;
		strvec_pushf(env, "GIT_CONFIG_KEY_%zu=%.*s", i, (int)(value - config.v[i] - 1),
			     config.v[i]);
		strvec_pushf(env, "GIT_CONFIG_VALUE_%zu=%s", i, value);
	}
	return 0;
}

static void explain_shallow(void)
{
	fprintf(stderr,
		" !     this clone is shallow, and a push needs the history below it: "
		"'git fetch --unshallow' gets it, then push again; 'berth up' needs none\n");
}

/* Passes git's answers on and waits until it has ended; when the client goes away or we are told to
 * stop, ends its whole group first: receive-pack then drops its quarantine and the hook cancels the
 * deploy. */
static int watch(struct child *git, struct relay *relay, int signals, struct error *err)
{
	int64_t kill_at = 0;
	bool gone = false, ended = false;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = ended ? -1 : git->pidfd, .events = POLLIN},
			{.fd = gone ? -1 : signals, .events = POLLIN},
			/* POLLHUP and POLLERR come unasked for */
			{.fd = gone ? -1 : STDOUT_FILENO, .events = relay->len ? POLLOUT : 0},
			{.fd = relay->len ? -1 : relay->from, .events = POLLIN},
		};
		bool last = ended && !relay->len;
		int64_t left = gone ? kill_at - clock_ms() : -1;
		int n = poll(fds, ARRAY_SIZE(fds),
			     last   ? 0
			     : gone ? (left > 0 ? (int)left : 0)
				    : -1);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (n < 0)
			continue;
		if (n == 0 && !ended)
			child_kill(git, SIGKILL);
		if (n == 0)
			return child_wait(git, err);
		ended |= fds[0].revents != 0;
		if (fds[3].revents && relay_read(relay))
			explain_shallow();
		if (gone)
			relay->len = 0;
		else if (fds[1].revents || (fds[2].revents & ~POLLOUT) ||
			 (fds[2].revents && relay_write(relay, STDOUT_FILENO, NULL))) {
			gone = true;
			relay->len = 0;
			kill_at = clock_ms() + DOOR_GRACE_MS;
			child_kill(git, SIGTERM);
		}
	}
}

static int run_git(const struct instance *inst, const char *key, const char *service,
		   const char *app, int *out_status, struct error *err)
{
	_cleanup_child_ struct child git;
	_cleanup_free_ char *path = gitdir_path(inst, app);
	_cleanup_close_ int answers = -1;
	_cleanup_relay_ struct relay relay = {.from = -1};
	sigset_t set;

	child_init(&git);
	child_args(&git, "git", service, path, NULL);
	if (fill_env(inst, key, app, &git.env, err))
		return -1;
	git.in = STDIN_FILENO;
	git.out = STDOUT_FILENO;
	if (str_equal(service, "receive-pack")) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
		relay.from = ends[0];
		git.out = answers = ends[1];
	}
	git.err = STDERR_FILENO;
	git.new_group = true;
	git.die_with_parent = true;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	_cleanup_close_ int signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return error_set(err, ERROR_SYSTEM, errno, "signalfd");
	if (child_start(&git, err))
		return -1;
	answers = close_fd(answers);
	if (watch(&git, &relay, signals, err))
		return -1;
	*out_status = child_exit_code(git.status);
	return 0;
}

static int serve_git(const struct instance *inst, const char *key, const char *service,
		     const char *app)
{
	struct error err = ERROR_INIT;
	int status;

	if (isatty(STDOUT_FILENO)) { /* which would change the bytes of git's protocol */
		error_set(&err, ERROR_USAGE, 0, "git-%s needs no terminal: leave out ssh's -t",
			  service);
		return door_fail(&err);
	}
	if (ask_allowed(inst, key, service, app, &status, &err))
		return door_fail(&err);
	if (status)
		return status;
	if (run_git(inst, key, service, app, &status, &err))
		return door_fail(&err);
	return status;
}

int door_run(const struct instance *inst, const char *key_name)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_free_ char *app = NULL;
	struct error err = ERROR_INIT;
	const char *line = getenv("SSH_ORIGINAL_COMMAND");
	const char *service;

	if (name_check_label(key_name, &err))
		return door_fail(&err);
	signal(SIGPIPE, SIG_IGN);
	if (line && words_split(line, strlen(line), &words, &err))
		return door_fail(&err);
	if (!words.n)
		return run_help(inst, key_name);
	if (door_parse_git(&words, &service, &app, &err))
		return door_fail(&err);
	/* ssh has taken the quotes that its user typed: what the command line of `run` and
	 * `run:detached` was meant to be, only the line itself tells */
	bool takes_line = strvec_has(&words, "run") || strvec_has(&words, "run:detached");
	return service ? serve_git(inst, key_name, service, app)
		       : run_command(inst, key_name, &words, takes_line ? line : NULL);
}
