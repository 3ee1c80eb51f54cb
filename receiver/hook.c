// SPDX-License-Identifier: MIT
#include "receiver/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/colour.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "instance/call.h"
#include "instance/name.h"
#include "receiver/pktline.h"
#include "base/quote.h"
#include "receiver/gitdir.h"

struct hook_command {
	char *old_hex, *new_hex, *ref;
};

struct hook_commands {
	struct hook_command *list;
	size_t n;
};

static void hook_commands_release(struct hook_commands *commands)
{
	for (size_t i = 0; i < commands->n; i++) {
		free(commands->list[i].old_hex);
		free(commands->list[i].new_hex);
		free(commands->list[i].ref);
	}
	free(commands->list);
}

static int hook_fail(const struct error *err)
{
	colour_complain(err->message);
	return 1;
}

int hook_install(const struct instance *inst, struct error *err)
{
	static const char *const names[] = {"pre-receive", "proc-receive"};
	_cleanup_free_ char *folder = instance_lib(inst, "hooks");

	if (file_make_dirs(folder, 0755, err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folder, names[i]);
		_cleanup_free_ char *program = xasprintf("%s/bin/berth", inst->prefix);
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		strbuf_addstr(&text, "#!/bin/sh\n# written by berthd\nexec ");
		quote_shell(&text, program);
		if (*inst->root) {
			strbuf_addstr(&text, " --root ");
			quote_shell(&text, inst->root);
		}
		strbuf_addf(&text, " hook %s\n", names[i]);
		if (file_replace(AT_FDCWD, path, text.data, text.len, 0755, err))
			return -1;
	}
	return 0;
}

/* "OLD NEW REF", as both hooks get it. */
static int parse_command(struct hook_commands *commands, const char *line, size_t len,
			 struct error *err)
{
	const size_t head = 2 * (GITDIR_HEX + 1);

	if (len <= head || memchr(line, '\0', len) || line[GITDIR_HEX] != ' ' ||
	    line[head - 1] != ' ')
		return error_set(err, ERROR_INVALID, 0, "git sent a ref change that is malformed");
	if (commands->n == HOOK_MAX_COMMANDS)
		return error_set(err, ERROR_INVALID, 0, "a push may change at most %d refs",
				 HOOK_MAX_COMMANDS);
	_cleanup_free_ char *old_hex = xstrndup(line, GITDIR_HEX);
	_cleanup_free_ char *new_hex = xstrndup(line + GITDIR_HEX + 1, GITDIR_HEX);
	if (!gitdir_is_hex(old_hex) || !gitdir_is_hex(new_hex))
		return error_set(err, ERROR_INVALID, 0, "git sent an object id that is malformed");
	commands->list = xreallocarray(commands->list, commands->n + 1, sizeof(*commands->list));
	commands->list[commands->n++] = (struct hook_command){
		.old_hex = TAKE_PTR(old_hex),
		.new_hex = TAKE_PTR(new_hex),
		.ref = xstrndup(line + head, len - head),
	};
	return 0;
}

static bool is_zero(const char *hex)
{
	return hex[strspn(hex, "0")] == '\0';
}

static int check_pushed_ref(const struct hook_command *command, struct error *err)
{
	if (str_starts(command->ref, "refs/heads/") || str_starts(command->ref, "refs/tags/"))
		return 0;
	return error_set(err, ERROR_DENIED, 0,
			 "'%s' cannot be pushed: only branches (refs/heads/) and tags (refs/tags/)",
			 command->ref);
}

/* A push of tags alone may have been meant as a deploy: berthd says which branch would be one. */
static void explain_tags(const struct instance *inst, const struct hook_commands *commands)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const char *app = getenv("BERTH_APP"), *key = getenv("BERTH_KEY"), *tag = NULL;
	int status;

	for (size_t i = 0; i < commands->n; i++) {
		const struct hook_command *command = &commands->list[i];
		const char *name = str_skip(command->ref, "refs/tags/");
		if (!name)
			return;
		if (!is_zero(command->new_hex))
			tag = name;
	}
	if (!tag || !app || null < 0)
		return;
	strvec_push(&argv, "git:tagged");
	strvec_push(&argv, app);
	strvec_push(&argv, "--");
	strvec_push(&argv, tag);
	/* tags are stored without these words, too */
	(void)call_run(inst, key ? key : "", &argv, (int[3]){null, STDERR_FILENO, STDERR_FILENO},
		       -1, &status, NULL);
}

int hook_pre_receive(const struct instance *inst)
{
	_cleanup_strbuf_ struct strbuf input = STRBUF_INIT;
	_cleanup_(hook_commands_release) struct hook_commands commands = {0};
	struct error err = ERROR_INIT;

	strbuf_cap(&input, 1u << 20);
	if (strbuf_read_fd(&input, STDIN_FILENO, &err))
		return hook_fail(&err);
	if (input.overflow) {
		error_set(&err, ERROR_INVALID, 0, "the push changes too many refs at once");
		return hook_fail(&err);
	}
	for (char *line = input.data, *end; (end = strchr(line, '\n')); line = end + 1)
		if (parse_command(&commands, line, (size_t)(end - line), &err))
			return hook_fail(&err);
	for (size_t i = 0; i < commands.n; i++)
		if (check_pushed_ref(&commands.list[i], &err))
			return hook_fail(&err);
	explain_tags(inst, &commands);
	return 0;
}

