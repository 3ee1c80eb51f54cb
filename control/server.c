/* SPDX-License-Identifier: MIT */
#include "control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/colour.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "control/unit.h"
#include "control/remains.h"
#include "control/setup.h"
#include "control/supervisor.h"
#include "instance/instance.h"
#include "runtime/client.h"
#include "runtime/kernel.h"

#define START_MS 60000
/* A machine that boots may be very busy; less than the units allow (TimeoutStartSec). */
#define WAIT_MS 280000
#define DOWN_STOP_MS 5000
#define DOWN_AT_ONCE 16
#define STATUS_NOT_RUNNING 3

struct options {
	const char *root;
	struct strvec settings; /* init: "SECTION.KEY=VALUE" */
	const char *service;    /* exec */
	bool log_files, all, json;
};

struct verb {
	const char *name, *arguments, *summary;
	int (*run)(struct options *o, struct error *err); /* exit status, or -1 with an error */
};

/* --- init --- */

static int make_root(const char *root, char **out, struct error *err)
{
	char real[PATH_MAX];
	if (!root || !*root || strcmp(root, "/") == 0) {
		*out = xstrdup("");
		return 0;
	}
	/* a link to the instance's folder is fine, and stays what the user types */
	if (access(root, F_OK) < 0 && file_make_dirs(root, 0755, err) < 0)
		return -1;
	if (!realpath(root, real))
		return error_set(err, ERROR_SYSTEM, errno, "instance root '%s'", root);
	*out = xstrdup(real);
	return 0;
}

static int verb_init(struct options *o, struct error *err)
{
	_cleanup_free_ char *root = NULL;
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	if (!o->root)
		o->root = getenv("BERTH_ROOT");
	if (make_root(o->root, &root, err) < 0 || setup_settings(root, &o->settings, err) < 0 ||
	    instance_open(&inst, *root ? root : "/", err) < 0 || setup_folders(&inst, err) < 0)
		return -1;
	return 0;
}

/* --- status --- */

struct row {
	char name[32], state[16];
	int pid;
	unsigned restarts;
	long long seconds;
};

/* Takes one line off TEXT. */
static bool next_row(const char **text, struct row *r)
{
	if (sscanf(*text, "%31s %15s %d %u %lld", r->name, r->state, &r->pid, &r->restarts,
		   &r->seconds) != 5)
		return false;
	const char *end = strchr(*text, '\n');
	*text = end ? end + 1 : *text + strlen(*text);
	return true;
}

static bool all_up(const char *text)
{
	struct row r;
	bool up = true;
	while (next_row(&text, &r))
		up = up && strcmp(r.state, "up") == 0;
	return up;
}

static void print_table(const char *text)
{
	struct row r;
	if (isatty(STDOUT_FILENO))
		printf("%-16s %-10s %8s %9s %s\n", "service", "state", "pid", "restarts", "for");
	while (next_row(&text, &r))
		printf("%-16s %-10s %8d %9u %llds\n", r.name, r.state, r.pid, r.restarts,
		       r.seconds);
}

static void print_json(const char *text)
{
	struct row r;
	const char *comma = "";
	printf("[");
	while (next_row(&text, &r)) {
		printf("%s{\"service\":\"%s\",\"state\":\"%s\",\"pid\":%d,\"restarts\":%u,"
		       "\"seconds\":%lld}",
		       comma, r.name, r.state, r.pid, r.restarts, r.seconds);
		comma = ",";
	}
	printf("]\n");
}

static int verb_status(struct options *o, struct error *err)
{
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (instance_open(&inst, o->root, err) < 0)
		return -1;
	struct error why = ERROR_INIT;
	if (supervisor_ask(&inst, "status", &text, &why) < 0) {
		if (why.code != ERROR_NOT_FOUND) {
			*err = why;
			return -1;
		}
		if (o->json)
			print_json("");
		else
			printf("not running\n");
		return STATUS_NOT_RUNNING;
	}
	if (o->json)
		print_json(text.data);
	else
		print_table(text.data);
	return all_up(text.data) ? 0 : 1;
}

/* --- run and start --- */

static int verb_run(struct options *o, struct error *err)
{
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	log_open("berth-server");
	if (instance_open(&inst, o->root, err) < 0)
		return -1;
	return supervisor_run(&inst, o->log_files, err);
}

/* Starts `berth server run` in the background; it outlives this process. */
static int spawn_supervisor(const struct instance *inst, struct child *c, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "logs/berth/berth-server.log");
	_cleanup_close_ int log =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (log < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open log '%s'", path);
	strvec_pushf(&c->argv, "%s/bin/berth", inst->prefix);
	if (*inst->root)
		child_args(c, "--root", inst->root, NULL);
	child_args(c, "server", "run", "--log-files", NULL);
	c->cwd = "/";
	c->out = c->err = log;
	c->new_session = true;
	return child_start(c, err);
}

