# SPDX-License-Identifier: MIT
# Installing and pruning dependencies with each package manager, from a lock file that stays as it is.
# In a build that needs them the development dependencies are there; they are pruned afterwards.

is_berry() {
	[ "$manager" = yarn ] && [[ $manager_version != [01].* ]]
}

is_old_npm() {
	[[ $manager_version =~ ^[1-6]\. ]]
}

# What each manager must know, for what it is asked here and by the app's own scripts.
set_up_manager() {
	local registry files=(.npmrc)
	[ "$manager" != yarn ] || files+=(.yarnrc)
	# the only one that later versions of yarn read
	[ "$manager" != yarn ] || [ ! -f .yarnrc.yml ] || files=(.yarnrc.yml)
	app_registry "${files[@]}"
	registry=${npm_config_registry:-}
	export npm_config_cache=$cache_dir/npm npm_config_audit=false npm_config_fund=false
	export npm_config_update_notifier=false npm_config_progress=false npm_config_yes=true
	case $manager in
	yarn)
		# the version was chosen already; with Plug'n'Play the cache is what runs, so it is in the app
		export YARN_IGNORE_PATH=1 SKIP_YARN_COREPACK_CHECK=1 YARN_ENABLE_TELEMETRY=0
		export YARN_ENABLE_PROGRESS_BARS=0 YARN_ENABLE_GLOBAL_CACHE=${YARN_ENABLE_GLOBAL_CACHE:-false}
		[ -n "$pnp" ] || export YARN_CACHE_FOLDER=${YARN_CACHE_FOLDER:-$cache_dir/yarn}
		[ -n "$registry" ] || return 0
		export YARN_REGISTRY=${YARN_REGISTRY:-$registry}
		export YARN_NPM_REGISTRY_SERVER=${YARN_NPM_REGISTRY_SERVER:-$registry}
		case $YARN_NPM_REGISTRY_SERVER in
		http://*)
			export YARN_UNSAFE_HTTP_WHITELIST=${YARN_UNSAFE_HTTP_WHITELIST:-$(
				sed 's,^http://,,; s,[:/].*,,' <<<"$YARN_NPM_REGISTRY_SERVER"
			)}
			;;
		esac
		;;
	pnpm)
		export npm_config_store_dir=$cache_dir/pnpm pnpm_config_store_dir=$cache_dir/pnpm CI=true
		export npm_config_manage_package_manager_versions=false
		export pnpm_config_manage_package_manager_versions=false pnpm_config_pm_on_fail=ignore
		[ -z "$registry" ] || export pnpm_config_registry=${pnpm_config_registry:-$registry}
		;;
	esac
}

explain() { # OUTPUT-FILE
	if grep -Eq 'can only install packages when your package.json and|code EUSAGE|Your lockfile needs to be updated|YN0028|lockfile would have been (modified|created)|ERR_PNPM_[A-Z_]*OUTDATED_LOCKFILE' "$1"; then
		warn "$lock does not fit package.json: run '$manager install' and commit $lock"
	fi
}

install_npm_dependencies() {
	local how=(install --no-package-lock) old=
	! is_old_npm || old=1
	case ${USE_NPM_INSTALL:-} in
	true | 1) [ -z "$lock" ] || how=(install) ;;
	*) [ -z "$lock" ] || [[ $manager_version =~ ^[1-4]\. ]] || how=(ci) ;;
	esac
	if [ -n "$old" ]; then
		how+=("--production=$([ -n "$with_dev" ] && echo false || echo true)")
	elif [ -n "$with_dev" ]; then
		how+=(--include=dev)
	else
		how+=(--omit=dev)
	fi
	run "npm ${how[*]}" npm "${how[@]}" --prefer-offline --loglevel=error
}

install_yarn_dependencies() {
	local how
	if is_berry; then
		how=(install --immutable)
		[ -n "$lock" ] || how=(install --no-immutable)
		run "yarn ${how[*]}" yarn "${how[@]}"
		[ -n "$with_dev" ] || prune_yarn
		return
	fi
	how=(install --non-interactive --ignore-engines --prefer-offline)
	[ -n "$lock" ] && how+=(--frozen-lockfile) || how+=(--no-lockfile)
	how+=("--production=$([ -n "$with_dev" ] && echo false || echo true)")
	classic_yarn "${how[@]}"
}

# Yarn 1 goes to the registry that its lock file names, whatever the setting says.
classic_yarn() {
	if [ -n "$lock" ] && [ -n "${npm_config_registry:-}" ]; then
		cp yarn.lock "$TMPDIR/yarn.lock"
		sed -i "s,^\(  resolved \"\)https://registry\.\(yarnpkg\.com\|npmjs\.org\)/,\1${npm_config_registry%/}/," yarn.lock
	fi
	run "yarn $*" yarn "$@"
	[ ! -f "$TMPDIR/yarn.lock" ] || mv "$TMPDIR/yarn.lock" yarn.lock
}

install_pnpm_dependencies() {
	local how=(install)
	[ -z "$lock" ] || how+=(--frozen-lockfile)
	[ -n "$lock" ] || how+=(--no-lockfile)
	[ -n "$with_dev" ] && how+=(--prod=false) || how+=(--prod)
	run "pnpm ${how[*]}" pnpm "${how[@]}" --reporter=append-only --store-dir "$npm_config_store_dir"
}

install_dependencies() {
	if [ -z "$has_dependencies" ]; then
		say "There are no dependencies to install"
		return
	fi
	[ -n "$lock" ] ||
		warn "there is no lock file: run '$manager install' and commit it to get the same versions every time"
	step "Installing dependencies with $manager"
	"install_${manager}_dependencies"
	[ -n "$needs_source" ] || [ -d node_modules ] || [ -f .pnp.cjs ] || mkdir node_modules
}

prune_npm() {
	if is_old_npm; then
		run "npm prune" npm prune --production --loglevel=error
		return
	fi
	# what `npm prune --omit=dev` would remove, without its half second
	node "$pack/lib/prune.js" "$build_dir" >"$TMPDIR/development"
	[ -s "$TMPDIR/development" ] || return 0
	say "Removing $(wc -l <"$TMPDIR/development") development packages"
	tr '\n' '\0' <"$TMPDIR/development" | xargs -0 rm -rf --
	find node_modules/.bin -xtype l -delete 2>/dev/null || true
}

prune_yarn() {
	if ! is_berry; then
		say "Removing development packages"
		classic_yarn install --production --non-interactive --ignore-engines --ignore-scripts \
			--prefer-offline ${lock:+--frozen-lockfile}
	elif [[ $manager_version == [23].* ]] && ! grep -qs plugin-workspace-tools .yarnrc.yml; then
		warn "yarn $manager_version prunes development packages with its plugin 'workspace-tools' only; they stay"
	else
		say "Removing development packages"
		run "yarn workspaces focus --all --production" yarn workspaces focus --all --production
		[ ! -f .pnp.cjs ] || prune_yarn_cache
	fi
}

# What Plug'n'Play runs from is listed in its file.
prune_yarn_cache() {
	local file
	for file in .yarn/cache/*.zip; do
		grep -qF "${file##*/}" .pnp.cjs || rm -f "$file"
	done
}

prune_pnpm() {
	say "Removing development packages"
	# it would keep what no package links to any more for a week
	npm_config_modules_cache_max_age=0 pnpm_config_modules_cache_max_age=0 \
		run "pnpm install --prod" pnpm install --prod --ignore-scripts --offline \
		--reporter=append-only --store-dir "$npm_config_store_dir" ${lock:+--frozen-lockfile}
}
