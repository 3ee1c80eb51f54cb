/* SPDX-License-Identifier: MIT */
#include "runtime/session.h"

#include "base/cleanup.h"
#include "runtime/wire.h"

void session_send_result(int conn, const struct runtime_result *result)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	wire_put_u32(&sb, (uint32_t)result->exit_code);
	wire_put_u32(&sb, result->oom_killed);
	wire_put_u32(&sb, result->timed_out);
	wire_put_u32(&sb, result->disk_full);
	wire_put_u64(&sb, result->memory_peak);
	wire_put_u32(&sb, result->pids_refused);
	wire_send(conn, WIRE_RESULT, &sb, NULL, 0, NULL);
}

int session_read_signal(int conn)
{
	_cleanup_frame_ struct wire_frame f;
	struct wire_reader r;
	uint32_t sig;

	wire_frame_init(&f);
	if (wire_recv(conn, &f, NULL) < 0)
		return 0;
	wire_reader_init(&r, f.payload.data, f.payload.len);
	sig = wire_get_u32(&r);
	if (f.type != WIRE_SIGNAL || !wire_reader_done(&r) || sig < 1 || sig > 31)
		return -1;
	return (int)sig;
}
