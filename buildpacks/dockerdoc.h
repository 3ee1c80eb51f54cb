/* SPDX-License-Identifier: MIT */
/*
 * Heredocs: texts that stand in the Dockerfile itself, behind the line of a RUN, COPY or ADD that
 * has a word "<<NAME" in it, and up to a line NAME. "<<-" takes the tabs away that lines begin
 * with, a NAME in quotes keeps variables as they are written.
 */
#ifndef BUILDPACKS_DOCKERDOC_H
#define BUILDPACKS_DOCKERDOC_H

#include "buildpacks/dockerline.h"
#include "buildpacks/dockerstep.h"

/* Reads the texts that S, the arguments of STEP, asks for from LINES into step->docs. When no line
 * ends one, it gives -1 and says in *out_at where in S that begins. */
int dockerdoc_read(struct docker_step *step, struct dockerlines *lines, const char *s, char escape,
		   size_t *out_at, struct error *err);
/* Whether WORD, an argument of a COPY or ADD, stands for such a text. */
bool dockerdoc_is(const char *word);
/* Puts the texts into the command of STEP, a RUN: a shell reads them itself; a text that is alone
 * is the script. */
void dockerdoc_join(struct docker_step *step);

#endif
