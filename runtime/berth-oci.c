/* SPDX-License-Identifier: MIT */
/*
 * berth-oci: Berth's runtime for any OCI bundle, with the command line that engines know from runc
 * and crun. As root, for operators and engines, on bundles of their own; no part of an instance.
 *
 *   berth-oci [--root DIR] [--log FILE] [--log-format text|json] [--debug] [--systemd-cgroup]
 *             COMMAND ...
 *
 * See berth-oci(8).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "runtime/bundle.h"
#include "runtime/oci.h"
#include "runtime/self.h"

static struct {
	const char *root;
	int log; /* -1: stderr */
	bool json, systemd;
} settings = {OCI_ROOT, -1, false, false};

/* --- saying ----------------------------------------------------------------------------------- */

static void log_message(const char *level, const char *message)
{
	_cleanup_free_ char *line = NULL, *text = NULL;
	char now[CLOCK_TEXT_MAX];
	json_t *quoted = json_string(message);

	clock_text(clock_unix_us(), 0, now);
	text = quoted ? json_dumps(quoted, JSON_ENCODE_ANY) : NULL;
	json_decref(quoted);
	line = settings.json
		       ? xasprintf("{\"level\":\"%s\",\"msg\":%s,\"time\":\"%s\"}\n", level,
				   text ? text : "\"\"", now)
		       : xasprintf("time=\"%s\" level=%s msg=%s\n", now, level, text ? text : "");
	file_write_all(settings.log < 0 ? 2 : settings.log, line, strlen(line), NULL);
}

static void warn(const struct error *err)
{
	log_message("warning", err->message);
}

/* docker tells what kind of error it is, and its own exit status, 126 or 127, by the texts that Go
 * has for errno, which begin with a small letter. */
static void like_go(struct error *err)
{
	const char *text = err->sys ? strerror(err->sys) : "";
	size_t len = strlen(err->message), tail = strlen(text);

	if (tail && len > tail && !strcmp(err->message + len - tail, text))
		err->message[len - tail] = (char)tolower((unsigned char)text[0]);
}

static int fail(struct error *err)
{
	like_go(err);
	log_message("error", err->message);
	if (settings.log >= 0)
		fprintf(stderr, "%s\n", err->message);
	return 1;
}

/* --- options ---------------------------------------------------------------------------------- */

/* What a command line may have; each command takes some of it. */
struct words {
	struct oci_create create;
	struct oci_exec exec;
	bool detach, keep, all, force, quiet, stats;
	const char *format, *interval, *resources;
	json_t *limits; /* what update's options say */
	char **rest;    /* after the options */
	int n_rest;
};

enum option_id {
	OPT_BUNDLE = 'b',
	OPT_DETACH = 'd',
	OPT_FORCE = 'f',
	OPT_ALL = 'a',
	OPT_TTY = 't',
	OPT_USER = 'u',
	OPT_ENV = 'e',
	OPT_PROCESS = 'p',
	OPT_CAP = 'c',
	OPT_GROUP = 'g',
	OPT_CONSOLE = 256,
	OPT_PID_FILE,
	OPT_PRESERVE_FDS,
	OPT_NO_PIVOT,
	OPT_NO_KEYRING,
	OPT_KEEP,
	OPT_CWD,
	OPT_NO_NEW_PRIVS,
	OPT_LABEL,
	OPT_APPARMOR,
	OPT_IGNORED,
	OPT_FORMAT,
	OPT_STATS,
	OPT_INTERVAL,
	OPT_UPDATE = 512, /* and what follows: of oci_update_option */
	OPT_QUIET = 'q',
	OPT_RESOURCES = 'r',
};

static int count(const char *text, unsigned *out, struct error *err)
{
	unsigned long long n;

	if (str_to_u64(text, 0, 1024, &n) < 0)
		return error_set(err, ERROR_USAGE, 0, "'%s' is not a number up to 1024", text);
	*out = (unsigned)n;
	return 0;
}

