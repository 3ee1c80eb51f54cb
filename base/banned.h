/* SPDX-License-Identifier: MIT */
/*
 * Functions that have no safe use here are compile errors. The Makefile includes this file before
 * every source file of the project, after the system headers that declare these names.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol system popen    \
	mktemp tmpnam localtime gmtime gets

#endif
