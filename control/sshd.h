/* SPDX-License-Identifier: MIT */
/*
 * The instance's own sshd: OpenSSH's, unprivileged as user berth, on [ssh] address and port, when
 * [ssh] enabled is "yes". Its host keys, sshd_config and authorized_keys lie in lib/ssh, which is
 * berth's alone (0700). A key opens nothing but the door: no shell, no forwarding, no files of
 * berth's own.
 *
 * A host that serves git through the machine's own sshd on port 22 needs none of this but
 * authorized_keys: "Match User berth" with AuthorizedKeysFile pointing at it.
 *
 * Settings: [ssh] enabled (no), address (one or more, "0.0.0.0 [::]"), port (22).
 */
#ifndef CONTROL_SSHD_H
#define CONTROL_SSHD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "instance/instance.h"

struct sshd_entry {
	const char *name; /* name_check_label */
	const char *key;  /* a line that pubkey_parse takes */
};

bool sshd_enabled(const struct instance *inst);

/* Writes lib/ssh/sshd_config, makes missing host keys with ssh-keygen and an empty
 * authorized_keys. Runs as user berth (or in tests as whoever owns lib). */
int sshd_configure(const struct instance *inst, struct error *err);

/* What to execute, in the foreground, logging to stderr. */
int sshd_command(const struct instance *inst, struct strvec *argv, struct error *err);

/* sshd gives a session's terminal to the group "tty" and ends the session when it may not. Where
 * /dev/pts is mounted without gid=, an unprivileged sshd may only as a member of that group: its
 * gid then, otherwise -1. For whoever starts sshd as root. */
gid_t sshd_terminal_group(void);

/* Replaces lib/ssh/authorized_keys; sessions that are open stay so. Every key becomes
 *   restrict,pty,command="PREFIX/bin/berth [--root ROOT] door --key NAME" TYPE BASE64 NAME
 * A wrong name or key fails with its name, and the file stays as it was. */
int sshd_write_keys(const struct instance *inst, const struct sshd_entry *entries, size_t n,
		    struct error *err);

/* The instance's host keys as lines for a known_hosts file, "HOST TYPE BASE64"; HOST is "[a]:p"
 * unless the port is 22. Appended to OUT. */
int sshd_known_hosts(const struct instance *inst, const char *host, struct strbuf *out,
		     struct error *err);

#endif
