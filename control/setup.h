/* SPDX-License-Identifier: MIT */
/*
 * Making an instance: its berth.conf, its master key and its folders with their owners and modes.
 * Only root does this; everything here may be run again and changes only what is missing or asked
 * for.
 *
 * Who may write where: root owns what berth-runtime trusts (lib/layers, cache, volumes, logs) and
 * the folders that hold them, which are sticky, so that user berth can add files of its own beside
 * but not swap root's folders for others.
 */
#ifndef CONTROL_SETUP_H
#define CONTROL_SETUP_H

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Writes ROOT's berth.conf ("" is the default instance) with SETTINGS, each "SECTION.KEY=VALUE",
 * keeping what else an existing file says. instance.number is chosen when neither names one;
 * [packages] notes the host's own npm registry and apt proxy the first time. */
int setup_settings(const char *root, const struct strvec *settings, struct error *err);

/* Makes what is missing of etc, lib and run, and etc/master.key. */
int setup_folders(const struct instance *inst, struct error *err);

#endif
