/* SPDX-License-Identifier: MIT */
#include "control/nextstart.h"

#include "control/answer.h"
#include "control/release.h"

void nextstart_tell(struct context *c, const struct app *app)
{
	_cleanup_release_ struct release current;
	struct error ignored = ERROR_INIT;
	release_init(&current);
	if (!app->id)
		answer_detail(c, "It counts from the next start of each app");
	/* config alone makes a release too, and starts nothing */
	else if (!app->stopped && release_load(c, app, 0, &current, &ignored) == 0 && current.image)
		answer_detail(c, "It counts from the next start: 'ps:restart %s' makes one",
			      app->name);
}
