/* SPDX-License-Identifier: MIT */
#include "control/health.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "control/db.h"
#include "receiver/export.h"

/* Docker's own */
#define INTERVAL_MS 30000
#define TIMEOUT_MS 30000
#define RETRIES 3
#define TIME_MAX_MS (24ll * 60 * 60 * 1000)
#define COMMAND_SHOWN 100 /* bytes of a command in an error */

void health_read_appjson(struct context *c, const struct release *r, struct appjson *aj)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	/* a wrong app.json failed the build already; a missing one is usual */
	if (r->tree &&
	    export_read_file(c->inst, r->tree, "app.json", APPJSON_MAX, &text, &ignored) == 0)
		appjson_parse(aj, text.data, text.len, &ignored);
}

/* The words of the check; none when it has none. */
static void take_command(const struct image *im, struct strvec *out)
{
	const struct image_config *config = &im->config;
	const struct strvec *test = &config->health.test;
	if (test->n < 2)
		return;
	if (strcmp(test->v[0], "CMD") == 0) {
		strvec_push_all(out, test->v + 1);
	} else if (strcmp(test->v[0], "CMD-SHELL") == 0) {
		strvec_push_all(out, config->shell.v);
		if (config->shell.n == 0) {
			strvec_push(out, "/bin/sh");
			strvec_push(out, "-c");
		}
		strvec_push(out, test->v[1]);
	}
}

/* Nanoseconds as an image has them; 0: not said. */
static uint32_t to_ms(int64_t ns, uint32_t otherwise)
{
	int64_t ms = ns / 1000000 + (ns % 1000000 > 0);
	return ns <= 0 ? otherwise : (uint32_t)(ms < TIME_MAX_MS ? ms : TIME_MAX_MS);
}

static bool has_checks(const struct appjson *aj, const char *type)
{
	for (size_t i = 0; i < aj->n_checks; i++)
		if (aj->checks[i].kind == APPJSON_STARTUP &&
		    strcmp(aj->checks[i].process, type) == 0)
			return true;
	return false;
}

void health_of(struct context *c, const struct app *app, const struct release *r,
	       const struct image *im, const char *type, struct spec_health *out)
{
	const struct image_health *h = &im->config.health;
	_cleanup_free_ char *restarts = NULL;
	_cleanup_appjson_ struct appjson aj;
	struct error ignored = ERROR_INIT;
	appjson_init(&aj);
	if (!im->container || h->test.n == 0 || strcmp(type, "web") != 0)
		return;
	health_read_appjson(c, r, &aj);
	if (has_checks(&aj, type))
		return;
	take_command(im, &out->test);
	out->interval_ms = to_ms(h->interval, INTERVAL_MS);
	out->timeout_ms = to_ms(h->timeout, TIMEOUT_MS);
	out->start_period_ms = to_ms(h->start_period, 0);
	out->start_interval_ms = to_ms(h->start_interval, 0);
	out->retries = h->retries > 0 && h->retries <= 1000 ? (uint32_t)h->retries : RETRIES;
	out->restarts =
		setting_get(&c->db, app->id, "restart-unhealthy", NULL, &restarts, &ignored) == 0 &&
		str_equal(restarts, "true");
}

void health_explain(const struct spec_health *h, const struct container_status *s,
		    struct strbuf *out)
{
	_cleanup_free_ char *command = health_command_text(&h->test);
	if (s->health_exit == HEALTH_TIMED_OUT)
		strbuf_addf(out, "'%s' took longer than %u s", command,
			    (h->timeout_ms + 999) / 1000);
	else
		strbuf_addf(out, "'%s' ended with status %d", command, s->health_exit);
	if (!s->health_text[0])
		return;
	strbuf_addstr(out, ": ");
	printable_add(out, s->health_text);
}

char *health_command_text(const struct strvec *command)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	bool shell = command->n == 3 && strcmp(command->v[1], "-c") == 0;
	for (size_t i = shell ? 2 : 0; i < command->n; i++) {
		if (text.len > 0)
			strbuf_addch(&text, ' ');
		printable_add(&text, command->v[i]);
	}
	return xasprintf("%.*s%s", COMMAND_SHOWN, text.data ? text.data : "",
			 text.len > COMMAND_SHOWN ? "..." : "");
}
