/* SPDX-License-Identifier: MIT */
/* nftables in process (libnftables(3)), one transaction at a time. */
#ifndef RUNTIME_NFT_H
#define RUNTIME_NFT_H

#include "base/error.h"

/* Runs COMMANDS (nft(8)) as one transaction. It happens in a forked child, which loads the
 * library: neither its memory nor its mappings stay with a daemon. */
int nft_run(const char *commands, struct error *err);

#endif
