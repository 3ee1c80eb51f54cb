/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* --- collecting what is to be written --------------------------------------------------------- */

static void add(struct bundle *b, const char *controller, const char *file, bool optional,
		char *value)
{
	struct hierarchy_write *w;

	b->writes = xreallocarray(b->writes, b->n_writes + 1, sizeof(*b->writes));
	w = &b->writes[b->n_writes++];
	memset(w, 0, sizeof(*w));
	snprintf(w->controller, sizeof(w->controller), "%s", controller);
	snprintf(w->file, sizeof(w->file), "%s", file);
	w->value = value;
	w->optional = optional;
}

static void add_number(struct bundle *b, const char *controller, const char *file, int64_t n)
{
	add(b, controller, file, false, xasprintf("%lld", (long long)n));
}

/* -1 is "max" on version 2. */
static void add_max(struct bundle *b, const char *file, int64_t n)
{
	add(b, "", file, false, n < 0 ? xstrdup("max") : xasprintf("%lld", (long long)n));
}

static bool get(struct fields *f, json_t *parent, const char *key, int64_t *out)
{
	return fields_number(f, parent, key, -1, INT64_MAX, out);
}

/* --- controllers ------------------------------------------------------------------------------ */

static void read_memory(struct bundle *b, struct fields *f, json_t *m, bool v2)
{
	int64_t limit = 0, swap = 0, n;
	/* 0 is what engines say of what they do not mean to set */
	bool has_limit = get(f, m, "limit", &limit) && limit;
	bool has_swap = get(f, m, "swap", &swap) && swap;

	if (has_limit && has_swap && swap >= 0 && limit >= 0 && swap < limit)
		fields_bad(f, "'memory': 'swap' counts memory and swap together: it cannot be "
			      "less than 'limit'");
	if (v2) {
		if (has_limit)
			add_max(b, "memory.max", limit);
		if (has_swap)
			add_max(b, "memory.swap.max",
				swap < 0 || !has_limit || limit < 0 ? -1 : swap - limit);
		if (get(f, m, "reservation", &n) && n)
			add_max(b, "memory.low", n);
		return;
	}
	if (has_limit)
		add_number(b, "memory", "memory.limit_in_bytes", limit);
	if (has_swap)
		add_number(b, "memory", "memory.memsw.limit_in_bytes", swap);
	if (get(f, m, "reservation", &n) && n)
		add_number(b, "memory", "memory.soft_limit_in_bytes", n);
	/* accounting of its own is gone from newer kernels, where memory counts all */
	if (get(f, m, "kernel", &n) && n > 0)
		add(b, "memory", "memory.kmem.limit_in_bytes", true,
		    xasprintf("%lld", (long long)n));
	if (get(f, m, "kernelTCP", &n) && n > 0)
		add(b, "memory", "memory.kmem.tcp.limit_in_bytes", true,
		    xasprintf("%lld", (long long)n));
	if (get(f, m, "swappiness", &n) && n >= 0)
		add_number(b, "memory", "memory.swappiness", n);
	if (fields_bool(f, m, "disableOOMKiller"))
		add_number(b, "memory", "memory.oom_control", 1);
	if (fields_bool(f, m, "useHierarchy"))
		add(b, "memory", "memory.use_hierarchy", true, xstrdup("1"));
}

static void read_cpu_v2(struct bundle *b, struct fields *f, json_t *c)
{
	int64_t shares = 0, quota = 0, period = 0, n;
	bool has_quota = get(f, c, "quota", &quota) && quota;
	bool has_period = get(f, c, "period", &period) && period;

	if (!has_period)
		period = 100000;
	if (get(f, c, "shares", &shares) && shares) {
		int64_t at_least = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;

		/* 2 to 262144 becomes 1 to 10000 */
		add_number(b, "", "cpu.weight", 1 + (at_least - 2) * 9999 / 262142);
	}
	if (has_quota || has_period)
		add(b, "", "cpu.max", false,
		    has_quota && quota > 0
			    ? xasprintf("%lld %lld", (long long)quota, (long long)period)
			    : xasprintf("max %lld", (long long)period));
	if (get(f, c, "burst", &n))
		add_number(b, "", "cpu.max.burst", n);
	if (get(f, c, "idle", &n))
		add_number(b, "", "cpu.idle", n);
}

