/* SPDX-License-Identifier: MIT */
/*
 * Env files, as config:import reads and config:export writes them: KEY=VALUE lines with an optional
 * "export" before, "#" comment lines and empty lines.
 *
 * A value that begins with a quote is read as a shell would: '...' is literal and may span lines,
 * "..." knows \" \\ \$ \` and, as dotenv does, \n \r \t; parts that touch are one value, so that
 * 'it'\''s' is what it is in a shell; a comment may follow. Any other value is the rest of its
 * line as it stands.
 */
#ifndef CONTROL_ENVFILE_H
#define CONTROL_ENVFILE_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

/* Appends "KEY=VALUE" for each; keys are checked by config_check. Errors name the line. */
int envfile_parse(const char *text, struct strvec *out, struct error *err);

/* Appends VALUE quoted for a POSIX shell, which envfile_parse reads too. */
void envfile_quote(struct strbuf *out, const char *value);

#endif
