/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "runtime/seccomp.h"

/* runtime-spec, config-linux.md, "Seccomp" */

static const struct {
	const char *name;
	uint32_t action;
	bool takes_errno;
} actions[] = {
	{"SCMP_ACT_KILL", SCMP_ACT_KILL, false},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
	{"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false},
};

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
		 {"SCMP_CMP_LT", SCMP_CMP_LT},
		 {"SCMP_CMP_LE", SCMP_CMP_LE},
		 {"SCMP_CMP_EQ", SCMP_CMP_EQ},
		 {"SCMP_CMP_GE", SCMP_CMP_GE},
		 {"SCMP_CMP_GT", SCMP_CMP_GT},
		 {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};

static const struct {
	const char *name;
	unsigned flag;
} flags[] = {{"SECCOMP_FILTER_FLAG_TSYNC", 0}, /* there is one thread */
	     {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	     {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	     {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1u << 5}};

const char *bundle_seccomp_action(size_t i)
{
	return i < ARRAY_SIZE(actions) ? actions[i].name : NULL;
}

const char *bundle_seccomp_operator(size_t i)
{
	return i < ARRAY_SIZE(operators) ? operators[i].name : NULL;
}

const char *bundle_seccomp_flag(size_t i)
{
	return i < ARRAY_SIZE(flags) ? flags[i].name : NULL;
}

static uint32_t action_of(struct fields *f, const char *name, int64_t errnum)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(name, actions[i].name))
			return actions[i].action |
			       (actions[i].takes_errno ? (uint32_t)errnum & 0xffff : 0);
	}
	fields_bad(f, "'seccomp': unknown action '%s'", name ? name : "");
	return SCMP_ACT_KILL_PROCESS;
}

static enum scmp_compare operator_of(struct fields *f, const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(operators); i++) {
		if (!strcmp(name, operators[i].name))
			return operators[i].op;
	}
	fields_bad(f, "'seccomp': unknown operator '%s'", name ? name : "");
	return SCMP_CMP_EQ;
}

static void read_architectures(struct fields *f, json_t *seccomp, scmp_filter_ctx ctx)
{
	json_t *list = fields_array(f, seccomp, "architectures");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = fields_text(f, json_array_get(list, i), "architectures");
		const char *plain = str_skip(name, "SCMP_ARCH_");
		_cleanup_free_ char *lower = xstrdup(plain ? plain : "");
		uint32_t arch;
		int r;

		for (char *p = lower; *p; p++) {
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 'a' - 'A');
		}
		arch = seccomp_arch_resolve_name(lower);
		if (!arch) {
			fields_bad(f, "'seccomp': unknown architecture '%s'", name);
			return;
		}
		r = seccomp_arch_add(ctx, arch);
		if (r < 0 && r != -EEXIST)
			fields_bad(f, "'seccomp': architecture '%s': %s", name, strerror(-r));
	}
}

#define MAX_ARGS 6

static unsigned read_args(struct fields *f, json_t *rule, struct scmp_arg_cmp *out, bool *repeated)
{
	json_t *list = fields_array(f, rule, "args");
	unsigned n = (unsigned)json_array_size(list), seen = 0;

	*repeated = false;
	if (n > 4 * MAX_ARGS) {
		fields_bad(f, "'seccomp': more than %d 'args'", 4 * MAX_ARGS);
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		json_t *one = json_array_get(list, i);
		int64_t index = 0;
		uint64_t value = 0, second = 0;

		fields_number(f, one, "index", 0, MAX_ARGS - 1, &index);
		fields_u64(f, one, "value", &value);
		fields_u64(f, one, "valueTwo", &second);
		out[i] = (struct scmp_arg_cmp){(unsigned)index,
					       operator_of(f, fields_string(f, one, "op")), value,
					       second};
		*repeated = *repeated || (seen & 1u << index);
		seen |= 1u << index;
	}
	return n;
}

static void add_call(struct fields *f, scmp_filter_ctx ctx, const char *name, uint32_t action,
		     const struct scmp_arg_cmp *args, unsigned n, bool each)
{
	int nr = seccomp_syscall_resolve_name(name), r = 0;

	/* one that this library does not know is none that a program here can make */
	if (nr == __NR_SCMP_ERROR)
		return;
	/* conditions on the same argument are alternatives, as other runtimes have it */
	for (unsigned i = 0; each && i < n && r >= 0; i++)
		r = seccomp_rule_add_array(ctx, action, nr, 1, &args[i]);
	if (!each)
		r = seccomp_rule_add_array(ctx, action, nr, n, args);
	if (r < 0 && r != -EEXIST)
		fields_bad(f, "'seccomp': rule for '%s': %s", name, strerror(-r));
}

static void read_rule(struct bundle *b, struct fields *f, json_t *rule, scmp_filter_ctx ctx,
		      uint32_t fallback)
{
	json_t *names = fields_array(f, rule, "names");
	struct scmp_arg_cmp args[4 * MAX_ARGS];
	int64_t errnum = EPERM;
	bool each;
	unsigned n = read_args(f, rule, args, &each);
	uint32_t action;

	fields_number(f, rule, "errnoRet", 0, 65535, &errnum);
	action = action_of(f, fields_string(f, rule, "action"), errnum);
	if (!names)
		fields_bad(f, "'seccomp': each of 'syscalls' needs 'names'");
	if (action == SCMP_ACT_NOTIFY && !b->listener)
		fields_bad(f, "'seccomp': SCMP_ACT_NOTIFY needs a 'listenerPath'");
	/* libseccomp refuses rules that say what holds anyway */
	if (action == fallback)
		return;
	for (size_t i = 0; i < json_array_size(names) && !f->bad; i++)
		add_call(f, ctx, fields_text(f, json_array_get(names, i), "names"), action, args, n,
			 each);
}

static void read_flags(struct bundle *b, struct fields *f, json_t *seccomp)
{
	json_t *list = fields_array(f, seccomp, "flags");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = fields_text(f, json_array_get(list, i), "flags");
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
			if (!strcmp(name, flags[k].name)) {
				b->program.filter_flags |= flags[k].flag;
				known = true;
			}
		}
		if (!known)
			fields_bad(f, "'seccomp': unknown flag '%s'", name);
	}
}

void bundle_seccomp(struct bundle *b, struct fields *f, json_t *seccomp)
{
	json_t *rules = fields_array(f, seccomp, "syscalls");
	struct error err = ERROR_INIT;
	int64_t errnum = EPERM;
	uint32_t fallback;
	scmp_filter_ctx ctx;

	fields_number(f, seccomp, "defaultErrnoRet", 0, 65535, &errnum);
	fallback = action_of(f, fields_string(f, seccomp, "defaultAction"), errnum);
	b->listener = fields_string(f, seccomp, "listenerPath");
	b->listener_metadata = fields_string(f, seccomp, "listenerMetadata");
	read_flags(b, f, seccomp);
	if (f->bad)
		return;
	ctx = seccomp_init(fallback);
	if (!ctx) {
		fields_bad(f, "'seccomp': this default action cannot be");
		return;
	}
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	read_architectures(f, seccomp, ctx);
	for (size_t i = 0; i < json_array_size(rules) && !f->bad; i++)
		read_rule(b, f, json_array_get(rules, i), ctx, fallback);
	if (!f->bad && seccomp_export(ctx, &b->filter, &err) < 0)
		fields_bad(f, "'seccomp': %s", err.message);
	seccomp_release(ctx);
	b->program.filters[0] = &b->filter;
	b->program.n_filters = 1;
}
