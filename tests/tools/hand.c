/* SPDX-License-Identifier: MIT */
/*
 * A hand on berth-runtime for tests/e2e/runtime.bats and benchmarks: every knob of a spec, and a
 * bench verb.
 *
 *   hand --root DIR import LAYER TAR
 *   hand --root DIR attach|start OPTIONS ID -- ARGV...
 *   hand --root DIR bench OPTIONS N -- ARGV...      milliseconds of each run, one a line
 *   hand --root DIR exec [--tty] ID -- ARGV...
 *   hand --root DIR stop ID [MS] | list | layers | commit ID | remove ID | cleanup [--dry]
 *
 * OPTIONS: --layer REF (repeated, topmost first), --range N, --profile app|build|layer, --upper ID,
 * --net, --tty, --memory B, --pids N, --disk B, --time MS, --restart no|failure|always, --max N,
 * --log APP/NAME, --log-max B, --env K=V, --cwd DIR, --cache ID:DEST, --volume ID:DEST,
 * --stage ID:DEST, --packs ID:DEST, --stop-ms MS, --label TEXT
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "runtime/client.h"

static int fail(const struct error *err)
{
	fprintf(stderr, "error: %s\n", err->message);
	return error_exit_status(err->code);
}

static void add_mount(struct container_spec *s, enum spec_mount_kind kind, const char *arg)
{
	const char *colon = strchr(arg, ':');
	_cleanup_free_ char *id = xstrndup(arg, (size_t)(colon ? colon - arg : 0));

	container_spec_add_mount(s, kind, id, colon ? colon + 1 : "", false);
}

static void set_log(struct container_spec *s, const char *arg)
{
	const char *slash = strchr(arg, '/');

	s->log_app = xstrndup(arg, (size_t)(slash ? slash - arg : 0));
	s->log_name = xstrdup(slash ? slash + 1 : arg);
}

static void set_option(struct container_spec *s, const char *name, const char *v)
{
	uint64_t n = strtoull(v, NULL, 10);

	if (!strcmp(name, "--layer"))
		strvec_push(&s->layers, v);
	else if (!strcmp(name, "--range"))
		s->range = (unsigned)n;
	else if (!strcmp(name, "--profile"))
		s->profile = v[0] == 'a' ? SPEC_APP : v[0] == 'b' ? SPEC_BUILD : SPEC_LAYER;
	else if (!strcmp(name, "--upper"))
		s->upper = xstrdup(v);
	else if (!strcmp(name, "--memory"))
		s->limits.memory = n;
	else if (!strcmp(name, "--pids"))
		s->limits.pids = (unsigned)n;
	else if (!strcmp(name, "--disk"))
		s->limits.disk = n;
	else if (!strcmp(name, "--time"))
		s->limits.time_ms = (unsigned)n;
	else if (!strcmp(name, "--restart"))
		s->restart = v[0] == 'a'   ? SPEC_RESTART_ALWAYS
			     : v[0] == 'f' ? SPEC_RESTART_ON_FAILURE
					   : SPEC_RESTART_NO;
	else if (!strcmp(name, "--max"))
		s->restart_max = (unsigned)n;
	else if (!strcmp(name, "--log"))
		set_log(s, v);
	else if (!strcmp(name, "--log-max"))
		s->log_max = n;
	else if (!strcmp(name, "--env"))
		strvec_push(&s->env, v);
	else if (!strcmp(name, "--cwd"))
		s->cwd = xstrdup(v);
	else if (!strcmp(name, "--cache"))
		add_mount(s, SPEC_MOUNT_CACHE, v);
	else if (!strcmp(name, "--volume"))
		add_mount(s, SPEC_MOUNT_VOLUME, v);
	else if (!strcmp(name, "--stage"))
		add_mount(s, SPEC_MOUNT_STAGE, v);
	else if (!strcmp(name, "--packs"))
		add_mount(s, SPEC_MOUNT_PACKS, v);
	else if (!strcmp(name, "--stop-ms"))
		s->stop_ms = (unsigned)n;
	else if (!strcmp(name, "--label"))
		s->label = xstrdup(v);
	else
		fprintf(stderr, "unknown option %s\n", name);
}

/* Copies between the terminal's master and our own stdin and stdout until the session ends. */
static void pump(struct runtime_session *s)
{
	struct pollfd fds[] = {{s->fd, POLLIN, 0}, {s->console, POLLIN, 0}, {0, POLLIN, 0}};
	char buf[4096];

	for (;;) {
		ssize_t n;

		if (poll(fds, 3, -1) < 0)
			break;
		if (fds[1].revents) {
			n = read(s->console, buf, sizeof(buf));
			if (n > 0 && write(1, buf, (size_t)n) == n)
				continue;
			fds[1].fd = -1;
		}
		if (fds[0].revents)
			break;
		if (fds[2].revents) {
			n = read(0, buf, sizeof(buf));
			if (n <= 0 || write(s->console, buf, (size_t)n) != n)
				fds[2].fd = -1;
		}
	}
}

static int finish(struct runtime_session *s, bool quiet)
{
	struct runtime_result r;
	struct error err = ERROR_INIT;

	if (s->console >= 0)
		pump(s);
	if (runtime_session_wait(s, &r, &err) < 0)
		return fail(&err);
	if (!quiet && (r.oom_killed || r.timed_out || r.disk_full))
		fprintf(stderr, "result:%s%s%s\n", r.oom_killed ? " oom" : "",
			r.timed_out ? " time" : "", r.disk_full ? " disk" : "");
	return r.exit_code;
}

