/* SPDX-License-Identifier: MIT */
/* plugin:...: installing plugins and switching them. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/listing.h"
#include "base/fetch.h"
#include "plugins/store.h"

/* Names that a plugin may not have: the groups of Berth's own commands. */
static void reserved_names(struct strvec *out)
{
	for (size_t t = 0; command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++)
			strvec_push_take(out, xstrndup(row->name, strcspn(row->name, ":")));
}

/* plugin:install - (a tar from the client; `berth plugin:install FOLDER` sends one), or a URL. */
static int plugin_install(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec reserved = STRVEC_INIT;
	reserved_names(&reserved);
	struct plugin_install how = {.reserved = &reserved,
				     .name = request_value(rq, "--name"),
				     .update = request_has(rq, "--update")};
	const char *source = rq->args.v[0];
	const char *origin = request_value(rq, "--origin");
	int result;
	if (strcmp(source, "-") == 0)
		result = plugin_store_install_archive(c->inst, STDIN_FILENO,
						      origin ? origin : "archive", &how, err);
	else if (source[0] == '/')
		result = plugin_store_install_path(c->inst, source, &how, err);
	else
		result = plugin_store_install_git(c->inst, source,
						  request_value(rq, "--committish"), &how, err);
	if (result < 0)
		return -1;
	answer_step(c, "Installed plugin '%s' %s", how.out_name, how.out_version);
	free(how.out_name);
	free(how.out_version);
	return 0;
}

static int plugin_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"name",   "version",     "state",
					      "origin", "description", NULL};
	struct plugin_list list = PLUGIN_LIST_INIT;
	if (plugin_store_list(c->inst, &list, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < list.n; i++) {
		const struct plugin_info *p = &list.items[i];
		json_t *row = json_object();
		json_object_set_new(row, "name", listing_text(p->name));
		json_object_set_new(row, "version", listing_text(p->version ? p->version : ""));
		json_object_set_new(row, "state",
				    json_string(p->broken    ? "broken"
						: p->enabled ? "enabled"
							     : "disabled"));
		json_object_set_new(row, "origin", listing_text(p->origin));
		json_object_set_new(row, "description",
				    listing_text(p->broken        ? p->broken
						 : p->description ? p->description
								  : ""));
		json_array_append_new(rows, row);
	}
	plugin_list_release(&list);
	listing_table(c, rq, "Plugins", rows, columns);
	return 0;
}

static int plugin_enable(struct context *c, struct request *rq, struct error *err)
{
	if (plugin_store_enable(c->inst, rq->args.v[0], true, err) < 0)
		return -1;
	answer_step(c, "Enabled plugin '%s'", rq->args.v[0]);
	return 0;
}

static int plugin_disable(struct context *c, struct request *rq, struct error *err)
{
	if (plugin_store_enable(c->inst, rq->args.v[0], false, err) < 0)
		return -1;
	answer_step(c, "Disabled plugin '%s'", rq->args.v[0]);
	return 0;
}

static int plugin_uninstall(struct context *c, struct request *rq, struct error *err)
{
	if (plugin_store_uninstall(c->inst, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Uninstalled plugin '%s'", rq->args.v[0]);
	return 0;
}

static int plugin_update(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec reserved = STRVEC_INIT;
	struct plugin_install how = {.reserved = &reserved, .update = true};
	bool changed = false;
	reserved_names(&reserved);
	if (plugin_store_update(c->inst, rq->args.v[0], rq->args.n > 1 ? rq->args.v[1] : NULL, &how,
				&changed, err) < 0)
		return -1;
	if (changed)
		answer_step(c, "Updated plugin '%s' to %s", how.out_name, how.out_version);
	else
		answer_step(c, "Plugin '%s' is up to date", rq->args.v[0]);
	free(how.out_name);
	free(how.out_version);
	return 0;
}

static const struct option_spec install_options[] = {
	{"--committish", NULL, "REF", "branch, tag or commit of the repository"},
	{"--update", NULL, NULL, "replace the plugin of that name"},
	{"--name", NULL, "NAME", "refuse a plugin of another name"},
	{"--origin", NULL, "TEXT", "where the archive on stdin is from"},
	{0}};
static const struct option_spec list_options[] = {OPTION_FORMAT, {0}};

const struct command plugin_commands[] = {
	{"plugin:install", "FOLDER|URL|-", "Install a plugin from a folder, git or a tar on stdin",
	 0, 1, 1, install_options, plugin_install},
	{"plugin:list", "", "List the plugins", 0, 0, 0, list_options, plugin_list},
	{"plugin:enable", "NAME", "Use a plugin again", 0, 1, 1, NULL, plugin_enable},
	{"plugin:disable", "NAME", "Keep a plugin but do not use it", 0, 1, 1, NULL,
	 plugin_disable},
	{"plugin:update", "NAME [REF]", "Fetch a plugin again from where it came", 0, 1, 2, NULL,
	 plugin_update},
	{"plugin:uninstall", "NAME", "Remove a plugin", 0, 1, 1, NULL, plugin_uninstall},
	{0},
};
