/* SPDX-License-Identifier: MIT */
#include "control/build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/colour.h"
#include "base/file.h"
#include "base/printable.h"
#include "control/answer.h"
#include "control/buildfile.h"
#include "control/buildset.h"
#include "control/tee.h"
#include "instance/call.h"

#define POLL_MS 100
#define CANCEL_MS 20000

const char *const build_kinds[] = {"push", "up", "sync", "archive", "rebuild", "image", NULL};

/* The build of this session. */
static struct {
	int64_t id, app; /* 0: none */
	int lock, log;
	bool has_slot, has_reason_fd;
	int64_t waited;
	struct strbuf timings;
	struct tee tee;
	char note[BUILDFILE_NOTE_MAX]; /* for the lock's file, when the pusher itself cancels */
} live = {.lock = -1, .log = -1, .timings = STRBUF_INIT, .tee = TEE_INIT};

static bool is_alive(const struct instance *inst, int64_t id)
{
	char note[BUILDFILE_NOTE_MAX];
	return id == live.id || buildfile_holder(inst, id, note) > 0;
}

/* A build's row may be lost with the power, when it is of no use anyway: nobody waits for the disk.
 */
static int run_relaxed(struct context *c, const char *sql, const char *types, int64_t a, int64_t id,
		       struct error *err)
{
	if (db_run(&c->db, err, "PRAGMA synchronous = NORMAL", "") < 0)
		return -1;
	int result = db_run(&c->db, err, sql, types, a, id);
	struct error ignored = ERROR_INIT;
	db_run(&c->db, &ignored, "PRAGMA synchronous = FULL", "");
	return result;
}

/* In the copying process, after the session died: SQLite's state does not survive a fork, so
 * another worker of berthd's looks. */
static void ask_to_reap(void *data)
{
	const struct instance *inst = data;
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	int status, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	clock_sleep_ms(20); /* the session's locks go while it dies */
	strvec_push(&words, "builds:reap");
	/* without berthd the next one does it when it starts */
	(void)call_run(inst, "", &words, (int[3]){null, null, null}, -1, &status, NULL);
}

static void forget_live(void)
{
	live.id = live.app = 0;
	live.lock = close_fd(live.lock);
	live.log = close_fd(live.log);
	live.has_slot = false;
	live.waited = 0;
	strbuf_reset(&live.timings);
}

static int make_row(struct context *c, const struct app *app, const char *kind, const char *commit,
		    struct error *err)
{
	if (db_begin(&c->db, err) < 0)
		return -1;
	/* the lock before anybody can see the row */
	if (db_run(&c->db, err,
		   "INSERT INTO builds (app, kind, status, user, commit_id, created_at)"
		   " VALUES (?, ?, 'queued', ?, ?, ?)",
		   "isssi", app->id, kind, c->identity, commit, clock_unix_us()) == 0) {
		live.id = sqlite3_last_insert_rowid(c->db.handle);
		live.app = app->id;
		if (buildfile_create(c->inst, live.id, &live.lock, &live.log, err) == 0 &&
		    db_commit(&c->db, err) == 0)
			return 0;
	}
	db_rollback(&c->db);
	forget_live();
	return -1;
}

int build_begin(struct context *c, const struct app *app, const char *kind, const char *commit,
		struct error *err)
{
	int fds[TEE_FDS] = {fileno(c->out), STDERR_FILENO};
	size_t n = fds[0] == fds[1] ? 1 : 2;
	struct error ignored = ERROR_INIT;
	db_run(&c->db, &ignored, "PRAGMA synchronous = NORMAL", "");
	int made = make_row(c, app, kind, commit, err);
	db_run(&c->db, &ignored, "PRAGMA synchronous = FULL", "");
	if (made < 0)
		return -1;
	snprintf(live.note, sizeof(live.note), "cancelled by %.200s", c->identity);
	/* the hook reads git's reason from stdout while people read stderr */
	live.has_reason_fd = c->out != stdout;
	fflush(NULL);
	union {
		const struct instance *given;
		void *data;
	} inst = {c->inst};
	if (tee_start(&live.tee, fds, n, live.log, ask_to_reap, inst.data, err) == 0)
		return 0;
	build_end(c, "failed", 0, err);
	return -1;
}

int build_started(struct context *c, struct error *err)
{
	if (!live.id)
		return 0;
	return run_relaxed(c, "UPDATE builds SET status = 'building', started_at = ? WHERE id = ?",
			   "ii", clock_unix_us(), live.id, err);
}

int build_parallel(const struct instance *inst, unsigned *out, struct error *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long long n, fallback = cores > 3 ? (unsigned long long)cores / 2 : 1;
	if (instance_setting_u64(inst, "build", "parallel", 1, 1000, fallback, &n, err) < 0)
		return -1;
	*out = (unsigned)n;
	return 0;
}

