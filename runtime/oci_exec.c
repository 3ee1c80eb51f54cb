/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/bundle.h"
#include "runtime/join.h"
#include "runtime/oci.h"
#include "runtime/terminal.h"

#define PROCESS_MAX (16u << 20)

static json_t *text_array(const struct strvec *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(array, json_string(list->v[i]));
	return array;
}

static json_t *child_object(json_t *parent, const char *key)
{
	json_t *v = json_object_get(parent, key);

	if (!json_is_object(v)) {
		v = json_object();
		json_object_set_new(parent, key, v);
	}
	return v;
}

static json_t *child_array(json_t *parent, const char *key)
{
	json_t *v = json_object_get(parent, key);

	if (!json_is_array(v)) {
		v = json_array();
		json_object_set_new(parent, key, v);
	}
	return v;
}

/* "UID[:GID]" */
static int set_user(json_t *process, const char *text, struct error *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	json_t *user = child_object(process, "user");
	char *colon = strchr(copy, ':');
	unsigned long long uid, gid = 0;

	if (colon)
		*colon = '\0';
	if (str_to_u64(copy, 0, UINT32_MAX - 1, &uid) < 0 ||
	    (colon && str_to_u64(colon + 1, 0, UINT32_MAX - 1, &gid) < 0))
		return error_set(err, ERROR_INVALID, 0, "user '%s': expected UID or UID:GID", text);
	json_object_set_new(user, "uid", json_integer((json_int_t)uid));
	if (colon)
		json_object_set_new(user, "gid", json_integer((json_int_t)gid));
	return 0;
}

static int add_groups(json_t *process, const struct strvec *groups, struct error *err)
{
	json_t *list = child_array(child_object(process, "user"), "additionalGids");

	for (size_t i = 0; i < groups->n; i++) {
		unsigned long long gid;

		if (str_to_u64(groups->v[i], 0, UINT32_MAX - 1, &gid) < 0)
			return error_set(err, ERROR_INVALID, 0, "group '%s': expected a number",
					 groups->v[i]);
		json_array_append_new(list, json_integer((json_int_t)gid));
	}
	return 0;
}

static void add_caps(json_t *process, const struct strvec *caps)
{
	static const char *const sets[] = {"bounding", "effective", "permitted"};

	for (size_t s = 0; s < ARRAY_SIZE(sets) && caps->n; s++) {
		json_t *list = child_array(child_object(process, "capabilities"), sets[s]);

		for (size_t i = 0; i < caps->n; i++)
			json_array_append_new(list, json_string(caps->v[i]));
	}
}

/* The container's own process with what the command line says. */
static int adapt(json_t *process, const struct oci_exec *e, struct error *err)
{
	json_t *env = child_array(process, "env");

	json_object_set_new(process, "args", text_array(&e->argv));
	json_object_set_new(process, "terminal", json_boolean(e->tty));
	json_object_del(process, "consoleSize");
	for (size_t i = 0; i < e->env.n; i++)
		json_array_append_new(env, json_string(e->env.v[i]));
	if (e->cwd)
		json_object_set_new(process, "cwd", json_string(e->cwd));
	if (e->no_new_privs)
		json_object_set_new(process, "noNewPrivileges", json_true());
	if (e->label)
		json_object_set_new(process, "selinuxLabel", json_string(e->label));
	if (e->apparmor)
		json_object_set_new(process, "apparmorProfile", json_string(e->apparmor));
	add_caps(process, &e->caps);
	if (e->user && set_user(process, e->user, err) < 0)
		return -1;
	return e->groups.n ? add_groups(process, &e->groups, err) : 0;
}

static int read_process(struct bundle *b, const struct oci *o, const struct oci_exec *e,
			struct error *err)
{
	json_t *linux_ = json_object_get(o->config, "linux");
	json_t *seccomp = json_object_get(linux_, "seccomp");
	struct fields f = {err, false};

	if (e->process) {
		if (fields_load(e->process, PROCESS_MAX, &b->json, err) < 0)
			return -1;
	} else {
		b->json = json_deep_copy(json_object_get(o->config, "process"));
		if (adapt(b->json, e, err) < 0)
			return -1;
	}
	/* the container's: they decide what can be granted */
	b->setup.namespaces = o->namespaces;
	bundle_version(b, &f, o->config);
	if (f.bad || bundle_process(b, b->json, err) < 0)
		return -1;
	if (json_is_object(seccomp))
		bundle_seccomp(b, &f, seccomp);
	return f.bad ? -1 : 0;
}

static int join(struct bundle *b, const struct oci *o, const struct oci_exec *e, struct joined *out,
		struct error *err)
{
	struct cgroup cg;
	struct join j = {.namespaces = (int)o->namespaces,
			 .takes_ids = (o->namespaces & CLONE_NEWUSER) != 0,
			 .cgroup = &cg,
			 .program = &b->program,
			 .stdio = {0, 1, 2},
			 .keep_fds = e->preserve_fds,
			 .tty = b->terminal,
			 .rows = b->setup.rows,
			 .columns = b->setup.columns,
			 .label_file = b->setup.label_file,
			 .label = b->setup.label,
			 .stays = true};
	_cleanup_close_ int pidfd = -1;
	int failed;

	if (oci_pidfd(o, &pidfd, err) < 0 || hierarchy_open(o->cgroup, false, &cg, err) < 0)
		return -1;
	j.pidfd = pidfd;
	failed = join_start(&j, out, err);
	cgroup_close(&cg);
	return failed;
}

static int finish(struct oci_exec *e, const struct joined *j, int console_to, int *out_status,
		  struct error *err)
{
	if (e->pid_file && oci_write_pid(e->pid_file, j->pid, err) < 0)
		return -1;
	if (console_to >= 0 && terminal_pass(console_to, "/dev/ptmx", 9, j->console) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "send the terminal");
	if (!e->detach)
		*out_status = oci_attend(j->pid, j->pidfd, console_to >= 0 ? -1 : j->console);
	return 0;
}

int oci_exec(struct oci_exec *e, int *out_status, struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	_cleanup_bundle_ struct bundle b;
	_cleanup_close_ int console_to = -1;
	struct joined joined = {-1, -1, -1};
	enum oci_status status;
	int failed;

	bundle_init(&b);
	if (oci_load(e->root, e->id, &o, err) < 0)
		return -1;
	status = oci_status(&o);
	if (status != OCI_RUNNING && status != OCI_CREATED)
		return error_set(err, ERROR_INVALID, 0,
				 "cannot exec in a container that is %s: '%s'",
				 oci_status_name(status), e->id);
	if (read_process(&b, &o, e, err) < 0)
		return -1;
	oci_tell_warnings(&b);
	if (b.terminal && e->detach && !e->console_socket)
		return error_set(err, ERROR_INVALID, 0,
				 "a terminal of its own needs a --console-socket or no --detach");
	if (b.terminal && e->console_socket &&
	    oci_console_connect(e->console_socket, &console_to, err) < 0)
		return -1;
	if (join(&b, &o, e, &joined, err) < 0)
		return -1;
	failed = finish(e, &joined, console_to, out_status, err);
	/* whoever asked for it is told that it does not run */
	if (failed) {
		kill(joined.pid, SIGKILL);
		waitpid(joined.pid, NULL, 0);
	}
	close_fd(joined.console);
	close_fd(joined.pidfd);
	return failed;
}
