/* SPDX-License-Identifier: MIT */
/*
 * Drives router/router.h from the shell, for tests:
 *   routes ROOT configure | exec | stats | in-flight ID | url HOST | rotate BYTES
 *   routes ROOT apply APP up|down|maintenance HOST,HOST.. [ID=ADDRESS:PORT ..] [page=FILE]
 *   routes ROOT remove APP
 *   routes ROOT fill N ADDRESS PORT       the whole table: appI has hostI.test
 *   routes ROOT flip N APP HOST A B       N times: apply with backend A, then B; prints ms each
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "router/router.h"
#include "router/table.h"

#define BACKENDS_MAX 64

struct words {
	int argc;
	char **argv;
};

static const char *word(const struct words *w, int i)
{
	return i < w->argc ? w->argv[i] : "";
}

static int parse_backend(char *text, struct router_backend *b, struct error *err)
{
	unsigned long long port;
	char *address = strchr(text, '='), *colon = strrchr(text, ':');

	if (!address || !colon || str_to_u64(colon + 1, 1, 65535, &port) < 0)
		return error_set(err, ERROR_USAGE, 0, "'%s' is not ID=ADDRESS:PORT", text);
	*address = *colon = '\0';
	b->id = text;
	b->address = address + 1;
	b->port = (uint16_t)port;
	return 0;
}

static void split_hosts(const char *text, struct strvec *hosts)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		strvec_push_take(hosts, xstrndup(text, len));
		text += len + (text[len] == ',');
	}
}

static int apply(const struct instance *inst, const struct words *w, struct error *err)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf page = STRBUF_INIT;
	struct router_backend backends[BACKENDS_MAX];
	struct router_app app = {.app = word(w, 1), .hosts = &hosts, .backends = backends};

	app.state = str_equal(word(w, 2), "up")     ? ROUTER_UP
		    : str_equal(word(w, 2), "down") ? ROUTER_DOWN
						    : ROUTER_MAINTENANCE;
	split_hosts(word(w, 3), &hosts);
	for (int i = 4; i < w->argc && app.n_backends < BACKENDS_MAX; i++) {
		const char *file = str_skip(w->argv[i], "page=");
		if (file) {
			if (file_read(AT_FDCWD, file, 1 << 20, &page, err) < 0)
				return -1;
			app.page = page.data;
			app.page_len = page.len;
		} else if (parse_backend(w->argv[i], &backends[app.n_backends++], err) < 0) {
			return -1;
		}
	}
	return router_apply(inst, &app, err);
}

static int fill(const struct instance *inst, const struct words *w, struct error *err)
{
	unsigned long long n, port;

	if (str_to_u64(word(w, 1), 1, 1000000, &n) < 0 ||
	    str_to_u64(word(w, 3), 1, 65535, &port) < 0)
		return error_set(err, ERROR_USAGE, 0, "fill N ADDRESS PORT");
	_cleanup_free_ char *path = instance_lib(inst, "router/routes.json");
	_cleanup_table_ struct table t = TABLE_INIT;
	if (table_read(&t, path, err) < 0)
		return -1;
	json_object_clear(t.apps);
	for (size_t i = 0;; i++) {
		_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
		_cleanup_free_ char *name = xasprintf("app%zu", i);
		_cleanup_free_ char *id = xasprintf("app%zu.web.1", i);
		struct router_backend backend = {id, word(w, 2), (uint16_t)port};
		struct router_app app = {.app = name,
					 .state = ROUTER_UP,
					 .hosts = &hosts,
					 .backends = &backend,
					 .n_backends = 1};
		bool changed;
		strvec_pushf(&hosts, "host%zu.test", i);
		if (i == n - 1) {
			t.version++;
			/* the last one in the ordinary way: nginx misses a step and reads the file
			 */
			return table_write(&t, path, err) < 0 ? -1 : router_apply(inst, &app, err);
		}
		if (table_set(&t, &app, "", &changed, err) < 0)
			return -1;
	}
}

static int flip(const struct instance *inst, const struct words *w, struct error *err)
{
	unsigned long long n;

	if (str_to_u64(word(w, 1), 1, 1000000, &n) < 0 || w->argc != 6)
		return error_set(err, ERROR_USAGE, 0, "flip N APP HOST ID=A:P ID=A:P");
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *backend = xstrdup(w->argv[4 + i % 2]);
		char *argv[] = {w->argv[0], w->argv[2], strdupa("up"), w->argv[3], backend};
		struct words one = {5, argv};
		int64_t start = clock_us();
		if (apply(inst, &one, err) < 0)
			return -1;
		printf("%.3f\n", (double)(clock_us() - start) / 1000);
	}
	return 0;
}

static int execute(const struct instance *inst, struct error *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	if (router_command(inst, &argv, err) < 0)
		return -1;
	execv(argv.v[0], argv.v);
	return error_set(err, ERROR_FAILED, 0, "exec '%s'", argv.v[0]);
}

static int report(const struct instance *inst, const struct words *w, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	unsigned long long bytes = 0;
	long n = 0;

	if (str_equal(word(w, 0), "stats")) {
		if (router_stats(inst, &text, err) < 0)
			return -1;
		puts(text.data);
		return 0;
	}
	if (str_equal(word(w, 0), "in-flight")) {
		if (router_in_flight(inst, word(w, 1), &n, err) < 0)
			return -1;
		printf("%ld\n", n);
		return 0;
	}
	if (str_equal(word(w, 0), "url")) {
		_cleanup_free_ char *url = router_url(inst, word(w, 1));
		puts(url);
		return 0;
	}
	if (str_equal(word(w, 0), "rotate") && str_to_u64(word(w, 1), 0, 1ull << 40, &bytes) == 0)
		return router_rotate_logs(inst, bytes, err);
	return error_set(err, ERROR_USAGE, 0, "'%s' is not a verb of this tool", word(w, 0));
}

static int run(const struct instance *inst, const struct words *w, struct error *err)
{
	const char *verb = word(w, 0);

	if (str_equal(verb, "configure"))
		return router_configure(inst, err);
	if (str_equal(verb, "exec"))
		return execute(inst, err);
	if (str_equal(verb, "apply"))
		return apply(inst, w, err);
	if (str_equal(verb, "remove"))
		return router_remove(inst, word(w, 1), err);
	if (str_equal(verb, "fill"))
		return fill(inst, w, err);
	if (str_equal(verb, "flip"))
		return flip(inst, w, err);
	return report(inst, w, err);
}

int main(int argc, char **argv)
{
	_cleanup_instance_ struct instance inst = {0};
	struct error err = ERROR_INIT;
	struct words w = {argc - 2, argv + 2};

	if (argc < 3 || instance_open(&inst, argv[1], &err) < 0 || run(&inst, &w, &err) < 0) {
		fprintf(stderr, "routes: %s\n", argc < 3 ? "routes ROOT VERB .." : err.message);
		return 1;
	}
	return 0;
}
