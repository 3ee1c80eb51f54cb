/* SPDX-License-Identifier: MIT */
#include "plugins/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sock.h"
#include "instance/name.h"
#include "plugins/index.h"
#include "plugins/request.h"
#include "plugins/store.h"

#define DEFAULT_TRIGGER_SECONDS 60
#define DEFAULT_COMMAND_SECONDS 3600
#define DEFAULT_OUTPUT_MAX (1u << 20)
/* A plugin that is stopped has 2 s, and its last output 10 s, before it must have answered. */
#define ANSWER_SLACK_SECONDS 30

/* The index, made when this instance has none yet. */
static int load(const struct instance *inst, struct plugin_index *index, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "plugins/.index");

	if (!file_exists(AT_FDCWD, path) && plugin_store_refresh(inst, err) < 0)
		return error_wrap(err, "plugins");
	return plugin_index_load(inst, index, err);
}

/* Sends R and waits for its end; closing the connection by an early return stops the plugin. */
static int ask(const struct instance *inst, const struct request *r, const int fds[3],
	       struct request_answer *answer, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "plugins.sock");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	struct timeval patience = {.tv_sec = (time_t)r->seconds + ANSWER_SLACK_SECONDS};

	if (request_encode(r, &text, err) < 0)
		return -1;
	if (sock_connect(path, SOCK_STREAM, &fd, err) < 0)
		return error_wrap(err, "berth-plugins does not answer: is it running");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "set timeout");
	struct error sent = ERROR_INIT;
	/* who is refused may be told so, and cut off, before all was sent: the answer says why */
	if (sock_send(fd, text.data, text.len, fds, 3, &sent) < 0 && sent.sys != EPIPE) {
		*err = sent;
		return error_wrap(err, "berth-plugins");
	}
	if (sock_recv_all(fd, answer, sizeof(*answer), err) < 0)
		return error_wrap(err, "berth-plugins");
	answer->message[sizeof(answer->message) - 1] = '\0';
	if (answer->code)
		return error_set(err,
				 answer->code < ERROR_COUNT_ ? (enum error_code)answer->code
							     : ERROR_FAILED,
				 0, "%s", answer->message);
	return 0;
}

/* Every declared setting as BERTH_SETTING_KEY: from [plugin.NAME] of berth.conf, or its default. */
static void add_settings(const struct instance *inst, const struct manifest *m, struct strvec *env)
{
	_cleanup_free_ char *section = xasprintf("plugin.%s", m->name);

	for (size_t i = 0; i < m->n_settings; i++) {
		const struct manifest_setting *s = &m->settings[i];
		_cleanup_free_ char *key = xasprintf("BERTH_SETTING_%s", s->key);

		for (char *p = key; *p; p++)
			*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
		strvec_setenv(env, key, instance_setting(inst, section, s->key, s->fallback));
	}
}

static int fill_request(const struct instance *inst, const struct plugin_entry *e,
			enum request_kind kind, const char *entry, unsigned seconds,
			struct request *r, struct error *err)
{
	bool command = kind == REQUEST_COMMAND;
	unsigned long long n, max;

	if (instance_setting_u64(inst, "plugins", command ? "command-timeout" : "timeout", 1,
				 REQUEST_MAX_SECONDS,
				 command ? DEFAULT_COMMAND_SECONDS : DEFAULT_TRIGGER_SECONDS, &n,
				 err) < 0 ||
	    instance_setting_u64(inst, "plugins", "output-max", 4096, 1ull << 40,
				 DEFAULT_OUTPUT_MAX, &max, err) < 0)
		return -1;
	r->kind = kind;
	r->bundled = e->bundled;
	r->plugin = xstrdup(e->manifest.name);
	r->entry = xstrdup(entry);
	r->seconds = seconds ? seconds : (uint32_t)n;
	r->output_max = command ? 0 : max;
	add_settings(inst, &e->manifest, &r->env);
	return 0;
}

static void set_app(struct request *r, const char *app)
{
	struct error ignored = ERROR_INIT;

	if (app && name_check_app(app, &ignored) == 0)
		strvec_setenv(&r->env, "BERTH_APP", app);
}

