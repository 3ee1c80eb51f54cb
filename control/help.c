/* SPDX-License-Identifier: MIT */
#include "control/command.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "plugins/host.h"

static void print_row(struct context *c, const struct command *row)
{
	_cleanup_free_ char *call =
		xasprintf("%s%s%s", row->name, *row->args ? " " : "", row->args);
	answer_line(c, "    %-44s %s", call, row->summary);
}

static void print_plugin(const struct plugin_help *h, void *data)
{
	_cleanup_free_ char *call = xasprintf("%s%s%s", h->command, h->args && *h->args ? " " : "",
					      h->args ? h->args : "");
	answer_line(data, "    %-44s %s", call, h->help);
}

static void print_all(struct context *c)
{
	struct error ignored = ERROR_INIT;
	answer_line(c, "usage: berth [--quiet] [--force] [--app APP] COMMAND [ARGUMENTS]");
	answer_line(c, "%s", "");
	answer_line(c, "Deploy by 'git push'; manage with these commands, here or over ssh:");
	for (size_t t = 0; command_tables[t]; t++) {
		answer_line(c, "%s", "");
		for (const struct command *row = command_tables[t]; row->name; row++)
			if (!(row->flags & COMMAND_HIDDEN))
				print_row(c, row);
	}
	answer_line(c, "%s", "");
	plugin_each_command(c->inst, print_plugin, c, &ignored);
	answer_line(c, "%s", "");
	answer_line(c, "'help COMMAND' shows one command's options; lists take --format json.");
}

static void print_one(struct context *c, const struct command *row)
{
	answer_line(c, "usage: berth %s%s%s%s", row->name, row->options ? " [OPTIONS]" : "",
		    *row->args ? " " : "", row->args);
	answer_line(c, "%s", "");
	answer_line(c, "    %s", row->summary);
	if (!row->options)
		return;
	answer_line(c, "%s", "");
	for (const struct option_spec *o = row->options; o->name; o++) {
		_cleanup_free_ char *name = xasprintf(
			"%s%s%s%s%s", o->short_name ? o->short_name : "", o->short_name ? ", " : "",
			o->name, o->value ? " " : "", o->value ? o->value : "");
		answer_line(c, "    %-32s %s", name, o->help);
	}
}

/* Prints the commands of plugin TOPIC, or its one command TOPIC. */
struct plugin_topic {
	struct context *c;
	const char *topic;
	bool any;
};

static void print_of_plugin(const struct plugin_help *h, void *data)
{
	struct plugin_topic *t = data;
	size_t len = strcspn(h->command, ":");
	if (strcmp(h->command, t->topic) != 0 &&
	    (strlen(t->topic) != len || strncmp(h->command, t->topic, len) != 0))
		return;
	print_plugin(h, t->c);
	t->any = true;
}

static bool print_group(struct context *c, const char *topic)
{
	size_t len = strlen(topic);
	bool any = false;
	for (size_t t = 0; command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++) {
			if (row->flags & COMMAND_HIDDEN || strncmp(row->name, topic, len) != 0 ||
			    (row->name[len] != ':' && row->name[len] != '\0'))
				continue;
			if (row->name[len] == '\0') {
				print_one(c, row);
				answer_line(c, "%s", "");
			} else {
				print_row(c, row);
			}
			any = true;
		}
	return any;
}

int command_help(struct context *c, const char *topic, struct error *err)
{
	if (!topic) {
		print_all(c);
		return 0;
	}
	for (size_t t = 0; strchr(topic, ':') && command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++)
			if (strcmp(row->name, topic) == 0) {
				print_one(c, row);
				return 0;
			}
	if (print_group(c, topic))
		return 0;
	struct plugin_topic of_plugin = {.c = c, .topic = topic};
	if (plugin_each_command(c->inst, print_of_plugin, &of_plugin, err) < 0)
		return -1;
	if (!of_plugin.any)
		return error_set(err, ERROR_USAGE, 0,
				 "no help for '%.80s': 'help' lists all commands", topic);
	return 0;
}
