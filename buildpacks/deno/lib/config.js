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

// The file that the task 'start' runs, or that of a usual name: all that is imported is found from there.
function entryFile() {
	const start = typeof tasks.start === 'string' ? tasks.start : `${object(tasks.start).command || ''}`;
	return start.split(/\s+/).find((word) => /^[\w./-]+\.[mc]?[jt]sx?$/.test(word) && has(word)) || main;
}

function webCommand() {
	if (tasks.start) return 'deno task start';
	return main && `deno run --allow-net --allow-env --allow-read${imports ? ` --allow-import=${imports}` : ''} ${main}`;
}

// the hosts of modules by URL, most of which Deno imports from only when it is told to
const imports = [...new Set(Object.keys(object(lock.remote)).filter(URL.canParse).map((url) => new URL(url).host))].join(',');
// builds of these files alone have only the config vars that pack.conf names
const npmrc = has('.npmrc') ? fs.readFileSync(path.join(folder, '.npmrc'), 'utf8') : '';
const foreign = [...npmrc.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].some(([, name]) => !/^(DENO|NPM|npm|JSR)_/.test(name));
const web = webCommand();
const facts = {
	deno_range: wanted || '2.x',
	deno_from: wanted ? '.deno-version' : name,
	lock: has('deno.lock') ? 'deno.lock' : '',
	entry: entryFile(),
	// modules by URL are named by the code and the lock file, not by deno.json
	needs_source: config.workspace || foreign || !has('deno.lock') || Object.keys(object(lock.remote)).length ? 1 : '',
	build_task: tasks.build ? 'build' : '',
	// a string of JSON is one of YAML
	web: web && JSON.stringify(web),
};
for (const [key, value] of Object.entries(facts))
	console.log(`${key}='${String(value).replace(/'/g, `'\\''`)}'`);
