/* SPDX-License-Identifier: MIT */
/* The state on a database of its own: apps, settings, config, domains, releases. */
#include "control/app.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/config.h"
#include "control/domain.h"
#include "control/release.h"
#include "tests/unit/control/fixture.h"

static int setup(void **state)
{
	*state = fixture_make("[http]\ndomain = example.test\n");
	return 0;
}

static void test_apps(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct app a, b, found;
	struct strvec names = STRVEC_INIT;
	assert_int_equal(app_create(&f->c.db, "one", &a, &err), 0);
	assert_int_equal(app_create(&f->c.db, "two", &b, &err), 0);
	assert_int_not_equal(a.range, b.range);
	assert_true(a.range > 0);
	assert_int_equal(app_create(&f->c.db, "one", &found, &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_int_equal(app_find(&f->c.db, "three", &found, &err), -1);
	assert_int_equal(err.code, ERROR_NO_APP);
	assert_int_equal(app_find(&f->c.db, "No", &found, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	/* a name that is taken stays with its owner */
	assert_int_equal(app_rename(&f->c.db, &a, "two", &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_int_equal(app_rename(&f->c.db, &a, "uno", &err), 0);
	assert_int_equal(app_find(&f->c.db, "uno", &found, &err), 0);
	assert_int_equal(found.id, a.id);
	/* the range of a destroyed app is not given to the next one */
	assert_int_equal(app_remove(&f->c.db, &b, &err), 0);
	assert_int_equal(app_create(&f->c.db, "four", &found, &err), 0);
	assert_true(found.range > b.range);
	/* nor its id, by which its containers are known */
	assert_true(found.id > b.id);
	assert_int_equal(app_names(&f->c.db, &names, &err), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "four");
	strvec_release(&names);
}

static void test_has(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct app a;
	bool has = true;
	assert_int_equal(db_has(&f->c.db, &has, &err, "SELECT 1 FROM apps", ""), 0);
	assert_false(has);
	assert_int_equal(app_create(&f->c.db, "one", &a, &err), 0);
	assert_int_equal(app_create(&f->c.db, "two", &a, &err), 0);
	assert_int_equal(db_has(&f->c.db, &has, &err, "SELECT 1 FROM apps", ""), 0);
	assert_true(has);
	assert_int_equal(db_has(&f->c.db, &has, &err,
				"SELECT 1 FROM apps WHERE id = ? AND name = ?", "is", a.id, "one"),
			 0);
	assert_false(has);
	/* outputs stay as they are on failure */
	has = true;
	assert_int_equal(db_has(&f->c.db, &has, &err, "SELECT 1 FROM nowhere", ""), -1);
	assert_true(has);
}

static void test_settings(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	char *value = NULL;
	assert_int_equal(setting_get(&f->c.db, 7, "k", "built in", &value, &err), 0);
	assert_string_equal(value, "built in");
	free(value);
	assert_int_equal(setting_set(&f->c.db, 0, "k", "global", &err), 0);
	assert_int_equal(setting_get(&f->c.db, 7, "k", NULL, &value, &err), 0);
	assert_string_equal(value, "global");
	free(value);
	assert_int_equal(setting_set(&f->c.db, 7, "k", "own", &err), 0);
	assert_int_equal(setting_get(&f->c.db, 7, "k", NULL, &value, &err), 0);
	assert_string_equal(value, "own");
	free(value);
	assert_int_equal(setting_set(&f->c.db, 7, "k", NULL, &err), 0);
	assert_int_equal(setting_get(&f->c.db, 7, "k", NULL, &value, &err), 0);
	assert_string_equal(value, "global");
	free(value);
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct strvec pairs = STRVEC_INIT, all = STRVEC_INIT;
	strvec_push(&pairs, "A=line one\nline 'two'\n\xff");
	strvec_push(&pairs, "B=");
	assert_int_equal(config_set(&f->c, 0, &pairs, NULL, &err), 0);
	strvec_release(&pairs);
	strvec_push(&pairs, "B=own");
	assert_int_equal(config_set(&f->c, 5, &pairs, NULL, &err), 0);
	assert_int_equal(config_merged(&f->c, 5, &all, &err), 0);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.v[0], "A=line one\nline 'two'\n\xff");
	assert_string_equal(all.v[1], "B=own");
	strvec_release(&all);
	/* a trial says what would be, and leaves what is */
	_cleanup_trial_ struct config_trial trial = CONFIG_TRIAL_INIT;
	strvec_release(&pairs);
	strvec_push(&pairs, "E=new");
	assert_int_equal(config_set(&f->c, 5, &pairs, &trial, &err), 0);
	assert_int_equal(trial.own.n, 2);
	assert_int_equal(trial.merged.n, 3);
	assert_int_equal(config_list(&f->c, 5, &all, &err), 0);
	assert_int_equal(all.n, 1);
	strvec_release(&all);
	strvec_release(&pairs);
	/* one bad pair: none is set */
	strvec_push(&pairs, "C=1");
	strvec_push(&pairs, "1D=2");
	assert_int_equal(config_set(&f->c, 5, &pairs, NULL, &err), -1);
	assert_int_equal(config_list(&f->c, 5, &all, &err), 0);
	assert_int_equal(all.n, 1);
	strvec_release(&all);
	strvec_release(&pairs);
}

static void test_config_limits(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct strvec pairs = STRVEC_INIT;
	char *big = xmalloc(CONFIG_VALUE_MAX + 2);
	memset(big, 'x', CONFIG_VALUE_MAX + 1);
	big[CONFIG_VALUE_MAX + 1] = '\0';
	strvec_pushf(&pairs, "BIG=%s", big);
	assert_int_equal(config_set(&f->c, 1, &pairs, NULL, &err), -1);
	assert_non_null(strstr(err.message, "'BIG'"));
	strvec_release(&pairs);
	/* each fits, together they do not */
	big[CONFIG_VALUE_MAX - 1] = '\0';
	for (int i = 0; i < 9; i++)
		strvec_pushf(&pairs, "K%d=%s", i, big);
	assert_int_equal(config_set(&f->c, 1, &pairs, NULL, &err), -1);
	assert_non_null(strstr(err.message, "together"));
	strvec_release(&pairs);
	assert_int_equal(config_list(&f->c, 1, &pairs, &err), 0);
	assert_int_equal(pairs.n, 0);
	free(big);
	strvec_release(&pairs);
}

static void test_sealed(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct strvec pairs = STRVEC_INIT, out = STRVEC_INIT;
	struct strbuf sealed = STRBUF_INIT;
	strvec_push(&pairs, "TOKEN=very-secret-value");
	config_snapshot(&f->c, &pairs, &sealed);
	assert_null(memmem(sealed.data, sealed.len, "very-secret", 11));
	assert_int_equal(config_restore(&f->c, sealed.data, sealed.len, &out, &err), 0);
	assert_string_equal(out.v[0], pairs.v[0]);
	/* a changed byte, and another key, are noticed */
	sealed.data[sealed.len - 1] ^= 1;
	assert_int_equal(config_restore(&f->c, sealed.data, sealed.len, &out, &err), -1);
	sealed.data[sealed.len - 1] ^= 1;
	f->c.secret.key[0] ^= 1;
	assert_int_equal(config_restore(&f->c, sealed.data, sealed.len, &out, &err), -1);
	assert_int_equal(config_restore(&f->c, sealed.data, 10, &out, &err), -1);
	strbuf_release(&sealed);
	strvec_release(&pairs);
	strvec_release(&out);
}

static void test_domains(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct app a, b;
	struct strvec list = STRVEC_INIT;
	char *own = domain_default(&f->c, "one");
	assert_string_equal(own, "one.example.test");
	free(own);
	assert_int_equal(app_create(&f->c.db, "one", &a, &err), 0);
	assert_int_equal(app_create(&f->c.db, "two", &b, &err), 0);
	assert_int_equal(domain_add(&f->c, &a, "WWW.Example.ORG", &err), 0);
	assert_int_equal(domain_add(&f->c, &a, "www.example.org", &err), 0);
	assert_int_equal(domain_add(&f->c, &b, "www.example.org", &err), -1);
	assert_non_null(strstr(err.message, "'one'"));
	assert_int_equal(domain_add(&f->c, &b, "a;b", &err), -1);
	assert_int_equal(domain_add(&f->c, &b, "berth.localhost", &err), -1);
	assert_int_equal(domain_remove(&f->c, &b, "www.example.org", &err), -1);
	assert_int_equal(domain_list(&f->c.db, a.id, &list, &err), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.v[0], "www.example.org");
	strvec_release(&list);
}

static void test_releases(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct app a;
	struct release r, loaded;
	release_init(&r);
	release_init(&loaded);
	assert_int_equal(app_create(&f->c.db, "one", &a, &err), 0);
	assert_int_equal(release_load(&f->c, &a, 0, &loaded, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	r.image = xstrdup("aaaa");
	r.description = xstrdup("Deploy 1");
	strvec_push(&r.config, "A=1");
	formation_set(&r.formation, "web", 2);
	assert_int_equal(release_create(&f->c, &a, &r, false, &err), 0);
	assert_int_equal(r.version, 1);
	assert_int_equal(r.generation, 1);
	/* pending: not current yet, and its formation is not the app's */
	assert_int_equal(app_find(&f->c.db, "one", &a, &err), 0);
	assert_int_equal(a.release, 0);
	assert_int_equal(release_succeed(&f->c, &a, &r, &err), 0);
	assert_int_equal(app_find(&f->c.db, "one", &a, &err), 0);
	assert_int_equal(a.release, 1);
	assert_int_equal(release_load(&f->c, &a, 0, &loaded, &err), 0);
	assert_string_equal(loaded.config.v[0], "A=1");
	assert_string_equal(loaded.user, "anna");
	assert_int_equal(formation_get(&loaded.formation, "web", 9), 2);
	/* scaling keeps the generation, anything else does not */
	assert_int_equal(release_create(&f->c, &a, &r, true, &err), 0);
	assert_int_equal(r.version, 2);
	assert_int_equal(r.generation, 1);
	assert_int_equal(release_fail(&f->c, &r, &err), 0);
	struct release *list;
	size_t n;
	assert_int_equal(release_list(&f->c, &a, 0, &list, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].status, "failed");
	assert_string_equal(list[1].status, "succeeded");
	for (size_t i = 0; i < n; i++)
		release_free(&list[i]);
	free(list);
	release_free(&r);
	release_free(&loaded);
}

static void test_newer_schema(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct db again = {0};
	assert_int_equal(db_run(&f->c.db, &err, "PRAGMA user_version = 999", ""), 0);
	assert_int_equal(db_open(&again, &f->inst, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_apps, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_has, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_settings, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_config, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_config_limits, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_sealed, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_domains, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_releases, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_newer_schema, setup, fixture_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
