/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/oci.h"

/* Ids below ROOT, sorted; without that folder there is none. */
static int list_ids(const char *root, struct strvec *out, struct error *err)
{
	DIR *d = opendir(root);

	if (!d && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", root);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (oci_check_id(e->d_name, NULL) == 0)
			strvec_push(out, e->d_name);
	}
	if (d)
		closedir(d);
	strvec_sort(out);
	return 0;
}

static const char *text_of(json_t *one, const char *key)
{
	return json_string_value(json_object_get(one, key));
}

static void add_table(json_t *all, struct strbuf *out)
{
	size_t i;
	json_t *one;

	strbuf_addf(out, "%-28s %-10s %-10s %-40s %-28s OWNER\n", "ID", "PID", "STATUS", "BUNDLE",
		    "CREATED");
	json_array_foreach(all, i, one)
	{
		strbuf_addf(out, "%-28s %-10lld %-10s %-40s %-28s %s\n", text_of(one, "id"),
			    json_integer_value(json_object_get(one, "pid")), text_of(one, "status"),
			    text_of(one, "bundle"), text_of(one, "created"), text_of(one, "owner"));
	}
}

int oci_list(const char *root, bool json, bool ids_only, struct strbuf *out, struct error *err)
{
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	json_t *all = json_array();

	if (list_ids(root, &ids, err) < 0) {
		json_decref(all);
		return -1;
	}
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_oci_ struct oci o = {.folder = NULL};

		/* one that is being made or removed at this moment is not there */
		if (oci_load(root, ids.v[i], &o, NULL) < 0)
			continue;
		if (ids_only) {
			strbuf_addf(out, "%s\n", o.id);
			continue;
		}
		_cleanup_free_ char *text = oci_state_text(&o, oci_status(&o), true);
		json_array_append_new(all, json_loads(text, 0, NULL));
	}
	if (json && !ids_only) {
		_cleanup_free_ char *text = json_dumps(all, JSON_COMPACT);

		strbuf_addf(out, "%s\n", text ? text : "[]");
	} else if (!ids_only) {
		add_table(all, out);
	}
	json_decref(all);
	return 0;
}
