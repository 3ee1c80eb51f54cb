/* SPDX-License-Identifier: MIT */
/*
 * The runtime's client as a command, for tests and benchmarks (bats has no C).
 *
 *   container --root DIR run [OPTIONS] ID -- ARGV...      attached: its exit status is the
 * program's container --root DIR start [OPTIONS] ID -- ARGV...    detached: prints its address
 *   container --root DIR exec ID -- ARGV...
 *   container --root DIR stop ID [MS] | list | cleanup [--dry]
 *   container --root DIR import ID FILE | layers | commit ID | remove ID
 *   container --root DIR volume-restore ID <TAR | volume-remove ID
 *   container --root DIR policy [FROM:TO | closed:RANGE | allow:RANGE:ADDR:BITS:PORT]...
 *
 * OPTIONS: --layer REF (topmost first), --upper ID, --range N,
 * --profile app|build|layer|image|step, --net none|egress, --env K=V, --cwd DIR, --memory BYTES,
 * --pids N, --disk BYTES, --nofile N, --time MS, --tty, --restart no|on-failure|always,
 * --stop-ms MS, --log APP/NAME, --mount KIND:ID:DEST[:ro], --user USER, --folder PATH
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "runtime/client.h"

static int usage(struct error *err, const char *what)
{
	return error_set(err, ERROR_USAGE, 0, "'%s': see the top of tests/tools/container.c", what);
}

static int number(const char *s, unsigned long long max, unsigned long long *out, struct error *err)
{
	if (str_to_u64(s, 0, max, out) < 0)
		return error_set(err, ERROR_USAGE, 0, "'%s' is not a number up to %llu", s, max);
	return 0;
}

/* The index of WORD in the NULL-terminated LIST plus one, as the enums count. */
static int choose(const char *word, const char *const *list, int *out, struct error *err)
{
	for (int i = 0; list[i]; i++) {
		if (str_equal(word, list[i])) {
			*out = i + 1;
			return 0;
		}
	}
	return usage(err, word);
}

static int add_mount(struct container_spec *spec, const char *text, struct error *err)
{
	static const char *const kinds[] = {"cache", "volume", "stage", "packs", NULL};
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *kind = strsep(&rest, ":"), *id = strsep(&rest, ":");
	char *dest = strsep(&rest, ":");
	int k;
	if (!dest || choose(kind, kinds, &k, err) < 0)
		return usage(err, text);
	container_spec_add_mount(spec, (enum spec_mount_kind)k, id, dest, str_equal(rest, "ro"));
	return 0;
}

static int set_words(struct container_spec *spec, const char *key, char *value, bool *known,
		     struct error *err)
{
	static const char *const profiles[] = {"app", "build", "layer", "image", "step", NULL};
	static const char *const networks[] = {"none", "egress", NULL};
	static const char *const restarts[] = {"no", "on-failure", "always", NULL};
	int choice = 0, result = 0;
	*known = true;
	if (str_equal(key, "--layer")) {
		strvec_push(&spec->layers, value);
	} else if (str_equal(key, "--upper")) {
		spec->upper = xstrdup(value);
	} else if (str_equal(key, "--env")) {
		strvec_push(&spec->env, value);
	} else if (str_equal(key, "--cwd")) {
		spec->cwd = xstrdup(value);
	} else if (str_equal(key, "--user")) {
		spec->user = xstrdup(value);
	} else if (str_equal(key, "--folder")) {
		strvec_push(&spec->folders, value);
	} else if (str_equal(key, "--mount")) {
		result = add_mount(spec, value, err);
	} else if (str_equal(key, "--log")) {
		char *slash = strchr(value, '/');
		if (!slash)
			return usage(err, value);
		spec->log_app = xstrndup(value, (size_t)(slash - value));
		spec->log_name = xstrdup(slash + 1);
	} else if (str_equal(key, "--profile")) {
		result = choose(value, profiles, &choice, err);
		spec->profile = (enum spec_profile)choice;
	} else if (str_equal(key, "--net")) {
		result = choose(value, networks, &choice, err);
		spec->network = (enum spec_network)choice;
	} else if (str_equal(key, "--restart")) {
		result = choose(value, restarts, &choice, err);
		spec->restart = (enum spec_restart)choice;
	} else {
		*known = false;
	}
	return result;
}

