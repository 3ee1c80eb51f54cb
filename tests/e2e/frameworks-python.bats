#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Django, Flask and FastAPI as they are in Debian, installed by pip from an index of the test's own.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
load helper
load app
load index

setup_file() {
	local packages='asgiref|sqlparse|tz|whitenoise|gunicorn|werkzeug|jinja2|markupsafe|click|itsdangerous'
	packages+='|pydantic|starlette|anyio|idna|sniffio|typing-extensions|h11|uvicorn|pkg-resources|setuptools'
	export INDEX=$BATS_FILE_TMPDIR/index
	"$TEST_SOURCE/tests/tools/debian" "$BATS_FILE_TMPDIR/debian" "python3-($packages)|libjs-jquery" \
		python3-django python3-whitenoise gunicorn python3-flask python3-fastapi uvicorn
	"$TEST_SOURCE/tests/tools/debian-wheels" "$BATS_FILE_TMPDIR/debian" "$INDEX"
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
	empty_app "$1"
	cp -R "$TEST_SOURCE/tests/apps/$1/." "$dir"
	berth config:set --no-restart "$app" PIP_INDEX_URL="$INDEX_URL/simple" PIP_TRUSTED_HOST="$INDEX_HOST"
}

@test "django: settings of config vars, static files with hashes in their names, gunicorn by default" {
	sample django
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "KeyError: 'SECRET_KEY'"
	assert_contains "$output" "'python manage.py collectstatic --noinput' failed with status 1"
	assert_contains "$output" "DISABLE_COLLECTSTATIC=1"
	berth config:set --no-restart "$app" SECRET_KEY="a secret that is long enough for 'check --deploy'"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Collecting static files"
	assert_contains "$output" "static files copied"
	assert_contains "$output" "Default types for Python -> web"
	assert_contains "$output" "(0 silenced)"
	assert_equal "$(http_status "$host" /missing)" 404
	run http "$host" '/?q=1'
	assert_contains "$output" "2 workers at http://$host:$HTTP_PORT/?q=1"
	[[ $output =~ href=\"(/static/catalog/style\.[0-9a-f]{12}\.css)\" ]]
	assert_equal "$(http "$host" "${BASH_REMATCH[1]}")" "body { color: #123 }"
	assert_contains "$(http "$host" "${BASH_REMATCH[1]}" -I)" immutable
	assert_contains "$(http "$host" /admin/login/)" "Django administration"
	run berth run "$app" python manage.py migrate --noinput
	[ "$status" -eq 0 ]
	assert_contains "$output" "Applying catalog.0001_initial... OK"
	echo 'body { color: #321 }' >"$dir/catalog/static/catalog/style.css"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	[[ $(http "$host") =~ href=\"(/static/catalog/style\.[0-9a-f]{12}\.css)\" ]]
	assert_equal "$(http "$host" "${BASH_REMATCH[1]}")" "body { color: #321 }"
	berth config:set --no-restart "$app" DISABLE_COLLECTSTATIC=1
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "'collectstatic' does not run"
}

@test "flask: gunicorn by default, for an application or a function that makes one, in any file" {
	sample flask
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Default types for Python -> web"
	assert_equal "$(http "$host" '/?word=greetings')" "greetings from flask at http://$host:$HTTP_PORT/?word=greetings"
	mkdir -p "$dir/src/shop"
	rm "$dir/app.py"
	cat >"$dir/src/shop/__init__.py" <<-'END'
		import flask

		def create_app(config=None):
		    made = flask.Flask(__name__)
		    made.add_url_rule("/", view_func=lambda: "made")
		    return made
	END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Nothing to install: its dependencies are unchanged"
	assert_equal "$(http "$host")" made
	sed -i '/gunicorn/d' "$dir/requirements.txt"
	run push_app "$dir" "$app"
	assert_contains "$output" "there is no web process for shop:create_app(): add gunicorn to the app's dependencies"
}

@test "fastapi: uvicorn by default, of any file, with the client's own address; an index that pip does not trust" {
	sample fastapi
	berth config:unset --no-restart "$app" PIP_TRUSTED_HOST
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "set the config var PIP_TRUSTED_HOST to the index's host"
	berth config:set --no-restart "$app" PIP_TRUSTED_HOST="$INDEX_HOST"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Default types for Python -> web"
	assert_equal "$(http "$host" /items/3)" "{\"item\":3,\"client\":\"127.0.0.1\",\"url\":\"http://$host:$HTTP_PORT/items/3\"}"
	assert_equal "$(http_status "$host" /items/three)" 422
	mkdir "$dir/api"
	sed 's/^app =/service: FastAPI =/; s/@app/@service/; s/"item"/"thing"/' "$dir/main.py" >"$dir/api/things.py"
	echo 'print("no application")' >"$dir/main.py"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$(http "$host" /items/3)" '"thing":3'
}