/* One look, in one transaction: takes a slot, or gives how many must end before. */
static int try_slot(struct context *c, unsigned parallel, int64_t *out_ahead, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int64_t ahead = 0;
	if (db_begin(&c->db, err) < 0)
		return -1;
	if (db_query(&c->db, &stmt, err,
		     "SELECT count(*) FROM builds WHERE finished_at = 0"
		     " AND id <> ?1 AND (slot = 2 OR (slot = 1 AND id < ?1))",
		     "i", live.id) < 0 ||
	    db_next(&c->db, stmt, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	ahead = db_int(stmt, 0);
	db_finish(&stmt);
	bool free_now = ahead < (int64_t)parallel;
	if (db_run(&c->db, err,
		   free_now ? "UPDATE builds SET slot = 2, status = 'building' WHERE id = ?"
			    : "UPDATE builds SET slot = 1, status = 'queued' WHERE id = ?",
		   "i", live.id) < 0 ||
	    db_commit(&c->db, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	*out_ahead = free_now ? 0 : ahead - (int64_t)parallel + 1;
	return 0;
}

int build_turn(void *data, struct error *err)
{
	struct context *c = data;
	unsigned parallel;
	int64_t ahead = 0, said = 0, start = clock_ms();
	if (!live.id || live.has_slot)
		return 0;
	if (build_parallel(c->inst, &parallel, err) < 0)
		return -1;
	for (;; clock_sleep_ms(POLL_MS)) {
		if (try_slot(c, parallel, &ahead, err) < 0)
			return -1;
		if (ahead == 0)
			break;
		if (ahead != said)
			answer_step(c, "Waiting for %lld build%s before this one", (long long)ahead,
				    ahead == 1 ? "" : "s");
		said = ahead;
		/* one whose session died does not count */
		if (build_reap(c, err) < 0)
			return -1;
	}
	if (said)
		live.waited = clock_ms() - start;
	live.has_slot = true;
	return 0;
}

int build_built(struct context *c, const char *image, struct error *err)
{
	if (!live.id)
		return 0;
	live.has_slot = false;
	return db_run(&c->db, err,
		      "UPDATE builds SET status = 'deploying', slot = 0, image = ? WHERE id = ?",
		      "si", image, live.id);
}

void build_phase(const char *name, int64_t ms)
{
	if (live.id)
		strbuf_addf(&live.timings, "%s%s %.2f s", live.timings.len ? ", " : "", name,
			    (double)ms / 1000.0);
}

int64_t build_waited(void)
{
	return live.waited;
}

void build_end(struct context *c, const char *status, int64_t release, const struct error *why)
{
	struct error ignored = ERROR_INIT;
	int64_t id = live.id;
	if (!id)
		return;
	fflush(NULL);
	tee_end(&live.tee, false);
	/* who called prints it where errors are printed; here it belongs to the log */
	if (why)
		for (const char *line = why->message; *line;) {
			int len = (int)strcspn(line, "\n");
			dprintf(live.log, " !     %.*s\n", len, line);
			line += len + (line[len] == '\n');
		}
	db_run(&c->db, &ignored, "PRAGMA synchronous = NORMAL", "");
	if (db_run(&c->db, &ignored,
		   "UPDATE builds SET status = ?, slot = 0, finished_at = ?, reason = ?,"
		   " exit_code = ?, timings = ?, release = ? WHERE id = ?",
		   "sisisii", status, clock_unix_us(), why ? why->message : "",
		   (int64_t)(why ? error_exit_status(why->code) : 0), live.timings.data, release,
		   id) < 0)
		answer_warning("build %lld: %s", (long long)id, ignored.message);
	if (build_prune(c, live.app, &ignored) < 0)
		answer_warning("builds: %s", ignored.message);
	db_run(&c->db, &ignored, "PRAGMA synchronous = FULL", "");
	_cleanup_free_ char *lock = buildfile_lock(c->inst, id);
	forget_live();
	unlink(lock);
}

static void say(int fd, const char *mark, const char *text)
{
	char line[BUILDFILE_NOTE_MAX + 16] = "";
	size_t n = 0;
	for (const char *p = mark; *p; p++)
		line[n++] = *p;
	for (const char *p = text; *p && n < sizeof(line) - 2; p++)
		line[n++] = *p;
	/* "Cancelled by anna" */
	if (*mark && line[n - strlen(text)] == 'c')
		line[n - strlen(text)] = 'C';
	line[n++] = '\n';
	if (write(fd, line, n) < 0)
		return; /* nobody reads it: there is nobody to tell */
}

bool build_cut_short(void)
{
	char note[BUILDFILE_NOTE_MAX];
	if (!live.id || live.lock < 0)
		return false;
	ssize_t n = pread(live.lock, note, sizeof(note) - 1, 0);
	if (n <= 0) {
		n = (ssize_t)strlen(live.note);
		memcpy(note, live.note, (size_t)n);
		if (pwrite(live.lock, note, (size_t)n, 0) < 0)
			n = 0;
	}
	note[n] = '\0';
	say(STDERR_FILENO, " !     ", note);
	if (live.has_reason_fd)
		say(STDOUT_FILENO, "", note);
	/* whoever follows the log reads it once more when the lock is free, and no further */
	tee_end(&live.tee, true);
	close(live.lock);
	live.lock = -1;
	return true;
}

void build_row_release(struct build_row *row)
{
	free(row->kind);
	free(row->status);
	free(row->user);
	free(row->commit);
	free(row->reason);
	free(row->image);
	free(row->timings);
	*row = (struct build_row){0};
}

#define COLUMNS                                                                                    \
	"b.id, b.app, a.name, b.kind, b.status, b.user, b.commit_id, b.reason, b.image,"           \
	" b.timings, b.release, b.created_at, b.started_at, b.finished_at, b.exit_code,"           \
	" CASE b.status WHEN 'queued' THEN (SELECT count(*) FROM builds o WHERE"                   \
	" o.status = 'queued' AND o.id <= b.id) ELSE 0 END"                                        \
	" FROM builds b JOIN apps a ON a.id = b.app"

static void read_row(sqlite3_stmt *stmt, struct build_row *row)
{
	*row = (struct build_row){
		.id = db_int(stmt, 0),
		.app = db_int(stmt, 1),
		.kind = xstrdup(db_text(stmt, 3)),
		.status = xstrdup(db_text(stmt, 4)),
		.user = xstrdup(db_text(stmt, 5)),
		.commit = xstrdup(db_text(stmt, 6)),
		.reason = xstrdup(db_text(stmt, 7)),
		.image = xstrdup(db_text(stmt, 8)),
		.timings = xstrdup(db_text(stmt, 9)),
		.release = db_int(stmt, 10),
		.created_at = db_int(stmt, 11),
		.started_at = db_int(stmt, 12),
		.finished_at = db_int(stmt, 13),
		.exit_code = (int)db_int(stmt, 14),
		.position = (int)db_int(stmt, 15),
	};
	snprintf(row->app_name, sizeof(row->app_name), "%s", db_text(stmt, 2));
}

int build_list(struct context *c, int64_t app, const char *status, const char *kind,
	       struct build_row **out, size_t *out_n, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct build_row *rows = NULL;
	size_t n = 0;
	int got;
	if (db_query(&c->db, &stmt, err,
		     "SELECT " COLUMNS " WHERE (?1 = 0 OR b.app = ?1)"
		     " AND (?2 IS NULL OR b.status = ?2) AND (?3 IS NULL OR b.kind = ?3)"
		     " ORDER BY b.id DESC",
		     "iss", app, status, kind) < 0)
		return -1;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		rows = xreallocarray(rows, n + 1, sizeof(*rows));
		read_row(stmt, &rows[n++]);
	}
	if (got < 0) {
		while (n > 0)
			build_row_release(&rows[--n]);
		free(rows);
		return -1;
	}
	*out = rows;
	*out_n = n;
	return 0;
}

int build_find(struct context *c, const struct app *app, int64_t id, struct build_row *out,
	       struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT " COLUMNS " WHERE b.app = ?1 AND (?2 = 0 OR b.id = ?2)"
		     " ORDER BY b.id DESC LIMIT 1",
		     "ii", app->id, id) < 0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got == 0 && id)
		error_set(err, ERROR_NOT_FOUND, 0,
			  "app '%s' has no build %lld: 'builds:list %s' shows those that are kept",
			  app->name, (long long)id, app->name);
	else if (got == 0)
		error_set(err, ERROR_NOT_FOUND, 0, "app '%s' has no builds yet: push to it",
			  app->name);
	if (got <= 0)
		return -1;
	read_row(stmt, out);
	return 0;
}

bool build_is_finished(const struct build_row *row)
{
	return row->finished_at != 0;
}

/* Shows whole lines of TEXT, which a build printed, or with ALL what follows them too, and takes
 * them out of it. The first half of a character waits for the other. */
static int show(struct context *c, struct strbuf *text, bool all, bool *mid_line, struct error *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT, painted = STRBUF_INIT;
	const char *newline = text->len ? memrchr(text->data, '\n', text->len) : NULL;
	size_t n = all ? text->len : newline ? (size_t)(newline - text->data) + 1 : 0;
	if (n > 0 && (unsigned char)text->data[n - 1] == 0xc2)
		n--;
	if (n == 0)
		return 0;
	_cleanup_free_ char *part = xstrndup(text->data, n);
	strbuf_consume(text, n);
	printable_add_output(&plain, part);
	bool colour = colour_on(fileno(c->out));
	if (colour)
		colour_paint(&painted, plain.data, plain.len, COLOUR_WARNING, mid_line);
	return file_write_all(fileno(c->out), colour ? painted.data : plain.data,
			      colour ? painted.len : plain.len, err);
}

int build_output(struct context *c, const struct build_row *row, bool follow, struct error *err)
{
	_cleanup_free_ char *path = buildfile_log(c->inst, row->id);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char buf[65536];
	bool mid_line = false;
	bool alive = follow && !build_is_finished(row);
	if (fd < 0)
		return error_set(err, ERROR_NOT_FOUND, errno, "the output of build %lld",
				 (long long)row->id);
	fflush(c->out);
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read '%s'", path);
		for (ssize_t i = 0; i < n; i++)
			strbuf_addch(&text, buf[i] ? buf[i] : '?');
		if (show(c, &text, n == 0 || text.len >= sizeof(buf), &mid_line, err) < 0)
			return -1;
		if (n > 0)
			continue;
		/* what was written before its end is read after it was seen to have ended */
		if (!alive)
			return 0;
		alive = is_alive(c->inst, row->id);
		if (alive)
			clock_sleep_ms(POLL_MS);
	}
}

