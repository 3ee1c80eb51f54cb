/* SPDX-License-Identifier: MIT */
/* The migrations of the state, applied in order, each in one transaction; never edit one that has
 * been released: add another. Times are microseconds since 1970; app 0 is the instance itself. */
#ifndef CONTROL_SCHEMA_H
#define CONTROL_SCHEMA_H

static const char *const schema_migrations[] = {
	"CREATE TABLE apps ("
	/* never used again: it names the app's containers and locks */
	" id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	/* index of its user id range; see instance_range_base */
	" range INTEGER NOT NULL UNIQUE,"
	" created_at INTEGER NOT NULL, locked INTEGER NOT NULL DEFAULT 0,"
	/* ps:stop sets it; nothing of the app runs while it is set */
	" stopped INTEGER NOT NULL DEFAULT 0,"
	/* ps:restart counts it up: containers of an older epoch are replaced */
	" epoch INTEGER NOT NULL DEFAULT 0,"
	/* the current release's version, NULL before the first */
	" release INTEGER,"
	" maintenance INTEGER NOT NULL DEFAULT 0, page TEXT) STRICT;"
	/* values are sealed under master.key (control/secret.h) */
	"CREATE TABLE config (app INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
	" PRIMARY KEY (app, key)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE settings (app INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
	" PRIMARY KEY (app, key)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE domains (domain TEXT PRIMARY KEY,"
	" app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE) STRICT;"
	"CREATE INDEX domains_app ON domains (app);"
	"CREATE TABLE formation ("
	" app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" type TEXT NOT NULL, quantity INTEGER NOT NULL CHECK (quantity BETWEEN 0 AND 100),"
	" PRIMARY KEY (app, type)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE releases ("
	" app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" version INTEGER NOT NULL,"
	/* the version that last changed what runs: containers of the same generation go on */
	" generation INTEGER NOT NULL,"
	" image TEXT, tree TEXT, commit_id TEXT,"
	" config BLOB NOT NULL, formation TEXT NOT NULL,"
	" description TEXT NOT NULL, user TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),"
	" created_at INTEGER NOT NULL, PRIMARY KEY (app, version)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE ssh_keys (fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL,"
	" key TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;"
	"CREATE TABLE tokens (name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
	" created_at INTEGER NOT NULL) STRICT;"
	"CREATE TRIGGER apps_forget AFTER DELETE ON apps BEGIN"
	" DELETE FROM config WHERE app = old.id; DELETE FROM settings WHERE app = old.id; END;",
	/* control/build.h; slot: 1 waits for its turn, 2 has it */
	"CREATE TABLE builds (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" kind TEXT NOT NULL CHECK (kind IN ('build', 'deploy')), source TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('queued', 'building', 'deploying', 'succeeded',"
	" 'failed', 'cancelled')), slot INTEGER NOT NULL DEFAULT 0,"
	" user TEXT NOT NULL, commit_id TEXT, reason TEXT NOT NULL DEFAULT '', image TEXT,"
	" timings TEXT NOT NULL DEFAULT '', release INTEGER NOT NULL DEFAULT 0,"
	" created_at INTEGER NOT NULL, started_at INTEGER NOT NULL DEFAULT 0,"
	" finished_at INTEGER NOT NULL DEFAULT 0, exit_code INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE INDEX builds_app ON builds (app, id);"
	"CREATE INDEX builds_unfinished ON builds (id) WHERE finished_at = 0;",
	/* kind was always "build"; what source said is the kind of a build */
	"ALTER TABLE builds DROP COLUMN kind;"
	"ALTER TABLE builds RENAME COLUMN source TO kind;"
	"UPDATE builds SET kind = 'up' WHERE kind = 'folder';",
	/* control/volume.h; path: where the app sees it */
	"CREATE TABLE volumes (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;"
	"CREATE TABLE mounts (app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" volume TEXT NOT NULL REFERENCES volumes (name), path TEXT NOT NULL,"
	" read_only INTEGER NOT NULL, PRIMARY KEY (app, path)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX mounts_volume ON mounts (volume);",
	/* control/imagetag.h */
	("CREATE TABLE image_tags (name TEXT PRIMARY KEY, image TEXT NOT NULL,"
	 " created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"),
	/* control/appnet.h; a link lets app open connections to target */
	"CREATE TABLE networks (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;"
	"CREATE TABLE attachments (network TEXT NOT NULL REFERENCES networks (name),"
	" app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" PRIMARY KEY (network, app)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX attachments_app ON attachments (app);"
	"CREATE TABLE links (app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" target INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	" PRIMARY KEY (app, target)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX links_target ON links (target);",
	/* control/cron.h; *_at: unix seconds. The trees that the tasks were read from. */
	("CREATE TABLE cron_tasks (app INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,"
	 " id TEXT NOT NULL, place INTEGER NOT NULL, command TEXT NOT NULL, schedule TEXT NOT NULL,"
	 " concurrency TEXT NOT NULL, suspended INTEGER NOT NULL DEFAULT 0,"
	 " checked_at INTEGER NOT NULL, started_at INTEGER NOT NULL DEFAULT 0,"
	 " result TEXT NOT NULL DEFAULT '', PRIMARY KEY (app, id)) STRICT, WITHOUT ROWID;"
	 "CREATE TABLE cron_trees (app INTEGER PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,"
	 " tree TEXT NOT NULL) STRICT;"),
};

#endif
