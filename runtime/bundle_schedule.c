/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* runtime-spec, config.md, "scheduler" and "ioPriority" */

struct word {
	const char *name;
	unsigned value;
};

static const struct word policies[] = {
	{"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
	{"SCHED_BATCH", SCHED_BATCH}, {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
	{"SCHED_DEADLINE", 6},
};

static const struct word flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", 1},   {"SCHED_FLAG_RECLAIM", 2},
	{"SCHED_FLAG_DL_OVERRUN", 4},      {"SCHED_FLAG_KEEP_POLICY", 8},
	{"SCHED_FLAG_KEEP_PARAMS", 16},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 32},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", 64},
};

static const struct word io_classes[] = {
	{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
	{"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
	{"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};

static unsigned value_of(struct fields *f, const char *key, const char *name,
			 const struct word *words, size_t n)
{
	for (size_t i = 0; name && i < n; i++) {
		if (!strcmp(name, words[i].name))
			return words[i].value;
	}
	fields_bad(f, "'%s': '%s' is not known", key, name ? name : "");
	return 0;
}

static void read_scheduler(struct bundle *b, struct fields *f, json_t *s)
{
	struct program_schedule *out = &b->program.schedule;
	json_t *list = fields_array(f, s, "flags");
	int64_t nice = 0, priority = 0;

	memset(out, 0, sizeof(*out));
	if (!s)
		return;
	fields_number(f, s, "nice", -20, 19, &nice);
	fields_number(f, s, "priority", 0, 99, &priority);
	fields_u64(f, s, "runtime", &out->runtime);
	fields_u64(f, s, "deadline", &out->deadline);
	fields_u64(f, s, "period", &out->period);
	out->size = sizeof(*out);
	out->policy = value_of(f, "policy", fields_string(f, s, "policy"), policies,
			       ARRAY_SIZE(policies));
	out->nice = (int32_t)nice;
	out->priority = (uint32_t)priority;
	for (size_t i = 0; i < json_array_size(list); i++)
		out->flags |= value_of(f, "flags", fields_text(f, json_array_get(list, i), "flags"),
				       flags, ARRAY_SIZE(flags));
}

static void read_io_priority(struct bundle *b, struct fields *f, json_t *io)
{
	int64_t priority = 0;

	b->program.io_priority = 0;
	if (!io)
		return;
	fields_number(f, io, "priority", 0, IOPRIO_NR_LEVELS - 1, &priority);
	b->program.io_priority =
		(int)IOPRIO_PRIO_VALUE(value_of(f, "class", fields_string(f, io, "class"),
						io_classes, ARRAY_SIZE(io_classes)),
				       (unsigned)priority);
}

void bundle_schedule(struct bundle *b, struct fields *f, json_t *process)
{
	read_scheduler(b, f, fields_object(f, process, "scheduler"));
	read_io_priority(b, f, fields_object(f, process, "ioPriority"));
}
