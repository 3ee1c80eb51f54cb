/* SPDX-License-Identifier: MIT */
/* storage:...: volumes, and where apps see them. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/confirm.h"
#include "control/listing.h"
#include "control/nextstart.h"
#include "control/volume.h"
#include "runtime/client.h"

static int storage_create(struct context *c, struct request *rq, struct error *err)
{
	if (volume_create(c, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Created volume '%s'", rq->args.v[0]);
	answer_detail(c, "'storage:mount APP %s:/app/data' mounts it", rq->args.v[0]);
	return 0;
}

static int storage_ensure_directory(struct context *c, struct request *rq, struct error *err)
{
	struct error why = ERROR_INIT;
	if (volume_create(c, rq->args.v[0], &why) < 0 && why.code != ERROR_EXISTS) {
		*err = why;
		return -1;
	}
	answer_step(c, "Volume '%s' is there", rq->args.v[0]);
	return 0;
}

static int storage_destroy(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0];
	c->force |= request_has(rq, "--force");
	if (volume_find(c, name, NULL, err) < 0 || confirm(c, "volume", name, err) < 0)
		return -1;
	if (volume_destroy(c, name, err) < 0)
		return -1;
	answer_step(c, "Destroyed volume '%s'", name);
	return 0;
}

static json_t *mounts_of(const struct volume_mounts *all, const char *name)
{
	json_t *out = json_array();
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].volume, name) == 0)
			json_array_append_new(out,
					      json_sprintf("%s:%s%s", all->v[i].app, all->v[i].path,
							   all->v[i].read_only ? ":ro" : ""));
	return out;
}

static int list_volumes(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"volume", "mounts", NULL};
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	if (volume_list(c, &names, err) < 0 || volume_mounts(c, 0, NULL, &all, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < names.n; i++)
		json_array_append_new(rows, json_pack("{s:s, s:o}", "volume", names.v[i], "mounts",
						      mounts_of(&all, names.v[i])));
	listing_table(c, rq, "Volumes", rows, columns);
	return 0;
}

static int storage_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"volume", "path", "mode", NULL};
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	struct app app;
	if (rq->args.n == 0)
		return list_volumes(c, rq, err);
	if (app_find(&c->db, rq->args.v[0], &app, err) < 0 ||
	    volume_mounts(c, app.id, NULL, &all, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < all.n; i++)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "volume", all.v[i].volume,
						      "path", all.v[i].path, "mode",
						      all.v[i].read_only ? "ro" : "rw"));
	_cleanup_free_ char *header = xasprintf("Volumes of app %s", app.name);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

static int storage_info(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0];
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	struct error why = ERROR_INIT;
	int64_t created_at = 0;
	uint64_t bytes = 0;
	if (volume_find(c, name, &created_at, err) < 0 || volume_mounts(c, 0, name, &all, err) < 0)
		return -1;
	/* one that no process has mounted yet has no files */
	if (runtime_volume_size(c->inst, name, &bytes, &why) < 0 && why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	json_t *out = json_object();
	json_object_set_new(out, "name", json_string(name));
	json_object_set_new(out, "size_mb", json_real((double)bytes / (1024 * 1024)));
	json_object_set_new(out, "mounts", mounts_of(&all, name));
	json_object_set_new(out, "created_at", listing_time(created_at));
	_cleanup_free_ char *header = xasprintf("Volume %s", name);
	listing_report(c, rq, header, out);
	return 0;
}

static int storage_report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	if (volume_mounts(c, rq->app.id, NULL, &all, err) < 0)
		return -1;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	for (size_t i = 0; i < all.n; i++)
		strbuf_addf(&text, "%s%s:%s%s", i ? " " : "", all.v[i].volume, all.v[i].path,
			    all.v[i].read_only ? ":ro" : "");
	json_t *out = json_object();
	json_object_set_new(out, "storage-build-mounts", json_string(""));
	json_object_set_new(out, "storage-deploy-mounts", json_string(text.data));
	json_object_set_new(out, "storage-run-mounts", json_string(text.data));
	listing_properties(c, rq, rq->app.name, "storage", out);
	return 0;
}

