/* SPDX-License-Identifier: MIT */
/* nftables in process (libnftables(3)), one transaction at a time. */
#ifndef RUNTIME_NFT_H
#define RUNTIME_NFT_H

#include "base/error.h"

/* Runs COMMANDS (nft(8)) as one transaction. It happens in a forked child, so that the memory that
 * the library takes does not stay with a daemon. */
int nft_run(const char *commands, struct error *err);

#endif
