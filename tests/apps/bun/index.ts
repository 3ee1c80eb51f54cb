// SPDX-License-Identifier: MIT
import ms from 'ms';

Bun.serve({ port: process.env.PORT || 5000, fetch: () => new Response(`bun: a day is ${ms('1d')} ms\n`) });
process.on('SIGTERM', () => process.exit(0));
