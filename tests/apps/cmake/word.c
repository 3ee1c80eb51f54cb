/* SPDX-License-Identifier: MIT */
#include "word.h"

const char *word(void)
{
	return "hello from cmake";
}
