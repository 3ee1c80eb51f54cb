/* SPDX-License-Identifier: MIT */
#include "runtime/oci_words.h"

#include <getopt.h>

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

const struct oci_options oci_options_none = {"+", none};
const struct oci_options oci_options_create = {"+b:", create_options};
const struct oci_options oci_options_run = {"+b:d", run_options};
const struct oci_options oci_options_kill = {"+a", kill_options};
const struct oci_options oci_options_delete = {"+f", delete_options};
const struct oci_options oci_options_exec = {"+dtu:e:p:c:g:", exec_options};
const struct oci_options oci_options_ps = {"+f:", ps_options};
const struct oci_options oci_options_list = {"+f:q", list_options};
const struct oci_options oci_options_update = {"+r:", update_options};
const struct oci_options oci_options_events = {"+", events_options};
const struct oci_options oci_options_spec = {"+b:", spec_options};

static void add_update_options(void)
{
	const char *name;

	for (size_t i = 0; (name = oci_update_option(i)) && i + 2 < ARRAY_SIZE(update_options); i++)
		update_options[i + 1] =
			(struct option){name, required_argument, NULL, OPT_UPDATE + (int)i};
}

static int count(const char *text, unsigned *out, struct error *err)
{
	unsigned long long n;

	if (str_to_u64(text, 0, 1024, &n) < 0)
		return error_set(err, ERROR_USAGE, 0, "'%s' is not a number up to 1024", text);
	*out = (unsigned)n;
	return 0;
}

static int take_option(struct oci_words *w, int id, const char *value, struct error *err)
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

void oci_words_init(struct oci_words *w, const char *root, bool systemd)
{
	*w = (struct oci_words){.create = {.root = root, .bundle = ".", .systemd = systemd},
				.exec = {.root = root},
				.limits = json_object()};
	strvec_init(&w->exec.argv);
	strvec_init(&w->exec.env);
	strvec_init(&w->exec.caps);
	strvec_init(&w->exec.groups);
}

void oci_words_release(struct oci_words *w)
{
	strvec_release(&w->exec.argv);
	strvec_release(&w->exec.env);
	strvec_release(&w->exec.caps);
	strvec_release(&w->exec.groups);
	json_decref(w->limits);
}

int oci_words_read(struct oci_words *w, const struct oci_options *o, const char *usage, int argc,
		   char **argv, struct error *err)
{
	int id;

	add_update_options();
	optind = 0;
	opterr = 0;
	while ((id = getopt_long(argc, argv, o->letters, o->names, NULL)) != -1) {
		/* these have their own -f */
		if (id == OPT_FORCE && (o == &oci_options_ps || o == &oci_options_list))
			id = OPT_FORMAT;
		if (id == '?')
			return error_set(err, ERROR_USAGE, 0,
					 "%s: unknown or incomplete option '%s': usage: berth-oci "
					 "%s %s",
					 argv[0], argv[optind - 1], argv[0], usage);
		if (take_option(w, id, optarg, err) < 0)
			return -1;
	}
	w->rest = argv + optind;
	w->n_rest = argc - optind;
	w->create.id = w->exec.id = w->n_rest ? w->rest[0] : "";
	return 0;
}
