/* SPDX-License-Identifier: MIT */
/* Apps: the row that everything else of an app hangs on, and its settings. */
#ifndef CONTROL_APP_H
#define CONTROL_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "base/strvec.h"
#include "control/db.h"
#include "instance/name.h"

struct app {
	int64_t id;
	char name[NAME_APP_MAX + 1];
	unsigned range; /* index of its user id range */
	int64_t created_at;
	bool locked, stopped, maintenance;
	int64_t epoch;   /* counted up by ps:restart */
	int64_t release; /* current version, 0 before the first */
};

/* ERROR_NO_APP when it is not there; the name is checked first. */
int app_find(struct db *db, const char *name, struct app *out, struct error *err);
int app_find_id(struct db *db, int64_t id, struct app *out, struct error *err);
/* Makes the row, with the next free id range. ERROR_EXISTS when the name is taken. */
int app_create(struct db *db, const char *name, struct app *out, struct error *err);
int app_rename(struct db *db, const struct app *app, const char *name, struct error *err);
int app_remove(struct db *db, const struct app *app, struct error *err);
/* The folder of its processes' logs in lib/logs; the caller frees it. It is made of the id: an app
 * keeps it when it is renamed, and a new app never finds that of one before it. */
char *app_text_id(const struct app *app);
/* All names, sorted. */
int app_names(struct db *db, struct strvec *out, struct error *err);
int app_set_locked(struct db *db, const struct app *app, bool locked, struct error *err);
int app_set_stopped(struct db *db, struct app *app, bool stopped, struct error *err);
int app_set_maintenance(struct db *db, struct app *app, bool on, struct error *err);
/* The maintenance page's HTML; NULL clears it. */
int app_set_page(struct db *db, const struct app *app, const char *html, struct error *err);
/* Appends the page, or nothing. */
int app_page(struct db *db, const struct app *app, struct strbuf *out, struct error *err);
int app_next_epoch(struct db *db, struct app *app, struct error *err);

/* Settings ("deploy-branch", ...) of an app, or of the instance with APP 0. NULL clears. */
int setting_set(struct db *db, int64_t app, const char *key, const char *value, struct error *err);
/* Only what is set on APP itself; NULL when nothing is. */
int setting_own(struct db *db, int64_t app, const char *key, char **out, struct error *err);
/* The app's value, else the instance's, else FALLBACK; the caller frees it. */
int setting_get(struct db *db, int64_t app, const char *key, const char *fallback, char **out,
		struct error *err);

#endif
