// SPDX-License-Identifier: MIT
'use strict';
const http = require('http');
const ms = require('ms');

http.createServer((request, response) => {
	response.end(`@BUILT@, an hour is ${ms('1h')} ms\n`);
}).listen(process.env.PORT || 5000);
process.on('SIGTERM', () => process.exit(0));