static int storage_mount(struct context *c, struct request *rq, struct error *err)
{
	/* Dokku's two ways of saying it */
	const char *where = request_value(rq, "--container-dir");
	bool read_only = request_has(rq, "--volume-readonly");
	_cleanup_free_ char *text = xasprintf("%s%s%s%s", rq->args.v[0], where ? ":" : "",
					      where ? where : "", read_only ? ":ro" : "");
	struct volume_mount m = {0};
	if (volume_parse(text, &m, err) < 0)
		return -1;
	int result = volume_mount(c, &rq->app, &m, err);
	if (result == 0) {
		answer_step(c, "Mounted volume '%s' on %s of %s%s", m.volume, m.path, rq->app.name,
			    m.read_only ? ", read-only" : "");
		nextstart_tell(c, &rq->app);
	}
	volume_mount_release(&m);
	return result;
}

static int storage_unmount(struct context *c, struct request *rq, struct error *err)
{
	struct volume_mount m = {0};
	if (volume_parse(rq->args.v[0], &m, err) < 0)
		return -1;
	int result = volume_unmount(c, &rq->app, m.volume, m.path, err);
	if (result == 0) {
		answer_step(c, "Unmounted volume '%s' from %s of %s", m.volume, m.path,
			    rq->app.name);
		nextstart_tell(c, &rq->app);
	}
	volume_mount_release(&m);
	return result;
}

static int storage_backup(struct context *c, struct request *rq, struct error *err)
{
	bool changed = false;
	if (isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE, 0,
				 "a backup is a tar on stdout: 'storage:backup %s > %s.tar'",
				 rq->args.v[0], rq->args.v[0]);
	fflush(NULL);
	if (volume_backup(c, rq->args.v[0], STDOUT_FILENO, &changed, err) < 0)
		return -1;
	if (changed)
		answer_warning("files of volume '%s' changed while they were read: for a state "
			       "that fits together, stop what writes",
			       rq->args.v[0]);
	return 0;
}

static int storage_restore(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0];
	struct error why = ERROR_INIT;
	uint64_t bytes = 0;
	if (isatty(STDIN_FILENO))
		return error_set(err, ERROR_USAGE, 0,
				 "a tar is expected on stdin: 'storage:restore %s < %s.tar'", name,
				 name);
	if (volume_find(c, name, NULL, err) < 0)
		return -1;
	c->force |= request_has(rq, "--force");
	if (!c->force && runtime_volume_size(c->inst, name, &bytes, &why) == 0 && bytes > 0)
		return error_set(err, ERROR_USAGE, 0,
				 "volume '%s' has files: --force replaces them all", name);
	if (volume_restore_from(c, name, STDIN_FILENO, err) < 0)
		return -1;
	answer_step(c, "Restored volume '%s'", name);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec destroy_options[] = {
	{"--force", NULL, NULL, "do not ask for the name"}, {0}};
static const struct option_spec mount_options[] = {
	{"--container-dir", NULL, "/PATH", "where, when the argument is the name alone"},
	{"--volume-readonly", NULL, NULL, "the same as :ro"},
	{0}};
static const struct option_spec restore_options[] = {
	{"--force", NULL, NULL, "replace the files that it has"}, {0}};
static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--storage-build-mounts", NULL, NULL, "only this: none, builds see no volume"},
	{"--storage-deploy-mounts", NULL, NULL, "only this: of its processes"},
	{"--storage-run-mounts", NULL, NULL, "only this: of one-offs, the same"},
	{0}};

const struct command storage_commands[] = {
	{"storage:create", "NAME", "Make a volume", 0, 1, 1, NULL, storage_create},
	{"storage:ensure-directory", "NAME", "Make a volume unless it is there", 0, 1, 1, NULL,
	 storage_ensure_directory},
	{"storage:destroy", "NAME", "Destroy a volume with its files", 0, 1, 1, destroy_options,
	 storage_destroy},
	{"storage:list", "[APP]", "List the volumes, or what an app mounts", COMMAND_API, 0, 1,
	 format_only, storage_list},
	{"storage:info", "NAME", "Show a volume: its size and who mounts it", COMMAND_API, 1, 1,
	 format_only, storage_info},
	{"storage:mount", "APP NAME:/PATH[:ro]", "Show a volume to the processes of an app",
	 COMMAND_APP, 1, 1, mount_options, storage_mount},
	{"storage:unmount", "APP NAME:/PATH", "Take it away again; the files stay", COMMAND_APP, 1,
	 1, NULL, storage_unmount},
	{"storage:report", "APP", "Show an app's mounts", COMMAND_APP | COMMAND_API, 0, 0,
	 report_options, storage_report},
	{"storage:backup", "NAME", "Write a volume to stdout, as a tar", 0, 1, 1, NULL,
	 storage_backup},
	{"storage:restore", "NAME", "Replace a volume's files by a tar on stdin", 0, 1, 1,
	 restore_options, storage_restore},
	{0},
};
