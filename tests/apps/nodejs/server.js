// SPDX-License-Identifier: MIT
'use strict';
const http = require('http');
const ms = require('ms');

const port = process.env.PORT || 5000;
http.createServer((request, response) => {
	response.end(`node ${process.versions.node}: a day is ${ms('1d')} ms\n`);
}).listen(port, () => console.log(`listening on ${port}`));
process.on('SIGTERM', () => process.exit(0));
