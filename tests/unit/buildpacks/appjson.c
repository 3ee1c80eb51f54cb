/* SPDX-License-Identifier: MIT */
#include "buildpacks/appjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "buildpacks/jsonc.h"

static void good(struct appjson *aj, const char *text)
{
	struct error err = ERROR_INIT;
	appjson_init(aj);
	if (appjson_parse(aj, text, strlen(text), &err) < 0)
		fail_msg("%s", err.message);
}

static void bad(const char *text, const char *part)
{
	_cleanup_appjson_ struct appjson aj;
	struct error err = ERROR_INIT;
	appjson_init(&aj);
	assert_int_equal(appjson_parse(&aj, text, strlen(text), &err), -1);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static const char whole[] =
	"{ // what it is\n"
	"  \"name\": \"shop // not a comment\", /* block\n comment */\n"
	"  \"unknown\": [1, 2],\n"
	"  \"env\": {\n"
	"    \"PLAIN\": \"a\\\"/*b*/\",\n"
	"    \"SECRET\": {\"generator\": \"secret\"},\n"
	"    \"OPTIONAL\": {\"description\": \"x\", \"required\": false, \"sync\": true}\n"
	"  },\n"
	"  \"formation\": {\"web\": {\"quantity\": 2, \"size\": \"standard\"}, \"worker\": {}},\n"
	"  \"buildpacks\": [{\"url\": \"heroku/nodejs\"}, \"static\"],\n"
	"  \"scripts\": {\"postdeploy\": \"p1\", \"dokku\": {\"predeploy\": \"p2\", "
	"\"postdeploy\": \"p3\"}},\n"
	"  \"cron\": [{\"command\": \"c\", \"schedule\": \"@daily\"}],\n"
	"  \"healthchecks\": {\"web\": [\n"
	"    {\"type\": \"liveness\", \"name\": \"n\", \"path\": \"/health\", \"port\": 80, "
	"\"scheme\": \"http\",\n"
	"     \"content\": \"ok\", \"httpHeaders\": [{\"name\": \"X-A\", \"value\": \"b c\"}], "
	"\"attempts\": 3,\n"
	"     \"timeout\": 5, \"wait\": 0, \"initialDelay\": 1, \"onFailure\": {\"command\": "
	"[\"a\", \"b\"]}},\n"
	"    {\"command\": \"true && true\"}, {\"uptime\": 3}, {\"listening\": true}]}\n"
	"}";

static void test_whole(void **state)
{
	_cleanup_appjson_ struct appjson aj;
	(void)state;
	good(&aj, whole);
	assert_string_equal(aj.name, "shop // not a comment");
	assert_int_equal(aj.n_env, 3);
	assert_string_equal(aj.env[0].value, "a\"/*b*/");
	assert_true(aj.env[0].required);
	assert_true(aj.env[1].secret);
	assert_null(aj.env[1].value);
	assert_false(aj.env[2].required);
	assert_true(aj.env[2].sync);
	assert_int_equal(appjson_formation(&aj, "web")->quantity, 2);
	assert_int_equal(appjson_formation(&aj, "worker")->quantity, -1);
	assert_null(appjson_formation(&aj, "clock"));
	assert_int_equal(aj.buildpacks.n, 2);
	assert_string_equal(aj.buildpacks.v[0], "heroku/nodejs");
	assert_string_equal(aj.postdeploy, "p1");
	assert_string_equal(aj.predeploy, "p2");
	assert_string_equal(aj.dokku_postdeploy, "p3");
	assert_int_equal(aj.n_cron, 1);
	assert_string_equal(aj.cron[0].command, "c");
	assert_string_equal(aj.cron[0].schedule, "@daily");
	assert_string_equal(aj.cron[0].concurrency, "forbid");
	assert_false(aj.cron[0].maintenance);
}

static void test_checks(void **state)
{
	_cleanup_appjson_ struct appjson aj;
	(void)state;
	good(&aj, whole);
	assert_int_equal(aj.n_checks, 4);
	const struct appjson_check *c = &aj.checks[0];
	assert_string_equal(c->process, "web");
	assert_int_equal(c->kind, APPJSON_LIVENESS);
	assert_string_equal(c->path, "/health");
	assert_string_equal(c->headers.v[0], "X-A: b c");
	assert_int_equal(c->wait, 0);
	assert_int_equal(c->initial_delay, 1);
	assert_string_equal(c->on_failure.v[1], "b");
	assert_int_equal(aj.checks[1].kind, APPJSON_STARTUP);
	assert_string_equal(aj.checks[1].command.v[2], "true && true");
	assert_int_equal(aj.checks[1].attempts, -1);
	assert_int_equal(aj.checks[2].uptime, 3);
	assert_int_equal(aj.checks[3].listening, 1);
}

static void test_errors(void **state)
{
	(void)state;
	bad("[]", "must be an object");
	bad("{\n\"a\": }", "app.json line 2:");
	bad("{\"a\": 1, \"a\": 2}", "duplicate");
	bad("{ /* open", "line 1: the comment is never closed");
	bad("{} trailing", "app.json line 1");
	bad("{\"env\": []}", "'env' must be an object");
	bad("{\"env\": {\"A\": 5}}", "'env.A' must be a string or an object");
	bad("{\"env\": {\"A-B\": \"x\"}}", "'env'");
	bad("{\"env\": {\"A\": {\"generator\": \"uuid\"}}}",
	    "'env.A.generator' must be \"secret\"");
	bad("{\"env\": {\"A\": {\"required\": \"yes\"}}}",
	    "'env.A.required' must be true or false");
	bad("{\"env\": {\"A\": \"a\\u0000b\"}}", "app.json line 1");
	bad("{\"formation\": {\"web\": {\"quantity\": -1}}}",
	    "'formation.web.quantity' must be a whole number from 0 to 1000");
	bad("{\"formation\": {\"web\": {\"quantity\": 1.5}}}", "'formation.web.quantity'");
	bad("{\"formation\": {\"w b\": {}}}", "'formation'");
	bad("{\"buildpacks\": [{}]}", "'buildpacks[0].url' must be a buildpack's name or URL");
	bad("{\"healthchecks\": {\"web\": [{\"path\": \"x\"}]}}", "'healthchecks.web[0].path'");
	bad("{\"healthchecks\": {\"web\": [{\"type\": \"x\"}]}}", "'healthchecks.web[0].type'");
	bad("{\"healthchecks\": {\"web\": [{\"path\": \"/\", \"uptime\": 1}]}}", "not several");
	bad("{\"healthchecks\": {\"web\": [{\"httpHeaders\": [{\"name\": \"a\", \"value\": "
	    "\"b\\nc\"}]}]}}",
	    "httpHeaders[0].value");
	/* curl would take it as the name of a file */
	bad("{\"healthchecks\": {\"web\": [{\"httpHeaders\": [{\"name\": \"@/etc/passwd\", "
	    "\"value\": \"b\"}]}]}}",
	    "httpHeaders[0].name");
	bad("{\"scripts\": {\"dokku\": \"x\"}}", "'scripts.dokku' must be an object");
	bad("{\"cron\": {}}", "'cron' must be a list");
	bad("{\"cron\": [5]}", "'cron[0]' must be an object");
	bad("{\"cron\": [{\"schedule\": \"@daily\"}]}", "'cron[0].command' must be a command");
	bad("{\"cron\": [{\"command\": \"c\"}]}", "'cron[0].schedule' must be a schedule");
	bad("{\"cron\": [{\"command\": \"c\", \"schedule\": \"61 * * * *\"}]}",
	    "'cron[0].schedule': the minute '61'");
	bad("{\"cron\": [{\"command\": \"c\", \"schedule\": \"@daily\", \"concurrency\": \"x\"}]}",
	    "'cron[0].concurrency' must be \"allow\"");
	bad("{\"cron\": [{\"command\": \"c\", \"schedule\": \"@daily\"}, {\"command\": \"c\", "
	    "\"schedule\": \"@daily\"}]}",
	    "'cron[1]' must be another task");
}

static void test_comments(void **state)
{
	char text[] = "a//b\n\"//c\\\"/*\" /* d\ne */ f /";
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(jsonc_blank(text, strlen(text), &err), 0);
	assert_string_equal(text, "a   \n\"//c\\\"/*\"     \n     f /");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_comments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
