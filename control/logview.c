/* SPDX-License-Identifier: MIT */
#include "control/logview.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/strvec.h"
#include "router/line.h"

#define LINE_BYTES 256 /* to guess how far back N lines are */

/* One file of the stream. */
struct source {
	char *path;
	int fd;
	struct strbuf rest; /* a line that has no end yet */
	bool router;        /* its lines are to be rendered */
};

struct stream {
	struct source *sources;
	size_t n;
	struct strvec lines; /* read and not printed yet */
};

static void stream_release(struct stream *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->sources[i].path);
		close_fd(s->sources[i].fd);
		strbuf_release(&s->sources[i].rest);
	}
	free(s->sources);
	strvec_release(&s->lines);
}

/* "web" wants web.1.log, web.2.log; "web.1" only web.1.log. NAME ends in ".log". */
static bool wanted(const char *name, const char *process)
{
	size_t len = strlen(name);
	if (len < 5 || strcmp(name + len - 4, ".log") != 0)
		return false;
	if (!process)
		return true;
	size_t want = strlen(process);
	return strncmp(name, process, want) == 0 && (name[want] == '.');
}

static struct source *add_source(struct stream *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->sources[i].path, path) == 0)
			return NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	s->sources = xreallocarray(s->sources, s->n + 1, sizeof(*s->sources));
	s->sources[s->n] = (struct source){xstrdup(path), fd, STRBUF_INIT, false};
	return &s->sources[s->n++];
}

/* Opens every file of APP that is wanted and not open yet; new ones are read from their start
 * unless SKIP_TO_TAIL bytes before their end. */
static void find_sources(struct context *c, const struct app *app, const struct logview *view,
			 struct stream *s, off_t tail)
{
	_cleanup_free_ char *id = app_text_id(app);
	_cleanup_free_ char *folder = instance_lib(c->inst, "logs/%s", id);
	const char *p = view->process;
	size_t first = s->n;
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folder, e->d_name);
		if (wanted(e->d_name, p))
			add_source(s, path);
	}
	if (dir)
		closedir(dir);
	if (!p || strcmp(p, "router") == 0) {
		_cleanup_free_ char *path = instance_lib(c->inst, "router/logs/%s.log", app->name);
		struct source *src = add_source(s, path);
		if (src)
			src->router = true;
	}
	if (!p || strcmp(p, "api") == 0) {
		_cleanup_free_ char *path = instance_lib(c->inst, "events/%s.log", app->name);
		add_source(s, path);
	}
	for (size_t i = first; tail >= 0 && i < s->n; i++) {
		off_t size = lseek(s->sources[i].fd, 0, SEEK_END);
		lseek(s->sources[i].fd, size > tail ? size - tail : 0, SEEK_SET);
		/* a cut first line is dropped: it cannot be told from a whole one later */
		char ch = 0;
		while (size > tail && read(s->sources[i].fd, &ch, 1) == 1 && ch != '\n')
			;
	}
}

static void take_line(struct stream *s, const struct source *src, const char *line)
{
	struct strbuf rendered = STRBUF_INIT;
	if (!src->router) {
		strvec_push(&s->lines, line);
		return;
	}
	line_render(line, &rendered);
	strvec_push_take(&s->lines, strbuf_detach(&rendered));
}

static void take_lines(struct stream *s, struct source *src)
{
	char chunk[65536];
	ssize_t n;
	while ((n = read(src->fd, chunk, sizeof(chunk))) > 0) {
		strbuf_add(&src->rest, chunk, (size_t)n);
		char *line = src->rest.data, *end;
		while ((end = memchr(line, '\n',
				     src->rest.len - (size_t)(line - src->rest.data)))) {
			*end = '\0';
			take_line(s, src, line);
			line = end + 1;
		}
		strbuf_consume(&src->rest, (size_t)(line - src->rest.data));
	}
}

/* When a writer has put another file in place of this one, the old is read to its end first. */
static void take_new(struct stream *s, struct source *src)
{
	struct stat open_file, named;
	take_lines(s, src);
	if (fstat(src->fd, &open_file) < 0 || stat(src->path, &named) < 0 ||
	    (open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev))
		return;
	int fd = open(src->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	close_fd(src->fd);
	src->fd = fd;
	take_lines(s, src);
}

static int by_time(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	return strncmp(x, y, 27);
}

/* A line as a person may see it: what an app printed must not drive the terminal, which is there
 * also when this is no terminal but ssh's pipe. Colours are welcome. */
static void print_line(struct context *c, const char *line)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	while (*line) {
		size_t len = printable_colour(line);
		if (len) {
			strbuf_add(&out, line, len);
			line += len;
			continue;
		}
		len = printable_control(line);
		if (len == 0)
			strbuf_addch(&out, *line++);
		for (; len > 0; len--)
			strbuf_addf(&out, "\\x%02x", (unsigned char)*line++);
	}
	strbuf_addch(&out, '\n');
	fwrite(out.data, 1, out.len, c->out);
}

static int flush_lines(struct context *c, struct stream *s, size_t most)
{
	/* glibc's qsort is a merge sort here: equal times keep their order within a file */
	if (s->lines.n > 1)
		qsort(s->lines.v, s->lines.n, sizeof(*s->lines.v), by_time);
	size_t from = s->lines.n > most ? s->lines.n - most : 0;
	for (size_t i = from; i < s->lines.n; i++)
		print_line(c, s->lines.v[i]);
	strvec_release(&s->lines);
	return fflush(c->out);
}

static int watch(struct context *c, const struct app *app, struct error *err)
{
	_cleanup_free_ char *id = app_text_id(app);
	int fd = inotify_init1(IN_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "inotify");
	char *folders[] = {
		instance_lib(c->inst, "logs/%s", id),
		instance_lib(c->inst, "router/logs"),
		instance_lib(c->inst, "events"),
		instance_lib(c->inst, "logs"),
	};
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		/* one that is missing now is seen when its folder gets it */
		inotify_add_watch(fd, folders[i], IN_MODIFY | IN_CREATE | IN_MOVED_TO);
		free(folders[i]);
	}
	return fd;
}

int logview_run(struct context *c, const struct app *app, const struct logview *view,
		struct error *err)
{
	struct stream s = {.lines = STRVEC_INIT};
	int result = 0;
	/* the watch first, so that nothing falls between it and the first read */
	_cleanup_close_ int events = view->follow ? watch(c, app, err) : -1;
	if (view->follow && events < 0)
		return -1;
	find_sources(c, app, view, &s, (off_t)(view->lines * LINE_BYTES + 65536));
	for (size_t i = 0; i < s.n; i++)
		take_lines(&s, &s.sources[i]);
	result = flush_lines(c, &s, view->lines);
	while (view->follow && result == 0) {
		char buf[16384];
		ssize_t n = read(events, buf, sizeof(buf));
		if (n < 0 && errno != EINTR) {
			result = error_set(err, ERROR_SYSTEM, errno, "inotify");
			break;
		}
		find_sources(c, app, view, &s, -1);
		for (size_t i = 0; i < s.n; i++)
			take_new(&s, &s.sources[i]);
		/* a reader that went away ends this without an error */
		if (flush_lines(c, &s, SIZE_MAX) != 0)
			break;
	}
	stream_release(&s);
	return result < 0 && err && err->code ? -1 : 0;
}
