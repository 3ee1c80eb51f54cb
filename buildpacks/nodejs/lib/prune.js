// SPDX-License-Identifier: MIT
// Names what `npm prune --omit=dev` would remove from node_modules, from npm's own record of what it
// installed: prune.js FOLDER prints one path a line.
'use strict';
const fs = require('fs');
const path = require('path');

const record = path.join(process.argv[2], 'node_modules/.package-lock.json');
const packages = fs.existsSync(record) ? JSON.parse(fs.readFileSync(record, 'utf8')).packages : {};

for (const [place, entry] of Object.entries(packages || {}))
	if (entry.dev && /^node_modules\/[^\n]+$/.test(place) && !place.split('/').includes('..'))
		console.log(place);
