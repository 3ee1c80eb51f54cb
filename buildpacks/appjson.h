/* SPDX-License-Identifier: MIT */
/*
 * An app.json: what the app itself says of its config vars, scale, checks and scripts (the union of
 * Heroku's and Dokku's fields). Comments are allowed. A field that is known but of the wrong kind
 * or out of bounds is an error that names it ("app.json: 'formation.web.quantity' ..."); a field
 * that is not known is ignored, as both do.
 */
#ifndef BUILDPACKS_APPJSON_H
#define BUILDPACKS_APPJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define APPJSON_MAX (1u << 20) /* bytes of the file */
#define APPJSON_ITEMS_MAX 256  /* entries of any one list or object */
#define APPJSON_QUANTITY_MAX 1000

struct appjson_env {
	char *key;
	char *value;   /* the default, or NULL */
	bool required; /* must have a value, a default or a generator; true when not said */
	bool secret;   /* generator "secret": 64 random hex digits, once */
	bool sync;     /* set again on every deploy */
};

struct appjson_formation {
	char *type;
	int quantity;     /* -1: not said */
	int max_parallel; /* -1: not said */
};

enum appjson_check_kind {
	APPJSON_STARTUP = 1,
	APPJSON_LIVENESS,
	APPJSON_READINESS,
};

/* One health check. Unsaid numbers are -1 and unsaid texts NULL: who checks has the defaults. */
struct appjson_check {
	char *process; /* the process type */
	enum appjson_check_kind kind;
	char *name;
	char *path;
	int port;
	char *scheme;          /* "http" or "https" */
	char *content;         /* must occur in the answer */
	struct strvec headers; /* "Name: value" */
	struct strvec command; /* argv, instead of a request */
	int uptime;            /* seconds it must have lived, instead of a request */
	int listening;         /* 1: the port must accept a connection on other than loopback */
	int attempts;
	int timeout;              /* seconds */
	int wait;                 /* seconds between attempts */
	int initial_delay;        /* seconds */
	struct strvec on_failure; /* argv, empty when not said */
	char *on_failure_url;
};

/* A task that runs at its times. */
struct appjson_cron {
	char *command;
	char *schedule;    /* base/schedule.h takes it */
	char *concurrency; /* "allow", "forbid" or "replace", when the one before still runs */
	bool maintenance;  /* begins suspended */
};

struct appjson {
	char *name;
	struct appjson_env *env;
	size_t n_env;
	struct appjson_formation *formation;
	size_t n_formation;
	struct appjson_check *checks;
	size_t n_checks;
	struct strvec buildpacks; /* their URLs or names */
	char *predeploy;          /* scripts.dokku.predeploy */
	char *dokku_postdeploy;   /* scripts.dokku.postdeploy: on every deploy */
	char *postdeploy;         /* scripts.postdeploy: on the first deploy only */
	struct appjson_cron *cron;
	size_t n_cron;
};

void appjson_init(struct appjson *aj);
void appjson_release(struct appjson *aj);
#define _cleanup_appjson_ _cleanup_(appjson_release)

/* Fills AJ, which must be initialised and empty; it stays so on failure. */
int appjson_parse(struct appjson *aj, const char *text, size_t len, struct error *err);
/* Reads NAME (usually "app.json") below DIRFD; ERROR_NOT_FOUND when there is none. */
int appjson_read(struct appjson *aj, int dirfd, const char *name, struct error *err);

/* The formation of TYPE, or NULL. */
const struct appjson_formation *appjson_formation(const struct appjson *aj, const char *type);

#endif
