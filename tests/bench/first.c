/* SPDX-License-Identifier: MIT */
/*
 * Says when its first instruction ran: the machine's monotonic clock in nanoseconds, one line on
 * stdout. Static, so that it is the same in every container and has nothing to load.
 *
 *   first        and ends
 *   first stay   and stays until a signal ends it
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	fflush(stdout);
	(void)argv;
	if (argc > 1)
		pause();
	return 0;
}