static int take_option(struct words *w, int id, const char *value, struct error *err)
{
	if (id >= OPT_UPDATE)
		return oci_update_set(w->limits, (size_t)(id - OPT_UPDATE), value, err);
	switch (id) {
	case OPT_STATS:
		w->stats = true;
		break;
	case OPT_INTERVAL:
		w->interval = value;
		break;
	case OPT_QUIET:
		w->quiet = true;
		break;
	case OPT_RESOURCES:
		w->resources = value;
		break;
	case OPT_BUNDLE:
		w->create.bundle = value;
		break;
	case OPT_DETACH:
		w->detach = w->exec.detach = true;
		break;
	case OPT_FORCE:
		w->force = true;
		break;
	case OPT_ALL:
		w->all = true;
		break;
	case OPT_TTY:
		w->exec.tty = true;
		break;
	case OPT_USER:
		w->exec.user = value;
		break;
	case OPT_ENV:
		strvec_push(&w->exec.env, value);
		break;
	case OPT_PROCESS:
		w->exec.process = value;
		break;
	case OPT_CAP:
		strvec_push(&w->exec.caps, value);
		break;
	case OPT_GROUP:
		strvec_push(&w->exec.groups, value);
		break;
	case OPT_CONSOLE:
		w->create.console_socket = w->exec.console_socket = value;
		break;
	case OPT_PID_FILE:
		w->create.pid_file = w->exec.pid_file = value;
		break;
	case OPT_PRESERVE_FDS:
		if (count(value, &w->create.preserve_fds, err) < 0)
			return -1;
		w->exec.preserve_fds = w->create.preserve_fds;
		break;
	case OPT_NO_PIVOT:
		w->create.no_pivot = true;
		break;
	case OPT_NO_KEYRING:
		w->create.no_new_keyring = true;
		break;
	case OPT_KEEP:
		w->keep = true;
		break;
	case OPT_CWD:
		w->exec.cwd = value;
		break;
	case OPT_NO_NEW_PRIVS:
		w->exec.no_new_privs = true;
		break;
	case OPT_LABEL:
		w->exec.label = value;
		break;
	case OPT_APPARMOR:
		w->exec.apparmor = value;
		break;
	case OPT_FORMAT:
		w->format = value;
		break;
	case OPT_IGNORED:
		break;
	default:
		return -1;
	}
	return 0;
}

/* --- commands --------------------------------------------------------------------------------- */

static int run_create(struct words *w, struct error *err)
{
	return oci_create(&w->create, err);
}

static int run_start(struct words *w, struct error *err)
{
	return oci_start(settings.root, w->rest[0], err);
}

static int run_run(struct words *w, struct error *err)
{
	int status = 0;

	return oci_run(&w->create, w->detach, w->keep, &status, err) < 0 ? -1 : status;
}

static int run_state(struct words *w, struct error *err)
{
	_cleanup_oci_ struct oci o;

	oci_init(&o);
	if (oci_load(settings.root, w->rest[0], &o, err) < 0)
		return -1;
	_cleanup_free_ char *text = oci_state_text(&o, oci_status(&o), true);
	printf("%s\n", text);
	return 0;
}

static int run_kill(struct words *w, struct error *err)
{
	const char *name = w->n_rest > 1 ? w->rest[1] : "TERM";
	int sig = oci_signal(name);

	if (sig < 0)
		return error_set(err, ERROR_USAGE, 0, "unknown signal '%s'", name);
	return oci_kill(settings.root, w->rest[0], sig, w->all, err);
}

static int run_delete(struct words *w, struct error *err)
{
	return oci_delete(settings.root, w->rest[0], w->force, err);
}

static int run_pause(struct words *w, struct error *err)
{
	return oci_pause(settings.root, w->rest[0], true, err);
}

static int run_resume(struct words *w, struct error *err)
{
	return oci_pause(settings.root, w->rest[0], false, err);
}

static int run_exec(struct words *w, struct error *err)
{
	int status = 0;

	for (int i = 1; i < w->n_rest; i++)
		strvec_push(&w->exec.argv, w->rest[i]);
	if (!w->exec.process && !w->exec.argv.n)
		return error_set(err, ERROR_USAGE, 0, "exec: needs a command, or --process FILE");
	return oci_exec(&w->exec, &status, err) < 0 ? -1 : status;
}

static int run_ps(struct words *w, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (oci_ps(settings.root, w->rest[0], str_equal(w->format, "json"), w->rest + 1,
		   w->n_rest - 1, &out, err) < 0)
		return -1;
	fputs(out.data, stdout);
	return 0;
}

