/* SPDX-License-Identifier: MIT */
#include "runtime/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "runtime/specwire.h"
#include "runtime/status.h"
#include "runtime/wire.h"

/* An answer WIRE_ERROR becomes ERR. */
static int take_error(const struct wire_frame *f, struct error *err)
{
	struct wire_reader r;
	uint32_t code, sys;

	wire_reader_init(&r, f->payload.data, f->payload.len);
	code = wire_get_u32(&r);
	sys = wire_get_u32(&r);
	_cleanup_free_ char *message = wire_get_str(&r, ERROR_MESSAGE_MAX);
	if (!message || code == ERROR_NONE || code >= ERROR_COUNT_)
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	error_set(err, (enum error_code)code, 0, "%s", message);
	if (err)
		err->sys = (int)sys;
	return -1;
}

static int connect_runtime(const struct instance *inst, int *out_fd, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "runtime.sock");

	if (sock_connect(path, SOCK_STREAM, out_fd, err) < 0)
		return error_wrap(err, "ask berth-runtime (is it running?)");
	return 0;
}

static int take_answer(int fd, struct wire_frame *answer, struct error *err)
{
	if (wire_recv(fd, answer, err) < 0)
		return error_wrap(err, "ask berth-runtime");
	if (answer->type == WIRE_ERROR)
		return take_error(answer, err);
	if (answer->type != WIRE_OK)
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	return 0;
}

/* One request, one answer of type WIRE_OK into ANSWER; the connection stays open in *out_fd, or is
 * closed when that is NULL. */
static int ask(const struct instance *inst, enum wire_type type, const struct strbuf *payload,
	       const int *fds, size_t nfds, struct wire_frame *answer, int *out_fd,
	       struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (connect_runtime(inst, &fd, err) < 0)
		return -1;
	if (wire_send(fd, type, payload, fds, nfds, err) < 0)
		return error_wrap(err, "ask berth-runtime");
	if (take_answer(fd, answer, err) < 0)
		return -1;
	if (out_fd)
		*out_fd = TAKE_FD(fd);
	return 0;
}

/* A request that is one id, answered without content. */
static int ask_id(const struct instance *inst, enum wire_type type, const char *id,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	return ask(inst, type, &sb, NULL, 0, &answer, NULL, err);
}

static int take_list(const struct wire_frame *answer, struct strvec *out, struct error *err)
{
	struct wire_reader r;

	wire_reader_init(&r, answer->payload.data, answer->payload.len);
	wire_get_list(&r, out, 1u << 20, 4096);
	if (!wire_reader_done(&r))
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	return 0;
}

const char *runtime_health_name(enum container_health health)
{
	static const char *const names[] = {
		[HEALTH_NONE] = "none",
		[HEALTH_STARTING] = "starting",
		[HEALTH_HEALTHY] = "healthy",
		[HEALTH_UNHEALTHY] = "unhealthy",
	};
	return (unsigned)health < ARRAY_SIZE(names) ? names[health] : "unknown";
}

int runtime_start(const struct instance *inst, const struct container_spec *spec,
		  char out_address[RUNTIME_ADDRESS_MAX], struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;
	struct wire_reader r;

	wire_frame_init(&answer);
	if (container_spec_encode(spec, &sb, err) < 0 ||
	    ask(inst, WIRE_START, &sb, NULL, 0, &answer, NULL, err) < 0)
		return -1;
	wire_reader_init(&r, answer.payload.data, answer.payload.len);
	_cleanup_free_ char *address = wire_get_str(&r, RUNTIME_ADDRESS_MAX - 1);
	if (!address)
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	if (out_address)
		snprintf(out_address, RUNTIME_ADDRESS_MAX, "%s", address);
	return 0;
}

static int open_session(const struct instance *inst, enum wire_type type,
			const struct strbuf *payload, bool tty, const int stdio[3],
			struct runtime_session *out, struct error *err)
{
	_cleanup_frame_ struct wire_frame answer;
	int fd;

	wire_frame_init(&answer);
	if (ask(inst, type, payload, tty ? NULL : stdio, tty ? 0 : 3, &answer, &fd, err) < 0)
		return -1;
	if (tty && answer.fds[0] < 0) {
		close(fd);
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave no terminal");
	}
	out->fd = fd;
	out->console = tty ? TAKE_FD(answer.fds[0]) : -1;
	return 0;
}

