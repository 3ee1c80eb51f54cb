/* SPDX-License-Identifier: MIT */
/*
 * What a container is to be: the one value that crosses from the unprivileged side to
 * berth-runtime. It names layers, caches and volumes by id, never by path; berth-runtime looks
 * each up below its own folders. It crosses as runtime/specwire.h says.
 */
#ifndef RUNTIME_SPEC_H
#define RUNTIME_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define SPEC_MAX_LAYERS 128
#define SPEC_MAX_MOUNTS 32
#define SPEC_MAX_ARGS 4096
#define SPEC_PATH_MAX 1024 /* inside the container */
#define SPEC_LABEL_MAX 255

enum spec_profile {
	SPEC_APP = 1,   /* runs as INSTANCE_APP_UID, no capabilities, root read-only, /app and /tmp
			 * writable, "open" egress */
	SPEC_BUILD = 2, /* the same, for build scripts */
	SPEC_LAYER = 3, /* root of its own user namespace, with the capabilities that a package
			 * manager needs, root writable: makes runtime layers */
	SPEC_IMAGE = 4, /* a container image's own program: runs as `user` of its own files; root of
			 * its user namespace has the capabilities with which programs start
			 * themselves as another user, others have none; root writable, counted
			 * and gone with the container; any port may be listened on */
	SPEC_STEP = 5,  /* builds a layer of a container image: as `user` of the files below it,
			 * root with the capabilities of SPEC_LAYER; /tmp is the image's own, and
			 * the host's certificates are at SPEC_STEP_CA, so that neither is in the
			 * way of what becomes the layer */
};

#define SPEC_STEP_CA "/dev/shm/ca-certificates.crt"

enum spec_network {
	SPEC_NET_NONE = 1,   /* loopback only */
	SPEC_NET_EGRESS = 2, /* an address of its own, NAT to the outside */
};

enum spec_mount_kind {
	SPEC_MOUNT_CACHE = 1,  /* lib/cache/ID, made when missing, owned by the container's user */
	SPEC_MOUNT_VOLUME = 2, /* lib/volumes/ID, likewise */
	SPEC_MOUNT_STAGE = 3,  /* lib/stage/ID: a folder that `berth` filled; seen as the container
				* user's own, read-only */
	SPEC_MOUNT_PACKS = 4,  /* ID "bundled": share/berth/buildpacks; otherwise lib/packs/ID, a
				* folder that `berth` filled; read-only */
};

struct spec_mount {
	enum spec_mount_kind kind;
	char *id;
	char *dest; /* absolute path inside, made when missing; no ".." */
	bool read_only;
	char *file; /* of a stage: only the file of this name in it, on a file; NULL: all of it */
	/* of a cache that is made: whose it is, in the container's numbers, and its mode */
	bool owned;
	uint32_t uid, gid, mode;
};

enum spec_restart {
	SPEC_RESTART_NO = 1,
	SPEC_RESTART_ON_FAILURE = 2, /* at most restart_max times in a row */
	SPEC_RESTART_ALWAYS = 3,
};

/* 0 means the default of the profile for each. */
struct spec_limits {
	uint64_t memory;      /* bytes */
	uint64_t memory_swap; /* bytes of memory and swap together; 0: same as memory */
	uint64_t memory_low;  /* bytes that the kernel reclaims last; 0: none */
	uint32_t cpu_weight;  /* 1 to 10000, default 100 */
	uint32_t cpu_millis;  /* thousandths of a core, 0: no quota */
	uint32_t pids;
	uint32_t nofile;
	uint64_t disk; /* bytes of the writable layer: the size of the scratch tmpfs, or the
			* watched size of `upper` */
	uint64_t net_to, net_from; /* bytes a second that come and go; 0: all that can */
	uint64_t log_rate; /* bytes a second of output that are read; not of a spec: settled by
			    * limits_resolve */
	uint32_t time_ms;  /* the container is killed when it has run that long; 0: never */
};

/* How to find out whether the program is well (runtime/health.h). */
struct spec_health {
	struct strvec test; /* a command; empty: there is no such check */
	uint32_t interval_ms, timeout_ms, start_period_ms;
	uint32_t start_interval_ms; /* 0: not said */
	uint32_t retries;
	bool restarts; /* what is unhealthy ends as if it had crashed */
};

struct container_spec {
	char *id;    /* name_is_id; unique on the instance while the container exists */
	char *label; /* at most 255 bytes that mean nothing here and come back in its status */
	enum spec_profile profile;
	uint32_t range; /* index of its id range: the app's own; 0 for SPEC_LAYER and SPEC_STEP */
	/* Overlay layers, topmost first: "layer/ID" or "source/TREE". A layer remembers the range
	 * that owns it on disk and is mounted idmapped where that differs. */
	struct strvec layers;
	/* The id of a new layer that becomes the writable folder and stays, uncommitted, when the
	 * container ends; NULL: a tmpfs that goes with the container. */
	char *upper;
	struct strvec argv;    /* argv[0] is looked up in env's PATH inside */
	struct strvec env;     /* "KEY=VALUE" */
	char *user;            /* SPEC_IMAGE and SPEC_STEP only: as its configuration says it
				  (runtime/identity.h); NULL:	 root */
	struct strvec folders; /* SPEC_IMAGE only: made, root's, where no layer has them */
	char *cwd; /* NULL: /app for APP and BUILD, / for the others; made when missing for IMAGE */
	char *hostname; /* NULL: the id */
	/* SPEC_STEP only: /etc/hosts, /etc/hostname and /etc/resolv.conf are what the layers have,
	 * not the container's own: for a program that reads or writes the files of an image. */
	bool plain_etc;
	enum spec_network network;
	struct spec_limits limits;
	struct spec_mount *mounts;
	size_t n_mounts;
	bool tty;               /* attached only: a terminal of its own */
	uint16_t rows, columns; /* its size when the program starts; 0: not known */
	/* detached only: where its output goes: lib/logs/LOG_APP/LOG_NAME.log, and how it is named
	 * in the lines: "TIME app[LOG_NAME]: ..." */
	char *log_app;
	char *log_name;
	uint64_t log_max; /* bytes before a file is rotated; 0: 10 MiB. Kept: 5 files */
	enum spec_restart restart;
	uint32_t restart_max;      /* for SPEC_RESTART_ON_FAILURE; 0: 10 */
	struct spec_health health; /* detached only */
	uint32_t stop_ms;          /* SIGTERM to SIGKILL; 0: 30 s */
	uint32_t stop_signal; /* 0: SIGTERM, to every process; any other goes to the program only */
};

void container_spec_init(struct container_spec *spec);
void container_spec_release(struct container_spec *spec);
#define _cleanup_spec_ _cleanup_(container_spec_release)

void container_spec_add_mount(struct container_spec *spec, enum spec_mount_kind kind,
			      const char *id, const char *dest, bool read_only);

/* Checks every field; the error names the first that is wrong. */
int container_spec_check(const struct container_spec *spec, struct error *err);

#endif
