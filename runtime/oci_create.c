/* SPDX-License-Identifier: MIT */
#include "runtime/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sock.h"
#include "runtime/bundle.h"
#include "runtime/scope.h"
#include "runtime/step.h"
#include "runtime/status.h"
#include "runtime/terminal.h"

#define STATE_TEXT_MAX 65536

struct creation {
	const struct oci_create *c;
	struct bundle bundle;
	struct oci oci;
	struct scope scope;
	struct cgroup cgroup;
	struct helper helper;
	struct container_run run;
	bool has_unit, has_cgroup;
	int gate, console_to, listener_to;
	/* Shared with the first process, which cannot know its pid: what its hooks are told. */
	struct told {
		char creating[STATE_TEXT_MAX], created[STATE_TEXT_MAX];
		char listener[2 * STATE_TEXT_MAX]; /* what goes with the filter's */
	} * told;
};

/* --- called by the start of the container ----------------------------------------------------- */

static int tell(struct creation *x, enum oci_status status, char *out, struct error *err)
{
	_cleanup_free_ char *text = oci_state_text(&x->oci, status, false);

	if (strlen(text) >= STATE_TEXT_MAX)
		return error_set(err, ERROR_INVALID, 0, "the annotations are too long");
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

/* runtime-spec, config-linux.md, "The Container Process State". */
static int tell_listener(struct creation *x, struct error *err)
{
	const char *metadata = x->bundle.listener_metadata;
	_cleanup_free_ char *text = NULL;
	json_t *json =
		json_pack("{s:s, s:[s], s:i, s:s, s:o}", "ociVersion", BUNDLE_VERSION, "fds",
			  "seccompFd", "pid", (int)x->oci.pid, "metadata", metadata ? metadata : "",
			  "state", json_loads(x->told->created, 0, NULL));

	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text || strlen(text) >= sizeof(x->told->listener))
		return error_set(err, ERROR_INVALID, 0, "'listenerMetadata' is too long");
	memcpy(x->told->listener, text, strlen(text) + 1);
	return 0;
}

/* The root is built: limits apply from here on, and the hooks that come before it is entered. */
static int serve(void *data, pid_t pid, struct error *err)
{
	struct creation *x = data;

	x->oci.pid = pid;
	x->oci.start = status_process_start(pid);
	if (tell(x, OCI_CREATING, x->told->creating, err) < 0 ||
	    tell(x, OCI_CREATED, x->told->created, err) < 0 || tell_listener(x, err) < 0 ||
	    oci_save(&x->oci, err) < 0 || bundle_limit(&x->bundle, &x->cgroup, err) < 0)
		return -1;
	/* the oldest kind has always been told "created" */
	if (hook_run_all(&x->bundle.hooks[HOOK_PRESTART], x->told->created, err) < 0)
		return -1;
	return hook_run_all(&x->bundle.hooks[HOOK_CREATE_RUNTIME], x->told->creating, err);
}

static enum step run_inside(const struct hook_list *list, const char *state,
			    const char **out_subject)
{
	for (unsigned i = 0; i < list->n; i++) {
		int r = hook_run(&list->v[i], state, strlen(state));

		*out_subject = list->v[i].path;
		if (r) {
			/* a status is no errno */
			errno = r < 0 ? -r : ECANCELED;
			return STEP_HOOK;
		}
	}
	return STEP_NONE;
}

