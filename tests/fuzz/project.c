/* room: buildpacks */
/* SPDX-License-Identifier: MIT */
#include "buildpacks/project.h"

#include <stdint.h>
#include <string.h>

#include "buildpacks/pack.h"
#include "instance/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct project_list *list)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < list->n; i++)
		if (strncmp(list->v[i].name, "./", 2) == 0 && !list->v[i].script &&
		    pack_check_folder(list->v[i].name, &err) < 0)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_project_ struct project p = PROJECT_INIT;
	struct error err = ERROR_INIT;

	if (project_parse(&p, (const char *)data, size, &err) < 0) {
		if (p.group.n != 0 || p.env.n != 0 || err.code == ERROR_NONE)
			__builtin_trap();
		return 0;
	}
	check(&p.group);
	check(&p.pre);
	check(&p.post);
	for (size_t i = 0; i < p.env.n; i++) {
		p.env.v[i][strcspn(p.env.v[i], "=")] = '\0';
		if (name_check_key(p.env.v[i], &err) < 0)
			__builtin_trap();
	}
	return 0;
}
