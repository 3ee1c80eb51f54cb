/* SPDX-License-Identifier: MIT */
/*
 * berth: the command line (berth(1)). It hands its words and its descriptors to berthd; only what
 * cannot go there is done here: starting and ending an instance, being sshd's forced command, being
 * git's hook, and sending files that berthd's user may not read. On a machine without an instance
 * it asks the one that git's remote names, over ssh (control/laptop.h).
 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/colour.h"
#include "control/server.h"
#include "control/laptop.h"
#include "control/up.h"
#include "instance/call.h"
#include "base/fetch.h"
#include "receiver/door.h"
#include "receiver/hook.h"

static int complain(const struct error *err)
{
	colour_complain(err->message);
	return error_exit_status(err->code);
}

static int ask(const struct instance *inst, const struct strvec *given, int in)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	struct error err = ERROR_INIT;
	const int fds[3] = {in, STDOUT_FILENO, STDERR_FILENO};
	int status = 1;
	/* `up` has decided for its own child */
	if (!given->n || strcmp(given->v[0], "--colour") != 0) {
		strvec_push(&words, "--colour");
		strvec_push(&words, colour_name(colour_wanted()));
	}
	strvec_push_all(&words, given->v);
	if (call_run(inst, "", &words, fds, -1, &status, &err) < 0)
		return complain(&err);
	return status;
}

/* `ssh-keys:add NAME FILE`, `config:import APP FILE`: the file becomes stdin, because berthd's user
 * may not be able to read it. Gives the index of the word to replace, or 0. */
static size_t file_word(const struct strvec *words)
{
	const char *name = words->v[0];
	if (strcmp(name, "ssh-keys:add") == 0 && words->n == 3 && access(words->v[2], R_OK) == 0)
		return 2;
	if ((strcmp(name, "config:import") == 0 || strcmp(name, "router:page") == 0 ||
	     strcmp(name, "maintenance:page") == 0 || strcmp(name, "git:from-archive") == 0) &&
	    words->n >= 3 && strcmp(words->v[words->n - 1], "-") != 0 &&
	    words->v[words->n - 1][0] != '-' && access(words->v[words->n - 1], R_OK) == 0)
		return words->n - 1;
	return 0;
}

static int ask_with_file(const struct instance *inst, struct strvec *words, size_t at)
{
	struct error err = ERROR_INIT;
	_cleanup_close_ int fd = open(words->v[at], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		error_set(&err, ERROR_SYSTEM, errno, "open '%s'", words->v[at]);
		return complain(&err);
	}
	bool keep_dash = strcmp(words->v[0], "ssh-keys:add") != 0;
	strvec_remove(words, at);
	if (keep_dash)
		strvec_insert(words, at, "-");
	return ask(inst, words, fd);
}

/* `plugin:install FOLDER`: the folder is sent as a tar. */
static int ask_with_folder(const struct instance *inst, struct strvec *words, size_t at)
{
	struct error err = ERROR_INIT;
	_cleanup_child_ struct child tar;
	_cleanup_close_ int fd = -1;
	child_init(&tar);
	if (fetch_folder(words->v[at], &tar, &fd, &err) < 0)
		return complain(&err);
	strvec_pushf(words, "--origin=%s", words->v[at]);
	strvec_remove(words, at);
	strvec_insert(words, at, "-");
	int status = ask(inst, words, fd);
	fd = close_fd(fd);
	if (child_wait(&tar, &err) < 0)
		return complain(&err);
	return status;
}

static bool is_folder(const char *word)
{
	struct stat st;
	return word[0] != '-' && stat(word, &st) == 0 && S_ISDIR(st.st_mode);
}

/* `up [APP]`; asked for help or with an option it is a command like any other. */
static bool sends_folder(const struct strvec *words)
{
	return words->n && strcmp(words->v[0], "up") == 0 &&
	       (words->n == 1 || words->v[1][0] != '-');
}

static int command(const struct instance *inst, struct strvec *words)
{
	if (sends_folder(words)) {
		struct laptop here = {0};
		return up_run(&here, inst->root, words);
	}
	size_t at = words->n ? file_word(words) : 0;
	if (at)
		return ask_with_file(inst, words, at);
	if (words->n > 1 && strcmp(words->v[0], "plugin:install") == 0)
		for (size_t i = 1; i < words->n; i++)
			if (is_folder(words->v[i]))
				return ask_with_folder(inst, words, i);
	return ask(inst, words, STDIN_FILENO);
}

/* With the instance that `--remote` or git's remote names. */
static int command_remote(const struct laptop *there, struct strvec *words)
{
	struct error err = ERROR_INIT;
	size_t at = words->n ? file_word(words) : 0;
	if (sends_folder(words))
		return up_run(there, NULL, words);
	if (at) {
		int fd = open(words->v[at], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
			error_set(&err, ERROR_SYSTEM, errno, "open '%s'", words->v[at]);
			return complain(&err);
		}
		strvec_remove(words, at);
		if (strcmp(words->v[0], "ssh-keys:add") != 0)
			strvec_insert(words, at, "-");
	}
	laptop_exec(there, words, &err);
	return complain(&err);
}

/* A closed standard descriptor would make the next open file take its place. */
static void open_stdio(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			_exit(1);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	_cleanup_instance_ struct instance inst = {0};
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	const char *root = NULL;
	int first = 1;
	open_stdio();
	if (argc > 2 && strcmp(argv[1], "--root") == 0) {
		root = argv[2];
		first = 3;
	}
	if (argc > first && strcmp(argv[first], "server") == 0)
		return supervisor_main(argc - first, argv + first, root);
	if (argc > first && strcmp(argv[first], "--version") == 0) {
		printf("berth %s\n", BERTH_VERSION);
		return 0;
	}
	_cleanup_laptop_ struct laptop there = {0};
	if (argc > first + 1 && strcmp(argv[first], "--remote") == 0) {
		if (laptop_parse(argv[first + 1], true, &there, &err) < 0)
			return complain(&err);
		first += 2;
	} else if (!root && !laptop_has_instance()) {
		laptop_find(&there);
	}
	if (there.host) {
		strvec_push_all(&words, argv + first);
		return command_remote(&there, &words);
	}
	if (instance_open(&inst, root, &err) < 0)
		return complain(&err);
	if (argc == first + 3 && strcmp(argv[first], "door") == 0 &&
	    strcmp(argv[first + 1], "--key") == 0)
		return door_run(&inst, argv[first + 2]);
	if (argc == first + 2 && strcmp(argv[first], "hook") == 0)
		return hook_run(&inst, argv[first + 1]);
	strvec_push_all(&words, argv + first);
	return command(&inst, &words);
}
