/* SPDX-License-Identifier: MIT */
/*
 * The life of a container of an OCI bundle (runtime-spec, runtime.md): what berth-oci's commands
 * do. Everything that is known of one is in its folder ROOT/ID:
 *
 *   state.json   id, bundle, pid and the time it began, cgroup: see struct oci
 *   config.json  the bundle's, as it was when the container was created
 *   start        a socket, until the container is started: the first process waits at it
 */
#ifndef RUNTIME_OCI_H
#define RUNTIME_OCI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "runtime/hook.h"

#define OCI_ROOT "/run/berth-oci"

enum oci_status {
	OCI_CREATING,
	OCI_CREATED,
	OCI_RUNNING,
	OCI_PAUSED,
	OCI_STOPPED,
};

struct oci {
	char *id;
	char *folder; /* ROOT/ID */
	char *bundle, *rootfs, *cgroup;
	char *unit; /* of systemd's, whose that cgroup is (scope.h), or "" */
	pid_t pid;  /* 0 while it is being created: by CREATOR */
	pid_t creator;
	uint64_t start; /* when that process, or its creator, began */
	char *created;  /* as text */
	unsigned namespaces;
	json_t *config; /* of the folder */
};

void oci_init(struct oci *o);
void oci_release(struct oci *o);
#define _cleanup_oci_ _cleanup_(oci_release)

/* --- the folder (oci.c) ----------------------------------------------------------------------- */

int oci_check_id(const char *id, struct error *err);
/* ERROR_NOT_FOUND when there is none. */
int oci_load(const char *root, const char *id, struct oci *out, struct error *err);
int oci_save(const struct oci *o, struct error *err);
/* A file that a reader sees whole or not at all; it need not outlive the machine's boot. */
int oci_put(const char *folder, const char *name, const char *text, size_t len, mode_t mode,
	    struct error *err);
void oci_remove_folder(const struct oci *o);
/* Kills what is in its cgroup, and removes that, and the unit that it is of. */
int oci_remove_cgroup(const struct oci *o, struct error *err);
enum oci_status oci_status(const struct oci *o);
const char *oci_status_name(enum oci_status s);
/* The "state" of the specification; PRETTY: of the command, with more in it. */
char *oci_state_text(const struct oci *o, enum oci_status status, bool pretty);
/* A pidfd of its first process; fails when that has ended. */
int oci_pidfd(const struct oci *o, int *out, struct error *err);
/* Runs the hooks KIND of its config. */
int oci_run_hooks(const struct oci *o, enum hook_kind kind, enum oci_status status,
		  struct error *err);
/* Without a mount namespace of its own, what was mounted on its root stays the host's until now. */
void oci_unmount(const struct oci *o);
/* What is wrong and is no reason to stop. */
extern void (*oci_warn)(const struct error *err);
struct bundle;
void oci_tell_warnings(const struct bundle *b);

/* --- commands --------------------------------------------------------------------------------- */

struct oci_create {
	const char *root, *id, *bundle;
	const char *console_socket, *pid_file;
	unsigned preserve_fds;
	bool no_pivot, no_new_keyring;
	bool systemd; /* its cgroup is a unit's */
};

int oci_create(const struct oci_create *c, struct error *err);
int oci_start(const char *root, const char *id, struct error *err);
/* Creates, starts, and unless DETACH waits and deletes; *out_status is the program's then. */
int oci_run(const struct oci_create *c, bool detach, bool keep, int *out_status, struct error *err);
/* ALL: every process of its cgroup. */
int oci_kill(const char *root, const char *id, int sig, bool all, struct error *err);
int oci_delete(const char *root, const char *id, bool force, struct error *err);
int oci_pause(const char *root, const char *id, bool pause, struct error *err);
/* Appends the pids of its processes, one a line. */
int oci_pids(const char *root, const char *id, struct strbuf *out, struct error *err);

/* Appends its processes: with JSON a list of their pids, otherwise what ps(1) says of them with its
 * N options ARGS, which must show a column PID. */
int oci_ps(const char *root, const char *id, bool json, char **args, int n, struct strbuf *out,
	   struct error *err);
/* Appends what is below ROOT: a table, with JSON a list of states, with IDS_ONLY their names. */
int oci_list(const char *root, bool json, bool ids_only, struct strbuf *out, struct error *err);
/* What this runtime can do (runtime-spec, features.md). */
char *oci_features(void);
/* The names of the settings of "update", then NULL; and one of them as a part of RESOURCES. */
const char *oci_update_option(size_t i);
int oci_update_set(json_t *resources, size_t i, const char *value, struct error *err);
/* The "resources" of FILE ("-": stdin; may be NULL) and over them RESOURCES become its limits. */
int oci_update(const char *root, const char *id, const char *file, json_t *resources,
	       struct error *err);
/* Appends a line of JSON with what it uses, and one before when something was killed for want of
 * memory since *OOM_KILLS, which may be NULL. ERROR_NOT_FOUND when it does not run. */
int oci_stats(const char *root, const char *id, uint64_t *oom_kills, struct strbuf *out,
	      struct error *err);

struct oci_exec {
	const char *root, *id;
	const char *process; /* a file with one, or NULL: the container's own with what follows */
	struct strvec argv, env; /* env is added */
	const char *cwd, *user, *console_socket, *pid_file, *label, *apparmor;
	struct strvec caps, groups; /* added */
	unsigned preserve_fds;
	bool tty, no_new_privs, detach;
};

int oci_exec(struct oci_exec *e, int *out_status, struct error *err);

/* The config.json of "spec". */
char *oci_spec(void);
/* "KILL", "SIGKILL" or "9"; 0 only asks whether there is anybody; -1 when it is none. */
int oci_signal(const char *name);

/* --- for those (oci_attach.c) ----------------------------------------------------------------- */

/* A socket to what takes terminals at PATH. */
int oci_console_connect(const char *path, int *out, struct error *err);
int oci_write_pid(const char *path, pid_t pid, struct error *err);
/* Waits for the child PID, which has the terminal CONSOLE (or -1); passes signals and, with a
 * terminal, bytes and sizes. Gives its status as a shell has it. */
int oci_attend(pid_t pid, int pidfd, int console);

#endif