static int run_list(struct words *w, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (oci_list(settings.root, str_equal(w->format, "json"), w->quiet, &out, err) < 0)
		return -1;
	fputs(out.data, stdout);
	return 0;
}

static int run_features(struct words *w, struct error *err)
{
	_cleanup_free_ char *text = oci_features();

	(void)w;
	(void)err;
	puts(text);
	return 0;
}

static int run_update(struct words *w, struct error *err)
{
	return oci_update(settings.root, w->rest[0], w->resources, w->limits, err);
}

/* "5s", "500ms", "1m": milliseconds. */
static int parse_interval(const char *text, unsigned long long *out, struct error *err)
{
	static const struct {
		const char *unit;
		unsigned ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t len = strlen(text), unit = strlen(units[i].unit);

		if (len <= unit || strcmp(text + len - unit, units[i].unit) != 0)
			continue;
		_cleanup_free_ char *number = xstrndup(text, len - unit);
		if (str_to_u64(number, 1, 3600000 / units[i].ms, out) == 0) {
			*out *= units[i].ms;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE, 0, "--interval: '%s' is not a time like 5s", text);
}

/* Until the container has ended, unless --stats asks for one line. */
static int run_events(struct words *w, struct error *err)
{
	unsigned long long interval = 5000;
	uint64_t oom_kills = 0;

	if (w->interval && parse_interval(w->interval, &interval, err) < 0)
		return -1;
	for (bool first = true;; first = false) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
		struct error what = ERROR_INIT;

		if (oci_stats(settings.root, w->rest[0], w->stats ? NULL : &oom_kills, &out,
			      &what) < 0) {
			if (!first && what.code == ERROR_NOT_FOUND)
				return 0;
			*err = what;
			return -1;
		}
		fputs(out.data, stdout);
		if (fflush(stdout) != 0 || w->stats)
			return 0;
		clock_sleep_ms((int)interval);
	}
}

static int run_spec(struct words *w, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/config.json", w->create.bundle);
	_cleanup_free_ char *text = oci_spec();

	if (file_exists(AT_FDCWD, path))
		return error_set(err, ERROR_EXISTS, 0, "'%s' exists already: remove it first",
				 path);
	return file_replace(AT_FDCWD, path, text, strlen(text), 0666, err);
}

#define CREATE_OPTIONS                                                                             \
	{"bundle", required_argument, NULL, OPT_BUNDLE},                                           \
		{"console-socket", required_argument, NULL, OPT_CONSOLE},                          \
		{"pid-file", required_argument, NULL, OPT_PID_FILE},                               \
		{"preserve-fds", required_argument, NULL, OPT_PRESERVE_FDS},                       \
		{"no-pivot", no_argument, NULL, OPT_NO_PIVOT},                                     \
		{"no-new-keyring", no_argument, NULL, OPT_NO_KEYRING},                             \
	{                                                                                          \
		"no-subreaper", no_argument, NULL, OPT_IGNORED                                     \
	}

static const struct option none[] = {{NULL, 0, NULL, 0}};
static const struct option create_options[] = {CREATE_OPTIONS, {NULL, 0, NULL, 0}};
static const struct option run_options[] = {CREATE_OPTIONS,
					    {"detach", no_argument, NULL, OPT_DETACH},
					    {"keep", no_argument, NULL, OPT_KEEP},
					    {NULL, 0, NULL, 0}};
static const struct option kill_options[] = {{"all", no_argument, NULL, OPT_ALL},
					     {NULL, 0, NULL, 0}};
static const struct option delete_options[] = {{"force", no_argument, NULL, OPT_FORCE},
					       {NULL, 0, NULL, 0}};
