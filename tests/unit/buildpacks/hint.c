/* SPDX-License-Identifier: MIT */
#include "buildpacks/hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

#define COMPILE "the Node.js buildpack failed: bin/compile exited with status 1"
#define CRASH "web.1 crashed right after its start (exit status 1): see 'logs shop'"
#define STEP "the release command 'bin/migrate' failed with status 1, its last words 'x'"
#define RUN "ended with status 127: x"
#define DEAF "web.1 did not listen on port 5000 (the PORT it is given) within 60 s"

/* What the tools really print, for each row of the table. */
static const struct {
	const char *name;
	enum hint_when when;
	const char *said, *printed;
} samples[] = {
	{"npm-lock", HINT_BUILD, COMPILE,
	 "npm error code EUSAGE\nnpm error\nnpm error `npm ci` can only install packages when your "
	 "package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update\n"},
	{"yarn-lock", HINT_BUILD, COMPILE,
	 "error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.\n"},
	{"yarn-lock", HINT_BUILD, COMPILE,
	 "YN0028: The lockfile would have been modified by this install, which is explicitly "
	 "forbidden.\n"},
	{"pnpm-lock", HINT_BUILD, COMPILE,
	 "ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with \"frozen-lockfile\" because "
	 "pnpm-lock.yaml is not up to date with package.json\n"},
	{"node-start", HINT_START, CRASH,
	 "npm ERR! Missing script: \"start\"\nnpm ERR!\nnpm ERR! To see a list of scripts, run:\n"},
	{"node-script", HINT_BUILD, COMPILE, "npm error Missing script: \"build:css\"\n"},
	{"node-version", HINT_BUILD, COMPILE,
	 "npm error code EBADENGINE\nnpm error engine Unsupported engine\n"},
	{"node-version", HINT_BUILD, COMPILE,
	 "error vite@6.0.0: The engine \"node\" is incompatible with this module. Expected "
	 "version \"^20\". Got \"18.1.0\"\n"},
	{"node-openssl", HINT_BUILD, COMPILE,
	 "  opensslErrorStack: [ 'error:03000086:digital envelope routines' ],\n  code: "
	 "'ERR_OSSL_EVP_UNSUPPORTED'\n"},
	{"node-heap", HINT_BUILD, COMPILE,
	 "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n"},
	{"node-gyp", HINT_BUILD, COMPILE, "npm error gyp ERR! find Python Python is not set\n"},
	{"npm-integrity", HINT_BUILD, COMPILE, "npm error code EINTEGRITY\n"},
	{"json", HINT_BUILD, COMPILE, "npm error code EJSONPARSE\nnpm error path package.json\n"},
	{"pip-hash", HINT_BUILD, COMPILE,
	 "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"},
	{"python-lock", HINT_BUILD, COMPILE,
	 "pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry "
	 "lock` to fix the lock file.\n"},
	{"python-lock", HINT_BUILD, COMPILE,
	 "Your Pipfile.lock (0a1b2c) is out of date. Expected: (3d4e5f).\n"},
	{"python-compile", HINT_BUILD, COMPILE,
	 "      Error: pg_config executable not found.\n\n      pg_config is required to build "
	 "psycopg2 from source.\n"},
	{"django-static", HINT_BUILD, COMPILE,
	 "django.core.exceptions.ImproperlyConfigured: You're using the staticfiles app without "
	 "having set the STATIC_ROOT setting to a filesystem path.\n"},
	{"secret-key", HINT_START, CRASH,
	 "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be "
	 "empty.\n"},
	{"secret-key", HINT_START, CRASH,
	 "Missing `secret_key_base` for 'production' environment, set this string with `bin/rails "
	 "credentials:edit` (ArgumentError)\n"},
	{"bundler-lock", HINT_BUILD, COMPILE,
	 "Your bundle only supports platforms [\"arm64-darwin-22\"] but your local platform is "
	 "x86_64-linux.\n"},
	{"ruby-version", HINT_BUILD, COMPILE,
	 "Your Ruby version is 3.1.2, but your Gemfile specified 3.3.0\n"},
	{"cargo-lock", HINT_BUILD, COMPILE,
	 "error: the lock file /app/Cargo.lock needs to be updated but --locked was passed to "
	 "prevent this\n"},
	{"cargo-lock", HINT_BUILD, COMPILE,
	 "error: cannot update the lock file /app/Cargo.lock because --locked was passed to "
	 "prevent this\n"},
	{"rust-version", HINT_BUILD, COMPILE,
	 "error: package `clap v4.5.0` cannot be built because it requires rustc 1.74 or newer, "
	 "while the currently active rustc version is 1.63.0\n"},
	{"go-sum", HINT_BUILD, COMPILE,
	 "main.go:4:2: missing go.sum entry for module providing package rsc.io/quote\n"},
	{"go-vendor", HINT_BUILD, COMPILE, "go: inconsistent vendoring in /app:\n"},
	{"composer-lock", HINT_BUILD, COMPILE,
	 "- Required package \"a/b\" is not present in the lock file.\n"},
	{"c-header", HINT_BUILD, COMPILE,
	 "main.c:1:10: fatal error: curl/curl.h: No such file or directory\n"},
	{"c-library", HINT_BUILD, COMPILE, "/usr/bin/ld: cannot find -lcurl: No such file\n"},
	{"make-target", HINT_BUILD, COMPILE,
	 "make: *** No rule to make target 'util.o', needed by 'server'.  Stop.\n"},
	{"apt-package", HINT_LAYER, "installing failed; what it said is above",
	 "Reading package lists...\nE: Unable to locate package libfoo-dev\n"},
	{"package", HINT_BUILD, COMPILE,
	 "npm error code E404\nnpm error 404 Not Found - GET /no-such-package\n"},
	{"package", HINT_BUILD, COMPILE,
	 "ERROR: Could not find a version that satisfies the requirement flaskk (from versions: "
	 "none)\nERROR: No matching distribution found for flaskk\n"},
	{"certificate", HINT_BUILD, COMPILE, "npm error code SELF_SIGNED_CERT_IN_CHAIN\n"},
	{"private-git", HINT_BUILD, COMPILE,
	 "fatal: could not read Username for 'https://git.example.com': No such device\n"},
	{"network", HINT_BUILD, COMPILE,
	 "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo\n"},
	{"network", HINT_LAYER, "installing failed; what it said is above",
	 "Err:1 http://deb.example.com bookworm InRelease\n  Temporary failure resolving "
	 "'deb.example.com'\n"},
	{"no-git", HINT_BUILD, COMPILE,
	 "fatal: not a git repository (or any of the parent directories): .git\n"},
	{"crlf", HINT_START, CRASH, "/usr/bin/env: 'bash\\r': No such file or directory\n"},
	{"crlf", HINT_BUILD, COMPILE,
	 "bash: ./build.sh: /bin/bash^M: bad interpreter: No such file or directory\n"
	 "./build.sh: /bin/bash: bad interpreter: /bin/bash^M\n"},
	{"low-port", HINT_START, CRASH,
	 "Error: listen EACCES: permission denied 0.0.0.0:80\n    at Server.setupListenHandle\n"},
	{"port-taken", HINT_START, CRASH,
	 "Error: listen EADDRINUSE: address already in use :::5000\n"},
	{"port-taken", HINT_START, CRASH, "OSError: [Errno 98] Address already in use\n"},
	{"loopback", HINT_START, DEAF,
	 " * Serving Flask app 'app'\n * Running on http://127.0.0.1:5000\n"},
	{"exec-format", HINT_START, CRASH,
	 "bash: ./server: cannot execute binary file: Exec format "
	 "error\n"},
	{"node-module", HINT_START, CRASH,
	 "Error: Cannot find module 'express'\nRequire stack:\n- /app/server.js\n"},
	{"python-module", HINT_START, CRASH, "ModuleNotFoundError: No module named 'flask'\n"},
	{"ruby-module", HINT_START, CRASH,
	 "in `require': cannot load such file -- sinatra (LoadError)\n"},
	{"go-module", HINT_BUILD, COMPILE,
	 "main.go:4:2: no required module provides package rsc.io/quote; to add it:\n"},
	{"shared-library", HINT_START, CRASH,
	 "./server: error while loading shared libraries: libpq.so.5: cannot open shared object "
	 "file: No such file or directory\n"},
	{"disk", HINT_BUILD, COMPILE, "npm error nospc ENOSPC: no space left on device, write\n"},
	{"build-disk", HINT_BUILD, "Build used more than 4096 MB of disk", ""},
	{"build-memory", HINT_BUILD, "Build used more than 2 GB of memory", ""},
	{"killed", HINT_BUILD, COMPILE,
	 "c++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"},
	{"build-time", HINT_BUILD, "Build took longer than 30 minutes", "Proceed? [y/N]\n"},
	{"start-memory", HINT_START, "web.1 used more than its 512 MB of memory and was killed",
	 "[1] [INFO] Booting\n"},
	{"start-alloc", HINT_START, CRASH, "OSError: [Errno 12] Cannot allocate memory\n"},
	{"read-only", HINT_START, CRASH,
	 "OSError: [Errno 30] Read-only file system: '/usr/share/x'\n"},
	{"name-lookup", HINT_START, CRASH,
	 "Error: getaddrinfo ENOTFOUND db\n    at GetAddrInfoReqWrap.onlookup\n"},
	{"database", HINT_START, CRASH,
	 "psycopg2.OperationalError: connection to server at \"10.0.0.3\", port 5432 failed: "
	 "Connection refused\n"},
	{"database", HINT_START, DEAF, "Error: connect ECONNREFUSED 127.0.0.1:5432\n"},
	{"step-database", HINT_STEP, STEP,
	 "PG::ConnectionBad: could not connect to server: Connection refused\n"},
	{"step-tables", HINT_STEP, STEP,
	 "ActiveRecord::StatementInvalid: PG::UndefinedTable: ERROR:  relation \"users\" does not "
	 "exist\n"},
	{"python-module", HINT_STEP, STEP, "ModuleNotFoundError: No module named 'flask'\n"},
	{"start-memory", HINT_STEP,
	 "the release command 'bin/migrate': killed: it used more than its 512 MB of memory", ""},
	{"status-127", HINT_STEP, "the release command 'x' failed with status 127", ""},
	{"env-missing", HINT_START, CRASH, "    raise KeyError(key)\nKeyError: 'DATABASE_URL'\n"},
	{"permission", HINT_START, CRASH, "bash: line 1: ./start.sh: Permission denied\n"},
	{"command", HINT_START, CRASH, "bash: line 1: gunicorn: command not found\n"},
	{"command", HINT_BUILD, COMPILE, "sh: 1: tsc: not found\n"},
	{"network", HINT_RUN, RUN, "Err:1 http://x Temporary failure resolving 'x'\n"},
	{"node-script", HINT_RUN, RUN, "npm error Missing script: \"start\"\n"},
	{"run-heap", HINT_RUN, RUN,
	 "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n"},
	{"run-secret", HINT_RUN, RUN,
	 "ArgumentError: Missing `secret_key_base` for 'production' environment\n"},
	{"run-key", HINT_RUN, RUN,
	 "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote\n"},
	{"run-disk", HINT_RUN, RUN, "cp: error writing '/x': No space left on device\n"},
	{"run-package", HINT_RUN, RUN, "/bin/sh: 1: nosuch: not found\n"},
	{"run-package", HINT_RUN, RUN,
	 "x.c:1:10: fatal error: zlib.h: No such file or directory\n"},
	{"npm-lock", HINT_RUN, RUN,
	 "`npm ci` can only install packages when your package.json and package-lock.json are in "
	 "sync\n"},
	{"port", HINT_START, DEAF, "Server is ready\n"},
	{"status-127", HINT_START,
	 "web.1 crashed right after its start (exit status 127): see 'logs shop'", ""},
	{"status-126", HINT_START,
	 "web.1 crashed right after its start (exit status 126): see 'logs shop'", ""},
	{"status-0", HINT_START,
	 "web.1 crashed right after its start (exit status 0): see 'logs shop'", "done\n"},
};

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct hint *h =
			hint_find(samples[i].when, samples[i].said, samples[i].printed);
		if (!h || strcmp(h->name, samples[i].name) != 0)
			fail_msg("sample %zu: '%s' expected, '%s' found", i, samples[i].name,
				 h ? h->name : "none");
	}
}

