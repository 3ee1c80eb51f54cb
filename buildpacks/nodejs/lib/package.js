// SPDX-License-Identifier: MIT
// What the other scripts need to know of a package.json, as shell assignments: package.js FOLDER [bun]
'use strict';
const fs = require('fs');
const path = require('path');

const folder = process.argv[2];
const bun = process.argv[3] === 'bun'; // whose pack this is, and not that of Node.js

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


const read = (name) => (has(name) ? fs.readFileSync(path.join(folder, name), 'utf8') : '');

const LTS = { argon: 4, boron: 6, carbon: 8, dubnium: 10, erbium: 12, fermium: 14, gallium: 16, hydrogen: 18, iron: 20,
	jod: 22, krypton: 24 };

// What nvm and others write into their files besides versions: v20, lts/iron, lts/*, node.
function versionInFile(line) {
	const name = /^lts\/([a-z]+)$/i.exec(line);
	if (name) return LTS[name[1].toLowerCase()] ? `${LTS[name[1].toLowerCase()]}` : line;
	if (line === 'lts/*') return `${Math.max(...Object.values(LTS))}`;
	if (/^(node|stable|latest|current)$/.test(line)) return '*';
	return line.replace(/^v/, '');
}

// engines.node, or volta's, or else the first line of a version file that says something
function wantedNode() {
	const range = text(object(pkg.engines).node).trim();
	if (range) return { range, from: 'engines.node' };
	const volta = text(object(pkg.volta).node).trim();
	if (volta) return { range: volta, from: 'volta.node' };
	for (const name of ['.node-version', '.nvmrc']) {
		const line = read(name).split('\n').map((l) => l.replace(/#.*/, '').trim()).find((l) => l);
		if (line) return { range: versionInFile(line), from: name };
	}
	return { range: '', from: '' };
}

const LOCKS = { npm: ['package-lock.json', 'npm-shrinkwrap.json'], yarn: ['yarn.lock'], pnpm: ['pnpm-lock.yaml'],
	bun: ['bun.lock', 'bun.lockb'] };

// The first pnpm and yarn that wrote a lock file of that version.
const yarnOfLock = (version) => (version >= 8 ? '>=4 <5' : version >= 6 ? '3.x' : version === 5 ? '3.x' : '2.x || 3.x');
function pnpmOfLock(version) {
	if (!version) return '10.x';
	const [major, minor] = version.split('.').map(Number);
	return major >= 9 ? '10.x' : major >= 6 ? '8.x' : major === 5 && minor === 4 ? '7.x' : '6.x';
}

// The package manager: what packageManager says, or else the lock file.
function wantedManager() {
	const locks = Object.keys(LOCKS).filter((name) => LOCKS[name].some(has));
	const said = /^(npm|yarn|pnpm|bun)@([0-9][^+\s]*)(?:\+(sha(?:1|224|256|384|512)\.[0-9a-f]+))?/.exec(text(pkg.packageManager));
	if (pkg.packageManager && !said)
		fail(`package.json: packageManager '${text(pkg.packageManager)}' is not npm, yarn, pnpm or bun with a version, as in 'pnpm@10.0.0'`);
	if (locks.length > 1) {
		const files = locks.flatMap((name) => LOCKS[name].filter(has));
		fail(`two lock files: ${files.join(' and ')}; remove all but the one of the package manager that you use`);
	}
	if (said && locks.length && locks[0] !== said[1])
		fail(`package.json: packageManager is ${said[1]}, but there is ${LOCKS[locks[0]].find(has)}; remove one of them`);
	const name = said ? said[1] : locks[0] || (bun ? 'bun' : 'npm');
	if ((name === 'bun') !== bun)
		fail(bun ? `the app is ${name}'s: choose the buildpack nodejs` : "the app is Bun's: choose the buildpack bun");
	const lock = locks.length ? LOCKS[name].find(has) : '';
	const engines = text(object(pkg.engines)[name]).trim();
	const volta = text(object(pkg.volta)[name]).trim();
	if (said) return { name, lock, range: said[2], from: 'packageManager', hash: said[3] };
	if (engines) return { name, lock, range: engines, from: `engines.${name}` };
	if (volta) return { name, lock, range: volta, from: `volta.${name}` };
	if (name === 'yarn') {
		const version = /^__metadata:\s*\n\s+version:\s*"?([0-9]+)/m.exec(read('yarn.lock'));
		return { name, lock, range: version ? yarnOfLock(Number(version[1])) : '1.x', from: 'yarn.lock' };
	}
	if (name === 'bun') {
		const version = read('.bun-version').trim();
		return version ? { name, lock, range: version, from: '.bun-version' } : { name, lock, range: '>=1', from: lock };
	}
	if (name === 'pnpm') {
		const version = /^lockfileVersion:\s*'?([0-9.]+)/m.exec(read('pnpm-lock.yaml'));
		return { name, lock, range: pnpmOfLock(version && version[1]), from: 'pnpm-lock.yaml' };
	}
	return { name, lock, range: '', from: '' };
}

// A yarn that the app brings along: yarnPath of .yarnrc.yml, inside the app.
function yarnPath() {
	const found = /^yarnPath:\s*["']?(?:\.\/)?([^"'\s]+)/m.exec(read('.yarnrc.yml'));
	return found && !found[1].startsWith('/') && !found[1].split('/').includes('..') && has(found[1]) ? found[1] : '';
}

// Why installing needs more of the app than package.json and the lock file.
function needsSource() {
	for (const name of ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare',
		'postprepare', 'heroku-prebuild'])
		if (scripts[name]) return `its script '${name}'`;
	if (workspaces) return 'its workspaces';
	// builds of these files alone have only the config vars that pack.conf names
	const known = bun ? /^((BUN|NODE|NPM|npm)_|HOME$)/ : /^((NODE|NPM|npm|YARN2?|PNPM)_|HOME$)/;
	for (const name of ['.npmrc', '.yarnrc', '.yarnrc.yml', 'bunfig.toml'])
		for (const [, variable] of read(name).matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g))
			if (!known.test(variable)) return `the variable '${variable}' in ${name}`;
	for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'])
		for (const [name, from] of Object.entries(object(pkg[kind])))
			if (/^(file:|link:|portal:|workspace:|\.|\/|~\/)/.test(text(from))) return `'${name}', which is part of the app`;
	return '';
}

function buildScript() {
	for (const name of ['heroku-postbuild', 'build']) if (scripts[name]) return name;
	return '';
}

function hasDependencies() {
	const count = (kind) => Object.keys(object(pkg[kind])).length;
	return count('dependencies') + count('devDependencies') + count('optionalDependencies') > 0 ||
		workspaces;
}

// The manager costs a third of a second and 50 MB and stands between a process and its signals, so a script
// that is one line and needs nothing of npm is run without it.
function plain(name) {
	const script = text(scripts[name]);
	return !scripts[`pre${name}`] && !scripts[`post${name}`] && !/npm_|[\x00-\x1f\x7f]/.test(script) ? script : '';
}

function webCommand() {
	if (text(scripts.start)) return plain('start') || `${manager.name} start`;
	if (!bun) return has('server.js') ? 'node server.js' : '';
	const main = ['index.ts', 'index.js', 'server.ts', 'server.js', 'src/index.ts'].find(has);
	return main ? `bun ${main}` : '';
}

const quote = (value) => `'${String(value).replace(/'/g, `'\\''`)}'`;
const wanted = wantedNode();
const manager = wantedManager();
const workspaces = Boolean(pkg.workspaces) || /^packages:/m.test(read('pnpm-workspace.yaml'));
const build = buildScript();
const web = webCommand();
const facts = {
	node_range: wanted.range,
	node_range_from: wanted.from,
	manager: manager.name,
	manager_range: manager.range,
	manager_from: manager.from,
	manager_hash: manager.hash || '',
	manager_path: manager.name === 'yarn' ? yarnPath() : '',
	lock: manager.lock,
	pnp: /^__metadata:/m.test(read('yarn.lock')) && !/^nodeLinker:\s*["']?(node-modules|pnpm)/m.test(read('.yarnrc.yml')) ? 1 : '',
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
