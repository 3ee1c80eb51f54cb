/* SPDX-License-Identifier: MIT */
/* libgit2's objects, bound to their scopes: `_cleanup_(git_tree_freep) git_tree *tree = NULL;` */
#ifndef RECEIVER_LIBGIT_H
#define RECEIVER_LIBGIT_H

#include <git2.h>

#include "base/cleanup.h"

#define LIBGIT_CLEANUP(type)                                                                       \
	static inline void type##_freep(type **p)                                                  \
	{                                                                                          \
		type##_free(*p); /* takes NULL */                                                  \
	}

LIBGIT_CLEANUP(git_blob)
LIBGIT_CLEANUP(git_config)
LIBGIT_CLEANUP(git_object)
LIBGIT_CLEANUP(git_odb)
LIBGIT_CLEANUP(git_reference)
LIBGIT_CLEANUP(git_reference_iterator)
LIBGIT_CLEANUP(git_repository)
LIBGIT_CLEANUP(git_signature)
LIBGIT_CLEANUP(git_transaction)
LIBGIT_CLEANUP(git_tree)
LIBGIT_CLEANUP(git_treebuilder)

#endif
