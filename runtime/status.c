/* SPDX-License-Identifier: MIT */
#include "runtime/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define STATUS_MAGIC 0x62745301u

/* Written in place; a reader that sees two different counts came in between and reads again. What
 * lies between head and count_again is as long as its writer's struct container_status. */
struct status_head {
	uint32_t magic;
	uint32_t size; /* of the whole file */
	uint64_t count;
};
struct status_file {
	struct status_head head;
	struct container_status status;
	uint64_t count_again;
};
_Static_assert(sizeof(struct status_file) == sizeof(struct status_head) +
						     sizeof(struct container_status) +
						     sizeof(uint64_t),
	       "nothing but these three lies in the file");

/* The struct as the first shims wrote it. */
#define FIRST_SIZE                                                                                 \
	(offsetof(struct container_status, pids_limit) +                                           \
	 sizeof(((struct container_status *)NULL)->pids_limit))
#define MAX_SIZE 4096

uint64_t status_process_start(pid_t pid)
{
	char path[64], buf[1024];
	const char *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (pid <= 0 || fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	/* The name may hold anything; the fields go on after the last parenthesis, at field 3. */
	p = strrchr(buf, ')');
	if (!p || strlen(p) < 3 || p[2] == 'Z' || p[2] == 'X')
		return 0;
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

bool status_process_is(pid_t pid, uint64_t start)
{
	return pid > 0 && start && status_process_start(pid) == start;
}

bool status_shim_alive(const struct container_status *s)
{
	return status_process_is(s->shim, s->shim_start);
}

int status_write(int dirfd, const struct container_status *s, struct error *err)
{
	static uint64_t count;
	struct status_file f;

	memset(&f, 0, sizeof(f));
	f.head.magic = STATUS_MAGIC;
	f.head.size = sizeof(f);
	f.head.count = f.count_again = ++count;
	f.status = *s;
	/* No fsync: run/ does not outlive the machine's boot. */
	_cleanup_close_ int fd =
		openat(dirfd, "status", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || pwrite(fd, &f, sizeof(f), 0) != sizeof(f))
		return error_set(err, ERROR_SYSTEM, errno, "write the status of '%s'", s->id);
	return 0;
}

/* What N bytes say, whose writer may know fewer fields or more: those that it does not know are 0,
 * those that we do not know are passed over. */
static bool parse(const unsigned char *data, size_t n, struct container_status *out)
{
	struct status_head head;
	uint64_t again;

	if (n < sizeof(head) + FIRST_SIZE + sizeof(again))
		return false;
	memcpy(&head, data, sizeof(head));
	memcpy(&again, data + n - sizeof(again), sizeof(again));
	if (head.magic != STATUS_MAGIC || head.size != n || head.count != again)
		return false;
	size_t size = n - sizeof(head) - sizeof(again);
	memset(out, 0, sizeof(*out));
	memcpy(out, data + sizeof(head), size < sizeof(*out) ? size : sizeof(*out));
	return true;
}

int status_read(const struct instance *inst, const char *id, struct container_status *out,
		struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "containers/%s/status", id);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char data[MAX_SIZE];
	struct container_status s;
	bool good = false;

	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM,
				 errno == ENOENT ? 0 : errno, "container '%s' is not there", id);
	for (int i = 0; i < 100 && !good; i++) {
		if (i)
			clock_sleep_ms(1);
		ssize_t n = pread(fd, data, sizeof(data), 0);
		good = n > 0 && parse(data, (size_t)n, &s);
	}
	if (!good)
		return error_set(err, ERROR_INVALID, 0, "the status of '%s' is damaged", id);
	s.id[sizeof(s.id) - 1] = '\0';
	s.label[sizeof(s.label) - 1] = '\0';
	s.address[sizeof(s.address) - 1] = '\0';
	s.health_text[sizeof(s.health_text) - 1] = '\0';
	*out = s;
	return 0;
}