int runtime_attach(const struct instance *inst, const struct container_spec *spec,
		   const int stdio[3], struct runtime_session *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	if (container_spec_encode(spec, &sb, err) < 0)
		return -1;
	return open_session(inst, WIRE_ATTACH, &sb, spec->tty, stdio, out, err);
}

int runtime_exec(const struct instance *inst, const char *id, const struct strvec *argv,
		 const struct strvec *env, const struct winsize *terminal, const int stdio[3],
		 struct runtime_session *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	wire_put_str(&sb, id);
	wire_put_u32(&sb, terminal != NULL);
	wire_put_u32(&sb, terminal ? (uint32_t)terminal->ws_row << 16 | terminal->ws_col : 0);
	wire_put_list(&sb, argv);
	if (env)
		wire_put_list(&sb, env);
	else
		wire_put_u32(&sb, 0);
	return open_session(inst, WIRE_EXEC, &sb, terminal != NULL, stdio, out, err);
}

int runtime_session_signal(struct runtime_session *s, int sig, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	wire_put_u32(&sb, (uint32_t)sig);
	return wire_send(s->fd, WIRE_SIGNAL, &sb, NULL, 0, err);
}

int runtime_session_wait(struct runtime_session *s, struct runtime_result *out, struct error *err)
{
	_cleanup_frame_ struct wire_frame f;
	struct runtime_result result;
	struct wire_reader r;

	wire_frame_init(&f);
	if (wire_recv(s->fd, &f, err) < 0)
		return error_wrap(err, "wait for the container");
	if (f.type == WIRE_ERROR)
		return take_error(&f, err);
	memset(&result, 0, sizeof(result));
	wire_reader_init(&r, f.payload.data, f.payload.len);
	result.exit_code = (int)wire_get_u32(&r);
	result.oom_killed = wire_get_u32(&r) != 0;
	result.timed_out = wire_get_u32(&r) != 0;
	result.disk_full = wire_get_u32(&r) != 0;
	result.memory_peak = wire_get_u64(&r);
	/* the shim of an older Berth ends here, that of a newer one may say more */
	result.pids_refused = r.left > 0 && wire_get_u32(&r) != 0;
	if (f.type != WIRE_RESULT || r.bad)
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	*out = result;
	return 0;
}

void runtime_session_close(struct runtime_session *s)
{
	s->fd = close_fd(s->fd);
	s->console = close_fd(s->console);
}

int runtime_stop(const struct instance *inst, const char *id, int timeout_ms, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	wire_put_u32(&sb, (uint32_t)timeout_ms);
	return ask(inst, WIRE_STOP, &sb, NULL, 0, &answer, NULL, err);
}

int runtime_list(const struct instance *inst, const char *prefix, struct container_status **out,
		 size_t *out_n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;
	_cleanup_free_ struct container_status *list = NULL;
	struct wire_reader r;
	size_t n;

	wire_frame_init(&answer);
	wire_put_str(&request, prefix ? prefix : "");
	if (ask(inst, WIRE_LIST, &request, NULL, 0, &answer, NULL, err) < 0)
		return -1;
	wire_reader_init(&r, answer.payload.data, answer.payload.len);
	n = wire_get_u32(&r);
	/* each takes more than 64 bytes */
	if (n > answer.payload.len / 64)
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		status_decode(&r, &list[i]);
	if (!wire_reader_done(&r))
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	*out = TAKE_PTR(list);
	*out_n = n;
	return 0;
}

int runtime_layer_commit(const struct instance *inst, const char *id, struct error *err)
{
	return ask_id(inst, WIRE_LAYER_COMMIT, id, err);
}

int runtime_layer_rename(const struct instance *inst, const char *id, const char *to,
			 struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	wire_put_str(&sb, to);
	return ask(inst, WIRE_LAYER_RENAME, &sb, NULL, 0, &answer, NULL, err);
}

int runtime_layer_check_idle(const struct instance *inst, const char *id, struct error *err)
{
	return ask_id(inst, WIRE_LAYER_IDLE, id, err);
}

int runtime_layer_remove(const struct instance *inst, const char *id, struct error *err)
{
	return ask_id(inst, WIRE_LAYER_REMOVE, id, err);
}

bool runtime_layer_exists(const struct instance *inst, const char *id)
{
	return ask_id(inst, WIRE_LAYER_EXISTS, id, NULL) == 0;
}

static int send_archive(const struct instance *inst, enum wire_type type, const char *id, int fd,
			int *out_conn, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	return ask(inst, type, &sb, &fd, 1, &answer, out_conn, err);
}

