/* SPDX-License-Identifier: MIT */
/*
 * `berth server VERB`: making, starting and ending an instance on this machine. The only commands
 * that do not go through berthd, because it may not run yet; all but `status` are root's.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

/* argv[0] is "server", argv[1] the verb; ROOT as for instance_open. Prints its errors and gives the
 * exit status: 0, 1, 2 (usage); `status` gives 3 when nothing runs. */
int supervisor_main(int argc, char **argv, const char *root);

#endif
