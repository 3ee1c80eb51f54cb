/* SPDX-License-Identifier: MIT */
/*
 * The words of one of berth-oci's command lines, after the name of the command, as engines write
 * them for runc and crun: options first, each set of them a table here, then the rest. What the
 * options mean is in berth-oci(8); what the rest means is up to the command.
 *
 * Nothing is copied: a struct oci_words points into argv, which must outlive it.
 */
#ifndef RUNTIME_OCI_WORDS_H
#define RUNTIME_OCI_WORDS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "runtime/oci.h"

struct option;

/* The options that a command takes. */
struct oci_options {
	const char *letters;        /* for getopt_long(3); "+": they end at the first other word */
	const struct option *names; /* the same and more, in full */
};

extern const struct oci_options oci_options_none, oci_options_create, oci_options_run,
	oci_options_kill, oci_options_delete, oci_options_exec, oci_options_ps, oci_options_list,
	oci_options_update, oci_options_events, oci_options_spec;

/* What a command line may have; each command takes some of it. */
struct oci_words {
	struct oci_create create;
	struct oci_exec exec; /* all but argv */
	bool detach, keep, all, force, quiet, stats;
	const char *format, *interval, *resources; /* as they were written, or NULL */
	json_t *limits;                            /* what update's options say */
	char **rest;                               /* after the options; ends with NULL */
	int n_rest;
};

/* Without any option: ROOT and SYSTEMD are those of all commands. */
void oci_words_init(struct oci_words *w, const char *root, bool systemd);
void oci_words_release(struct oci_words *w);
#define _cleanup_oci_words_ _cleanup_(oci_words_release)

/* Reads the words of argv, whose first is the command, into W (initialised); the first of the rest,
 * if there is one, is the container's id. USAGE is what the command takes, for ERROR_USAGE, which
 * an option that is not in O, lacks its value or has a wrong one gives; W is to be released then,
 * too. Uses getopt's globals. */
int oci_words_read(struct oci_words *w, const struct oci_options *o, const char *usage, int argc,
		   char **argv, struct error *err);

#endif
