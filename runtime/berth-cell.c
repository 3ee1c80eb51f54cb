/* SPDX-License-Identifier: MIT */
/*
 * berth-cell: what berth-runtime starts to unpack what a tenant sent and to pack what a tenant has
 * (runtime/cell.h). It confines itself first (runtime/confined.h).
 *
 *   berth-cell WORK ID
 */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "runtime/confined.h"
#include "runtime/pack.h"
#include "runtime/unpack.h"

static int unpack_root(int fd, const struct strvec *told, struct error *err)
{
	(void)told;
	return unpack_tar(fd, UNPACK_ROOT, confined_say, err);
}

static int unpack_layer(int fd, const struct strvec *told, struct error *err)
{
	(void)told;
	return unpack_tar(fd, UNPACK_LAYER, confined_say, err);
}

static const cap_value_t writes[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
				     CAP_SETFCAP};
static const cap_value_t reads[] = {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE};

static const struct confined works[] = {
	{"unpack-root", false, writes, ARRAY_SIZE(writes), unpack_root},
	{"unpack-layer", false, writes, ARRAY_SIZE(writes), unpack_layer},
	{"pack", true, reads, ARRAY_SIZE(reads), pack_tree},
};

int main(int argc, char **argv)
{
	unsigned long long id = 0;

	/* nobody but root looks at it until it is confined */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (argc != 3 || fcntl(CONFINED_SYNC, F_GETFD) < 0 ||
	    str_to_u64(argv[2], 0, INSTANCE_RANGE_SIZE - 1, &id) < 0) {
		fprintf(stderr, "berth-cell is started by berth-runtime, with what it works on\n");
		return 2;
	}
	/* names in pax headers are UTF-8: with this locale they need no iconv module, which would
	 * be looked for below the new root */
	setlocale(LC_ALL, "C.UTF-8");
	umask(022); /* for folders that an archive does not name */
	for (size_t i = 0; i < ARRAY_SIZE(works); i++)
		if (strcmp(argv[1], works[i].name) == 0)
			_exit(confined_run(&works[i], (uid_t)id) < 0); /* nothing to tidy up */
	fprintf(stderr, "berth-cell: no work '%s'\n", argv[1]);
	return 2;
}
