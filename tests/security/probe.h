/* SPDX-License-Identifier: MIT */
/* What the parts of the probe share. */
#ifndef TESTS_SECURITY_PROBE_H
#define TESTS_SECURITY_PROBE_H

/* "ok", or the name of errno when RESULT is negative. */
const char *answer(long result);

#endif
