/* SPDX-License-Identifier: MIT */
/*
 * An instance in a folder of its own, with a fresh database, seen by "anna". Include it after
 * cmocka.h.
 */
#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "control/app.h"
#include "control/context.h"

struct fixture {
	char root[64];
	struct instance inst;
	struct context c;
	struct app app; /* of those tests that need one */
};

/* With the text CONF as its settings. */
static struct fixture *fixture_make(const char *conf)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error err = ERROR_INIT;
	memcpy(f->root, "/var/tmp/berth-unit.XXXXXX", 27);
	assert_non_null(mkdtemp(f->root));
	f->inst.root = xstrdup(f->root);
	f->inst.etc = xstrdup(f->root);
	f->inst.lib = xstrdup(f->root);
	f->inst.run = xstrdup(f->root);
	char *key = xasprintf("%s/master.key", f->root);
	assert_int_equal(
		file_replace(AT_FDCWD, key, "0123456789abcdef0123456789abcdef", 32, 0600, &err), 0);
	free(key);
	assert_int_equal(ini_parse(&f->inst.settings, conf, strlen(conf), "conf", &err), 0);
	f->c.identity = "anna";
	assert_int_equal(context_open(&f->c, &f->inst, &err), 0);
	return f;
}

static int fixture_drop(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	context_close(&f->c);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->root, &err), 0);
	instance_release(&f->inst);
	free(f);
	return 0;
}

#endif
