/* SPDX-License-Identifier: MIT */
#include "buildpacks/hint.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

#define BUILT (HINT_BUILD | HINT_RUN)
#define SERVED HINT_START /* what only a server can run into */
#define STARTED (HINT_START | HINT_STEP)
#define ANY (BUILT | STARTED)
#define PACKED (HINT_BUILD | STARTED) /* what an Aptfile, a Procfile or a config var helps */
#define DATABASE_AWAY                                                                              \
	"could not connect to server|connection to server at*failed|Can't connect to MySQL "       \
	"server|"                                                                                  \
	"Can't connect to local MySQL|ECONNREFUSED|onnection refused|MongoServerSelectionError"
/* what a Debian package brings */
#define NO_GYP "gyp ERR! find Python|gyp ERR! stack Error: not found: make"
#define NO_COMPILER                                                                                \
	"error: command 'gcc' failed|error: command 'x86_64-linux-gnu-gcc'|unable to execute "     \
	"'gcc'|pg_config executable not found|mysql_config*not found"
#define NO_HEADER "fatal error: *: No such file or directory"
#define NO_LIBRARY "cannot find -l"
#define NO_SHARED_LIBRARY "error while loading shared libraries"
#define NO_COMMAND                                                                                 \
	": command not found|: not found|executable file not found|No such file or directory: '"
#define NO_HEAP "JavaScript heap out of memory"
#define NO_SECRET                                                                                  \
	"SECRET_KEY setting must not be empty|KeyError: 'SECRET_KEY'|Missing `secret_key_base`|"   \
	"Missing encryption key to decrypt"
#define NO_KEY                                                                                     \
	"could not read Username for|Permission denied (publickey)|Host key verification failed"
#define NO_SPACE "No space left on device|ENOSPC|Disk quota exceeded"
#define MESSAGE_ROOM (ERROR_MESSAGE_MAX - 16)

