/* SPDX-License-Identifier: MIT */
/* An instance below a temporary folder, for the unit tests of this room (they run as root). */
#ifndef TESTS_UNIT_RUNTIME_INSTANCE_H
#define TESTS_UNIT_RUNTIME_INSTANCE_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "instance/instance.h"

struct fixture {
	char root[64];
	struct instance inst;
};

static inline int fixture_open(struct fixture *f)
{
	static const char *const folders[] = {"etc", "lib", "lib/sources", "run"};
	static const char conf[] = "[instance]\nnumber = 9\n";
	struct error err = ERROR_INIT;
	snprintf(f->root, sizeof(f->root), "/var/tmp/berth-unit-XXXXXX");
	if (!mkdtemp(f->root) || chmod(f->root, 0755) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", f->root, folders[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	char path[128];
	snprintf(path, sizeof(path), "%s/etc/berth.conf", f->root);
	if (file_replace(AT_FDCWD, path, conf, sizeof(conf) - 1, 0644, &err) < 0 ||
	    instance_open(&f->inst, f->root, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	return 0;
}

static inline int fixture_close(struct fixture *f)
{
	instance_release(&f->inst);
	return file_remove_tree(AT_FDCWD, f->root, NULL);
}

/* That of a program with one instance, for cmocka_run_group_tests. */
static struct fixture fx;

static inline int fixture_set_up(void **state)
{
	(void)state;
	return fixture_open(&fx);
}

/* In namespaces of mounts and of the network of the test's own. */
static inline int fixture_set_up_alone(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return fixture_open(&fx);
}

static inline int fixture_tear_down(void **state)
{
	(void)state;
	return fixture_close(&fx);
}

#endif