static void read_cpu(struct bundle *b, struct fields *f, json_t *c, bool v2)
{
	const char *cpus = fields_string(f, c, "cpus"), *mems = fields_string(f, c, "mems");
	static const char *const numbers[][2] = {{"shares", "cpu.shares"},
						 {"period", "cpu.cfs_period_us"},
						 {"quota", "cpu.cfs_quota_us"},
						 {"burst", "cpu.cfs_burst_us"},
						 {"realtimePeriod", "cpu.rt_period_us"},
						 {"realtimeRuntime", "cpu.rt_runtime_us"},
						 {"idle", "cpu.idle"}};
	int64_t n;

	if (v2)
		read_cpu_v2(b, f, c);
	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !v2; i++) {
		if (get(f, c, numbers[i][0], &n) && (n || !strcmp(numbers[i][0], "idle")))
			add_number(b, "cpu", numbers[i][1], n);
	}
	if (cpus && *cpus)
		add(b, v2 ? "" : "cpuset", "cpuset.cpus", false, xstrdup(cpus));
	if (mems && *mems)
		add(b, v2 ? "" : "cpuset", "cpuset.mems", false, xstrdup(mems));
}

static void read_pids(struct bundle *b, struct fields *f, json_t *pids, bool v2)
{
	int64_t n;

	if (fields_number(f, pids, "limit", INT64_MIN, INT64_MAX, &n) && n != 0)
		add(b, v2 ? "" : "pids", "pids.max", false,
		    n < 0 ? xstrdup("max") : xasprintf("%lld", (long long)n));
}

/* "MAJOR:MINOR" of an entry. */
static void device_of(struct fields *f, json_t *one, char *buf, size_t size)
{
	int64_t major = 0, minor = 0;

	if (!fields_number(f, one, "major", 0, UINT32_MAX, &major) ||
	    !fields_number(f, one, "minor", 0, UINT32_MAX, &minor))
		fields_bad(f, "'blockIO': expected 'major' and 'minor'");
	snprintf(buf, size, "%lld:%lld", (long long)major, (long long)minor);
}

static void read_throttle(struct bundle *b, struct fields *f, json_t *io, const char *key,
			  const char *v1_file, const char *v2_word, bool v2)
{
	json_t *list = fields_array(f, io, key);

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		uint64_t rate = 0;
		char device[32];

		device_of(f, one, device, sizeof(device));
		fields_u64(f, one, "rate", &rate);
		if (v2)
			add(b, "", "io.max", false,
			    xasprintf("%s %s=%llu", device, v2_word, (unsigned long long)rate));
		else
			add(b, "blkio", v1_file, false,
			    xasprintf("%s %llu", device, (unsigned long long)rate));
	}
}

static void read_weights(struct bundle *b, struct fields *f, json_t *io, bool v2)
{
	json_t *list = fields_array(f, io, "weightDevice");
	int64_t n;

	/* which of the two there is depends on the scheduler */
	if (get(f, io, "weight", &n) && n) {
		if (v2) {
			add(b, "", "io.bfq.weight", true, xasprintf("%lld", (long long)n));
			add(b, "", "io.weight", true,
			    xasprintf("default %lld", (long long)(1 + (n - 10) * 9999 / 990)));
		} else {
			add(b, "blkio", "blkio.weight", true, xasprintf("%lld", (long long)n));
			add(b, "blkio", "blkio.bfq.weight", true, xasprintf("%lld", (long long)n));
		}
	}
	if (get(f, io, "leafWeight", &n) && n && !v2)
		add(b, "blkio", "blkio.leaf_weight", true, xasprintf("%lld", (long long)n));
	for (size_t i = 0; i < json_array_size(list) && !v2; i++) {
		json_t *one = json_array_get(list, i);
		char device[32];

		device_of(f, one, device, sizeof(device));
		if (get(f, one, "weight", &n) && n) {
			add(b, "blkio", "blkio.weight_device", true,
			    xasprintf("%s %lld", device, (long long)n));
			add(b, "blkio", "blkio.bfq.weight_device", true,
			    xasprintf("%s %lld", device, (long long)n));
		}
		if (get(f, one, "leafWeight", &n) && n)
			add(b, "blkio", "blkio.leaf_weight_device", true,
			    xasprintf("%s %lld", device, (long long)n));
	}
}