int runtime_layer_import(const struct instance *inst, const char *id, int fd, struct error *err)
{
	return send_archive(inst, WIRE_LAYER_IMPORT, id, fd, NULL, err);
}

int runtime_layer_unpack(const struct instance *inst, const char *id, const char *implied_id,
			 const struct strvec *below, int fd, int *out_conn, bool *out_implied,
			 struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;
	_cleanup_close_ int conn = -1;
	struct wire_reader r;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	wire_put_str(&sb, implied_id);
	wire_put_list(&sb, below);
	if (ask(inst, WIRE_LAYER_UNPACK, &sb, &fd, 1, &answer, &conn, err) < 0)
		return -1;
	wire_reader_init(&r, answer.payload.data, answer.payload.len);
	bool implied = wire_get_u32(&r) != 0;
	if (!wire_reader_done(&r))
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	*out_implied = implied;
	*out_conn = TAKE_FD(conn);
	return 0;
}

int runtime_layer_settle(int conn, const char *id, bool keep, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	if (wire_send(conn, keep ? WIRE_LAYER_COMMIT : WIRE_LAYER_REMOVE, &sb, NULL, 0, err) < 0)
		return error_wrap(err, "ask berth-runtime");
	return take_answer(conn, &answer, err);
}

int runtime_layer_pack(const struct instance *inst, const char *ref, int fd, struct error *err)
{
	return send_archive(inst, WIRE_LAYER_PACK, ref, fd, NULL, err);
}

int runtime_layer_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	if (ask(inst, WIRE_LAYER_LIST, NULL, NULL, 0, &answer, NULL, err) < 0)
		return -1;
	return take_list(&answer, out, err);
}

int runtime_cache_remove(const struct instance *inst, const char *id, struct error *err)
{
	return ask_id(inst, WIRE_CACHE_REMOVE, id, err);
}

int runtime_logs_remove(const struct instance *inst, const char *id, struct error *err)
{
	return ask_id(inst, WIRE_LOGS_REMOVE, id, err);
}

int runtime_log_remove(const struct instance *inst, const char *id, const char *name,
		       struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	wire_put_str(&sb, name);
	return ask(inst, WIRE_LOG_REMOVE, &sb, NULL, 0, &answer, NULL, err);
}

int runtime_volume_remove(const struct instance *inst, const char *id, struct error *err)
{
	return ask_id(inst, WIRE_VOLUME_REMOVE, id, err);
}

int runtime_volume_restore(const struct instance *inst, const char *id, unsigned range, int fd,
			   struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	wire_put_u32(&sb, range);
	return ask(inst, WIRE_VOLUME_RESTORE, &sb, &fd, 1, &answer, NULL, err);
}

int runtime_volume_size(const struct instance *inst, const char *id, uint64_t *out,
			struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;
	struct wire_reader r;

	wire_frame_init(&answer);
	wire_put_str(&sb, id);
	if (ask(inst, WIRE_VOLUME_SIZE, &sb, NULL, 0, &answer, NULL, err) < 0)
		return -1;
	wire_reader_init(&r, answer.payload.data, answer.payload.len);
	uint64_t bytes = wire_get_u64(&r);
	if (!wire_reader_done(&r))
		return error_set(err, ERROR_INVALID, 0, "berth-runtime gave a bad answer");
	*out = bytes;
	return 0;
}

int runtime_set_policy(const struct instance *inst, const struct policy *p, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	if (policy_encode(p, &sb, err) < 0)
		return -1;
	return ask(inst, WIRE_POLICY, &sb, NULL, 0, &answer, NULL, err);
}

int runtime_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_u32(&sb, dry);
	if (ask(inst, WIRE_CLEANUP, &sb, NULL, 0, &answer, NULL, err) < 0)
		return -1;
	return take_list(&answer, out, err);
}

static int list_kept(const struct instance *inst, const char *folder, struct strvec *out,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_frame_ struct wire_frame answer;

	wire_frame_init(&answer);
	wire_put_str(&sb, folder);
	if (ask(inst, WIRE_KEPT_LIST, &sb, NULL, 0, &answer, NULL, err) < 0)
		return -1;
	return take_list(&answer, out, err);
}

int runtime_cache_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	return list_kept(inst, "cache", out, err);
}

int runtime_logs_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	return list_kept(inst, "logs", out, err);
}
