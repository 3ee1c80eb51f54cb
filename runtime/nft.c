/* SPDX-License-Identifier: MIT */
#include "runtime/nft.h"

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/library.h"

#define SYMBOLS(X)                                                                                 \
	X(nft_ctx_new)                                                                             \
	X(nft_ctx_buffer_error)                                                                    \
	X(nft_ctx_buffer_output)                                                                   \
	X(nft_ctx_get_error_buffer)                                                                \
	X(nft_run_cmd_from_buffer)

#define MEMBER(name) __typeof__(name) *name;
static struct {
	SYMBOLS(MEMBER)
} lib;

/* Runs in the child: writes DONE, or what nft said. */
#define DONE '\0'
#define SYMBOL(name) {#name, &lib.name},
static void run_child(const char *commands, int fd)
{
	static const struct library_symbol symbols[] = {SYMBOLS(SYMBOL)};
	struct error err = ERROR_INIT;
	if (library_load("libnftables.so.1", "sets up the firewall", symbols, ARRAY_SIZE(symbols),
			 &err) < 0) {
		file_write_all(fd, err.message, strlen(err.message), NULL);
		return;
	}
	struct nft_ctx *nft = lib.nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft || lib.nft_ctx_buffer_error(nft) != 0 || lib.nft_ctx_buffer_output(nft) != 0)
		return;
	char done = DONE;
	if (lib.nft_run_cmd_from_buffer(nft, commands) == 0) {
		file_write_all(fd, &done, 1, NULL);
		return;
	}
	const char *said = lib.nft_ctx_get_error_buffer(nft);
	if (said)
		file_write_all(fd, said, strlen(said), NULL);
}

int nft_run(const char *commands, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pipe");
	_cleanup_close_ int in = ends[0];
	_cleanup_close_ int out = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	if (pid == 0) {
		run_child(commands, out);
		_exit(0);
	}
	out = close_fd(out);
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	strbuf_cap(&said, 1024);
	strbuf_read_fd(&said, in, NULL);
	in = close_fd(in);
	/* somebody else may have reaped it: what it said counts, not its status */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (said.len == 1 && said.data[0] == DONE)
		return 0;
	strbuf_trim(&said);
	return error_set(err, ERROR_FAILED, 0, "nftables: %s",
			 said.len ? said.data : "the child died");
}
