/* SPDX-License-Identifier: MIT */
#include "runtime/devfilter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "runtime/hierarchy.h"

/* --- version 1 ------------------------------------------------------------------------------ */

static void number(char *buf, size_t size, int64_t n)
{
	if (n < 0)
		snprintf(buf, size, "*");
	else
		snprintf(buf, size, "%lld", (long long)n);
}

static int write_rules(const struct cgroup *cg, const struct devfilter_rule *rules, unsigned n,
		       struct error *err)
{
	for (unsigned i = 0; i < n; i++) {
		struct hierarchy_write w = {.controller = "devices"};
		char major[24], minor[24];

		number(major, sizeof(major), rules[i].major);
		number(minor, sizeof(minor), rules[i].minor);
		_cleanup_free_ char *value = rules[i].type == 'a'
						     ? xstrdup("a")
						     : xasprintf("%c %s:%s %s", rules[i].type,
								 major, minor, rules[i].access);
		w.value = value;
		snprintf(w.file, sizeof(w.file), "devices.%s", rules[i].allow ? "allow" : "deny");
		if (hierarchy_write(cg, &w, err) < 0)
			return -1;
	}
	return 0;
}

/* --- version 2 ------------------------------------------------------------------------------ */

#define INSNS_PER_RULE 10
#define INSNS_EXTRA 10

struct code {
	struct bpf_insn *v;
	unsigned n;
};

static void emit(struct code *c, uint8_t op, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	c->v[c->n++] = (struct bpf_insn){.code = op,
					 .dst_reg = (uint8_t)(dst & 15),
					 .src_reg = (uint8_t)(src & 15),
					 .off = off,
					 .imm = imm};
}

/* r2 type, r3 access, r4 major, r5 minor: struct bpf_cgroup_dev_ctx. */
static void emit_head(struct code *c)
{
	emit(c, BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0);
	emit(c, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	emit(c, BPF_LDX | BPF_MEM | BPF_W, 3, 1, 0, 0);
	emit(c, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
	emit(c, BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0);
	emit(c, BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0);
}

static int32_t access_bits(const char *access)
{
	int32_t bits = 0;

	for (; *access; access++)
		bits |= *access == 'r'   ? BPF_DEVCG_ACC_READ
			: *access == 'w' ? BPF_DEVCG_ACC_WRITE
					 : BPF_DEVCG_ACC_MKNOD;
	return bits;
}

/* A jump over the rest of the rule; its distance is filled in when the rule is done. */
static void emit_unless(struct code *c, uint8_t reg, int32_t value)
{
	emit(c, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, value);
}

static void emit_rule(struct code *c, const struct devfilter_rule *r)
{
	unsigned begin = c->n;
	int32_t bits = access_bits(r->access);

	if (r->type != 'a')
		emit_unless(c, 2, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->type != 'a' && bits != 7) {
		/* allowed: all that is asked for is in the rule; denied: any of it is */
		emit(c, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
		emit(c, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, r->allow ? ~bits & 7 : bits);
		if (r->allow)
			emit_unless(c, 1, 0);
		else
			emit(c, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 0);
	}
	if (r->type != 'a' && r->major >= 0)
		emit_unless(c, 4, (int32_t)r->major);
	if (r->type != 'a' && r->minor >= 0)
		emit_unless(c, 5, (int32_t)r->minor);
	emit(c, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, r->allow);
	emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (unsigned i = begin; i < c->n; i++) {
		uint8_t op = c->v[i].code;

		if (op == (BPF_JMP | BPF_JNE | BPF_K) || op == (BPF_JMP | BPF_JEQ | BPF_K))
			c->v[i].off = (int16_t)(c->n - i - 1);
	}
}

static int attach(int cgroup, const struct code *c, struct error *err)
{
	static const char licence[] = "MIT";
	union bpf_attr load, attach;

	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insns = (uint64_t)(uintptr_t)c->v;
	load.insn_cnt = c->n;
	load.license = (uint64_t)(uintptr_t)licence;
	_cleanup_close_ int prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (prog < 0)
		return error_set(err, ERROR_SYSTEM, errno, "load the device filter");
	memset(&attach, 0, sizeof(attach));
	attach.target_fd = (uint32_t)cgroup;
	attach.attach_bpf_fd = (uint32_t)prog;
	attach.attach_type = BPF_CGROUP_DEVICE;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "attach the device filter");
	return 0;
}

static int attach_rules(int cgroup, const struct devfilter_rule *rules, unsigned n,
			struct error *err)
{
	_cleanup_free_ struct bpf_insn *insns =
		xcalloc((size_t)n * INSNS_PER_RULE + INSNS_EXTRA, sizeof(*insns));
	struct code c = {insns, 0};

	emit_head(&c);
	/* the last rule that fits decides: first here, and what is below "all devices" is dead */
	for (unsigned i = n; i > 0; i--) {
		emit_rule(&c, &rules[i - 1]);
		if (rules[i - 1].type == 'a')
			return attach(cgroup, &c, err);
	}
	emit(&c, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return attach(cgroup, &c, err);
}

int devfilter_apply(const struct cgroup *cg, const struct devfilter_rule *rules, unsigned n,
		    struct error *err)
{
	if (!cg->v2)
		return write_rules(cg, rules, n, err);
	return attach_rules(cg->trees[0].dirfd, rules, n, err);
}