static const struct option exec_options[] = {
	{"console-socket", required_argument, NULL, OPT_CONSOLE},
	{"pid-file", required_argument, NULL, OPT_PID_FILE},
	{"preserve-fds", required_argument, NULL, OPT_PRESERVE_FDS},
	{"detach", no_argument, NULL, OPT_DETACH},
	{"tty", no_argument, NULL, OPT_TTY},
	{"user", required_argument, NULL, OPT_USER},
	{"additional-gids", required_argument, NULL, OPT_GROUP},
	{"env", required_argument, NULL, OPT_ENV},
	{"process", required_argument, NULL, OPT_PROCESS},
	{"cap", required_argument, NULL, OPT_CAP},
	{"cwd", required_argument, NULL, OPT_CWD},
	{"no-new-privs", no_argument, NULL, OPT_NO_NEW_PRIVS},
	{"process-label", required_argument, NULL, OPT_LABEL},
	{"apparmor", required_argument, NULL, OPT_APPARMOR},
	{NULL, 0, NULL, 0}};
static const struct option ps_options[] = {{"format", required_argument, NULL, OPT_FORMAT},
					   {NULL, 0, NULL, 0}};
static const struct option list_options[] = {{"format", required_argument, NULL, OPT_FORMAT},
					     {"quiet", no_argument, NULL, OPT_QUIET},
					     {NULL, 0, NULL, 0}};
static const struct option events_options[] = {{"stats", no_argument, NULL, OPT_STATS},
					       {"interval", required_argument, NULL, OPT_INTERVAL},
					       {NULL, 0, NULL, 0}};
/* with those of oci_update_option */
static struct option update_options[32] = {{"resources", required_argument, NULL, OPT_RESOURCES}};
static const struct option spec_options[] = {{"bundle", required_argument, NULL, OPT_BUNDLE},
					     {NULL, 0, NULL, 0}};

static const struct command {
	const char *name, *usage, *letters;
	const struct option *options;
	int min, max; /* words after the options; -1: any number */
	int (*run)(struct words *w, struct error *err);
	bool inside; /* processes of it get into a container */
} commands[] = {
	{"create", "[OPTIONS] ID", "+b:", create_options, 1, 1, run_create, true},
	{"start", "ID", "+", none, 1, 1, run_start, false},
	{"run", "[OPTIONS] ID", "+b:d", run_options, 1, 1, run_run, true},
	{"state", "ID", "+", none, 1, 1, run_state, false},
	{"kill", "[--all] ID [SIGNAL]", "+a", kill_options, 1, 2, run_kill, false},
	{"delete", "[--force] ID", "+f", delete_options, 1, 1, run_delete, false},
	{"exec", "[OPTIONS] ID COMMAND [ARG...]", "+dtu:e:p:c:g:", exec_options, 1, -1, run_exec,
	 true},
	{"ps", "[--format table|json] ID [PS-OPTIONS]", "+f:", ps_options, 1, -1, run_ps, false},
	{"pause", "ID", "+", none, 1, 1, run_pause, false},
	{"resume", "ID", "+", none, 1, 1, run_resume, false},
	{"list", "[--format table|json] [--quiet]", "+f:q", list_options, 0, 0, run_list, false},
	{"update", "[--resources FILE] [--memory SIZE] [--pids-limit N] [...] ID",
	 "+r:", update_options, 1, 1, run_update, false},
	{"events", "[--stats] [--interval TIME] ID", "+", events_options, 1, 1, run_events, false},
	{"features", "", "+", none, 0, 0, run_features, false},
	{"spec", "[--bundle DIR]", "+b:", spec_options, 0, 0, run_spec, false},
};

static void add_update_options(void)
{
	const char *name;

	for (size_t i = 0; (name = oci_update_option(i)) && i + 2 < ARRAY_SIZE(update_options); i++)
		update_options[i + 1] =
			(struct option){name, required_argument, NULL, OPT_UPDATE + (int)i};
}