static void read_block_io(struct bundle *b, struct fields *f, json_t *io, bool v2)
{
	read_weights(b, f, io, v2);
	read_throttle(b, f, io, "throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps",
		      v2);
	read_throttle(b, f, io, "throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps",
		      v2);
	read_throttle(b, f, io, "throttleReadIOPSDevice", "blkio.throttle.read_iops_device",
		      "riops", v2);
	read_throttle(b, f, io, "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device",
		      "wiops", v2);
}

static void read_huge_pages(struct bundle *b, struct fields *f, json_t *list, bool v2)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		const char *size = fields_string(f, one, "pageSize");
		uint64_t limit = 0;
		char file[64];

		if (!size || strlen(size) > 16 || strchr(size, '/')) {
			fields_bad(f, "'hugepageLimits': expected a 'pageSize' like 2MB");
			return;
		}
		fields_u64(f, one, "limit", &limit);
		snprintf(file, sizeof(file), v2 ? "hugetlb.%s.max" : "hugetlb.%s.limit_in_bytes",
			 size);
		add(b, v2 ? "" : "hugetlb", file, false,
		    xasprintf("%llu", (unsigned long long)limit));
	}
}

static void read_network(struct bundle *b, struct fields *f, json_t *net, bool v2)
{
	json_t *list = fields_array(f, net, "priorities");
	int64_t n;

	/* version 2 has neither */
	if (v2)
		return;
	if (get(f, net, "classID", &n) && n)
		add_number(b, "net_cls", "net_cls.classid", n);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		const char *name = fields_string(f, one, "name");

		if (!name || !get(f, one, "priority", &n)) {
			fields_bad(f, "'priorities': expected 'name' and 'priority'");
			return;
		}
		add(b, "net_prio", "net_prio.ifpriomap", false,
		    xasprintf("%s %lld", name, (long long)n));
	}
}

static void read_rdma(struct bundle *b, struct fields *f, json_t *rdma, bool v2)
{
	const char *device;
	json_t *one;

	json_object_foreach(rdma, device, one)
	{
		int64_t handles = -1, objects = -1;
		char h[24] = "max", o[24] = "max";

		if (get(f, one, "hcaHandles", &handles) && handles >= 0)
			snprintf(h, sizeof(h), "%lld", (long long)handles);
		if (get(f, one, "hcaObjects", &objects) && objects >= 0)
			snprintf(o, sizeof(o), "%lld", (long long)objects);
		add(b, v2 ? "" : "rdma", "rdma.max", false,
		    xasprintf("%s hca_handle=%s hca_object=%s", device, h, o));
	}
}

/* Files of version 2 by their own names. */
static void read_unified(struct bundle *b, struct fields *f, json_t *unified, bool v2)
{
	const char *file;
	json_t *value;

	json_object_foreach(unified, file, value)
	{
		if (!json_is_string(value) || strchr(file, '/') || !strchr(file, '.') ||
		    strlen(file) >= sizeof(b->writes[0].file))
			fields_bad(f, "'unified': '%s' is not a file of a cgroup with a string",
				   file);
		else if (!v2)
			fields_bad(f, "'unified': '%s' needs cgroup version 2", file);
		else
			add(b, "", file, false, xstrdup(json_string_value(value)));
	}
}

