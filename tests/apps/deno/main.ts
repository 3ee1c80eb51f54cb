// SPDX-License-Identifier: MIT
import ms from 'ms';

Deno.addSignalListener('SIGTERM', () => Deno.exit(0));
Deno.serve({ port: Number(Deno.env.get('PORT') ?? 5000) }, () => new Response(`deno: a day is ${ms('1d')} ms\n`));
