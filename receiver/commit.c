/* SPDX-License-Identifier: MIT */
#include "receiver/commit.h"

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "receiver/entry.h"
#include "receiver/libgit.h"
#include "receiver/repo.h"

/* What a line of a commit cannot hold becomes "?". */
static char *signature_name(const char *author)
{
	char *name = entry_printable(*author ? author : "berth");

	for (char *p = name; *p; p++)
		if (*p == '<' || *p == '>')
			*p = '?';
	return name;
}

static void free_commit(git_commit **commit)
{
	git_commit_free(*commit);
}

int commit_write(git_repository *repo, const git_oid *tree_oid, const char *parent,
		 const char *author, const char *message, git_oid *out, struct error *err)
{
	_cleanup_(git_signature_freep) git_signature *by = NULL;
	_cleanup_(git_tree_freep) git_tree *tree = NULL;
	_cleanup_(free_commit) git_commit *before = NULL;
	_cleanup_free_ char *name = signature_name(author);
	const git_commit *parents[1];
	git_oid oid;

	if (*parent) {
		if (!gitdir_is_hex(parent))
			return error_set(err, ERROR_INVALID, 0, "'%.50s' is not an object id",
					 parent);
		git_oid_fromstr(&oid, parent);
		int code = git_commit_lookup(&before, repo, &oid);
		if (code)
			return repo_git_error(err, code, "look up the commit %.10s", parent);
	}
	parents[0] = before;
	int code = git_signature_now(&by, name, "berth@localhost");
	if (!code)
		code = git_tree_lookup(&tree, repo, tree_oid);
	if (!code)
		code = git_commit_create(out, repo, NULL, by, by, NULL, message, tree,
					 before ? 1 : 0, parents);
	return code ? repo_git_error(err, code, "write the commit") : 0;
}