/* --- devices ---------------------------------------------------------------------------------- */

static void read_rule(struct fields *f, json_t *one, struct devfilter_rule *out)
{
	const char *type = fields_string(f, one, "type"), *access = fields_string(f, one, "access");

	*out = (struct devfilter_rule){fields_bool(f, one, "allow"), 'a', -1, -1, "rwm"};
	if (type && *type)
		out->type = type[0];
	fields_number(f, one, "major", -1, UINT32_MAX, &out->major);
	fields_number(f, one, "minor", -1, UINT32_MAX, &out->minor);
	if (access && *access) {
		if (strlen(access) > 3 || strspn(access, "rwm") != strlen(access))
			fields_bad(f, "'devices': access '%s' is not made of r, w and m", access);
		snprintf(out->access, sizeof(out->access), "%s", access);
	}
	if (!strchr("acb", out->type) || (type && strlen(type) > 1))
		fields_bad(f, "'devices': type '%s' is not a, c or b", type ? type : "");
}

static void read_rules(struct bundle *b, struct fields *f, json_t *list)
{
	/* what every container has in its /dev, and making nodes, which opens none */
	static const struct devfilter_rule always[] = {
		{true, 'c', -1, -1, "m"}, {true, 'b', -1, -1, "m"},    {true, 'c', 1, 3, "rwm"},
		{true, 'c', 1, 5, "rwm"}, {true, 'c', 1, 7, "rwm"},    {true, 'c', 1, 8, "rwm"},
		{true, 'c', 1, 9, "rwm"}, {true, 'c', 5, 0, "rwm"},    {true, 'c', 5, 2, "rwm"},
		{true, 'c', 5, 1, "rwm"}, {true, 'c', 136, -1, "rwm"},
	};
	size_t n = json_array_size(list);

	if (!n)
		return;
	b->rules = xcalloc(n + ARRAY_SIZE(always), sizeof(*b->rules));
	for (size_t i = 0; i < n; i++)
		read_rule(f, json_array_get(list, i), &b->rules[b->n_rules++]);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		b->rules[b->n_rules++] = always[i];
}

void bundle_resources(struct bundle *b, struct fields *f, json_t *r)
{
	bool v2 = hierarchy_is_v2();

	read_memory(b, f, fields_object(f, r, "memory"), v2);
	read_cpu(b, f, fields_object(f, r, "cpu"), v2);
	read_pids(b, f, fields_object(f, r, "pids"), v2);
	read_block_io(b, f, fields_object(f, r, "blockIO"), v2);
	read_huge_pages(b, f, fields_array(f, r, "hugepageLimits"), v2);
	read_network(b, f, fields_object(f, r, "network"), v2);
	read_rdma(b, f, fields_object(f, r, "rdma"), v2);
	read_unified(b, f, fields_object(f, r, "unified"), v2);
	read_rules(b, f, fields_array(f, r, "devices"));
}

/* Version 1 keeps memory below memory and swap together at any moment: which of the two goes first
 * depends on the way it goes. What could not be written is tried once more after the others. */
static int write_limits(const struct bundle *b, const struct cgroup *cg, bool *again,
			struct error *err)
{
	for (unsigned i = 0; i < b->n_writes; i++) {
		struct error what = ERROR_INIT;

		if (hierarchy_write(cg, &b->writes[i], &what) == 0)
			continue;
		if (!again || !str_starts(b->writes[i].file, "memory.")) {
			*err = what;
			return -1;
		}
		*again = true;
	}
	return 0;
}

int bundle_limit(const struct bundle *b, const struct cgroup *cg, struct error *err)
{
	bool again = false;

	if (write_limits(b, cg, &again, err) < 0 || (again && write_limits(b, cg, NULL, err) < 0))
		return -1;
	return b->n_rules ? devfilter_apply(cg, b->rules, b->n_rules, err) : 0;
}
