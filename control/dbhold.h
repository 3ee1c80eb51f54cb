/* SPDX-License-Identifier: MIT */
/*
 * Keeps the log of the database open while nobody uses it. The last to close a database in WAL mode
 * writes its log back, waits for the disk three times and removes the log's files, and the next to
 * open it makes them anew: with a process for each command, that would be every command. It also
 * lets a full disk be read, where those files could not be made.
 *
 * It holds the two locks that a connection which does nothing has, and no connection: berthd forks,
 * and SQLite's must not cross a fork (sqlite.org/howtocorrupt.html); locks of fcntl(2) do not. A
 * process that holds them must not open the database itself: closing a file drops its locks.
 *
 * The bytes: sqlite.org/lockingv3.html (SHARED), sqlite.org/walformat.html (the WAL-index); they
 * cannot change while processes with different releases of SQLite are to share a database.
 */
#ifndef CONTROL_DBHOLD_H
#define CONTROL_DBHOLD_H

#include "base/error.h"
#include "instance/instance.h"

struct dbhold {
	int db, index; /* berth.db and berth.db-shm, -1: not held */
};

#define DBHOLD_INIT                                                                                \
	{                                                                                          \
		-1, -1                                                                             \
	}

/* The database must be there. Without a hold all works, and slower. */
int dbhold_take(struct dbhold *h, const struct instance *inst, struct error *err);
/* Has the log written back, so that berth.db alone is the whole state. */
void dbhold_release(struct dbhold *h, const struct instance *inst);

#endif
