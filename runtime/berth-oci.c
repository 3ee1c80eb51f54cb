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
#include "runtime/oci_words.h"
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

/* --- commands --------------------------------------------------------------------------------- */

static int run_create(struct oci_words *w, struct error *err)
{
	return oci_create(&w->create, err);
}

static int run_start(struct oci_words *w, struct error *err)
{
	return oci_start(settings.root, w->rest[0], err);
}

static int run_run(struct oci_words *w, struct error *err)
{
	int status = 0;

	return oci_run(&w->create, w->detach, w->keep, &status, err) < 0 ? -1 : status;
}

static int run_state(struct oci_words *w, struct error *err)
{
	_cleanup_oci_ struct oci o;

	oci_init(&o);
	if (oci_load(settings.root, w->rest[0], &o, err) < 0)
		return -1;
	_cleanup_free_ char *text = oci_state_text(&o, oci_status(&o), true);
	printf("%s\n", text);
	return 0;
}

static int run_kill(struct oci_words *w, struct error *err)
{
	const char *name = w->n_rest > 1 ? w->rest[1] : "TERM";
	int sig = oci_signal(name);

	if (sig < 0)
		return error_set(err, ERROR_USAGE, 0, "unknown signal '%s'", name);
	return oci_kill(settings.root, w->rest[0], sig, w->all, err);
}

static int run_delete(struct oci_words *w, struct error *err)
{
	return oci_delete(settings.root, w->rest[0], w->force, err);
}

static int run_pause(struct oci_words *w, struct error *err)
{
	return oci_pause(settings.root, w->rest[0], true, err);
}

static int run_resume(struct oci_words *w, struct error *err)
{
	return oci_pause(settings.root, w->rest[0], false, err);
}

static int run_exec(struct oci_words *w, struct error *err)
{
	int status = 0;

	for (int i = 1; i < w->n_rest; i++)
		strvec_push(&w->exec.argv, w->rest[i]);
	if (!w->exec.process && !w->exec.argv.n)
		return error_set(err, ERROR_USAGE, 0, "exec: needs a command, or --process FILE");
	return oci_exec(&w->exec, &status, err) < 0 ? -1 : status;
}

static int run_ps(struct oci_words *w, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (oci_ps(settings.root, w->rest[0], str_equal(w->format, "json"), w->rest + 1,
		   w->n_rest - 1, &out, err) < 0)
		return -1;
	fputs(out.data, stdout);
	return 0;
}

static int run_list(struct oci_words *w, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (oci_list(settings.root, str_equal(w->format, "json"), w->quiet, &out, err) < 0)
		return -1;
	fputs(out.data, stdout);
	return 0;
}

static int run_features(struct oci_words *w, struct error *err)
{
	_cleanup_free_ char *text = oci_features();

	(void)w;
	(void)err;
	puts(text);
	return 0;
}

static int run_update(struct oci_words *w, struct error *err)
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
static int run_events(struct oci_words *w, struct error *err)
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

static int run_spec(struct oci_words *w, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/config.json", w->create.bundle);
	_cleanup_free_ char *text = oci_spec();

	if (file_exists(AT_FDCWD, path))
		return error_set(err, ERROR_EXISTS, 0, "'%s' exists already: remove it first",
				 path);
	return file_replace(AT_FDCWD, path, text, strlen(text), 0666, err);
}

static const struct command {
	const char *name, *usage;
	const struct oci_options *options;
	int min, max; /* words after the options; -1: any number */
	int (*run)(struct oci_words *w, struct error *err);
	bool inside; /* processes of it get into a container */
} commands[] = {
	{"create", "[OPTIONS] ID", &oci_options_create, 1, 1, run_create, true},
	{"start", "ID", &oci_options_none, 1, 1, run_start, false},
	{"run", "[OPTIONS] ID", &oci_options_run, 1, 1, run_run, true},
	{"state", "ID", &oci_options_none, 1, 1, run_state, false},
	{"kill", "[--all] ID [SIGNAL]", &oci_options_kill, 1, 2, run_kill, false},
	{"delete", "[--force] ID", &oci_options_delete, 1, 1, run_delete, false},
	{"exec", "[OPTIONS] ID COMMAND [ARG...]", &oci_options_exec, 1, -1, run_exec, true},
	{"ps", "[--format table|json] ID [PS-OPTIONS]", &oci_options_ps, 1, -1, run_ps, false},
	{"pause", "ID", &oci_options_none, 1, 1, run_pause, false},
	{"resume", "ID", &oci_options_none, 1, 1, run_resume, false},
	{"list", "[--format table|json] [--quiet]", &oci_options_list, 0, 0, run_list, false},
	{"update", "[--resources FILE] [--memory SIZE] [--pids-limit N] [...] ID",
	 &oci_options_update, 1, 1, run_update, false},
	{"events", "[--stats] [--interval TIME] ID", &oci_options_events, 1, 1, run_events, false},
	{"features", "", &oci_options_none, 0, 0, run_features, false},
	{"spec", "[--bundle DIR]", &oci_options_spec, 0, 0, run_spec, false},
};

static int run_command(const struct command *c, int argc, char **argv, struct error *err)
{
	_cleanup_oci_words_ struct oci_words w;

	oci_words_init(&w, settings.root, settings.systemd);
	if (oci_words_read(&w, c->options, c->usage, argc, argv, err) < 0)
		return -1;
	if (w.n_rest < c->min || (c->max >= 0 && w.n_rest > c->max))
		return error_set(err, ERROR_USAGE, 0, "usage: berth-oci %s %s", c->name, c->usage);
	return c->run(&w, err);
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
