/* room: runtime */
/* SPDX-License-Identifier: MIT */
/* The framing and the readers of berth-runtime's messages. */
#include "runtime/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	_cleanup_frame_ struct wire_frame f;
	struct container_status st;
	struct wire_reader r;
	int fds[2];

	wire_frame_init(&f);
	wire_reader_init(&r, data, size);
	status_decode(&r, &st);
	wire_reader_init(&r, data, size);
	wire_get_list(&r, &list, 1000, 1000);
	if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	if (send(fds[0], data, size, MSG_NOSIGNAL) == (ssize_t)size) {
		close(fds[0]);
		if (wire_recv(fds[1], &f, NULL) == 0 && f.payload.len > size)
			abort();
	} else {
		close(fds[0]);
	}
	close(fds[1]);
	return 0;
}
