/* SPDX-License-Identifier: MIT */
/* The buildpacks that an operator chose for an app, in order: the setting "buildpacks", one a line.
 */
#ifndef CONTROL_PACKLIST_H
#define CONTROL_PACKLIST_H

#include "base/strvec.h"
#include "control/app.h"

/* Adds APP's to OUT. */
int packlist_load(struct db *db, int64_t app, struct strvec *out, struct error *err);
int packlist_save(struct db *db, int64_t app, const struct strvec *packs, struct error *err);
/* Adds those of every app to OUT. */
int packlist_all(struct db *db, struct strvec *out, struct error *err);

#endif