/* So that a program that is not root may open /dev/stdout anew. */
static void own_stdio(const struct program *p)
{
	for (int i = 0; i < 3; i++) {
		struct stat st;

		if (p->uid && fstat(i, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != p->uid &&
		    fchown(i, p->uid, (gid_t)-1) < 0)
			continue;
	}
}

static enum step inside(void *data, const struct program *program, const char **out_subject)
{
	struct creation *x = data;

	(void)program;
	own_stdio(&x->bundle.program);
	return run_inside(&x->bundle.hooks[HOOK_CREATE_CONTAINER], x->told->creating, out_subject);
}

static enum step before_exec(void *data, const char **out_subject)
{
	struct creation *x = data;

	return run_inside(&x->bundle.hooks[HOOK_START_CONTAINER], x->told->created, out_subject);
}

/* --- preparing -------------------------------------------------------------------------------- */

static char *cgroup_path(const struct creation *x)
{
	const char *path = x->bundle.cgroup_path;

	if (x->c->systemd)
		return xstrdup(""); /* systemd's choice */
	if (!path)
		return xasprintf(HIERARCHY_OWN "%s", x->c->id);
	return xasprintf("%s%s", path[0] == '/' ? "" : "/", path);
}

static int make_folder(struct creation *x, struct error *err)
{
	_cleanup_free_ char *from = xasprintf("%s/config.json", x->bundle.path);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char now[CLOCK_TEXT_MAX];
	struct oci *o = &x->oci;

	if (file_make_dirs(x->c->root, 0711, err) < 0)
		return -1;
	_cleanup_free_ char *folder = xasprintf("%s/%s", x->c->root, x->c->id);
	if (mkdir(folder, 0700) < 0) {
		if (errno == EEXIST)
			return error_set(err, ERROR_EXISTS, 0,
					 "container with ID '%s' already exists", x->c->id);
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", folder);
	}
	o->folder = TAKE_PTR(folder);
	clock_text(clock_unix_us(), 6, now);
	o->id = xstrdup(x->c->id);
	o->bundle = xstrdup(x->bundle.path);
	o->rootfs = xstrdup(x->bundle.rootfs);
	o->cgroup = cgroup_path(x);
	o->unit = xstrdup(x->c->systemd ? x->scope.unit : "");
	o->created = xstrdup(now);
	o->config = json_incref(x->bundle.json);
	o->namespaces = x->bundle.setup.namespaces;
	for (unsigned i = 0; i < x->bundle.setup.n_joins; i++)
		o->namespaces |= (unsigned)x->bundle.joins[i].type;
	o->creator = getpid();
	o->start = status_process_start(o->creator);
	if (file_read(AT_FDCWD, from, 16u << 20, &text, err) < 0 ||
	    oci_put(o->folder, "config.json", text.data, text.len, 0600, err) < 0)
		return -1;
	return oci_save(o, err);
}

static int make_gate(struct creation *x, struct error *err)
{
	/* by the folder's descriptor: the path may be longer than a socket's name can be */
	_cleanup_close_ int dir = open(x->oci.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/start", dir);
	return sock_listen(path, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1, &x->gate, err);
}

static int start_unit(struct creation *x, struct error *err)
{
	const struct bundle *b = &x->bundle;
	char *path;

	x->has_unit = true;
	if (scope_start(&x->scope, x->c->id, b->writes, b->n_writes,
			json_object_get(b->json, "annotations"), &path, err) < 0)
		return -1;
	free(x->oci.cgroup);
	x->oci.cgroup = path;
	return oci_save(&x->oci, err);
}

static int make_cgroup(struct creation *x, struct error *err)
{
	if ((x->c->systemd && start_unit(x, err) < 0) ||
	    hierarchy_open(x->oci.cgroup, !x->c->systemd, &x->cgroup, err) < 0)
		return -1;
	x->has_cgroup = true;
	return bundle_cgroup_mounts(&x->bundle, &x->cgroup, err);
}

/* Descriptors of socket activation (sd_listen_fds(3)) that were meant for this process, and those
 * of
 * --preserve-fds. */
static unsigned inherited_fds(struct creation *x)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	unsigned long long n = 0, who = 0;
	struct bundle *b = &x->bundle;
	size_t count = 0;

	if (!fds || str_to_u64(fds, 1, 1024, &n) < 0 ||
	    (pid && (str_to_u64(pid, 1, INT32_MAX, &who) < 0 || who != (unsigned)getpid())))
		return x->c->preserve_fds;
	while (b->env[count])
		count++;
	b->env = xreallocarray(b->env, count + 3, sizeof(*b->env));
	const char *texts[] = {bundle_text(b, xasprintf("LISTEN_FDS=%s", fds)),
			       bundle_text(b, xstrdup("LISTEN_PID=1"))};
	memcpy(&b->env[count], texts, sizeof(texts));
	b->env[count + 2] = NULL;
	b->program.env = b->env;
	return x->c->preserve_fds + (unsigned)n;
}

static int connect_listener(struct creation *x, struct error *err)
{
	struct bundle *b = &x->bundle;

	if (!b->listener)
		return 0;
	if (sock_connect(b->listener, SOCK_STREAM, &x->listener_to, err) < 0)
		return error_wrap(err, "'listenerPath'");
	b->program.listener_text = x->told->listener;
	b->program.listener_to = x->listener_to;
	return 0;
}

static int connect_console(struct creation *x, struct error *err)
{
	bool terminal = x->bundle.terminal;

	if (!terminal && x->c->console_socket)
		return error_set(err, ERROR_INVALID, 0,
				 "a console socket was given, but 'process' has no 'terminal'");
	if (!terminal || x->console_to >= 0)
		return 0;
	if (!x->c->console_socket)
		return error_set(err, ERROR_INVALID, 0,
				 "'process' wants a terminal: give a --console-socket");
	return oci_console_connect(x->c->console_socket, &x->console_to, err);
}

static int prepare(struct creation *x, struct error *err)
{
	struct container_setup *s = &x->bundle.setup;

	if (oci_check_id(x->c->id, err) < 0 || (x->c->systemd && scope_check(err) < 0) ||
	    bundle_load(&x->bundle, x->c->bundle, err) < 0 || connect_console(x, err) < 0)
		return -1;
	if (x->c->systemd && scope_parse(x->bundle.cgroup_path, x->c->id, &x->scope, err) < 0)
		return -1;
	oci_tell_warnings(&x->bundle);
	x->told = mmap(NULL, sizeof(*x->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (x->told == MAP_FAILED)
		return error_set(err, ERROR_SYSTEM, errno, "mmap");
	if (make_folder(x, err) < 0 || make_gate(x, err) < 0 || make_cgroup(x, err) < 0 ||
	    connect_listener(x, err) < 0)
		return -1;
	if (x->c->no_pivot)
		x->bundle.root.pivot = false;
	if (!x->c->no_new_keyring) {
		_cleanup_free_ char *name = xasprintf("_ses.%s", x->c->id);

		/* where keys are not to be had, none leak */
		syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	}
	s->cgroup = &x->cgroup;
	s->helper = &x->helper;
	s->keep_fds = inherited_fds(x);
	for (int i = 0; i < 3; i++)
		s->stdio[i] = i;
	s->tty = x->bundle.terminal;
	s->console_to = x->console_to;
	s->gate = x->gate;
	s->serve = serve;
	s->inside = inside;
	s->before_exec = before_exec;
	s->data = x;
	return 0;
}

/* --- creating --------------------------------------------------------------------------------- */

static void creation_init(struct creation *x, const struct oci_create *c)
{
	*x = (struct creation){.c = c, .scope = SCOPE_INIT, .helper = HELPER_INIT, .run = {-1, -1}};
	x->gate = x->console_to = x->listener_to = -1;
	x->told = MAP_FAILED;
	bundle_init(&x->bundle);
	oci_init(&x->oci);
}

static void creation_release(struct creation *x)
{
	close_fd(x->gate);
	close_fd(x->console_to);
	close_fd(x->listener_to);
	close_fd(x->run.pidfd);
	if (x->has_cgroup)
		cgroup_close(&x->cgroup);
	if (x->told != MAP_FAILED)
		munmap(x->told, sizeof(*x->told));
	scope_release(&x->scope);
	bundle_release(&x->bundle);
	oci_release(&x->oci);
}

/* Nothing of a failed one stays; whoever was told of its beginning is told of its end. */
static void undo(struct creation *x)
{
	struct error ignored = ERROR_INIT;

	if (!x->oci.folder)
		return;
	if ((x->has_cgroup || x->has_unit) && oci_remove_cgroup(&x->oci, &ignored) < 0)
		oci_warn(&ignored);
	oci_unmount(&x->oci);
	if (x->oci.pid)
		oci_run_hooks(&x->oci, HOOK_POSTSTOP, OCI_STOPPED, NULL);
	oci_remove_folder(&x->oci);
}

static int create(struct creation *x, struct error *err)
{
	bool made = prepare(x, err) == 0 && container_start(&x->bundle.setup, &x->run, err) == 0;

	scope_settle(&x->scope);
	if (made && (!x->c->pid_file || oci_write_pid(x->c->pid_file, x->run.pid, err) == 0))
		return 0;
	if (x->run.pid > 0)
		kill(x->run.pid, SIGKILL);
	undo(x);
	return -1;
}

int oci_create(const struct oci_create *c, struct error *err)
{
	_cleanup_(creation_release) struct creation x;

	creation_init(&x, c);
	return create(&x, err);
}

/* --- starting --------------------------------------------------------------------------------- */

/* Opens the gate, and waits until the program has been executed. */
static int open_gate(const struct oci *o, struct error *err)
{
	_cleanup_close_ int dir = open(o->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), conn = -1;
	struct step_report r;
	char path[64];
	int n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/start", dir);
	if (sock_connect(path, SOCK_STREAM, &conn, err) < 0)
		return -1;
	n = step_read(conn, &r);
	unlinkat(dir, "start", 0);
	if (n == 0)
		return 0;
	if (n < 0)
		return error_set(err, ERROR_FAILED, 0, "the container ended while it started");
	return step_error(&r, err);
}

static int start(const struct oci *o, struct error *err)
{
	enum oci_status status = oci_status(o);

	if (status != OCI_CREATED)
		return error_set(err, ERROR_INVALID, 0, "cannot start a container that is %s: '%s'",
				 oci_status_name(status), o->id);
	if (open_gate(o, err) < 0)
		return -1;
	return oci_run_hooks(o, HOOK_POSTSTART, OCI_RUNNING, err);
}

int oci_start(const char *root, const char *id, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};

	return oci_load(root, id, &o, err) < 0 ? -1 : start(&o, err);
}

int oci_run(const struct oci_create *c, bool detach, bool keep, int *out_status, struct error *err)
{
	_cleanup_(creation_release) struct creation x;
	_cleanup_close_ int here = -1, console = -1;
	int ends[2], failed;

	creation_init(&x, c);
	if (!detach && !c->console_socket) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "make a pair of sockets");
		here = ends[0];
		x.console_to = ends[1];
	}
	if (create(&x, err) < 0)
		return -1;
	if (x.bundle.terminal && here >= 0)
		console = terminal_take(here);
	if (start(&x.oci, err) < 0) {
		oci_delete(c->root, c->id, true, NULL);
		return -1;
	}
	if (detach)
		return 0;
	*out_status = oci_attend(x.run.pid, x.run.pidfd, console);
	failed = keep ? 0 : oci_delete(c->root, c->id, true, err);
	return failed;
}
