# SPDX-License-Identifier: MIT
# Node.js and the package manager that the app asks for, in $home: what the runtime layer has where it
# fits, else from the npm registry.

# npm's own versions end with the Node.js that they were made for.
npm_for_node() { # NODE-VERSION
	if npm_fits "$1" '^18.17.0 || >=20.5.0'; then
		return
	elif npm_fits "$1" '^14.17.0 || ^16.13.0 || >=18.0.0'; then
		echo 9.x
	elif npm_fits "$1" '^12.13.0 || ^14.15.0 || >=16.0.0'; then
		echo 8.x
	elif npm_fits "$1" '>=6.2.0'; then
		echo 6.x
	else
		echo 3.x
	fi
}

install_node() {
	local ours version package status=0
	ours=$("$npm_node" -p process.versions.node)
	node_version=$ours
	[ -n "$node_range" ] || return 0
	npm_fits "$ours" "$node_range" || status=$?
	case $status in
	0) return ;;
	2) die "package.json: $node_range_from '$node_range' is no version range" ;;
	esac
	package=node-linux-$(npm_arch)
	version=$(npm_version "$package" "$node_range" Node.js "$node_range_from")
	say "Installing Node.js $version ($node_range_from: $node_range)"
	npm_fetch "$package" "$version" "$home/lib/node"
	mkdir -p "$home/bin"
	mv "$home/lib/node/bin/node" "$home/bin/node"
	rm -rf "$home/lib/node"
	node_version=$("$home/bin/node" -p process.versions.node) ||
		die "Node.js $version does not run on this stack"
}

# A program of $home/bin: add_program NAME FILE
add_program() {
	chmod +x "$2"
	ln -sf "../${2#"$home/"}" "$home/bin/$1"
}

# Whether the runtime layer's npm is the one: else the range of one that is.
install_npm() {
	local ours range=$manager_range from=$manager_from version
	ours=$(registry_npm --version)
	if [ "$manager" != npm ] || [ -z "$range" ]; then
		range=$(npm_for_node "$node_version")
		from="Node.js $node_version"
		[ -n "$range" ] || return 0
	elif [ -z "$(npm_for_node "$node_version")" ] && npm_fits "$ours" "$range"; then
		return 0
	fi
	version=$(npm_version npm "$range" npm "$from")
	say "Installing npm $version ($from: $range)"
	[ "$manager" = npm ] || manager_hash=
	npm_fetch npm "$version" "$home/lib/npm" "$manager_hash"
	rm -rf "$home/lib/npm"/{docs,doc,html,man,changelogs,test}
	add_program npm "$home/lib/npm/bin/npm-cli.js"
	[ ! -f "$home/lib/npm/bin/npx-cli.js" ] || add_program npx "$home/lib/npm/bin/npx-cli.js"
}

install_yarn() {
	local version package=yarn
	if [ -n "$manager_path" ]; then
		# it is part of the app, which is elsewhere when only its inputs are compiled
		mkdir -p "$home/lib/yarn"
		cp "$manager_path" "$home/lib/yarn/yarn.js"
		add_program yarn "$home/lib/yarn/yarn.js"
		return
	fi
	npm_fits 1.22.22 "$manager_range" || package=@yarnpkg/cli-dist
	[[ ! $manager_range =~ ^[\^~=v]*0\.|^[\^~=v]*1\. ]] || package=yarn
	version=$(npm_version "$package" "$manager_range" yarn "$manager_from")
	say "Installing yarn $version ($manager_from: $manager_range)"
	# of yarn 2 and later the hash is that of the program
	npm_fetch "$package" "$version" "$home/lib/yarn" "$manager_hash" \
		"$([ "$package" = yarn ] || echo bin/yarn.js)"
	add_program yarn "$home/lib/yarn/bin/yarn.js"
}

install_pnpm() {
	local version file
	if [ "$manager_from" = pnpm-lock.yaml ] && ! npm_fits "$node_version" '>=18.12.0'; then
		manager_range='<9'
		npm_fits "$node_version" '>=16.14.0' || manager_range='<8'
		npm_fits "$node_version" '>=14.6.0' || manager_range='<7'
	fi
	version=$(npm_version pnpm "$manager_range" pnpm "$manager_from")
	say "Installing pnpm $version ($manager_from: $manager_range)"
	if npm_fits "$version" '>=12.0.0'; then
		npm_fetch "@pnpm/exe.linux-$(npm_arch)" "$version" "$home/lib/pnpm"
		add_program pnpm "$home/lib/pnpm/pnpm"
		return
	fi
	npm_fetch pnpm "$version" "$home/lib/pnpm" "$manager_hash"
	for file in bin/pnpm.cjs bin/pnpm.mjs bin/pnpm.js; do
		[ ! -f "$home/lib/pnpm/$file" ] || break
	done
	add_program pnpm "$home/lib/pnpm/$file"
}

install_tools() {
	install_node
	mkdir -p "$home/bin"
	install_npm
	[ "$manager" = npm ] || "install_$manager"
	manager_version=$("$manager" --version) || die "$manager does not run with Node.js $node_version"
	say "Node.js $node_version, $manager $manager_version"
}
