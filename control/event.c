/* SPDX-License-Identifier: MIT */
#include "control/event.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

static void halve(const char *path)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	if (file_read(AT_FDCWD, path, 4 * EVENT_LOG_MAX, &text, &ignored) < 0)
		return;
	const char *half = memchr(text.data + text.len / 2, '\n', text.len - text.len / 2);
	if (half)
		file_replace(AT_FDCWD, path, half + 1, text.len - (size_t)(half + 1 - text.data),
			     0640, &ignored);
}

void event_note(struct context *c, const char *app, const char *fmt, ...)
{
	_cleanup_free_ char *path = instance_lib(c->inst, "events/%s.log", app);
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	char when[CLOCK_TEXT_MAX];
	struct stat st;
	clock_text(clock_unix_us(), 6, when);
	strbuf_addf(&line, "%s berth[api]: ", when);
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(&line, fmt, ap);
	va_end(ap);
	for (char *p = line.data; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	strbuf_addch(&line, '\n');
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	struct error ignored = ERROR_INIT;
	if (fd < 0 || file_write_all(fd, line.data, line.len, &ignored) < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > EVENT_LOG_MAX)
		halve(path);
}
