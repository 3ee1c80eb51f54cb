// SPDX-License-Identifier: MIT
// Removes what only development needs from node_modules, as `npm prune --omit=dev` does, but from
// npm's own record of what it installed, which takes milliseconds: prune.js FOLDER
'use strict';
const fs = require('fs');
const path = require('path');

const folder = process.argv[2];
const record = path.join(folder, 'node_modules/.package-lock.json');
const lock = JSON.parse(fs.readFileSync(record, 'utf8'));
let count = 0;

for (const [place, entry] of Object.entries(lock.packages || {})) {
	if (!entry.dev || !/^node_modules\//.test(place) || place.split('/').includes('..')) continue;
	fs.rmSync(path.join(folder, place), { recursive: true, force: true });
	delete lock.packages[place];
	count++;
}
// links to programs that are gone
const bin = path.join(folder, 'node_modules/.bin');
for (const name of fs.existsSync(bin) ? fs.readdirSync(bin) : [])
	if (!fs.existsSync(path.join(bin, name))) fs.rmSync(path.join(bin, name), { force: true });
fs.writeFileSync(record, JSON.stringify(lock, null, 2));
console.log(`removed ${count} package${count === 1 ? '' : 's'}`);
