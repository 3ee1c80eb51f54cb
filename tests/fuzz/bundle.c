/* room: runtime */
/* SPDX-License-Identifier: MIT */
/* A bundle's config.json: whatever it says, it is understood or refused. Without what opens files.
 */
#include "runtime/bundle.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct fields f = {&err, false};
	json_error_t at;
	struct bundle b;
	json_t *linux_, *seccomp;

	bundle_init(&b);
	b.json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &at);
	if (!json_is_object(b.json)) {
		json_decref(b.json);
		return 0;
	}
	linux_ = fields_object(&f, b.json, "linux");
	seccomp = fields_object(&f, linux_, "seccomp");
	bundle_resources(&b, &f, fields_object(&f, linux_, "resources"));
	bundle_devices(&b, &f, linux_);
	hook_lists_read(&f, fields_object(&f, b.json, "hooks"), b.hooks);
	if (seccomp)
		bundle_seccomp(&b, &f, seccomp);
	if (!f.bad && bundle_process(&b, fields_object(&f, b.json, "process"), &err) == 0 &&
	    (!b.argv[0] || b.program.cwd[0] != '/' || b.program.n_rlimits > PROGRAM_RLIMITS))
		__builtin_trap();
	bundle_release(&b);
	return 0;
}
