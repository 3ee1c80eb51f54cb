/* SPDX-License-Identifier: MIT */
/*
 * The plugin host: calls the enabled plugins at the points where Berth offers to (triggers) and
 * runs the commands that they add. Called by berthd's workers; the executables themselves are run
 * by berth-plugins as another user. Where no plugin wants to be called this costs one small read.
 */
#ifndef PLUGINS_HOST_H
#define PLUGINS_HOST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Runs trigger NAME of every enabled plugin that declares it, in the order of the plugins' names,
 * with ARGS (the app first; it also becomes BERTH_APP) and JSON on stdin. Their output goes to
 * OUT_FD and ERR_FD.
 *
 * A pre-* trigger that fails stops here: ERROR_FAILED that names plugin and trigger, and the
 * caller stops its step. Any other that fails is reported on ERR_FD and the rest still runs; only
 * a broken index or being cancelled is an error then. Triggers and their arguments are listed in
 * berth-plugins(7). */
int plugin_trigger(const struct instance *inst, const char *name, const struct strvec *args,
		   const char *json, int out_fd, int err_fd, struct error *err);

/* Whether an enabled plugin has the command WORD, "PLUGIN:NAME". */
int plugin_find_command(const struct instance *inst, const char *word, bool *out_found,
			struct error *err);

/* Runs WORDS ("PLUGIN:NAME", arguments...) on FDS[3] for IDENTITY (whom berthd calls the caller;
 * it becomes BERTH_USER). *out_status is the command's own exit status; the error is for what
 * kept it from running to its end. */
int plugin_command(const struct instance *inst, const struct strvec *words, const char *identity,
		   const int fds[3], int *out_status, struct error *err);

/* A command for help and completion; the strings live during the call only. */
struct plugin_help {
	const char *plugin, *description; /* of the plugin */
	const char *command;              /* "PLUGIN:NAME" */
	const char *args, *help;
};

/* Calls EACH for every command of every enabled plugin, in the order of the plugins' names and of
 * their manifests. */
int plugin_each_command(const struct instance *inst,
			void (*each)(const struct plugin_help *h, void *data), void *data,
			struct error *err);

#endif
