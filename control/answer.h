/* SPDX-License-Identifier: MIT */
/*
 * How Berth talks to a person, with the marks that Heroku's and Dokku's users know. Everything is
 * one line and is flushed at once, so that progress is seen as it happens. Warnings go to stderr.
 * Marks are in colours where base/colour.h says so.
 */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include "control/context.h"

/* "-----> TEXT" */
void answer_step(struct context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "=====> TEXT": a header, left out without a terminal or with --quiet */
void answer_header(struct context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "       TEXT" */
void answer_detail(struct context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A property that was set, VALUE NULL: unset: "-----> Set KEY to VALUE for APP"; APP "": globally.
 */
void answer_property(struct context *c, const char *app, const char *key, const char *value);
/* "TEXT" */
void answer_line(struct context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* " !     TEXT" on stderr, each line of it marked */
void answer_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for what ended a command. */
void answer_error(const struct error *err);

#endif
