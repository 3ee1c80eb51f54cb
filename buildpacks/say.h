/* SPDX-License-Identifier: MIT */
/* What a build tells its user, in the shape of git push output on Heroku. A descriptor of -1 says
 * nothing; a user who has gone away is noticed elsewhere. */
#ifndef BUILDPACKS_SAY_H
#define BUILDPACKS_SAY_H

/* "-----> TEXT" */
void say_step(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "       TEXT" */
void say_detail(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Every line of TEXT as a detail. */
void say_lines(int fd, const char *text);

#endif
