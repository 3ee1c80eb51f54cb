/* SPDX-License-Identifier: MIT */
#include "runtime/server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sock.h"
#include "instance/name.h"
#include "runtime/cgroup.h"
#include "runtime/cleanup.h"
#include "runtime/estate.h"
#include "runtime/folder.h"
#include "runtime/import.h"
#include "runtime/layer.h"
#include "runtime/logfile.h"
#include "runtime/network.h"
#include "runtime/quota.h"
#include "runtime/veth.h"
#include "runtime/export.h"
#include "runtime/roster.h"
#include "runtime/shim.h"
#include "runtime/specwire.h"
#include "runtime/status.h"
#include "runtime/volume.h"
#include "runtime/wire.h"

/* How long a container that is about to begin or to end is waited for by who stops it. */
#define STOP_LOOKS 1000
#define STOP_LOOK_US 5000

/* --- folders -------------------------------------------------------------------------------- */

static int own(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	if (mkdir(path, mode & 07777) < 0 && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", path);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "take '%s' over", path);
	return 0;
}

int server_prepare(const struct instance *inst, struct error *err)
{
	static const struct {
		const char *name;
		bool in_run;
		mode_t mode;
		bool group;
	} folders[] = {{"layers", false, 0700, false},   {"cache", false, 0700, false},
		       {"volumes", false, 0700, false},  {"logs", false, 0750, true},
		       {"containers", true, 0750, true}, {"addresses", true, 0755, false}};

	/* Sticky and root's: user berth makes its own folders in them and cannot swap ours. */
	if (file_make_dirs(inst->lib, 0755, err) < 0 || file_make_dirs(inst->run, 0755, err) < 0 ||
	    own(inst->lib, 01775, 0, inst->gid, err) < 0 ||
	    own(inst->run, 01775, 0, inst->gid, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = xasprintf(
			"%s/%s", folders[i].in_run ? inst->run : inst->lib, folders[i].name);

		if (own(path, folders[i].mode, 0, folders[i].group ? inst->gid : 0, err) < 0)
			return -1;
	}
	return 0;
}

/* --- containers ----------------------------------------------------------------------------- */

static int malformed(struct error *err)
{
	return error_set(err, ERROR_INVALID, 0, "the request is malformed");
}

/* A folder of the host as a program's stdin would be a way out of its root. */
static int check_stdio(const struct wire_frame *f, struct error *err)
{
	for (size_t i = 0; i < f->nfds; i++) {
		int flags = fcntl(f->fds[i], F_GETFL);
		struct stat st;

		if (flags < 0 || (flags & O_PATH) || fstat(f->fds[i], &st) < 0 ||
		    S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
			return error_set(err, ERROR_INVALID, 0,
					 "descriptor %zu is a folder or a disk", i);
	}
	return 0;
}

static int begin(const struct instance *inst, int conn, struct wire_frame *f, struct error *err)
{
	_cleanup_spec_ struct container_spec spec;
	int stdio[3] = {-1, -1, -1};

	container_spec_init(&spec);
	if (container_spec_decode(&spec, f->payload.data, f->payload.len, err) < 0)
		return -1;
	strbuf_release(&f->payload);
	if (spec.tty && f->type != WIRE_ATTACH)
		return error_set(err, ERROR_INVALID, 0, "only an attached container has a tty");
	if (f->type == WIRE_ATTACH && !spec.tty) {
		if (f->nfds != 3)
			return error_set(err, ERROR_INVALID, 0, "attach needs three descriptors");
		if (check_stdio(f, err) < 0)
			return -1;
		for (int i = 0; i < 3; i++)
			stdio[i] = TAKE_FD(f->fds[i]);
	}
	if (setsid() < 0)
		return error_set(err, ERROR_SYSTEM, errno, "setsid");
	_exit(shim_main(inst, &spec, conn, f->type == WIRE_ATTACH ? stdio : NULL));
}

static int take_id(struct wire_reader *r, char out[NAME_ID_MAX + 1], struct error *err)
{
	_cleanup_free_ char *id = wire_get_str(r, NAME_ID_MAX);

	if (!id || !name_is_id(id))
		return error_set(err, ERROR_INVALID, 0, "'%.200s' is not an id", id ? id : "");
	snprintf(out, NAME_ID_MAX + 1, "%s", id);
	return 0;
}

/* Hands the whole session over to the shim: the client's connection and its descriptors. */
static int serve_exec(const struct instance *inst, int conn, struct wire_frame *f,
		      struct error *err)
{
	struct wire_reader r;
	char id[NAME_ID_MAX + 1];
	_cleanup_close_ int shim = -1;
	int fds[4] = {conn, f->fds[0], f->fds[1], f->fds[2]};

	wire_reader_init(&r, f->payload.data, f->payload.len);
	if (take_id(&r, id, err) < 0)
		return -1;
	uint32_t tty = wire_get_u32(&r);
	if (!tty && f->nfds != 3)
		return error_set(err, ERROR_INVALID, 0, "exec needs three descriptors");
	if (check_stdio(f, err) < 0)
		return -1;
	if (folder_connect(inst, id, &shim, err) < 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "container '%s' is not running", id);
	if (wire_send(shim, WIRE_EXEC, &f->payload, fds, tty ? 1 : 4, err) < 0)
		return -1;
	_exit(0);
}

/* What a container without a shim left: as its shim would have done. */
static int forget(const struct instance *inst, const char *id, struct error *err)
{
	struct container_status st;
	struct cgroup cg = CGROUP_INIT;
	uint32_t address;
	_cleanup_free_ char *top = instance_run(inst, "containers");
	_cleanup_close_ int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", top);
	if (cgroup_open(id, &cg, NULL) == 0) {
		cgroup_kill(&cg, 5000);
		cgroup_close(&cg);
		if (cgroup_remove(id, err) < 0)
			return -1;
	}
	if (status_read(inst, id, &st, NULL) == 0 && st.state != CONTAINER_EXITED &&
	    st.address[0] && network_parse(st.address, &address) == 0 &&
	    network_release(inst, address, err) < 0)
		return -1;
	return file_remove_tree(dir, id, err);
}

/* Waits until SHIM says something, or the client of CONN has gone: then false. */
static bool await_shim(int shim, int conn)
{
	struct pollfd fds[] = {{shim, POLLIN, 0}, {conn, 0, 0}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[0].revents;
}

/* ID is still the container that WAS there, whose shim lives. A name is free again at once. */
static bool is_still(const struct instance *inst, const char *id,
		     const struct container_status *was)
{
	struct container_status st;

	return status_read(inst, id, &st, NULL) == 0 && st.shim == was->shim &&
	       st.shim_start == was->shim_start && status_shim_alive(&st);
}

/* As await_shim, for the end of one whose shim has no place for another who waits. */
static bool await_end(const struct instance *inst, const char *id,
		      const struct container_status *was, int conn)
{
	while (is_still(inst, id, was)) {
		if (sock_hung_up(conn))
			return false;
		usleep(20000);
	}
	return true;
}

/* Has the shim of ID stop it and waits for the end. 1: it has ended; 0: there was no shim, or it
 * went without a word. When the client of CONN goes away, the order stands. */
static int stop_by_shim(const struct instance *inst, const char *id,
			const struct container_status *was, uint32_t timeout, int conn,
			struct error *err)
{
	_cleanup_strbuf_ struct strbuf order = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;
	_cleanup_close_ int shim = -1;

	wire_frame_init(&answer);
	wire_put_str(&order, id);
	wire_put_u32(&order, timeout);
	if (folder_connect(inst, id, &shim, NULL) < 0 ||
	    wire_send(shim, WIRE_STOP, &order, NULL, 0, NULL) < 0)
		return 0;
	if (!await_shim(shim, conn))
		return error_set(err, ERROR_CANCELLED, 0, "the client went away");
	if (wire_recv(shim, &answer, NULL) < 0)
		return 0;
	if (answer.type == WIRE_OK || await_end(inst, id, was, conn))
		return 1;
	return error_set(err, ERROR_CANCELLED, 0, "the client went away");
}

static int serve_stop(const struct instance *inst, int conn, struct wire_reader *r,
		      struct error *err)
{
	char id[NAME_ID_MAX + 1];
	struct container_status was = {0};

	if (take_id(r, id, err) < 0)
		return -1;
	uint32_t timeout = wire_get_u32(r);
	if (!wire_reader_done(r))
		return malformed(err);
	bool known = status_read(inst, id, &was, NULL) == 0;
	for (int i = 0; i < STOP_LOOKS; i++) {
		enum roster_claim claim = roster_claim(inst, id);
		if (claim == ROSTER_GONE ||
		    (known && claim == ROSTER_ALIVE && !is_still(inst, id, &was)))
			return 0;
		if (claim != ROSTER_ALIVE)
			return forget(inst, id, err);
		int ended = stop_by_shim(inst, id, &was, timeout, conn, err);
		if (ended)
			return ended < 0 ? -1 : 0;
		/* it is about to go; or has only begun, and has no shim yet */
		usleep(STOP_LOOK_US);
		known = known || status_read(inst, id, &was, NULL) == 0;
	}
	return error_set(err, ERROR_BUSY, 0, "container '%s' neither runs nor ends: try again", id);
}

static void fill_usage(const struct instance *inst, struct container_status *s)
{
	uint32_t address;
	struct cgroup cg = CGROUP_INIT;
	struct cgroup_usage u;

	if (s->state != CONTAINER_EXITED && !roster_is_alive(s))
		s->state = CONTAINER_LOST;
	if (s->state != CONTAINER_RUNNING || cgroup_open(s->id, &cg, NULL) < 0)
		return;
	cgroup_usage(&cg, &u);
	cgroup_close(&cg);
	s->memory = u.memory;
	s->cpu_us = u.cpu_us;
	s->pids = u.pids;
	s->disk = quota_disk_use(s->pid);
	if (s->address[0] && network_parse(s->address, &address) == 0)
		veth_traffic(inst, address, &s->net_to, &s->net_from);
}

struct listing {
	const struct instance *inst;
	struct strbuf items;
	uint32_t n;
};

static void add_status(struct container_status *s, void *data)
{
	struct listing *l = data;

	fill_usage(l->inst, s);
	status_encode(s, &l->items);
	l->n++;
}

static int serve_list(const struct instance *inst, struct wire_reader *r, struct strbuf *out,
		      struct error *err)
{
	struct listing l = {inst, STRBUF_INIT, 0};
	_cleanup_free_ char *prefix = wire_get_str(r, NAME_ID_MAX);

	if (!prefix || !wire_reader_done(r))
		return malformed(err);
	int failed = roster_each(inst, prefix, add_status, &l, err);

	if (!failed) {
		wire_put_u32(out, l.n);
		strbuf_add(out, l.items.data, l.items.len);
	}
	strbuf_release(&l.items);
	return failed;
}

static int serve_cleanup(const struct instance *inst, struct wire_reader *r, struct strbuf *out,
			 struct error *err)
{
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	uint32_t dry = wire_get_u32(r);

	if (!wire_reader_done(r) || dry > 1)
		return malformed(err);
	int failed = cleanup_run(inst, roster_claim, dry, &found, err);
	if (!failed)
		failed = estate_cleanup(inst, dry, &found, err);
	if (!failed)
		wire_put_list(out, &found);
	return failed;
}

/* --- the rest ------------------------------------------------------------------------------- */

static int remove_kept(const struct instance *inst, const char *folder, const char *id,
		       struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "%s", folder);
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	return file_remove_tree(dir, id, err);
}

static int serve_id(const struct instance *inst, struct wire_frame *f, struct wire_reader *r,
		    struct error *err)
{
	char id[NAME_ID_MAX + 1];

	if (take_id(r, id, err) < 0)
		return -1;
	if (!wire_reader_done(r))
		return malformed(err);
	switch (f->type) {
	case WIRE_LAYER_COMMIT:
		return layer_commit(inst, id, err);
	case WIRE_LAYER_REMOVE:
		return layer_remove(inst, id, err);
	case WIRE_LAYER_IDLE:
		return layer_check_idle(inst, id, err);
	case WIRE_LAYER_EXISTS:
		return layer_exists(inst, id)
			       ? 0
			       : error_set(err, ERROR_NOT_FOUND, 0, "layer '%s' is not there", id);
	case WIRE_LAYER_IMPORT:
		if (f->nfds != 1)
			return error_set(err, ERROR_INVALID, 0, "import needs a descriptor");
		return import_tar(inst, id, 0, f->fds[0], err);
	case WIRE_CACHE_REMOVE:
		return remove_kept(inst, "cache", id, err);
	case WIRE_VOLUME_REMOVE:
		return volume_remove(inst, id, err);
	case WIRE_LOGS_REMOVE:
		return remove_kept(inst, "logs", id, err);
	default:
		return error_set(err, ERROR_INVALID, 0, "request %d is not known", (int)f->type);
	}
}

/* The layer TO when it is the same on any others, and otherwise ID. */
static int keep_layer(const struct instance *inst, const char *id, const char *to, bool implied,
		      struct error *err)
{
	if (layer_commit(inst, id, err) < 0) {
		layer_discard(inst, id, NULL);
		return -1;
	}
	if (implied || str_equal(id, to) || layer_rename(inst, id, to, err) == 0)
		return 0;
	layer_remove(inst, id, NULL);
	return -1;
}

/* A layer that comes with an image. Its sender takes the digest of what it sends, and says at last
 * whether it is to stay; until then it is this process's, and goes when the sender does. */
static int serve_layer_unpack(const struct instance *inst, int conn, struct wire_frame *f,
			      struct wire_reader *r, struct error *err)
{
	_cleanup_frame_ struct wire_frame verdict;
	_cleanup_strvec_ struct strvec below = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
	_cleanup_close_ int tree = -1;
	char id[NAME_ID_MAX + 1], to[NAME_ID_MAX + 1];
	bool implied = false;

	wire_frame_init(&verdict);
	if (take_id(r, to, err) < 0 || take_id(r, id, err) < 0)
		return -1;
	wire_get_list(r, &below, SPEC_MAX_LAYERS, NAME_ID_MAX);
	if (!wire_reader_done(r) || f->nfds != 1)
		return malformed(err);
	if (import_layer(inst, id, 0, f->fds[0], &below, &tree, &implied, err) < 0)
		return -1;
	f->fds[0] = close_fd(f->fds[0]);
	wire_put_u32(&answer, implied);
	if (wire_send(conn, WIRE_OK, &answer, NULL, 0, NULL) == 0) {
		layer_begin_sync(tree);
		wire_recv(conn, &verdict, NULL);
	}
	tree = close_fd(tree); /* with it the lock */
	if (verdict.type != WIRE_LAYER_COMMIT)
		return layer_discard(inst, id, err);
	return keep_layer(inst, id, to, implied, err);
}

static int serve_layer_rename(const struct instance *inst, struct wire_reader *r, struct error *err)
{
	char id[NAME_ID_MAX + 1], to[NAME_ID_MAX + 1];

	if (take_id(r, id, err) < 0 || take_id(r, to, err) < 0)
		return -1;
	if (!wire_reader_done(r))
		return malformed(err);
	return layer_rename(inst, id, to, err);
}

static int serve_volume_restore(const struct instance *inst, int conn, struct wire_frame *f,
				struct wire_reader *r, struct error *err)
{
	char id[NAME_ID_MAX + 1];

	if (take_id(r, id, err) < 0)
		return -1;
	uint32_t range = wire_get_u32(r);
	if (!wire_reader_done(r) || range >= INSTANCE_RANGES || f->nfds != 1)
		return malformed(err);
	if (check_stdio(f, err) < 0)
		return -1;
	return volume_restore(inst, id, range, f->fds[0], conn, err);
}

static int serve_volume_size(const struct instance *inst, struct wire_reader *r, struct strbuf *out,
			     struct error *err)
{
	char id[NAME_ID_MAX + 1];
	uint64_t bytes;

	if (take_id(r, id, err) < 0)
		return -1;
	if (!wire_reader_done(r))
		return malformed(err);
	if (volume_size(inst, id, &bytes, err) < 0)
		return -1;
	wire_put_u64(out, bytes);
	return 0;
}

static int serve_layer_pack(const struct instance *inst, struct wire_frame *f,
			    struct wire_reader *r, struct error *err)
{
	_cleanup_free_ char *ref = wire_get_str(r, NAME_ID_MAX + 8);

	if (!ref || !wire_reader_done(r) || f->nfds != 1)
		return malformed(err);
	return export_layer(inst, ref, f->fds[0], err);
}

static int serve_log_remove(const struct instance *inst, struct wire_reader *r, struct error *err)
{
	char id[NAME_ID_MAX + 1], name[NAME_ID_MAX + 1];

	if (take_id(r, id, err) < 0 || take_id(r, name, err) < 0)
		return -1;
	if (!wire_reader_done(r))
		return malformed(err);
	_cleanup_free_ char *logs = instance_lib(inst, "logs");
	return logfile_remove(logs, id, name, err);
}

static int serve_policy(const struct instance *inst, const struct wire_frame *f, struct error *err)
{
	_cleanup_policy_ struct policy policy = POLICY_INIT;

	if (policy_decode(&policy, f->payload.data, f->payload.len, err) < 0)
		return -1;
	return network_set_policy(inst, &policy, err);
}

static int serve_layer_list(const struct instance *inst, struct strbuf *out, struct error *err)
{
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;

	if (layer_list(inst, &ids, err) < 0)
		return -1;
	wire_put_list(out, &ids);
	return 0;
}

static int serve_kept_list(const struct instance *inst, struct wire_reader *r, struct strbuf *out,
			   struct error *err)
{
	_cleanup_free_ char *folder = wire_get_str(r, 8);
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;

	if (!folder || !wire_reader_done(r) ||
	    (strcmp(folder, "cache") != 0 && strcmp(folder, "logs") != 0))
		return malformed(err);
	_cleanup_free_ char *path = instance_lib(inst, "%s", folder);
	DIR *d = opendir(path);
	if (!d)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	for (struct dirent *e; (e = readdir(d));)
		if (name_is_id(e->d_name))
			strvec_push(&ids, e->d_name);
	closedir(d);
	strvec_sort(&ids);
	wire_put_list(out, &ids);
	return 0;
}

static int serve(const struct instance *inst, int conn, struct wire_frame *f, struct strbuf *out,
		 struct error *err)
{
	struct wire_reader r;

	if (wire_recv(conn, f, err) < 0)
		return -1;
	wire_reader_init(&r, f->payload.data, f->payload.len);
	switch (f->type) {
	case WIRE_START:
	case WIRE_ATTACH:
		return begin(inst, conn, f, err);
	case WIRE_EXEC:
		return serve_exec(inst, conn, f, err);
	case WIRE_STOP:
		return serve_stop(inst, conn, &r, err);
	case WIRE_LIST:
		return serve_list(inst, &r, out, err);
	case WIRE_LAYER_UNPACK:
		return serve_layer_unpack(inst, conn, f, &r, err);
	case WIRE_LAYER_RENAME:
		return serve_layer_rename(inst, &r, err);
	case WIRE_LAYER_PACK:
		return serve_layer_pack(inst, f, &r, err);
	case WIRE_LOG_REMOVE:
		return serve_log_remove(inst, &r, err);
	case WIRE_LAYER_LIST:
		return serve_layer_list(inst, out, err);
	case WIRE_KEPT_LIST:
		return serve_kept_list(inst, &r, out, err);
	case WIRE_VOLUME_RESTORE:
		return serve_volume_restore(inst, conn, f, &r, err);
	case WIRE_VOLUME_SIZE:
		return serve_volume_size(inst, &r, out, err);
	case WIRE_POLICY:
		return serve_policy(inst, f, err);
	case WIRE_CLEANUP:
		return serve_cleanup(inst, &r, out, err);
	default:
		return serve_id(inst, f, &r, err);
	}
}

int server_main(const struct instance *inst, int conn)
{
	_cleanup_frame_ struct wire_frame f;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	wire_frame_init(&f);
	if (serve(inst, conn, &f, &out, &err) < 0) {
		wire_send_error(conn, &err);
		return 1;
	}
	return wire_send(conn, WIRE_OK, &out, NULL, 0, NULL) < 0;
}