int build_cancel(struct context *c, const struct build_row *row, struct error *err)
{
	char note[BUILDFILE_NOTE_MAX];
	_cleanup_free_ char *path = buildfile_lock(c->inst, row->id);
	_cleanup_free_ char *text = xasprintf("cancelled by %.200s", c->identity);
	pid_t pid = buildfile_holder(c->inst, row->id, note);
	_cleanup_close_ int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (pidfd < 0)
		return build_reap(c, err);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "write '%s'", path);
	/* it is still the same process: the descriptor was opened while it held the lock */
	if (buildfile_holder(c->inst, row->id, note) == pid &&
	    pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "end build %lld", (long long)row->id);
	for (int64_t end = clock_ms() + CANCEL_MS; is_alive(c->inst, row->id);
	     clock_sleep_ms(POLL_MS / 5))
		if (clock_ms() >= end)
			return error_set(err, ERROR_FAILED, 0,
					 "build %lld was told to end and does not",
					 (long long)row->id);
	return build_reap(c, err);
}

static int finish_dead(struct context *c, int64_t id, struct error *err)
{
	char note[BUILDFILE_NOTE_MAX];
	_cleanup_free_ char *path = buildfile_lock(c->inst, id);
	if (buildfile_holder(c->inst, id, note) > 0)
		return 0;
	bool cancelled = str_starts(note, "cancelled by ");
	const char *reason = cancelled ? note : "berthd ended";
	if (db_run(&c->db, err,
		   "UPDATE builds SET status = ?, slot = 0, finished_at = ?, reason = ?,"
		   " exit_code = ? WHERE id = ? AND finished_at = 0",
		   "sisii", cancelled ? "cancelled" : "failed", clock_unix_us(), reason,
		   (int64_t)(cancelled ? 143 : 137), id) < 0)
		return -1;
	if (db_changes(&c->db) && !cancelled)
		buildfile_note(c->inst, id, reason);
	unlink(path);
	return 0;
}