/* What is particular comes before what is general: the first row that fits is the hint. */
static const struct hint rows[] = {
	/* Node.js */
	{"npm-lock", BUILT, NULL, "can only install packages when your package.json and*in sync",
	 "package-lock.json does not fit package.json: run 'npm install' and commit the lock file"},
	{"yarn-lock", BUILT, NULL,
	 "lockfile needs to be updated, but yarn was run with|lockfile would have been "
	 "modified by this install",
	 "yarn.lock does not fit package.json: run 'yarn install' and commit the lock file"},
	{"pnpm-lock", BUILT, NULL, "ERR_PNPM_OUTDATED_LOCKFILE|ERR_PNPM_NO_LOCKFILE",
	 "pnpm-lock.yaml does not fit package.json: run 'pnpm install' and commit the lock file"},
	{"node-start", PACKED, NULL, "Missing script: start|Missing script: \"start\"",
	 "package.json has no start script: add one, or a Procfile with a line such as "
	 "'web: node server.js'"},
	{"node-script", ANY, NULL, "Missing script: ",
	 "package.json has no script of that name: 'npm run' lists those that it has"},
	{"node-version", BUILT, NULL,
	 "code EBADENGINE|engine \"node\" is incompatible with this module|"
	 "ERR_PNPM_UNSUPPORTED_ENGINE",
	 "a package wants another Node.js: set \"engines\": { \"node\": ... } in package.json"},
	{"node-openssl", ANY, NULL, "ERR_OSSL_EVP_UNSUPPORTED",
	 "this version of webpack wants an older Node.js: update it, or ask for Node.js 16 in "
	 "\"engines\" of package.json"},
	{"node-heap", PACKED, NULL, NO_HEAP,
	 "Node.js reached the limit of its heap: set NODE_OPTIONS=--max-old-space-size=MEGABYTES "
	 "with 'config:set', below the memory that there is"},
	{"node-gyp", HINT_BUILD, NULL, NO_GYP,
	 "a package compiles C++: add an Aptfile with the lines python3, make and g++"},
	{"npm-integrity", BUILT, NULL, "code EINTEGRITY",
	 "a package is not what the lock file says: remove it from package-lock.json, run "
	 "'npm install' and commit the lock file"},
	{"json", BUILT, NULL, "code EJSONPARSE|JSONDecodeError",
	 "a JSON file cannot be read: look for a missing comma or the marks of a merge"},

	/* Python */
	{"pip-hash", BUILT, NULL, "THESE PACKAGES DO NOT MATCH THE HASHES",
	 "a package is not what requirements.txt says: make its hashes anew and commit them"},
	{"python-lock", BUILT, NULL,
	 "pyproject.toml changed significantly since poetry.lock|Pipfile.lock*out of date|"
	 "lockfile at `uv.lock` needs to be updated",
	 "the lock file does not fit what it locks: run 'poetry lock', 'pipenv lock' or 'uv lock' "
	 "and commit it"},
	{"python-compile", HINT_BUILD, NULL, NO_COMPILER,
	 "a package compiles C code: ask for a version that has a wheel (psycopg2-binary for "
	 "psycopg2), or name what it needs in an Aptfile"},
	{"django-static", HINT_BUILD, NULL, "without having set the STATIC_ROOT setting",
	 "Django collects static files when an app is built: set STATIC_ROOT in its settings, or "
	 "DISABLE_COLLECTSTATIC=1 with 'config:set'"},
	{"secret-key", PACKED, NULL, NO_SECRET,
	 "the app wants a secret that is no part of the source: set SECRET_KEY, SECRET_KEY_BASE or "
	 "RAILS_MASTER_KEY with 'config:set'"},

	/* the others */
	{"bundler-lock", BUILT, NULL,
	 "in deployment mode after changing|gemfile is frozen, but|lockfile can't be updated "
	 "because frozen mode is set|Your bundle only supports platforms",
	 "Gemfile.lock does not fit: run 'bundle install', 'bundle lock --add-platform "
	 "x86_64-linux' and commit the lock file"},
	{"ruby-version", BUILT, NULL, "Your Ruby version is*but your Gemfile specified",
	 "the Gemfile asks for another Ruby than there is: change its line 'ruby'"},
	{"cargo-lock", BUILT, NULL,
	 "lock file*needs to be updated but --locked was passed|cannot update the lock "
	 "file*because "
	 "--locked was passed",
	 "Cargo.lock does not fit Cargo.toml: run 'cargo update --workspace' and commit the lock "
	 "file"},
	{"rust-version", BUILT, NULL,
	 "cannot be built because it requires rustc|requires rustc *newer",
	 "a crate wants a newer Rust than there is: 'cargo update -p CRATE --precise VERSION' "
	 "chooses an older one"},
	{"go-sum", BUILT, NULL, "missing go.sum entry|updates to go.mod needed",
	 "go.mod and go.sum do not fit the source: run 'go mod tidy' and commit both"},
	{"go-vendor", BUILT, NULL, "go: inconsistent vendoring",
	 "vendor/ does not fit go.mod: run 'go mod vendor' and commit vendor/"},
	{"composer-lock", BUILT, NULL,
	 "is not present in the lock file|is in the lock file as * does not satisfy",
	 "composer.lock does not fit composer.json: run 'composer update --lock' and commit it"},
	{"c-header", HINT_BUILD, NULL, NO_HEADER,
	 "a header file is missing: add the Debian package that has it (often named lib...-dev) "
	 "to an Aptfile"},
	{"c-library", HINT_BUILD, NULL, NO_LIBRARY,
	 "a library is missing: add the Debian package that has it (often named lib...-dev) to an "
	 "Aptfile"},
	{"make-target", BUILT, NULL, "make: *** No rule to make target|make: *** No targets",
	 "the Makefile does not say how to make that: give it a first target that makes the "
	 "program, and commit every file that it needs"},

	/* packages and the network */
	{"apt-package", HINT_LAYER, NULL,
	 "E: Unable to locate package|has no installation candidate",
	 "Debian has no package of that name: compare the Aptfile with what 'apt-cache search' "
	 "finds on Debian 12"},
	{"package", BUILT, NULL,
	 "code E404|ERR_PNPM_FETCH_404|No matching distribution found|Could not find gem|"
	 "Could not find a version that satisfies|no matching package named|Could not find "
	 "package",
	 "a package or its version is not in the registry: look for a typing mistake, and for a "
	 "private package that needs a token"},
	{"certificate", ANY, NULL,
	 "certificate verify failed|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|"
	 "certificate has expired",
	 "a server's certificate is not trusted: look at the address, and at the authorities that "
	 "this server knows"},
	{"private-git", HINT_BUILD, NULL, NO_KEY,
	 "a dependency comes from a private repository, and builds have no key for it: use an "
	 "address with a token, from a config var"},
	{"network", BUILT | HINT_LAYER, NULL,
	 "EAI_AGAIN|ENOTFOUND|Temporary failure in name resolution|Temporary failure resolving|"
	 "Could not resolve|Network is unreachable|ETIMEDOUT|ECONNREFUSED|ECONNRESET|"
	 "Could not connect to|Failed to establish a new connection|"
	 "Name or service not known|dial tcp: lookup|Connection timed out",
	 "the network or the registry could not be reached: push again later, or have the operator "
	 "look at [packages] in berth.conf"},
	{"no-git", HINT_BUILD, NULL, "fatal: not a git repository",
	 "builds have the files but not the repository: use the variable SOURCE_VERSION for the "
	 "commit"},

	/* how a process starts */
	{"crlf", ANY, NULL, "\\r': |bad interpreter: *^M|\\r: command not found|\r: not found",
	 "a script has the line ends of Windows: convert it with 'dos2unix' and put '*.sh eol=lf' "
	 "into .gitattributes"},
	{"low-port", SERVED, NULL,
	 "EACCES*:80|EACCES*:443|Permission denied*:80|Permission denied*:443|:80 *ermission "
	 "denied",
	 "the app wants a port of its own: it must listen on the one in the variable PORT"},
	{"port-taken", SERVED, NULL, "EADDRINUSE|ddress already in use",
	 "two programs of this process want the same port: start only one on PORT"},
	{"loopback", SERVED, "did not listen on port",
	 "istening*127.0.0.1|istening*localhost|unning*127.0.0.1|unning*localhost|"
	 "tarted*127.0.0.1|tarted*localhost|istening*[::1]",
	 "it listens on localhost, where nobody else reaches it: bind to 0.0.0.0 and to PORT"},
	{"exec-format", ANY, NULL, "xec format error|cannot execute binary file",
	 "a program is for another kind of machine, or a script lacks its first line '#!/bin/sh'"},
	{"node-module", ANY, NULL, "Cannot find module|ERR_MODULE_NOT_FOUND",
	 "a module or a file is missing: add it to \"dependencies\" of package.json (those of "
	 "\"devDependencies\" are gone after the build), or commit the file; capitals count"},
	{"python-module", ANY, NULL, "ModuleNotFoundError: |ImportError: No module named",
	 "a module is missing: add its package to requirements.txt, or commit the file"},
	{"ruby-module", ANY, NULL, "cannot load such file -- ",
	 "a file or gem is missing: add the gem to the Gemfile outside of groups that are left "
	 "out, or commit the file"},
	{"go-module", BUILT, NULL,
	 "no required module provides package|cannot find package|is not in std",
	 "a package is in no module: run 'go mod tidy' and commit go.mod and go.sum"},
	{"shared-library", PACKED, NULL, NO_SHARED_LIBRARY,
	 "a library is missing: add the Debian package that has it to an Aptfile"},
	{"disk", PACKED | HINT_LAYER, NULL, NO_SPACE,
	 "the disk is full: remove large files from the source, list what the app does not need in "
	 ".slugignore, or have the operator look at 'doctor'"},
	{"build-disk", HINT_BUILD | HINT_LAYER, "B of disk", NULL,
	 "remove large files from the source and from what the build leaves behind"},
	{"build-memory", HINT_BUILD, "B of memory", NULL,
	 "have the build do less at once: fewer jobs, smaller bundles, no source maps"},
	{"killed", BUILT, NULL,
	 "Killed signal terminated program|signal: 9, SIGKILL|MemoryError|annot allocate memory|"
	 "virtual memory exhausted",
	 "there was not enough memory: have the build do less at once"},
	{"build-time", HINT_BUILD, "Build took longer than", NULL,
	 "look in the output above for the command that waits: a build must not ask questions or "
	 "start a server"},
	{"start-memory", STARTED, "MB of memory", NULL,
	 "use fewer workers or threads for each process, look for a leak, or give it more memory "
	 "with 'resource:limit'"},
	{"start-alloc", STARTED, NULL, "MemoryError|annot allocate memory|std::bad_alloc",
	 "there is not enough memory: use fewer workers or threads for each process"},
	{"read-only", STARTED, NULL, "Read-only file system|EROFS",
	 "that folder is not for writing: use /tmp for what may be lost, and a volume "
	 "('storage:create') or a database for what may not"},
	{"name-lookup", STARTED, NULL,
	 "EAI_AGAIN|ENOTFOUND|Temporary failure in name resolution|Name or service not "
	 "known|could not translate host name",
	 "the name of a server is not known: look at the addresses among the config vars"},
	{"step-tables", HINT_STEP, NULL, "no such table|relation*does not exist",
	 "a table is missing: commit the migration that makes it, and let migrations run before "
	 "what reads it"},
	{"step-database", HINT_STEP, NULL, DATABASE_AWAY,
	 "a database does not answer: look at DATABASE_URL or REDIS_URL with 'config', and at the "
	 "server that it names"},
	{"database", STARTED, NULL, DATABASE_AWAY "|no such table|relation*does not exist",
	 "a database does not answer or is not set up: look at DATABASE_URL or REDIS_URL with "
	 "'config', and run migrations in a 'release:' line of the Procfile"},
	{"env-missing", STARTED, NULL,
	 "KeyError: 'DATABASE_URL'|DATABASE_URL is not set|key not found: \"",
	 "a config var is missing: set it with 'config:set'"},
	/* a step of a Dockerfile */
	{"run-heap", HINT_RUN, NULL, NO_HEAP,
	 "Node.js reached the limit of its heap: put 'ENV NODE_OPTIONS=--max-old-space-size="
	 "MEGABYTES' before this step, below the memory that there is"},
	{"run-secret", HINT_RUN, NULL, NO_SECRET,
	 "the step wants a secret: steps see no config vars but those that they name, as in 'RUN "
	 "--mount=type=secret,id=KEY,env=KEY'"},
	{"run-key", HINT_RUN, NULL, NO_KEY,
	 "a dependency comes from a private repository, and steps have no key for it: use an "
	 "address with a token, from 'RUN --mount=type=secret,id=KEY,env=KEY'"},
	{"run-disk", HINT_RUN, NULL, NO_SPACE,
	 "the disk is full: remove in each step what only it needs, list what the image does not "
	 "need in .dockerignore, or have the operator look at 'doctor'"},
	{"run-package", HINT_RUN, NULL,
	 NO_GYP "|" NO_COMPILER "|" NO_HEADER "|" NO_LIBRARY "|" NO_SHARED_LIBRARY "|" NO_COMMAND,
	 "a command, a header or a library is missing: install the package that has it with a RUN "
	 "before this one, and look for a typing mistake"},

	{"permission", ANY, NULL, "ermission denied",
	 "a file may not be run or written: 'git update-index --chmod=+x FILE' and a commit make a "
	 "script one that may be run"},
	{"command", PACKED, NULL, NO_COMMAND,
	 "a command is missing: add the package that brings it to the app's dependencies or its "
	 "Debian package to an Aptfile, and look for a typing mistake in the Procfile"},
	{"port", SERVED, "did not listen on port", NULL,
	 "the server must bind to 0.0.0.0 and to the port in the variable PORT, not to a fixed "
	 "one"},
	{"status-127", STARTED, "exit status 127|failed with status 127", NULL,
	 "status 127 means that the command is not there: look for a typing mistake in the "
	 "Procfile or app.json"},
	{"status-126", STARTED, "exit status 126|failed with status 126", NULL,
	 "status 126 means that the file may not be run: 'git update-index --chmod=+x FILE' and a "
	 "commit change that"},
	{"status-0", SERVED, "exit status 0", NULL,
	 "it ended without an error: a process must stay in the foreground, and not start a "
	 "daemon"},
};

