// SPDX-License-Identifier: MIT
// What the other scripts need to know of a package.json, as shell assignments: package.js FOLDER
'use strict';
const fs = require('fs');
const path = require('path');

const folder = process.argv[2];

function fail(message) {
	process.stderr.write(` !     ${message}\n`);
	process.exit(1);
}

function readPackage() {
	let pkg;
	try {
		pkg = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8').replace(/^\uFEFF/, ''));
	} catch (error) {
		fail(`package.json: ${error.message}`);
	}
	if (typeof pkg !== 'object' || pkg === null || Array.isArray(pkg)) fail('package.json: must be an object');
	return pkg;
}

const has = (name) => fs.existsSync(path.join(folder, name));
const object = (value) => (typeof value === 'object' && value !== null ? value : {});
const text = (value) => (typeof value === 'string' ? value : '');

const pkg = readPackage();
const scripts = object(pkg.scripts);

// engines.node, or else the first line of a version file
function wantedNode() {
	const range = text(object(pkg.engines).node).trim();
	if (range) return { range, from: 'engines.node' };
	for (const name of ['.node-version', '.nvmrc']) {
		if (!has(name)) continue;
		const line = fs.readFileSync(path.join(folder, name), 'utf8').split('\n')[0].trim().replace(/^v/, '');
		if (/^[0-9]+(\.[0-9]+){0,2}$/.test(line)) return { range: line, from: name };
	}
	return { range: '', from: '' };
}

// Why installing needs more of the app than package.json and the lock file.
function needsSource() {
	for (const name of ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare',
		'postprepare', 'heroku-prebuild'])
		if (scripts[name]) return `its script '${name}'`;
	if (pkg.workspaces) return 'its workspaces';
	for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'])
		for (const [name, from] of Object.entries(object(pkg[kind])))
			if (/^(file:|link:|\.|\/|~\/)/.test(text(from))) return `'${name}', which is part of the app`;
	return '';
}

function buildScript() {
	for (const name of ['heroku-postbuild', 'build']) if (scripts[name]) return name;
	return '';
}

function hasDependencies() {
	const count = (kind) => Object.keys(object(pkg[kind])).length;
	return count('dependencies') + count('devDependencies') + count('optionalDependencies') > 0 ||
		Boolean(pkg.workspaces);
}

// npm costs a third of a second and 50 MB and stands between a process and its signals, so a script
// that is one line and needs nothing of npm is run without it.
function plain(name) {
	const script = text(scripts[name]);
	return !scripts[`pre${name}`] && !scripts[`post${name}`] && !/npm_|[\x00-\x1f\x7f]/.test(script) ? script : '';
}

function webCommand() {
	if (text(scripts.start)) return plain('start') || 'npm start';
	return has('server.js') ? 'node server.js' : '';
}

const quote = (value) => `'${String(value).replace(/'/g, `'\\''`)}'`;
const wanted = wantedNode();
const build = buildScript();
const web = webCommand();
const facts = {
	node_range: wanted.range,
	node_range_from: wanted.from,
	needs_source: needsSource(),
	build_script: build,
	build_command: build && plain(build),
	has_dependencies: hasDependencies() ? 1 : '',
	has_prebuild: scripts['heroku-prebuild'] ? 1 : '',
	has_cleanup: scripts['heroku-cleanup'] ? 1 : '',
	// a string of JSON is one of YAML
	web: web && JSON.stringify(web),
};
for (const [name, value] of Object.entries(facts)) console.log(`${name}=${quote(value)}`);
