/* SPDX-License-Identifier: MIT */
/* Random ids from the kernel (getrandom(2)). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* N random lower-case hex digits and a NUL into OUT (N + 1 bytes). */
void random_hex(char *out, size_t n);

#endif
