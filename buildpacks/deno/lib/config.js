// SPDX-License-Identifier: MIT
// What bin/compile needs to know of deno.json and deno.lock, as shell assignments: config.js FOLDER
'use strict';
const fs = require('fs');
const path = require('path');

const folder = process.argv[2];
const has = (name) => fs.existsSync(path.join(folder, name));
const object = (value) => (typeof value === 'object' && value !== null ? value : {});

// JSON with comments and trailing commas; strings stay as they are.
function read(name) {
	if (!has(name)) return {};
	const text = fs.readFileSync(path.join(folder, name), 'utf8').replace(/^\uFEFF/, '');
	const plain = text
		.replace(/"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (m) => (m[0] === '"' ? m : ' '))
		.replace(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (m) => (m[0] === '"' ? m : ''));
	try {
		return object(JSON.parse(plain));
	} catch (error) {
		process.stderr.write(` !     ${name}: ${error.message}\n`);
		process.exit(1);
	}
}

const name = has('deno.json') ? 'deno.json' : 'deno.jsonc';
const config = read(name);
const lock = read('deno.lock');
const tasks = object(config.tasks);
const main = ['main.ts', 'main.js', 'server.ts', 'server.js', 'mod.ts'].find(has) || '';
const wanted = has('.deno-version') ? fs.readFileSync(path.join(folder, '.deno-version'), 'utf8').trim().replace(/^v/, '') : '';

function webCommand() {
	if (tasks.start) return 'deno task start';
	return main && `deno run --allow-net --allow-env --allow-read ${main}`;
}

const web = webCommand();
const facts = {
	deno_range: wanted || '2.x',
	deno_from: wanted ? '.deno-version' : name,
	lock: has('deno.lock') ? 'deno.lock' : '',
	entry: main,
	// modules by URL are named by the code, not by deno.json
	needs_source: config.workspace || Object.keys(object(lock.remote)).length ? 1 : '',
	build_task: tasks.build ? 'build' : '',
	// a string of JSON is one of YAML
	web: web && JSON.stringify(web),
};
for (const [key, value] of Object.entries(facts))
	console.log(`${key}='${String(value).replace(/'/g, `'\\''`)}'`);