int build_reap(struct context *c, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int64_t *ids = NULL;
	size_t n = 0;
	int result = 0, got;
	if (db_query(&c->db, &stmt, err, "SELECT id FROM builds WHERE finished_at = 0", "") < 0)
		return -1;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		ids = xreallocarray(ids, n + 1, sizeof(*ids));
		ids[n++] = db_int(stmt, 0);
	}
	db_finish(&stmt);
	result = got;
	for (size_t i = 0; i < n && result == 0; i++)
		if (ids[i] != live.id)
			result = finish_dead(c, ids[i], err);
	free(ids);
	return result;
}

int build_prune(struct context *c, int64_t app, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	unsigned long long keep;
	int got;
	if (buildset_number(c, app, "retention", &keep, err) < 0)
		return -1;
	if (db_query(&c->db, &stmt, err,
		     "DELETE FROM builds WHERE app = ?1 AND finished_at > 0 AND id NOT IN (SELECT"
		     " id FROM builds WHERE app = ?1 ORDER BY id DESC LIMIT ?2) RETURNING id",
		     "ii", app, (int64_t)keep) < 0)
		return -1;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		_cleanup_free_ char *path = buildfile_log(c->inst, db_int(stmt, 0));
		unlink(path);
	}
	return got;
}

int build_sweep(struct context *c, bool dry, struct strvec *out, struct error *err)
{
	return buildfile_sweep(c, live.id, dry, out, err);
}