/* Until every service answers or has had its time; the supervisor's own end is an error. */
static int wait_until_up(const struct instance *inst, struct child *c, struct strbuf *text,
			 struct error *err)
{
	int64_t deadline = clock_ms() + START_MS;
	while (supervisor_ask(inst, "wait", text, NULL) < 0 || text->len == 0) {
		siginfo_t info = {0};
		if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    info.si_pid != 0)
			return error_set(err, ERROR_FAILED, 0,
					 "the supervisor ended at once: see "
					 "%s/logs/berth/berth-server.log",
					 inst->lib);
		if (clock_ms() > deadline)
			return error_set(err, ERROR_TIMEOUT, 0,
					 "the supervisor does not answer: see "
					 "%s/logs/berth/berth-server.log",
					 inst->lib);
		clock_sleep_ms(10);
	}
	return 0;
}

static int report_start(const struct instance *inst, const char *text)
{
	struct row r;
	int status = 0;
	while (next_row(&text, &r)) {
		if (strcmp(r.state, "up") == 0)
			continue;
		colour_warn("%s is not up: see %s/logs/berth/%s.log", r.name, inst->lib, r.name);
		status = 1;
	}
	return status;
}

static int verb_start(struct options *o, struct error *err)
{
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_child_ struct child c;
	child_init(&c);
	if (instance_open(&inst, o->root, err) < 0)
		return -1;
	if (supervisor_ask(&inst, "wait", &text, NULL) == 0)
		return report_start(&inst, text.data);
	/* berth-runtime would say so in its log alone */
	if (kernel_check(err) < 0 || setup_folders(&inst, err) < 0 ||
	    spawn_supervisor(&inst, &c, err) < 0 || wait_until_up(&inst, &c, &text, err) < 0)
		return -1;
	c.pid = -1; /* it is on its own from here on */
	return report_start(&inst, text.data);
}

/* --- stop --- */

static int ask_if_running(const struct instance *inst, const char *request, bool *out_running,
			  struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;
	*out_running = true;
	if (supervisor_ask(inst, request, &text, &why) == 0)
		return 0;
	if (why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	*out_running = false;
	return 0;
}

/* One process for each container, DOWN_AT_ONCE of them together: a stop takes as long as the app
 * takes. */
static int stop_containers(const struct instance *inst, struct error *err)
{
	_cleanup_free_ struct container_status *all = NULL;
	size_t n = 0, running = 0, failed = 0;
	int status;
	if (runtime_list(inst, NULL, &all, &n, err) < 0)
		return -1;
	fflush(NULL);
	for (size_t i = 0; i < n || running > 0;) {
		if (i < n && running < DOWN_AT_ONCE) {
			pid_t pid = fork();
			if (pid == 0)
				_exit(runtime_stop(inst, all[i].id, DOWN_STOP_MS, NULL) < 0);
			failed += pid < 0;
			running += pid > 0;
			i++;
		} else if (wait(&status) > 0) {
			failed += status != 0;
			running--;
		}
	}
	if (failed)
		return error_set(err, ERROR_FAILED, 0, "%zu containers could not be stopped",
				 failed);
	return 0;
}

/* berth-runtime for as long as it takes to stop what it keeps. */
static int start_runtime_alone(const struct instance *inst, struct child *c, struct error *err)
{
	if (setup_folders(inst, err) < 0 ||
	    unit_start(inst, UNIT_RUNTIME, STDERR_FILENO, NULL, c, err) < 0)
		return -1;
	for (int64_t end = clock_ms() + 10000; clock_ms() < end; clock_sleep_ms(10))
		if (unit_answers(inst, UNIT_RUNTIME))
			return 0;
	return error_set(err, ERROR_TIMEOUT, 0, "berth-runtime does not answer");
}

/* The table, the addresses, the parent cgroups: what berth-runtime keeps while it is down. */
static int teardown(const struct instance *inst, struct error *err)
{
	_cleanup_child_ struct child c;
	child_init(&c);
	strvec_pushf(&c.argv, "%s/bin/berth-runtime", inst->prefix);
	if (*inst->root)
		child_args(&c, "--root", inst->root, NULL);
	child_args(&c, "--teardown", NULL);
	c.out = c.err = STDERR_FILENO;
	c.timeout_ms = 30000;
	return child_run(&c, err);
}

static int stop_all(const struct instance *inst, struct error *err)
{
	_cleanup_child_ struct child runtime;
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	_cleanup_free_ char *containers = instance_run(inst, "containers");
	bool running;
	child_init(&runtime);
	/* berth-runtime never came so far, and may not: this machine lacks something */
	if (!file_exists(AT_FDCWD, containers))
		return ask_if_running(inst, "stop", &running, err) < 0 ? -1
								       : remains_end(inst, err);
	/* nothing may start a container while they are being stopped */
	if (ask_if_running(inst, "stop front", &running, err) < 0 ||
	    (!running && start_runtime_alone(inst, &runtime, err) < 0) ||
	    stop_containers(inst, err) < 0 || runtime_cleanup(inst, false, &found, err) < 0)
		return -1;
	if ((running && ask_if_running(inst, "stop", &running, err) < 0) ||
	    remains_end(inst, err) < 0)
		return -1;
	if (runtime.pid > 0) {
		kill(runtime.pid, SIGTERM);
		runtime.timeout_ms = 10000;
		if (child_wait(&runtime, err) < 0)
			return -1;
	}
	return teardown(inst, err);
}

static int verb_stop(struct options *o, struct error *err)
{
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	bool running;
	if (instance_open(&inst, o->root, err) < 0)
		return -1;
	return o->all ? stop_all(&inst, err) : ask_if_running(&inst, "stop", &running, err);
}

static int verb_down(struct options *o, struct error *err)
{
	o->all = true;
	return verb_stop(o, err);
}

/* For systemd's ExecStartPost: a unit that is ordered after SERVICE finds it answering. */
static int verb_wait(struct options *o, struct error *err)
{
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	enum unit s = 0;
	while (o->service && s < UNIT_COUNT && strcmp(unit_name(s), o->service) != 0)
		s++;
	if (!o->service || s == UNIT_COUNT)
		return error_set(err, ERROR_USAGE, 0, "wait needs the name of a service");
	if (instance_open(&inst, o->root, err) < 0)
		return -1;
	for (int64_t end = clock_ms() + WAIT_MS; clock_ms() < end; clock_sleep_ms(10))
		if (unit_answers(&inst, s))
			return 0;
	return error_set(err, ERROR_TIMEOUT, 0, "%s does not answer", o->service);
}

static int verb_exec(struct options *o, struct error *err)
{
	_cleanup_instance_ struct instance inst = {.settings = INI_INIT};
	if (!o->service)
		return error_set(err, ERROR_USAGE, 0, "exec needs a service");
	if (instance_open(&inst, o->root, err) < 0)
		return -1;
	return unit_exec(&inst, o->service, err);
}

/* --- the words --- */

static const struct verb verbs[] = {
	{"init", "[--http-address A] [--http-port P] [--ssh-port P] [--number N] [--set S.K=V]",
	 "make an instance, or change its settings", verb_init},
	{"start", "", "start the services in the background", verb_start},
	{"stop", "[--all]", "end the services; with --all the apps too", verb_stop},
	{"down", "", "end everything: services, apps, interfaces, tables", verb_down},
	{"status", "[--format json]", "say what runs; exits 0 when all is up, 3 when nothing runs",
	 verb_status},
	{"run", "[--log-files]", "start the services and stay in the foreground", verb_run},
	{"wait", "SERVICE", "wait until a service answers", verb_wait},
	{"exec", "SERVICE", "become berth-router or berth-sshd (for systemd)", verb_exec},
};

static int usage(void)
{
	fprintf(stderr, "usage: berth server VERB [--root DIR]\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(stderr, "    %-8s %s\n             %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].summary);
	return error_exit_status(ERROR_USAGE);
}