const struct hint *hint_rows(size_t *out_n)
{
	*out_n = ARRAY_SIZE(rows);
	return rows;
}

/* Whether the pieces of the alternative [P, P + LEN) come in LINE one after the other. */
static bool has_pieces(const char *line, size_t n, const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end) {
		const char *star = memchr(p, '*', (size_t)(end - p));
		size_t piece = (size_t)((star ? star : end) - p);
		const char *at = piece ? memmem(line, n, p, piece) : line;
		if (!at)
			return false;
		n -= (size_t)(at - line) + piece;
		line = at + piece;
		p += piece + (star != NULL);
	}
	return true;
}

static bool line_fits(const char *line, size_t n, const char *pattern)
{
	for (const char *p = pattern;; p++) {
		size_t len = strcspn(p, "|");
		if (has_pieces(line, n, p, len))
			return true;
		p += len;
		if (!*p)
			return false;
	}
}

static bool text_fits(const char *text, const char *pattern)
{
	if (!pattern)
		return true;
	while (text && *text) {
		size_t n = strcspn(text, "\n");
		if (line_fits(text, n, pattern))
			return true;
		text += n + (text[n] == '\n');
	}
	return false;
}

const struct hint *hint_find(enum hint_when when, const char *said, const char *printed)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((rows[i].when & when) && text_fits(said, rows[i].said) &&
		    text_fits(printed, rows[i].printed))
			return &rows[i];
	return NULL;
}

int hint_add(enum hint_when when, const char *printed, struct error *err)
{
	const struct hint *hint = err ? hint_find(when, err->message, printed) : NULL;
	size_t len = hint ? strlen(err->message) : 0;

	if (hint && len + strlen(hint->text) < MESSAGE_ROOM) {
		_cleanup_free_ char *message = xasprintf("%s; %s", err->message, hint->text);
		return error_set(err, err->code, 0, "%s", message);
	}
	return -1;
}