static int set_number(struct container_spec *spec, const char *key, const char *value,
		      struct error *err)
{
	unsigned long long n;
	bool large = str_equal(key, "--memory") || str_equal(key, "--disk");
	if (number(value, large ? UINT64_MAX : UINT32_MAX, &n, err) < 0)
		return -1;
	if (str_equal(key, "--range"))
		spec->range = (uint32_t)n;
	else if (str_equal(key, "--memory"))
		spec->limits.memory = n;
	else if (str_equal(key, "--disk"))
		spec->limits.disk = n;
	else if (str_equal(key, "--pids"))
		spec->limits.pids = (uint32_t)n;
	else if (str_equal(key, "--nofile"))
		spec->limits.nofile = (uint32_t)n;
	else if (str_equal(key, "--time"))
		spec->limits.time_ms = (uint32_t)n;
	else if (str_equal(key, "--stop-ms"))
		spec->stop_ms = (uint32_t)n;
	else
		return usage(err, key);
	return 0;
}

/* "[OPTIONS] ID -- ARGV..." */
static int parse_spec(char **args, struct container_spec *spec, struct error *err)
{
	spec->profile = SPEC_APP;
	spec->network = SPEC_NET_NONE;
	spec->range = 1;
	spec->restart = SPEC_RESTART_NO;
	for (; *args && str_starts(*args, "--") && !str_equal(*args, "--"); args++) {
		bool known;
		if (str_equal(*args, "--tty")) {
			spec->tty = true;
			continue;
		}
		if (!args[1])
			return usage(err, *args);
		if (set_words(spec, args[0], args[1], &known, err) < 0)
			return -1;
		if (!known && set_number(spec, args[0], args[1], err) < 0)
			return -1;
		args++;
	}
	if (!args[0] || !str_equal(args[1], "--") || !args[2])
		return usage(err, "ID -- ARGV...");
	spec->id = xstrdup(args[0]);
	strvec_push_all(&spec->argv, args + 2);
	if (!strvec_getenv(&spec->env, "PATH"))
		strvec_push(&spec->env, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
	return 0;
}

/* Passes what the container's terminal says to stdout until the container ends. */
static void copy_console(const struct runtime_session *s)
{
	struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN},
			      {.fd = s->console, .events = POLLIN}};
	char chunk[4096];
	while (poll(p, 2, -1) > 0) {
		ssize_t n = p[1].revents ? read(s->console, chunk, sizeof(chunk)) : 0;
		if (n > 0 && write(STDOUT_FILENO, chunk, (size_t)n) < 0)
			return;
		if (p[1].revents && n <= 0)
			p[1].fd = -1;
		if (p[0].revents && n <= 0)
			return;
	}
}

static int wait_session(struct runtime_session *s, int *out_status, struct error *err)
{
	struct runtime_result result;
	if (s->console >= 0)
		copy_console(s);
	if (runtime_session_wait(s, &result, err) < 0)
		return -1;
	if (result.oom_killed || result.timed_out || result.disk_full)
		fprintf(stderr, "container:%s%s%s\n", result.oom_killed ? " oom-killed" : "",
			result.timed_out ? " timed-out" : "", result.disk_full ? " disk-full" : "");
	*out_status = result.exit_code;
	return 0;
}

static int do_run(const struct instance *inst, char **args, int *out_status, struct error *err)
{
	static const int stdio[3] = {0, 1, 2};
	_cleanup_spec_ struct container_spec spec;
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	container_spec_init(&spec);
	if (parse_spec(args, &spec, err) < 0 ||
	    runtime_attach(inst, &spec, stdio, &session, err) < 0)
		return -1;
	return wait_session(&session, out_status, err);
}

static int do_start(const struct instance *inst, char **args, struct error *err)
{
	char address[RUNTIME_ADDRESS_MAX];
	_cleanup_spec_ struct container_spec spec;
	container_spec_init(&spec);
	if (parse_spec(args, &spec, err) < 0 || runtime_start(inst, &spec, address, err) < 0)
		return -1;
	puts(address);
	return 0;
}

static int do_exec(const struct instance *inst, char **args, int *out_status, struct error *err)
{
	static const int stdio[3] = {0, 1, 2};
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	if (!args[0] || !str_equal(args[1], "--") || !args[2])
		return usage(err, "ID -- ARGV...");
	strvec_push_all(&argv, args + 2);
	if (runtime_exec(inst, args[0], &argv, &env, NULL, stdio, &session, err) < 0)
		return -1;
	return wait_session(&session, out_status, err);
}

