/* SPDX-License-Identifier: MIT */
/*
 * Words of a Dockerfile: quotes, escapes and variables, as its reference has them: $NAME, ${NAME},
 * ${NAME:-WORD}, ${NAME-WORD}, ${NAME:+WORD}, ${NAME+WORD}, ${NAME:?WORD}, ${NAME?WORD},
 * ${NAME#PATTERN}, ${NAME##PATTERN}, ${NAME%PATTERN}, ${NAME%%PATTERN}, ${NAME/PATTERN/WORD},
 * ${NAME//PATTERN/WORD} (dockerglob.h). Nothing is split: one word stays one.
 */
#ifndef BUILDPACKS_DOCKERVAR_H
#define BUILDPACKS_DOCKERVAR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define DOCKERVAR_VALUE_MAX (1u << 20) /* bytes that a word may become */

/* How words are read. */
struct dockervar {
	const struct strvec *vars; /* "KEY=VALUE" */
	char escape;
	bool keep_quotes; /* a heredoc's text: only variables and escaped "$" are replaced */
	bool check;       /* only whether the word is well formed: no variable need be there */
};

/* Appends WORD as it is meant to OUT. On failure *out_at is the offset of what is wrong in WORD. */
int dockervar_expand(const struct dockervar *how, const char *word, struct strbuf *out,
		     size_t *out_at, struct error *err);

/* The length of the word that S begins with: up to white space outside of quotes. */
size_t dockervar_word(const char *s, char escape);

#endif
