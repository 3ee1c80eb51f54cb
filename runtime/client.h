/* SPDX-License-Identifier: MIT */
/*
 * Asking berth-runtime: the only way in which the rest of Berth touches containers and layers. All
 * calls are synchronous, open a connection of their own to run/runtime.sock and may be made by
 * root, berth and nobody else.
 */
#ifndef RUNTIME_CLIENT_H
#define RUNTIME_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "instance/name.h"
#include "runtime/policy.h"
#include "runtime/spec.h"

#define RUNTIME_ADDRESS_MAX 16 /* dotted quad */

enum container_state {
	CONTAINER_STARTING = 1,
	CONTAINER_RUNNING,
	CONTAINER_BACKOFF, /* crashed; starts again at next_start_us */
	CONTAINER_EXITED,  /* ended and stays so: done, stopped, or its restarts are used up */
	CONTAINER_LOST,    /* its shim is gone: remove it and start another */
};

/* What its health checks say (spec_health). */
enum container_health {
	HEALTH_NONE, /* it has none, or does not run */
	HEALTH_STARTING,
	HEALTH_HEALTHY,
	HEALTH_UNHEALTHY,
};
#define HEALTH_TIMED_OUT (-1)
/* "none", "starting", "healthy", "unhealthy" */
const char *runtime_health_name(enum container_health health);

/* Fields are added at the end and never changed: shims of every earlier version write it too
 * (runtime/status.h). */
struct container_status {
	char id[NAME_ID_MAX + 1];
	char label[256];
	enum container_state state;
	pid_t pid;  /* its init, in the host's numbers; 0 unless running */
	pid_t shim; /* berth-shim, and when that process began (proc(5), field 22) */
	uint64_t shim_start;
	char address[RUNTIME_ADDRESS_MAX]; /* "" without network */
	int exit_code;                     /* of the last run: 0 to 255, 128 + signal */
	bool oom_killed;                   /* the last run hit its memory limit */
	uint32_t restarts;                 /* since the container was made */
	int64_t started_us;                /* unix time of the last start */
	int64_t next_start_us;             /* for CONTAINER_BACKOFF */
	uint64_t memory;                   /* bytes in use now, 0 unless running */
	uint64_t memory_limit;
	uint64_t cpu_us;     /* processor time used by the current run */
	uint32_t cpu_millis; /* thousandths of a core that it may use; 0: all */
	uint32_t pids, pids_limit;
	enum container_health health;
	uint32_t health_checks;   /* since the last start */
	uint32_t health_failures; /* in a row, those of the start period left out */
	int health_exit;          /* of the last check: 0 to 255 or HEALTH_TIMED_OUT */
	char health_text[160];    /* the last line that it printed, without control characters */
	uint64_t disk; /* bytes written now: of its root or of /tmp, which has more; 0: not known */
	uint64_t disk_limit;       /* of each */
	uint64_t net_to, net_from; /* bytes that came to and from it; by the list only */
	uint64_t net_to_limit, net_from_limit; /* a second; 0: none */
};

/* Starts a detached container: returns when its program has been executed, or with the error of
 * the step that failed (nothing is left behind then). */
int runtime_start(const struct instance *inst, const struct container_spec *spec,
		  char out_address[RUNTIME_ADDRESS_MAX], struct error *err);

/* An attached container: it lives no longer than this session. */
struct runtime_session {
	int fd;      /* readable when the container ended; closing it kills the container */
	int console; /* the terminal's master side when spec.tty or tty, otherwise -1 */
};
#define RUNTIME_SESSION_INIT                                                                       \
	{                                                                                          \
		-1, -1                                                                             \
	}

/* Starts SPEC with STDIO[3] (ignored when spec->tty) as its descriptors. */
int runtime_attach(const struct instance *inst, const struct container_spec *spec,
		   const int stdio[3], struct runtime_session *out, struct error *err);
/* Runs argv inside the running container ID, as its user and with its environment plus ENV. With
 * TERMINAL (NULL: none) on a terminal of its own of that size, and STDIO is not used. */
int runtime_exec(const struct instance *inst, const char *id, const struct strvec *argv,
		 const struct strvec *env, const struct winsize *terminal, const int stdio[3],
		 struct runtime_session *out, struct error *err);
int runtime_session_signal(struct runtime_session *s, int sig, struct error *err);