static int run_command(const struct command *c, int argc, char **argv, struct error *err)
{
	struct words w = {
		.create = {.root = settings.root, .bundle = ".", .systemd = settings.systemd},
		.exec = {.root = settings.root},
		.limits = json_object()};
	int id, result;

	add_update_options();
	strvec_init(&w.exec.argv);
	strvec_init(&w.exec.env);
	strvec_init(&w.exec.caps);
	strvec_init(&w.exec.groups);
	optind = 0;
	opterr = 0;
	while ((id = getopt_long(argc, argv, c->letters, c->options, NULL)) != -1) {
		/* these have their own -f */
		if (id == OPT_FORCE && (c->options == ps_options || c->options == list_options))
			id = OPT_FORMAT;
		if (id == '?')
			return error_set(err, ERROR_USAGE, 0,
					 "%s: unknown or incomplete option '%s': usage: berth-oci "
					 "%s %s",
					 c->name, argv[optind - 1], c->name, c->usage);
		if (take_option(&w, id, optarg, err) < 0)
			return -1;
	}
	w.rest = argv + optind;
	w.n_rest = argc - optind;
	if (w.n_rest < c->min || (c->max >= 0 && w.n_rest > c->max))
		return error_set(err, ERROR_USAGE, 0, "usage: berth-oci %s %s", c->name, c->usage);
	w.create.id = w.exec.id = w.n_rest ? w.rest[0] : "";
	result = c->run(&w, err);
	strvec_release(&w.exec.argv);
	strvec_release(&w.exec.env);
	strvec_release(&w.exec.caps);
	strvec_release(&w.exec.groups);
	json_decref(w.limits);
	return result;
}

static int usage(FILE *out)
{
	fprintf(out, "usage: berth-oci [--root DIR] [--log FILE] [--log-format text|json] "
		     "[--systemd-cgroup]\n                 COMMAND ...\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].usage);
	return out == stdout ? 0 : 1;
}

static int global_options(int argc, char **argv, struct error *err)
{
	enum { ROOT, LOG, LOG_FORMAT, IGNORED, SYSTEMD, VERSION, HELP, LOG_LEVEL };
	static const struct option options[] = {{"root", required_argument, NULL, ROOT},
						{"log", required_argument, NULL, LOG},
						{"log-format", required_argument, NULL, LOG_FORMAT},
						{"log-level", required_argument, NULL, LOG_LEVEL},
						{"debug", no_argument, NULL, IGNORED},
						{"rootless", required_argument, NULL, LOG_LEVEL},
						{"systemd-cgroup", no_argument, NULL, SYSTEMD},
						{"version", no_argument, NULL, VERSION},
						{"help", no_argument, NULL, HELP},
						{NULL, 0, NULL, 0}};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "+vh", options, NULL)) != -1) {
		switch (id) {
		case ROOT:
			settings.root = optarg;
			break;
		case LOG:
			settings.log =
				open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
			if (settings.log < 0)
				return error_set(err, ERROR_SYSTEM, errno, "open '%s'", optarg);
			break;
		case LOG_FORMAT:
			settings.json = !strcmp(optarg, "json");
			if (!settings.json && strcmp(optarg, "text") != 0)
				return error_set(err, ERROR_USAGE, 0,
						 "log format '%s': expected text or json", optarg);
			break;
		case SYSTEMD:
			settings.systemd = true;
			break;
		case VERSION:
		case 'v':
			printf("berth-oci version %s\nspec: %s\n", BERTH_VERSION, BUNDLE_VERSION);
			exit(0);
		case HELP:
		case 'h':
			exit(usage(stdout));
		case IGNORED:
		case LOG_LEVEL:
			break;
		default:
			return error_set(err, ERROR_USAGE, 0,
					 "unknown or incomplete option '%s': see berth-oci --help",
					 argv[optind - 1]);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	char **all = argv;
	struct error err = ERROR_INIT;
	int status;

	signal(SIGPIPE, SIG_IGN);
	oci_warn = warn;
	if (global_options(argc, argv, &err) < 0)
		return fail(&err);
	argc -= optind;
	argv += optind;
	if (!argc)
		return usage(stderr);
	if (geteuid() != 0) {
		error_set(&err, ERROR_DENIED, 0, "berth-oci makes containers as root only");
		return fail(&err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
			printf("usage: berth-oci %s %s\n", commands[i].name, commands[i].usage);
			return 0;
		}
		if (commands[i].inside && self_protect(all, &err) < 0)
			return fail(&err);
		prctl(PR_SET_NAME, "berth-oci", 0, 0, 0);
		status = run_command(&commands[i], argc, argv, &err);
		if (status < 0)
			return fail(&err);
		return fflush(stdout) == 0 ? status : 1;
	}
	error_set(&err, ERROR_USAGE, 0, "no command '%.64s': see berth-oci --help", argv[0]);
	return fail(&err);
}
