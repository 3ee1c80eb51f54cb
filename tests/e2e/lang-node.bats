#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Node.js beyond npm's plain path (buildpacks.bats): yarn, pnpm, workspaces, other versions, private
# registries. All but what is private comes from the npm registry.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
load helper
load app
load index

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	index_down
	destroy_new_apps
}

# A registry that wants the token $token, with the package @acme/words: private_registry [JSON]
private_registry() {
	www=$BATS_TEST_TMPDIR/www
	token=token-$RANDOM$RANDOM
	mkdir -p "$www/private"
	index_up "$www"
	echo "Bearer $token" >"$www/private/.authorization"
	"$TEST_SOURCE/tests/tools/npm" "$www/private" "$INDEX_URL/private" @acme/words 1.0.0 \
		'module.exports = "private";' "$@"
}

# The app nodejs-build in $dir, to be pushed as $app, with another lock file: sample_with [LOCK NAME]
sample_with() {
	new_app node
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/nodejs-build" "$dir"
	[ $# -gt 0 ] || return 0
	rm "$dir/package-lock.json"
	cp "$TEST_SOURCE/tests/apps/locks/$1" "$dir/$2"
}

# Adds members to package.json: package_json '"engines": {...}'
package_json() {
	sed -i "s|\"private\": true,|\"private\": true, $1,|" "$dir/package.json"
}

installed() {
	berth run "$app" 'ls -A node_modules' | tr '\n' ' '
}

@test "node: yarn 1 from its lock file, once; the app has no development packages" {
	sample_with yarn-1.lock yarn.lock
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Installing yarn 1.22"
	assert_contains "$output" "Removing development packages"
	assert_contains "$(http "$host")" "built with semver 1, an hour is 3600000 ms"
	assert_contains "$(installed)" ms
	refute_contains "$(installed)" semver
	sed -i 's/an hour/one hour/' "$dir/server.js"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	assert_contains "$(http "$host")" "one hour"
}

@test "node: yarn 4 with Plug'n'Play, and a lock file that is out of date" {
	sample_with yarn-4.lock yarn.lock
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Installing yarn 4."
	assert_contains "$(http "$host")" "an hour is 3600000 ms"
	assert_contains "$(berth run "$app" 'ls -A .yarn/cache')" ms-npm-2.1.3
	refute_contains "$(berth run "$app" 'ls -A .yarn/cache')" semver
	sed -i 's/2\.1\.3/2.1.2/' "$dir/package.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'yarn install --immutable' failed with status 1"
	assert_contains "$output" "yarn.lock does not fit package.json: run 'yarn install' and commit yarn.lock"
}

@test "node: pnpm as packageManager says, with another Node.js and Heroku's scripts" {
	sample_with pnpm-lock.yaml pnpm-lock.yaml
	package_json '"packageManager": "pnpm@9.15.0+sha512.76e2379760a4328ec4415815bcd6628dee727af3779aaa4c914e3944156c4299921a89f976381ee107d41f12cfa4b66681ca9c718f0668fa0831ed4c6d8ba56c", "engines": { "node": "20.x" }'
	sed -i 's|"scripts": {|"scripts": { "heroku-prebuild": "echo PRE > pre", "heroku-cleanup": "cat pre; rm build.js",|' \
		"$dir/package.json"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Installing Node.js 20."
	assert_contains "$output" "Installing pnpm 9.15.0 (packageManager: 9.15.0)"
	assert_contains "$output" "PRE"
	assert_contains "$(http "$host")" "an hour is 3600000 ms"
	run berth run "$app" 'node --version; pnpm --version; ls; ls node_modules'
	assert_contains "$output" v20.
	assert_contains "$output" 9.15.0
	refute_contains "$output" build.js
	refute_contains "$output" semver
}

@test "node: an old version comes with an npm that fits; no lock file is said" {
	sample_with
	rm "$dir/package-lock.json"
	echo lts/erbium >"$dir/.nvmrc"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Node.js 12.22.12, npm 8."
	assert_contains "$output" "there is no lock file: run 'npm install' and commit it"
	assert_contains "$(http "$host")" "an hour is 3600000 ms"
	refute_contains "$(installed)" semver
}

@test "node: pnpm workspaces, whose development packages the build has and the app does not" {
	sample_with
	rm "$dir/package-lock.json"
	mkdir -p "$dir/packages/clock"
	echo '{ "name": "clock", "version": "1.0.0", "dependencies": { "ms": "2.1.3" }, "devDependencies": { "semver": "7.6.3" } }' \
		>"$dir/packages/clock/package.json"
	echo 'module.exports = () => require("ms")("1m");' >"$dir/packages/clock/index.js"
	sed -i 's|"dependencies": {|"dependencies": { "clock": "workspace:*",|' "$dir/package.json"
	echo 'require("./packages/clock/node_modules/semver")' >>"$dir/build.js"
	sed -i "s/an hour is/a minute is \${require('clock')()},/" "$dir/server.js"
	printf 'packages:\n  - packages/*\n' >"$dir/pnpm-workspace.yaml"
	package_json '"packageManager": "pnpm@10.0.0"'
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host")" "a minute is 60000"
	assert_equal "$(berth run "$app" 'find node_modules packages -name "semver*"')" ""
}

@test "node: workspaces; NPM_CONFIG_PRODUCTION=false keeps development packages" {
	sample_with
	mkdir -p "$dir/packages/clock"
	echo '{ "name": "clock", "version": "1.0.0", "main": "index.js" }' >"$dir/packages/clock/package.json"
	echo 'module.exports = () => "hourly";' >"$dir/packages/clock/index.js"
	package_json '"workspaces": ["packages/*"]'
	rm "$dir/package-lock.json"
	sed -i "s/an hour is/\${require('clock')()} is/" "$dir/server.js"
	berth apps:create "$app"
	berth config:set --no-restart "$app" NPM_CONFIG_PRODUCTION=false
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host")" "hourly is 3600000 ms"
	assert_contains "$(installed)" semver
}

@test "node: a version that is not there, one that is not what it was, two lock files, a lock file that is out of date" {
	sample_with
	package_json '"engines": { "node": "99.x" }'
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "engines.node asks for Node.js '99.x': there is no such version; the nearest are "
	sed -i 's/"99.x"/"*"/' "$dir/package.json"
	cp "$TEST_SOURCE/tests/apps/locks/yarn-1.lock" "$dir/yarn.lock"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "two lock files: package-lock.json and yarn.lock"
	rm "$dir/yarn.lock"
	sed -i 's/"ms": "2\.1\.3"/"ms": "2.1.2"/; s/"private"/"packageManager": "npm@9.9.4+sha224.00", &/' "$dir/package.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "packageManager has another hash than npm 9.9.4 in the npm registry: run 'corepack use npm@9.9.4'"
	sed -i 's/"packageManager": "[^"]*", //' "$dir/package.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "package-lock.json does not fit package.json: run 'npm install' and commit package-lock.json"
}

@test "node: a private registry and its token from config vars, which the build does not print" {
	private_registry
	empty_app node
	assert_equal "$(curl -s -o /dev/null -w '%{http_code}' "$INDEX_URL/private/@acme/words")" 401
	echo '{ "private": true, "dependencies": { "@acme/words": "1.0.0" } }' >"$dir/package.json"
	printf '%s\n' '@acme:registry=${ACME_REGISTRY}' "//$INDEX_HOST/private/:_authToken=\${NPM_TOKEN}" >"$dir/.npmrc"
	echo 'require("http").createServer((_, r) => r.end(require("@acme/words"))).listen(process.env.PORT)' >"$dir/server.js"
	# a variable of any name is there
	berth config:set "$app" ACME_REGISTRY="$INDEX_URL/private/" NPM_TOKEN="$token"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "$token"
	assert_equal "$(http "$host")" private
	# all packages from a registry that .npmrc names, whatever that of the instance is
	"$TEST_SOURCE/tests/tools/npm" "$www/private" "$INDEX_URL/private" plain 1.0.0 'module.exports = "named";'
	echo '{ "private": true, "dependencies": { "plain": "1.0.0" } }' >"$dir/package.json"
	sed -i 's|@acme/words|plain|' "$dir/server.js"
	printf '%s\n' "registry=$INDEX_URL/private/" "//$INDEX_HOST/private/:_authToken=\${NPM_TOKEN}" >"$dir/.npmrc"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" named
}

# Another sample app in $dir: sample NAME
sample() {
	new_app node
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/$1" "$dir"
}

@test "bun: its own lock file chooses it; once; one that is out of date" {
	sample bun
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Bun app detected"
	assert_contains "$(http "$host")" "bun: a day is 86400000 ms"
	refute_contains "$(installed)" semver
	sed -i 's/a day/one day/' "$dir/index.ts"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	sed -i 's/2\.1\.3/2.1.2/' "$dir/package.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "bun.lock does not fit package.json: run 'bun install' and commit bun.lock"
}

@test "deno: deno.json chooses it; once; nothing is fetched when it starts" {
	sample deno
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Deno app detected"
	assert_contains "$(http "$host")" "deno: a day is 86400000 ms"
	assert_contains "$(berth run "$app" 'deno run --cached-only --allow-env - <<<"import ms from \"ms\"; console.log(ms(1000))"')" 1s
	sed -i 's/a day/one day/' "$dir/main.ts"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	sed -i 's/2\.1\.3/2.1.2/' "$dir/deno.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "deno.lock does not fit the app: run 'deno install' and commit deno.lock"
}

@test "bun: the build script, packages whose own scripts are trusted" {
	private_registry '{"scripts": {"postinstall": "echo ran >script"}}'
	sample bun
	local sum
	sum=$("$TEST_SOURCE/tests/tools/npm" "$www/private" "$INDEX_URL/private" @acme/words 1.0.0 \
		'exports.ran = () => require("fs").existsSync(__dirname + "/script");' '{"scripts": {"postinstall": "echo >script"}}')
	printf '[install.scopes]\nacme = { url = "%s/private/", token = "$ACME_TOKEN" }\n' "$INDEX_URL" >"$dir/bunfig.toml"
	sed -i 's|"ms": "2.1.3"|"@acme/words": "1.0.0", &|' "$dir/package.json"
	sed -i 's|"start"|"build": "bun build.ts", &|; s|"private"|"trustedDependencies": ["@acme/words"], &|' "$dir/package.json"
	sed -i "s|^        \"ms\"|        \"@acme/words\": \"1.0.0\",\n&|
		s|^  \"packages\": {|  \"trustedDependencies\": [\n    \"@acme/words\",\n  ],\n&\n    \"@acme/words\": [\"@acme/words@1.0.0\", \"$INDEX_URL/private/@acme/words/-/words-1.0.0.tgz\", {}, \"$sum\"],\n|" "$dir/bun.lock"
	echo 'await Bun.write("built", `with semver ${require("semver").major("7.6.3")}`);' >"$dir/build.ts"
	cat >"$dir/index.ts" <<-'END'
		import words from '@acme/words';
		const built = await Bun.file('built').text();
		Bun.serve({ port: process.env.PORT, fetch: () => new Response(`built ${built}, scripts ran: ${words.ran()}`) });
	END
	berth apps:create "$app"
	berth config:set "$app" ACME_TOKEN="$token"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "$token"
	assert_equal "$(http "$host")" "built with semver 7, scripts ran: true"
	refute_contains "$(installed)" semver
	assert_contains "$(berth run "$app" 'cat package.json')" '"start"'
	echo 'process.exit(3)' >"$dir/build.ts"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'bun run build' failed with status 3"
}

@test "deno: a module by its address from the lock file, the tasks build and start" {
	www=$BATS_TEST_TMPDIR/www
	mkdir -p "$www"
	index_up "$www"
	sample deno
	echo 'export const word: string = "fetched";' >"$www/words.ts"
	mkdir "$dir/src"
	rm "$dir/main.ts"
	cat >"$dir/src/shop.ts" <<-END
		import ms from 'ms';
		import { word } from '$INDEX_URL/words.ts';
		const built = Deno.readTextFileSync('built');
		Deno.serve({ port: Number(Deno.env.get('PORT')) }, () => new Response(\`\${word}, \${built} in \${ms('1s')} ms\`));
	END
	echo 'Deno.writeTextFileSync("built", "built");' >"$dir/build.ts"
	sed -i 's|"start".*"|"build": { "command": "deno run --allow-write build.ts" }, "start": "deno run --cached-only -A src/shop.ts"|' "$dir/deno.json"
	sed -i "s|\"npm\": {|\"remote\": { \"$INDEX_URL/words.ts\": \"$(sha256sum "$www/words.ts" | cut -d' ' -f1)\" },\n  &|" "$dir/deno.lock"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "fetched, built in 1000 ms"
	echo 'export const word: string = "another";' >"$www/words.ts"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'deno install --frozen' failed with status"
	assert_contains "$output" "a module is not what deno.lock says"
}
