/* SPDX-License-Identifier: MIT */
/*
 * Where an app may open connections to outside: the setting "egress", which is "none" or
 * "allow TARGET...", and not set for an app that is open. A TARGET is ADDRESS[/BITS][:PORT] or
 * HOST[:PORT]; a host stands for the addresses that it has (control/hosts.h).
 */
#ifndef CONTROL_EGRESS_H
#define CONTROL_EGRESS_H

#include "base/strvec.h"
#include "control/hosts.h"
#include "runtime/policy.h"

#define EGRESS_KEY "egress"
/* Targets of one app. */
#define EGRESS_MAX 64

/* Reads one target; OUT->range stays as it is. *OUT_HOST is NULL, or the name of a host, which the
 * caller frees; then it is OUT->addr that stays. */
int egress_parse(const char *target, struct policy_rule *out, char **out_host, struct error *err);
/* Adds the hosts that SETTING names, each once. */
int egress_hosts(const char *setting, struct strvec *out, struct error *err);
/* The setting that WORDS mean: "open" (*out NULL), "none", "allow TARGET...". The caller frees it.
 */
int egress_setting(const struct strvec *words, size_t from, char **out, struct error *err);
/* Adds what SETTING says of the app with RANGE, its hosts as HOSTS has them. */
int egress_add(struct policy *p, unsigned range, const char *setting, const struct hosts *hosts,
	       struct error *err);

#endif
