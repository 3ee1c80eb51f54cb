/* SPDX-License-Identifier: MIT */
/*
 * The door: what sshd runs for every key in Berth's authorized keys (`berth door --key NAME`, a
 * forced command of sshd_config(5)). It is the only thing a key can reach.
 *
 *   no command            the help, as there is no shell to give
 *   git-receive-pack APP  berthd allows it (`git:allow`, which also makes a new app), then git runs
 *   git-upload-pack APP   here as a child and is killed when the client goes away
 *   git-upload-archive APP
 *   anything else         a command for berthd, with the key's name as the identity
 *
 * From the client come only the words of SSH_ORIGINAL_COMMAND and GIT_PROTOCOL. git gets an
 * environment made here.
 */
#ifndef RECEIVER_DOOR_H
#define RECEIVER_DOOR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Runs the door and gives the process's exit status. Prints its own errors on stderr. */
int door_run(const struct instance *inst, const char *key_name);

/* For door_run and its tests: WORDS ask for one of git's three services: *out_service is
 * "receive-pack", "upload-pack" or "upload-archive" (a literal), or NULL when they are a command
 * for berthd; *out_app is the app, checked, and freed by the caller. */
int door_parse_git(const struct strvec *words, const char **out_service, char **out_app,
		   struct error *err);

/* GIT_PROTOCOL as git clients set it: "version=2", or several such joined with ":". */
bool door_is_git_protocol(const char *s);

#endif
