/* room: receiver */
// SPDX-License-Identifier: MIT
/* SSH_ORIGINAL_COMMAND is the first thing that a stranger's key sends. */
#include "receiver/words.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "receiver/door.h"
#include "base/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_strvec_ struct strvec again = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	_cleanup_free_ char *app = NULL;
	const char *service;
	struct error err = ERROR_INIT;

	if (words_split((const char *)data, size, &words, &err))
		return 0;
	door_parse_git(&words, &service, &app, &err);
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	for (size_t i = 0; i <= words.n; i++) {
		_cleanup_strvec_ struct strvec rest = STRVEC_INIT;
		const char *tail = words_tail(text, i);
		if (words_split(tail, strlen(tail), &rest, &err) || rest.n != words.n - i)
			abort();
	}
	/* what is quoted again must come out as it went in */
	for (size_t i = 0; i < words.n; i++) {
		quote_shell(&line, words.v[i]);
		strbuf_addch(&line, ' ');
	}
	if (line.len > WORDS_MAX_BYTES)
		return 0;
	if (words_split(line.data, line.len, &again, &err) || again.n != words.n)
		abort();
	for (size_t i = 0; i < words.n; i++)
		if (!str_equal(words.v[i], again.v[i]))
			abort();
	return 0;
}