/* Options that are short names for settings. */
static const struct {
	const char *option, *setting;
} setting_options[] = {
	{"--http-address", "http.address"}, {"--http-port", "http.port"},
	{"--ssh-address", "ssh.address"},   {"--ssh-port", "ssh.port"},
	{"--number", "instance.number"},
};

static bool take_setting_option(struct options *o, const char *word, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(setting_options); i++) {
		if (strcmp(word, setting_options[i].option) != 0)
			continue;
		strvec_pushf(&o->settings, "%s=%s", setting_options[i].setting, value);
		if (strcmp(word, "--ssh-port") == 0)
			strvec_push(&o->settings, "ssh.enabled=yes");
		return true;
	}
	return false;
}

static int parse(struct options *o, int argc, char **argv, struct error *err)
{
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(word, "--all") == 0) {
			o->all = true;
		} else if (strcmp(word, "--log-files") == 0) {
			o->log_files = true;
		} else if (word[0] != '-' && !o->service &&
			   (strcmp(argv[1], "exec") == 0 || strcmp(argv[1], "wait") == 0)) {
			o->service = word;
		} else if (word[0] != '-' || !value) {
			return error_set(err, ERROR_USAGE, 0, "'%s' is not understood here", word);
		} else {
			i++;
			if (strcmp(word, "--root") == 0)
				o->root = value;
			else if (strcmp(word, "--set") == 0)
				strvec_push(&o->settings, value);
			else if (strcmp(word, "--format") == 0)
				o->json = strcmp(value, "json") == 0;
			else if (!take_setting_option(o, word, value))
				return error_set(err, ERROR_USAGE, 0, "no option '%s' here", word);
		}
	}
	return 0;
}

int supervisor_main(int argc, char **argv, const char *root)
{
	struct options o = {.root = root, .settings = STRVEC_INIT};
	struct error err = ERROR_INIT;
	int status = -1;
	const struct verb *verb = NULL;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			verb = &verbs[i];
	if (!verb)
		return usage();
	if (parse(&o, argc, argv, &err) == 0) {
		if (geteuid() != 0 && verb->run != verb_status && verb->run != verb_exec &&
		    verb->run != verb_wait)
			error_set(&err, ERROR_DENIED, 0, "'berth server %s' is for root",
				  verb->name);
		else
			status = verb->run(&o, &err);
	}
	if (status < 0) {
		colour_complain(err.message);
		status = error_exit_status(err.code);
	}
	strvec_release(&o.settings);
	return status;
}
