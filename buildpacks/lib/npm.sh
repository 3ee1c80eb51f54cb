# SPDX-License-Identifier: MIT
# Programs from the npm registry, which has every version of Node.js and of what comes with it. They are
# fetched with the Node.js and npm of the runtime layer, whatever the app asks for. Source it after
# shell.sh and before PATH has anything of the app's.

npm_pack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
npm_node=$(command -v node)
npm_cli=$(readlink -f "$(command -v npm)")

# What the pack itself fetches comes from the registry of the instance, whatever the app's own is.
npm_registry=${npm_config_registry:-https://registry.npmjs.org/}

registry_npm() {
	env -u NPM_CONFIG_REGISTRY npm_config_registry="$npm_registry" "$npm_node" "$npm_cli" "$@"
}

# The app's registry in npm_config_registry, after its config vars were imported: theirs, in capitals or
# not; none where one of the app's files names it, which the variable would go before; else the
# instance's: app_registry FILE...
app_registry() {
	if [ -n "${NPM_CONFIG_REGISTRY:-}" ]; then
		export npm_config_registry=$NPM_CONFIG_REGISTRY
		unset NPM_CONFIG_REGISTRY
	elif [ "${npm_config_registry:-}" = "$npm_registry" ] &&
		grep -Eqs '^[[:space:]]*(registry|npmRegistryServer)[[:space:]]*[:=[:space:]]' "$@"; then
		unset npm_config_registry
	fi
}

# The processor as those packages name it.
npm_arch() {
	case $(uname -m) in
	x86_64) echo x64 ;;
	aarch64) echo arm64 ;;
	*) die "the npm registry has no programs for $(uname -m)" ;;
	esac
}

# The highest version of a package that fits a range; refused with the nearest when there is none:
# npm_version PACKAGE RANGE TITLE FROM
npm_version() {
	local versions found status=0
	versions=$(registry_npm view --json "$1" versions) ||
		die "$4 asks for $3 '$2', and the npm registry does not answer for '$1'"
	found=$(NODE_PATH=$(dirname "$(dirname "$npm_cli")")/node_modules \
		"$npm_node" "$npm_pack/version.js" "$2" <<<"$versions") || status=$?
	case $status in
	0) echo "$found" ;;
	2) die "$4 '$2' is no version range" ;;
	3) die "$4 asks for $3 '$2': there is no such version; the nearest are $found" ;;
	*) die "the npm registry's answer for '$1' makes no sense" ;;
	esac
}

# Whether VERSION fits RANGE: npm_fits VERSION RANGE
npm_fits() {
	NODE_PATH=$(dirname "$(dirname "$npm_cli")")/node_modules \
		"$npm_node" "$npm_pack/version.js" "$2" <<<"\"$1\"" >/dev/null
}

# Unpacks a package, checked against the registry's hash, and against that of package.json if there is
# one, without its scripts: npm_fetch PACKAGE VERSION FOLDER [ALGORITHM.HASH [FILE OF IT]]
npm_fetch() {
	local work file
	work=$(mktemp -d)
	registry_npm pack --silent --ignore-scripts --pack-destination "$work" "$1@$2" >/dev/null ||
		die "'$1' $2 could not be fetched from the npm registry"
	file=$(find "$work" -name '*.tgz')
	mkdir -p "$3"
	tar -xzf "$file" -C "$3" --strip-components=1 --no-same-owner
	[ -z "${5:-}" ] || file=$3/$5
	[ -z "${4:-}" ] || echo "${4#*.}  $file" | "${4%%.*}sum" --check --status ||
		die "package.json: packageManager has another hash than $1 $2 in the npm registry: run 'corepack use ${manager:-$1}@$2' and commit it"
	rm -rf "$work"
}