static int do_list(const struct instance *inst, struct error *err)
{
	static const char *const names[] = {"?",       "starting", "running",
					    "backoff", "exited",   "lost"};
	struct container_status *list = NULL;
	size_t n;
	if (runtime_list(inst, NULL, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		printf("%s %s pid=%d shim=%d address=%s exit=%d restarts=%u memory=%" PRIu64
		       " pids=%u\n",
		       list[i].id,
		       (size_t)list[i].state < ARRAY_SIZE(names) ? names[list[i].state] : "?",
		       list[i].pid, list[i].shim, list[i].address, list[i].exit_code,
		       list[i].restarts, list[i].memory, list[i].pids);
	free(list);
	return 0;
}

static int do_cleanup(const struct instance *inst, bool dry, struct error *err)
{
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	int result = runtime_cleanup(inst, dry, &found, err);
	for (size_t i = 0; i < found.n; i++)
		puts(found.v[i]);
	return result;
}

static int do_import(const struct instance *inst, char **args, struct error *err)
{
	if (!args[0] || !args[1])
		return usage(err, "import ID FILE");
	_cleanup_close_ int fd = open(args[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", args[1]);
	return runtime_layer_import(inst, args[0], fd, err);
}

static int do_layers(const struct instance *inst, struct error *err)
{
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	if (runtime_layer_list(inst, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++)
		puts(list.v[i]);
	return 0;
}

static int do_policy(const struct instance *inst, char **args, struct error *err)
{
	_cleanup_policy_ struct policy p = POLICY_INIT;
	for (; *args; args++) {
		unsigned a, b, c, d, bits, port, range, to;
		if (sscanf(*args, "allow:%u:%u.%u.%u.%u:%u:%u", &range, &a, &b, &c, &d, &bits,
			   &port) == 7)
			policy_add_rule(&p,
					&(struct policy_rule){range, a << 24 | b << 16 | c << 8 | d,
							      bits, port});
		else if (sscanf(*args, "closed:%u", &range) == 1)
			policy_add_closed(&p, range);
		else if (sscanf(*args, "%u:%u", &range, &to) == 2)
			policy_add_link(&p, range, to);
		else
			return usage(err, *args);
	}
	return runtime_set_policy(inst, &p, err);
}

static int dispatch(const struct instance *inst, char **args, int *out_status, struct error *err)
{
	const char *verb = *args++;
	unsigned long long ms = 0;
	if (str_equal(verb, "run"))
		return do_run(inst, args, out_status, err);
	if (str_equal(verb, "start"))
		return do_start(inst, args, err);
	if (str_equal(verb, "exec"))
		return do_exec(inst, args, out_status, err);
	if (str_equal(verb, "list"))
		return do_list(inst, err);
	if (str_equal(verb, "layers"))
		return do_layers(inst, err);
	if (str_equal(verb, "cleanup"))
		return do_cleanup(inst, str_equal(args[0], "--dry"), err);
	if (str_equal(verb, "policy"))
		return do_policy(inst, args, err);
	if (!args[0])
		return usage(err, verb);
	if (str_equal(verb, "import"))
		return do_import(inst, args, err);
	if (str_equal(verb, "volume-restore"))
		return runtime_volume_restore(inst, args[0], 1, STDIN_FILENO, err);
	if (str_equal(verb, "volume-remove"))
		return runtime_volume_remove(inst, args[0], err);
	if (str_equal(verb, "commit"))
		return runtime_layer_commit(inst, args[0], err);
	if (str_equal(verb, "remove"))
		return runtime_layer_remove(inst, args[0], err);
	if (str_equal(verb, "stop")) {
		if (args[1] && number(args[1], 3600000, &ms, err) < 0)
			return -1;
		return runtime_stop(inst, args[0], args[1] ? (int)ms : -1, err);
	}
	return usage(err, verb);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	_cleanup_instance_ struct instance inst = {.root = NULL};
	int status = 0, result;
	(void)argc;
	if (argc < 4 || !str_equal(argv[1], "--root"))
		result = usage(&err, argv[0]);
	else
		result = instance_open(&inst, argv[2], &err);
	if (result == 0)
		result = dispatch(&inst, argv + 3, &status, &err);
	if (result == 0)
		return status;
	fprintf(stderr, "container: %s\n", err.message);
	return error_exit_status(err.code);
}