/* The features that both sides know; ours is the answer to git's list. */
static int negotiate(bool *out_options, bool *out_atomic, struct error *err)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
	enum pktline_kind kind;

	if (pktline_read(STDIN_FILENO, &kind, &line, err))
		return -1;
	if (kind != PKTLINE_DATA || !str_equal(line.data, "version=1"))
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "git speaks another version of the proc-receive protocol");
	const char *features = line.data + strlen(line.data);
	if (features < line.data + line.len)
		features++;
	_cleanup_free_ char *padded = xasprintf(" %s ", features);
	*out_options = strstr(padded, " push-options ") != NULL;
	*out_atomic = strstr(padded, " atomic ") != NULL;
	do {
		if (pktline_read(STDIN_FILENO, &kind, &line, err))
			return -1;
	} while (kind == PKTLINE_DATA);
	_cleanup_strbuf_ struct strbuf version = STRBUF_INIT;
	strbuf_add(&version, "version=1", sizeof("version=1")); /* with its NUL */
	if (*out_options)
		strbuf_addstr(&version, "push-options ");
	if (*out_atomic)
		strbuf_addstr(&version, "atomic");
	if (pktline_add(&answer, version.data, version.len, err))
		return -1;
	pktline_add_flush(&answer);
	return file_write_all(STDOUT_FILENO, answer.data, answer.len, err);
}

static int read_commands(struct hook_commands *commands, bool options, struct error *err)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	enum pktline_kind kind;

	for (;;) {
		if (pktline_read(STDIN_FILENO, &kind, &line, err))
			return -1;
		if (kind != PKTLINE_DATA)
			break;
		if (parse_command(commands, line.data, line.len, err))
			return -1;
	}
	/* no push option has a meaning yet: they are read so that the stream stays in step */
	while (options) {
		if (pktline_read(STDIN_FILENO, &kind, &line, err))
			return -1;
		if (kind != PKTLINE_DATA)
			break;
	}
	return 0;
}

/* What the command answered: the first line, printable, at most HOOK_REASON_MAX. */
static void read_answer(int fd, struct strbuf *out)
{
	char data[HOOK_REASON_MAX];

	ssize_t n = pread(fd, data, sizeof(data), 0);
	for (ssize_t i = 0; i < n && data[i] != '\n'; i++)
		strbuf_addch(out, (unsigned char)data[i] < 0x20 ? ' ' : data[i]);
	strbuf_trim(out);
}

/* Gives true when the branch was moved, and ANSWER is where to; otherwise ANSWER says why not. */
static bool update_branch(const struct instance *inst, const char *app, const char *key,
			  const struct hook_command *command, struct strbuf *answer)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* memory rather than a pipe: a command that writes much does not wait for a reader */
	_cleanup_close_ int out = memfd_create("reason", MFD_CLOEXEC);
	struct error err = ERROR_INIT;
	int status = 1;

	if (null < 0 || out < 0) {
		strbuf_addstr(answer, "out of file descriptors");
		return false;
	}
	strvec_push(&argv, "git:update");
	strvec_push(&argv, app);
	strvec_push(&argv, command->ref);
	strvec_push(&argv, command->old_hex);
	strvec_push(&argv, command->new_hex);
	/* our stdout leads to receive-pack: when that is gone, so is the pusher */
	if (call_run(inst, key, &argv, (int[3]){null, out, STDERR_FILENO}, STDOUT_FILENO, &status,
		     &err)) {
		fprintf(stderr, " !     %s\n", err.message);
		strbuf_addf(answer, "%.*s", HOOK_REASON_MAX, err.message);
		return false;
	}
	read_answer(out, answer);
	if (status && !answer->len)
		strbuf_addf(answer, "exit status %d", status);
	return status == 0;
}

/* Branches one after the other. An atomic push of several cannot be promised, as each is a deploy
 * of its own: it is refused before anything happens. */
static int update_all(const struct instance *inst, const struct hook_commands *commands,
		      bool atomic, struct strbuf *answer, struct error *err)
{
	const char *app = getenv("BERTH_APP");
	const char *key = getenv("BERTH_KEY");

	if (!app || name_check_app(app, NULL))
		return error_set(err, ERROR_DENIED, 0,
				 "push through Berth's door: ssh, not a path");
	for (size_t i = 0; i < commands->n; i++) {
		const struct hook_command *command = &commands->list[i];
		_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
		bool done = false;
		if (atomic && commands->n > 1)
			strbuf_addstr(&said, "an atomic push may change one branch only");
		else
			done = update_branch(inst, app, key ? key : "", command, &said);
		if (done ? pktline_addf(answer, err, "ok %s", command->ref)
			 : pktline_addf(answer, err, "ng %s %s", command->ref, said.data))
			return -1;
		/* a tag was pushed as a branch, which is at the tag's commit now */
		if (done && gitdir_is_hex(said.data) && !str_equal(said.data, command->new_hex) &&
		    pktline_addf(answer, err, "option new-oid %s", said.data))
			return -1;
	}
	return 0;
}

int hook_proc_receive(const struct instance *inst)
{
	_cleanup_(hook_commands_release) struct hook_commands commands = {0};
	_cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
	struct error err = ERROR_INIT;
	bool options, atomic;

	signal(SIGPIPE, SIG_IGN);
	if (negotiate(&options, &atomic, &err) || read_commands(&commands, options, &err) ||
	    update_all(inst, &commands, atomic, &answer, &err))
		return hook_fail(&err);
	pktline_add_flush(&answer);
	if (file_write_all(STDOUT_FILENO, answer.data, answer.len, &err))
		return hook_fail(&err);
	return 0;
}

int hook_run(const struct instance *inst, const char *name)
{
	if (str_equal(name, "pre-receive"))
		return hook_pre_receive(inst);
	if (str_equal(name, "proc-receive"))
		return hook_proc_receive(inst);
	fprintf(stderr, " !     there is no hook '%s'\n", name);
	return 2;
}