static int bench(const struct instance *inst, struct container_spec *spec, int n)
{
	struct error err = ERROR_INIT;
	const int stdio[3] = {0, 1, 2};

	for (int i = 0; i < n; i++) {
		_cleanup_session_ struct runtime_session s = RUNTIME_SESSION_INIT;
		int64_t begin = clock_us(), started;
		int code;

		free(spec->id);
		spec->id = xasprintf("bench.%d.%d", getpid(), i);
		if (runtime_attach(inst, spec, stdio, &s, &err) < 0)
			return fail(&err);
		started = clock_us();
		code = finish(&s, false);
		if (code)
			return code;
		printf("%.3f %.3f\n", (double)(clock_us() - begin) / 1000,
		       (double)(started - begin) / 1000);
		clock_sleep_ms(20);
	}
	return 0;
}

static int list(const struct instance *inst)
{
	static const char *const states[] = {"?",       "starting", "running",
					     "backoff", "exited",   "lost"};
	_cleanup_free_ struct container_status *all = NULL;
	struct error err = ERROR_INIT;
	size_t n;

	if (runtime_list(inst, NULL, &all, &n, &err) < 0)
		return fail(&err);
	for (size_t i = 0; i < n; i++)
		printf("%s %s pid=%d shim=%d address=%s exit=%d oom=%d restarts=%u memory=%llu "
		       "pids=%u cpu=%llu label=%s\n",
		       all[i].id, states[all[i].state], all[i].pid, all[i].shim,
		       all[i].address[0] ? all[i].address : "-", all[i].exit_code,
		       all[i].oom_killed, all[i].restarts, (unsigned long long)all[i].memory,
		       all[i].pids, (unsigned long long)all[i].cpu_us, all[i].label);
	return 0;
}

static int print_list(int failed, struct strvec *v, const struct error *err)
{
	for (size_t i = 0; i < v->n; i++)
		puts(v->v[i]);
	strvec_release(v);
	return failed ? fail(err) : 0;
}

static int simple(const struct instance *inst, const char *verb, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct strvec lines = STRVEC_INIT;
	const char *one = argc > 0 ? argv[0] : "", *two = argc > 1 ? argv[1] : NULL;
	int failed = -1;

	if (!strcmp(verb, "list"))
		return list(inst);
	if (!strcmp(verb, "layers"))
		return print_list(runtime_layer_list(inst, &lines, &err), &lines, &err);
	if (!strcmp(verb, "cleanup"))
		return print_list(runtime_cleanup(inst, one[0] == '-', &lines, &err), &lines, &err);
	if (!strcmp(verb, "stop"))
		failed = runtime_stop(inst, one, two ? (int)strtol(two, NULL, 10) : -1, &err);
	else if (!strcmp(verb, "commit"))
		failed = runtime_layer_commit(inst, one, &err);
	else if (!strcmp(verb, "remove"))
		failed = runtime_layer_remove(inst, one, &err);
	else if (!strcmp(verb, "cache-remove"))
		failed = runtime_cache_remove(inst, one, &err);
	else if (!strcmp(verb, "import")) {
		_cleanup_close_ int fd = open(two ? two : "", O_RDONLY | O_CLOEXEC);

		failed = runtime_layer_import(inst, one, fd, &err);
	} else {
		error_set(&err, ERROR_USAGE, 0, "unknown verb '%s'", verb);
	}
	return failed ? fail(&err) : 0;
}

static int run(const struct instance *inst, const char *verb, int argc, char **argv)
{
	_cleanup_spec_ struct container_spec spec;
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	const int stdio[3] = {0, 1, 2};
	char address[RUNTIME_ADDRESS_MAX];
	struct error err = ERROR_INIT;
	int i = 0;

	container_spec_init(&spec);
	spec.range = 1;
	for (; i < argc && str_starts(argv[i], "--") && argv[i][2]; i++) {
		if (!strcmp(argv[i], "--net"))
			spec.network = SPEC_NET_EGRESS;
		else if (!strcmp(argv[i], "--tty"))
			spec.tty = true;
		else if (i + 1 < argc)
			set_option(&spec, argv[i], argv[i + 1]), i++;
	}
	if (i >= argc)
		return 2;
	spec.id = xstrdup(argv[i++]);
	if (i < argc && !strcmp(argv[i], "--"))
		i++;
	strvec_push_all(&spec.argv, argv + i);
	if (!strvec_getenv(&spec.env, "PATH"))
		strvec_push(&spec.env, "PATH=/usr/bin:/bin:/usr/sbin:/sbin");
	if (!strcmp(verb, "bench"))
		return bench(inst, &spec, (int)strtol(spec.id, NULL, 10));
	if (!strcmp(verb, "exec")) {
		const struct winsize size = {0};
		if (runtime_exec(inst, spec.id, &spec.argv, NULL, spec.tty ? &size : NULL, stdio,
				 &session, &err))
			return fail(&err);
		return finish(&session, false);
	}
	if (!strcmp(verb, "start")) {
		if (runtime_start(inst, &spec, address, &err) < 0)
			return fail(&err);
		puts(address);
		return 0;
	}
	if (runtime_attach(inst, &spec, stdio, &session, &err) < 0)
		return fail(&err);
	return finish(&session, false);
}

int main(int argc, char **argv)
{
	_cleanup_instance_ struct instance inst = {.root = NULL};
	struct error err = ERROR_INIT;
	const char *verb;

	if (argc < 4 || strcmp(argv[1], "--root") != 0) {
		fprintf(stderr, "usage: hand --root DIR VERB ...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (instance_open(&inst, argv[2], &err) < 0)
		return fail(&err);
	verb = argv[3];
	if (!strcmp(verb, "attach") || !strcmp(verb, "start") || !strcmp(verb, "exec") ||
	    !strcmp(verb, "bench"))
		return run(&inst, verb, argc - 4, argv + 4);
	return simple(&inst, verb, argc - 4, argv + 4);
}