struct runtime_result {
	int exit_code;        /* 0 to 255, 128 + signal */
	bool oom_killed;      /* the memory limit was hit */
	bool timed_out;       /* limits.time_ms was reached */
	bool disk_full;       /* limits.disk was reached */
	bool pids_refused;    /* limits.pids was reached: some processes were not made */
	uint64_t memory_peak; /* bytes */
};
/* Blocks until the end. For a loop of one's own: poll s->fd for POLLIN first. */
int runtime_session_wait(struct runtime_session *s, struct runtime_result *out, struct error *err);
void runtime_session_close(struct runtime_session *s); /* kills what still runs */
#define _cleanup_session_ _cleanup_(runtime_session_close)

/* SIGTERM to every process of ID, SIGKILL after timeout_ms (-1: its own stop_ms), no restart;
 * returns when it is gone and forgotten. A container that is not there is no error. */
int runtime_stop(const struct instance *inst, const char *id, int timeout_ms, struct error *err);

/* Every container of the instance, one that has exited or is lost too; with PREFIX (may be NULL)
 * only those whose id begins with it, at a cost that does not grow with the others. The caller
 * frees *out. */
int runtime_list(const struct instance *inst, const char *prefix, struct container_status **out,
		 size_t *out_n, struct error *err);

/* Layers. An `upper` is kept with commit (durable when it returns) or dropped with remove. */
int runtime_layer_commit(const struct instance *inst, const char *id, struct error *err);
/* Gives a committed layer another name; ERROR_EXISTS, with nothing changed, when that is taken. */
int runtime_layer_rename(const struct instance *inst, const char *id, const char *to,
			 struct error *err);
/* ERROR_BUSY while a container uses it. Only of layers that nothing will start from meanwhile. */
int runtime_layer_check_idle(const struct instance *inst, const char *id, struct error *err);
/* Fails with ERROR_BUSY while a container uses it; a missing one is no error. */
int runtime_layer_remove(const struct instance *inst, const char *id, struct error *err);
bool runtime_layer_exists(const struct instance *inst, const char *id);
/* Unpacks a tar (plain, gzip, xz, zstd) from FD into the new layer ID, in a user namespace of
 * range 0; entries that would leave the root are refused. */
int runtime_layer_import(const struct instance *inst, const char *id, int fd, struct error *err);
/* The same for a layer of an image (runtime/unpack.h), which is not committed yet but on its way to
 * the disk: compare its digest, then settle it. It lives as long as *out_conn until then. BELOW are
 * the ids of the layers that it lies on, topmost first. *out_implied: it has folders that are as in
 * those (runtime/import.h), so its name is IMPLIED_ID, as it is for all while it is not settled,
 * and not ID. */
int runtime_layer_unpack(const struct instance *inst, const char *id, const char *implied_id,
			 const struct strvec *below, int fd, int *out_conn, bool *out_implied,
			 struct error *err);
/* Keeps it (durable when this returns), or takes it away. CONN stays the caller's. */
int runtime_layer_settle(int conn, const char *id, bool keep, struct error *err);
/* Writes REF ("layer/ID" or "source/TREE") to FD as the tar of an image's layer (runtime/pack.h).
 */
int runtime_layer_pack(const struct instance *inst, const char *ref, int fd, struct error *err);
int runtime_layer_list(const struct instance *inst, struct strvec *out, struct error *err);

/* The ids in lib/cache or lib/logs, sorted. */
int runtime_cache_list(const struct instance *inst, struct strvec *out, struct error *err);
int runtime_logs_list(const struct instance *inst, struct strvec *out, struct error *err);
/* Empties and removes lib/cache/ID or lib/logs/ID. */
int runtime_cache_remove(const struct instance *inst, const char *id, struct error *err);
int runtime_logs_remove(const struct instance *inst, const char *id, struct error *err);
/* Removes the log NAME of lib/logs/ID with those that it was rotated to; a missing one is no error.
 */
int runtime_log_remove(const struct instance *inst, const char *id, const char *name,
		       struct error *err);
/* ERROR_BUSY while a process uses it. */
int runtime_volume_remove(const struct instance *inst, const char *id, struct error *err);
/* Replaces what is in lib/volumes/ID by what the tar that FD gives holds, or leaves it as it was.
 * ERROR_BUSY as above. One that is not there is made for RANGE. */
int runtime_volume_restore(const struct instance *inst, const char *id, unsigned range, int fd,
			   struct error *err);
/* Its bytes on disk; ERROR_NOT_FOUND before anything mounted it. */
int runtime_volume_size(const struct instance *inst, const char *id, uint64_t *out,
			struct error *err);

/* Replaces the whole of which apps may reach which, and what outside. Takes effect at once. */
int runtime_set_policy(const struct instance *inst, const struct policy *p, struct error *err);

/* Removes what dead containers left: mounts, cgroups, interfaces, addresses, folders. With DRY,
 * only lists them. One line per finding goes to OUT. */
int runtime_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err);

#endif
