#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Python beyond requirements.txt (buildpacks.bats): the lock files of poetry, pipenv and uv, private
# indexes. The packages are tiny wheels from an index of the test's own.

# $app, $dir and $host come from app.bash; some dollars are for the app
# shellcheck disable=SC2154,SC2016
load helper
load app
load index

# The packages of these tests; sets hash_NAME.
wheels() {
	local wheel=$TEST_SOURCE/tests/tools/wheel
	mkdir -p "$INDEX"
	export hash_greeting hash_old hash_dev hash_extra
	hash_old=$("$wheel" "$INDEX" berth-greeting 1.5)
	hash_greeting=$("$wheel" "$INDEX" berth-greeting 2.0 --requires "berth-extra; extra == 'more'")
	hash_dev=$("$wheel" "$INDEX" berth-dev 1.0)
	hash_extra=$("$wheel" "$INDEX" berth-extra 1.0)
	"$wheel" "$INDEX/private" berth-private 1.0
	printf 'Basic %s\n' "$(printf 'shop:%s' "$PASSWORD" | base64)" >"$INDEX/private/.authorization"
}

setup_file() {
	export INDEX=$BATS_FILE_TMPDIR/index PASSWORD=pass-$RANDOM$RANDOM
	wheels
	index_up "$INDEX"
}

teardown_file() {
	index_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# A sample app in $dir that is installed from the index: sample NAME
sample() {
	new_app py
	rm -rf "$dir"
	cp -R "$TEST_SOURCE/tests/apps/$1" "$dir"
	berth apps:create "$app"
	berth config:set --no-restart "$app" PIP_INDEX_URL="$INDEX_URL/simple" PIP_TRUSTED_HOST="$INDEX_HOST"
}

# The app python with a lock file in place of its requirements: locked FILE, which has @NAME@ for
# hashes, and the file that it was made from: locked FILE FROM
locked() {
	local name
	sample python
	rm -rf "$dir"/{requirements.txt,pip.conf,vendor}
	sed -i 's/berth_greeting.text()/berth_greeting.version/' "$dir/server.py"
	for name in "$@"; do
		sed "s/@greeting@/$hash_greeting/; s/@old@/$hash_old/; s/@dev@/$hash_dev/; s/@extra@/$hash_extra/" \
			"$TEST_SOURCE/tests/apps/locks/$name" >"$dir/$name"
	done
}

packages() {
	berth run "$app" 'ls .heroku/python/lib/python3*/site-packages'
}

@test "python: uv.lock, once, without its development group; one that is out of date" {
	locked uv.lock uv.lock.toml
	mv "$dir/uv.lock.toml" "$dir/pyproject.toml"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Installing what uv.lock says with pip"
	assert_equal "$(http "$host")" 2.0
	refute_contains "$(packages)" berth_dev
	assert_contains "$(packages)" berth_extra
	echo '# changed' >>"$dir/server.py"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	sed -i 's/"berth-greeting>=2"/"berth-greeting>=2", "other"/' "$dir/pyproject.toml"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "uv.lock does not fit pyproject.toml: run 'uv lock' and commit uv.lock"
}

@test "python: poetry.lock, with and without groups in it; two lock files" {
	locked poetry.lock poetry.lock.toml
	mv "$dir/poetry.lock.toml" "$dir/pyproject.toml"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Installing what poetry.lock says with pip"
	assert_equal "$(http "$host")" 2.0
	assert_contains "$(packages)" berth_extra
	refute_contains "$(packages)" berth_dev
	# as poetry 1 writes it
	sed -i '/^groups = /d' "$dir/poetry.lock"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(packages)" berth_extra
	refute_contains "$(packages)" berth_dev
	touch "$dir/requirements.txt"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "requirements.txt and poetry.lock: remove all but the one"
}

@test "python: Pipfile.lock with hashes; a package that is not what it says; no lock file" {
	locked Pipfile.lock Pipfile
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" 1.5
	refute_contains "$(packages)" berth_dev
	sed -i "s/$hash_old/$hash_greeting/" "$dir/Pipfile.lock"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "the index has other files than Pipfile.lock says"
	rm "$dir/Pipfile.lock"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "there is a Pipfile, but no Pipfile.lock: run 'pipenv lock' and commit it"
}

@test "python: extras, a private index whose password is not printed, what runtime.txt asks for" {
	sample python
	rm -rf "$dir"/{pip.conf,vendor,.python-version}
	sed -i 's/berth_greeting.text()/berth_private.version/; s/berth_greeting/berth_private/' "$dir/server.py"
	printf 'berth-greeting[more]==2.0\nberth-private\n' >"$dir/requirements.txt"
	berth config:set "$app" PIP_EXTRA_INDEX_URL="http://shop:wrong@$INDEX_HOST/private/simple"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'pip install -r requirements.txt' failed with status 1"
	berth config:set "$app" PIP_EXTRA_INDEX_URL="http://shop:$PASSWORD@$INDEX_HOST/private/simple"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "shop:****@"
	refute_contains "$output" "$PASSWORD"
	assert_equal "$(http "$host")" 1.0
	assert_contains "$(packages)" berth_extra
	echo python-3.99.1 >"$dir/runtime.txt"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "runtime.txt asks for Python 3.99.1, but this stack has 3."
	assert_contains "$output" "ask for 3."
}