/* JSON as a file that only lives in memory, at its start. */
static int open_json(const char *json, int *out_fd, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("trigger", MFD_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "memfd");
	if (file_write_all(fd, json, strlen(json), err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "seek");
	*out_fd = TAKE_FD(fd);
	return 0;
}

static int run_trigger(const struct instance *inst, const struct plugin_entry *e, const char *name,
		       const struct strvec *args, const char *json, const int out[2],
		       struct error *err)
{
	_cleanup_request_ struct request r;
	_cleanup_close_ int in = -1;
	struct request_answer answer;
	int fds[3] = {-1, out[0], out[1]};

	request_init(&r);
	if (fill_request(inst, e, REQUEST_TRIGGER, name, e->manifest.timeout, &r, err) < 0 ||
	    open_json(json, &in, err) < 0)
		return -1;
	strvec_push_all(&r.args, args->v);
	strvec_setenv(&r.env, "BERTH_TRIGGER", name);
	set_app(&r, args->n ? args->v[0] : NULL);
	fds[0] = in;
	if (ask(inst, &r, fds, &answer, err) < 0)
		return -1;
	if (answer.cut)
		dprintf(out[1], " !     Plugin '%s': the rest of its output is left out\n",
			e->manifest.name);
	if (answer.status)
		return error_set(err, ERROR_FAILED, 0, "exit status %u", answer.status);
	return 0;
}

int plugin_trigger(const struct instance *inst, const char *name, const struct strvec *args,
		   const char *json, int out_fd, int err_fd, struct error *err)
{
	_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT;
	const int out[2] = {out_fd, err_fd};

	if (load(inst, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.n; i++) {
		const struct plugin_entry *e = &index.entries[i];
		struct error failed = ERROR_INIT;

		if (!strvec_has(&e->manifest.triggers, name) ||
		    run_trigger(inst, e, name, args, json, out, &failed) == 0)
			continue;
		if (str_starts(name, "pre-") || failed.code == ERROR_CANCELLED)
			return error_set(err, failed.code, 0, "plugin '%s' stopped this in %s: %s",
					 e->manifest.name, name, failed.message);
		dprintf(err_fd, " !     Plugin '%s' failed in %s: %s\n", e->manifest.name, name,
			failed.message);
	}
	return 0;
}

/* The plugin and the command that WORD names, or NULL. */
static const struct plugin_entry *find(const struct plugin_index *index, const char *word,
				       const struct manifest_command **out_command)
{
	const char *colon = strchr(word, ':');
	_cleanup_free_ char *name = colon ? xstrndup(word, (size_t)(colon - word)) : NULL;
	const struct plugin_entry *e = name ? plugin_index_find(index, name) : NULL;

	for (size_t i = 0; e && i < e->manifest.n_commands; i++)
		if (str_equal(e->manifest.commands[i].name, colon + 1)) {
			*out_command = &e->manifest.commands[i];
			return e;
		}
	return NULL;
}

int plugin_find_command(const struct instance *inst, const char *word, bool *out_found,
			struct error *err)
{
	_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT;
	const struct manifest_command *c = NULL;

	if (load(inst, &index, err) < 0)
		return -1;
	*out_found = find(&index, word, &c) != NULL;
	return 0;
}

int plugin_command(const struct instance *inst, const struct strvec *words, const char *identity,
		   const int fds[3], int *out_status, struct error *err)
{
	_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT;
	_cleanup_request_ struct request r;
	const struct manifest_command *c = NULL;
	const struct plugin_entry *e;
	struct request_answer answer;

	request_init(&r);
	if (load(inst, &index, err) < 0)
		return -1;
	e = words->n ? find(&index, words->v[0], &c) : NULL;
	if (!e)
		return error_set(err, ERROR_NOT_FOUND, 0, "no enabled plugin has a command '%.64s'",
				 words->n ? words->v[0] : "");
	if (fill_request(inst, e, REQUEST_COMMAND, c->name, c->timeout, &r, err) < 0)
		return -1;
	strvec_push_all(&r.args, words->v + 1);
	strvec_setenv(&r.env, "BERTH_COMMAND", words->v[0]);
	strvec_setenv(&r.env, "BERTH_USER", identity ? identity : "");
	if (str_starts(c->args, "APP"))
		set_app(&r, words->n > 1 ? words->v[1] : NULL);
	if (isatty(fds[1]))
		strvec_setenv(&r.env, "TERM", getenv("TERM") ? getenv("TERM") : "xterm");
	if (ask(inst, &r, fds, &answer, err) < 0)
		return error_wrap(err, "plugin '%s'", e->manifest.name);
	*out_status = (int)answer.status;
	return 0;
}

int plugin_each_command(const struct instance *inst,
			void (*each)(const struct plugin_help *h, void *data), void *data,
			struct error *err)
{
	_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT;

	if (load(inst, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.n; i++) {
		const struct manifest *m = &index.entries[i].manifest;

		for (size_t c = 0; c < m->n_commands; c++) {
			_cleanup_free_ char *name =
				xasprintf("%s:%s", m->name, m->commands[c].name);
			struct plugin_help h = {m->name, m->description, name, m->commands[c].args,
						m->commands[c].help};

			each(&h, data);
		}
	}
	return 0;
}