/* A Dockerfile knows none of these. */
static void test_run(void **state)
{
	static const char *const words[] = {"Aptfile",     "Procfile",    "config:set",
					    "config var ", ".slugignore", "SOURCE_VERSION"};
	size_t n;
	const struct hint *rows = hint_rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; rows[i].when & HINT_RUN && j < ARRAY_SIZE(words); j++)
			assert_null(strstr(rows[i].text, words[j]));
}

/* Every row is reached by a sample, has a name of its own and reads like an error message. */
static void test_every_row(void **state)
{
	size_t n;
	const struct hint *rows = hint_rows(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		bool sampled = false;
		for (size_t j = 0; j < ARRAY_SIZE(samples); j++)
			sampled |= strcmp(samples[j].name, rows[i].name) == 0;
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rows[i].name, rows[j].name);
		if (!sampled)
			fail_msg("'%s' has no sample", rows[i].name);
		assert_true(rows[i].said || rows[i].printed);
		assert_true(rows[i].text[strlen(rows[i].text) - 1] != '.');
		assert_null(strchr(rows[i].text, '\n'));
	}
}

static void test_unrelated(void **state)
{
	static const char *const texts[] = {
		"",
		NULL,
		"added 57 packages, and audited 58 packages in 2s\nfound 0 vulnerabilities\n",
		"Traceback (most recent call last):\n  File \"a.py\", line 3\nZeroDivisionError: "
		"x\n",
		"AssertionError: expected 2 to be 3\n1 failing\n",
		"src/app.ts(3,7): error TS2322: Type 'string' is not assignable to type "
		"'number'.\n",
		"can only install packages\nwhen your package.json and lock are in\nsync\n",
		"\xff\xfe\x01*|*|\n",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct hint *b = hint_find(HINT_BUILD, COMPILE, texts[i]);
		const struct hint *s = hint_find(HINT_START, CRASH, texts[i]);
		const struct hint *l = hint_find(HINT_LAYER, "installing failed", texts[i]);
		if (b || s || l)
			fail_msg("text %zu has the hint '%s'", i, (b ? b : s ? s : l)->name);
	}
	/* a row of another moment */
	assert_null(hint_find(HINT_START, CRASH, "E: Unable to locate package x\n"));
	assert_null(hint_find(HINT_STEP, STEP, "Error: listen EADDRINUSE: address in use :::5000"));
}

static void test_added_to_an_error(void **state)
{
	struct error err = ERROR_INIT;
	(void)state;
	error_set(&err, ERROR_FAILED, 0, "it failed");
	assert_int_equal(hint_add(HINT_BUILD, "all is well\n", &err), -1);
	assert_string_equal(err.message, "it failed");
	assert_int_equal(hint_add(HINT_BUILD, "x: cannot find -lz\n", &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.message, "it failed; a library is missing"));
	/* one too long for both stays what it was */
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	for (size_t i = 0; i < ERROR_MESSAGE_MAX - 60; i++)
		strbuf_addch(&text, 'x');
	error_set(&err, ERROR_FAILED, 0, "%s", text.data);
	assert_int_equal(hint_add(HINT_BUILD, "cannot find -lz\n", &err), -1);
	assert_string_equal(err.message, text.data);
	assert_int_equal(hint_add(HINT_BUILD, "cannot find -lz\n", NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),           cmocka_unit_test(test_run),
		cmocka_unit_test(test_every_row),         cmocka_unit_test(test_unrelated),
		cmocka_unit_test(test_added_to_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
