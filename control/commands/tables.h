/* SPDX-License-Identifier: MIT */
/* The command groups, one file each; control/command.c lists them for help. */
#ifndef CONTROL_COMMANDS_TABLES_H
#define CONTROL_COMMANDS_TABLES_H

#include "control/command.h"

/* control/commands/logs.c, for every command that shows a log: its options, and the log of PROCESS
 * as they say. */
extern const struct option_spec logview_options[];
int logview_command(struct context *c, const struct request *rq, const char *process,
		    struct error *err);

extern const struct command apps_commands[];
extern const struct command builder_commands[];
extern const struct command buildpacks_commands[];
extern const struct command builds_commands[];
extern const struct command config_commands[];
extern const struct command cron_commands[];
extern const struct command domains_commands[];
extern const struct command git_commands[];
extern const struct command gitauth_commands[];
extern const struct command image_commands[];
extern const struct command keys_commands[];
extern const struct command logs_commands[];
extern const struct command network_commands[];
extern const struct command plugin_commands[];
extern const struct command ps_commands[];
extern const struct command registry_commands[];
extern const struct command releases_commands[];
extern const struct command resource_commands[];
extern const struct command router_commands[];
extern const struct command run_commands[];
extern const struct command stack_commands[];
extern const struct command storage_commands[];
extern const struct command system_commands[];
extern const struct command tokens_commands[];

#endif
