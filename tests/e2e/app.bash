# Small apps for end-to-end tests: perl, so that no package has to be installed for them. Load it
# after helper. Apps that new_app named are destroyed by destroy_new_apps: call it in teardown.

# A folder with an app and a name for it: new_app [PREFIX]; sets $app, $dir and $host.
new_app() {
	app=$(unique_app "${1:-app}")
	dir=$BATS_TEST_TMPDIR/$app
	host=$(host_of "$app")
	cp -R "$TEST_SOURCE/tests/apps/web" "$dir"
	echo "$app" >>"${BATS_TEST_TMPDIR}/new-apps"
}

# The same without anything in the folder; the app is there already: empty_app PREFIX
empty_app() {
	new_app "$1"
	rm -rf "$dir"
	mkdir "$dir"
	berth apps:create "$app"
}

destroy_new_apps() {
	local name
	[ -e "$BATS_TEST_TMPDIR/new-apps" ] || return 0
	while read -r name; do destroy_apps "$name"; done <"$BATS_TEST_TMPDIR/new-apps"
}

# Where a branch is on the server, empty when it is not: server_ref APP [BRANCH]
server_ref() {
	local repo=$TEST_ROOT/lib/repos/$1.git
	tgit -c safe.directory="$repo" -C "$repo" rev-parse -q --verify "refs/heads/${2:-main}" || true
}

head_of() {
	tgit -C "$1" rev-parse HEAD
}

# Ids of the containers of an app, one-offs and builds included.
containers_of() {
	find "$TEST_ROOT/run/containers" -mindepth 1 -maxdepth 1 -name "*$1*" -printf '%f\n' 2>/dev/null || true
}

# How many releases an app has, whatever became of them.
count_releases() {
	berth releases "$1" --num 1000 --format json | jq length
}

release_of() {
	berth apps:info "$1" --format json | jq -r .release
}
