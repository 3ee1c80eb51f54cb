// SPDX-License-Identifier: MIT
// The highest of the versions on stdin (JSON) that fits: version.js RANGE. Exits with 2 when it is no
// range, with 3 when none fits; then it prints the nearest. Wants npm's semver in NODE_PATH.
'use strict';
const semver = require('semver');

const range = process.argv[2];
const versions = [].concat(JSON.parse(require('fs').readFileSync(0, 'utf8'))).filter((v) => semver.valid(v));

// The newest of the majors around the one asked for, and the nearest within that one.
function nearest() {
	const wanted = semver.coerce(range) || semver.coerce('0');
	const stable = semver.rsort(versions.filter((v) => !semver.prerelease(v)));
	const newest = new Map();
	for (const v of stable) if (!newest.has(semver.major(v))) newest.set(semver.major(v), v);
	const majors = [...newest.keys()].sort((a, b) => Math.abs(a - wanted.major) - Math.abs(b - wanted.major));
	return semver.rsort(majors.slice(0, 4).map((m) => newest.get(m))).join(', ');
}

if (semver.validRange(range) === null) process.exit(2);
const found = semver.maxSatisfying(versions, range);
process.stdout.write(found || nearest());
process.exit(found ? 0 : 3);