static void put_fields(const struct container_status *s, struct strbuf *out)
{
	wire_put_str(out, s->id);
	wire_put_str(out, s->label);
	wire_put_str(out, s->address);
	wire_put_u32(out, (uint32_t)s->state);
	wire_put_u32(out, (uint32_t)s->pid);
	wire_put_u32(out, (uint32_t)s->shim);
	wire_put_u64(out, s->shim_start);
	wire_put_u32(out, (uint32_t)s->exit_code);
	wire_put_u32(out, s->oom_killed);
	wire_put_u32(out, s->restarts);
	wire_put_u64(out, (uint64_t)s->started_us);
	wire_put_u64(out, (uint64_t)s->next_start_us);
	wire_put_u64(out, s->memory);
	wire_put_u64(out, s->memory_limit);
	wire_put_u64(out, s->cpu_us);
	wire_put_u32(out, s->cpu_millis);
	wire_put_u32(out, s->pids);
	wire_put_u32(out, s->pids_limit);
	wire_put_u32(out, (uint32_t)s->health);
	wire_put_u32(out, s->health_checks);
	wire_put_u32(out, s->health_failures);
	wire_put_u32(out, (uint32_t)s->health_exit);
	wire_put_str(out, s->health_text);
	wire_put_u64(out, s->disk);
	wire_put_u64(out, s->disk_limit);
	wire_put_u64(out, s->net_to);
	wire_put_u64(out, s->net_from);
	wire_put_u64(out, s->net_to_limit);
	wire_put_u64(out, s->net_from_limit);
}

static void get_text(struct wire_reader *r, char *out, size_t size)
{
	_cleanup_free_ char *s = wire_get_str(r, size - 1);

	snprintf(out, size, "%s", s ? s : "");
}

static void get_fields(struct wire_reader *r, struct container_status *out)
{
	get_text(r, out->id, sizeof(out->id));
	get_text(r, out->label, sizeof(out->label));
	get_text(r, out->address, sizeof(out->address));
	out->state = (enum container_state)wire_get_u32(r);
	out->pid = (pid_t)wire_get_u32(r);
	out->shim = (pid_t)wire_get_u32(r);
	out->shim_start = wire_get_u64(r);
	out->exit_code = (int)wire_get_u32(r);
	out->oom_killed = wire_get_u32(r) != 0;
	out->restarts = wire_get_u32(r);
	out->started_us = (int64_t)wire_get_u64(r);
	out->next_start_us = (int64_t)wire_get_u64(r);
	out->memory = wire_get_u64(r);
	out->memory_limit = wire_get_u64(r);
	out->cpu_us = wire_get_u64(r);
	out->cpu_millis = wire_get_u32(r);
	out->pids = wire_get_u32(r);
	out->pids_limit = wire_get_u32(r);
	out->health = (enum container_health)wire_get_u32(r);
	out->health_checks = wire_get_u32(r);
	out->health_failures = wire_get_u32(r);
	out->health_exit = (int)wire_get_u32(r);
	get_text(r, out->health_text, sizeof(out->health_text));
	out->disk = wire_get_u64(r);
	out->disk_limit = wire_get_u64(r);
	out->net_to = wire_get_u64(r);
	out->net_from = wire_get_u64(r);
	out->net_to_limit = wire_get_u64(r);
	out->net_from_limit = wire_get_u64(r);
}

void status_encode(const struct container_status *s, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf fields = STRBUF_INIT;

	put_fields(s, &fields);
	wire_put_bytes(out, fields.data, fields.len);
}

void status_decode(struct wire_reader *r, struct container_status *out)
{
	struct wire_reader fields;
	size_t len;
	const void *data = wire_get_bytes(r, &len);

	memset(out, 0, sizeof(*out));
	if (!data)
		return;
	wire_reader_init(&fields, data, len);
	get_fields(&fields, out);
	if (!*out->id)
		r->bad = true;
}
