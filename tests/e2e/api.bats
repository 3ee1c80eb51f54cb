#!/usr/bin/env bats
# The HTTP API through nginx: tokens, questions, deploys, refusals.

load helper

setup() {
	work=$(mktemp -d "$TEST_DIR/api.XXXXXX")
	app=$(unique_app api)
	token_name=t$RANDOM$RANDOM
	token=$(berth tokens:create "$token_name")
}

teardown() {
	berth tokens:revoke "$token_name" >/dev/null 2>&1 || true
	destroy_apps "$app" "$app-two"
	rm -rf "$work"
}

# api PATH [CURL OPTIONS...]: prints the body, then a line with the HTTP status. AUTH is another
# token, or empty for none.
api() {
	local path=$1
	shift
	local who=(-H "Authorization: Bearer ${auth-$token}")
	[ -n "${auth-x}" ] || who=()
	curl -sS --path-as-is --max-time 120 --connect-to "::127.0.0.1:$HTTP_PORT" "${who[@]}" -w '\n%{http_code}' "$@" \
		"http://berth.localhost:$HTTP_PORT$path"
}

# assert_status CODE: of the last `run api`.
assert_status() {
	assert_equal "${lines[-1]}" "$1"
}

status_is() {
	[ "$(http_status "$(host_of "$app")")" = "$1" ]
}

pack_hello() {
	tar -C "$TEST_SOURCE/examples/hello" -czf "$work/hello.tgz" .
}

@test "health needs no token, everything else does" {
	auth='' run api /healthz
	assert_status 200
	for path in /v1/apps "/v1/apps/$app" "/v1/apps/$app/releases" /metrics; do
		auth='' run api "$path"
		assert_status 401
		assert_contains "$output" '"code":"unauthorized"'
	done
	auth=brt_0000000000000000000000000000000000000000 run api /v1/apps
	assert_status 401
}

@test "a revoked token is worthless at once, and none is stored" {
	run api /v1/apps
	assert_status 200
	run berth tokens:list
	assert_contains "$output" "$token_name"
	refute_contains "$output" "$token"
	run grep -rqaF "$token" "$TEST_ROOT/lib" "$TEST_ROOT/etc"
	[ "$status" -ne 0 ]
	berth tokens:revoke "$token_name"
	run api /v1/apps
	assert_status 401
}

@test "apps, one app, its releases, metrics" {
	berth apps:create "$app"
	berth config:set "$app" A=1
	run api /v1/apps
	assert_status 200
	assert_contains "$output" "\"$app\""
	run api "/v1/apps/$app"
	assert_status 200
	assert_contains "$output" "\"name\": \"$app\""
	run api "/v1/apps/$app/releases"
	assert_status 200
	assert_contains "$output" "v1"
	run api /metrics
	assert_status 200
	assert_contains "$output" "berth_release{app=\"$app\"} 1"
	run api "/v1/apps/$app" -I
	assert_status 200
	auth='' run api "/v1/apps/$app" -u "anybody:$token"
	assert_status 200
}

@test "refusals say what is wrong" {
	run api "/v1/apps/$app"
	assert_status 404
	assert_contains "$output" '"code":"no_such_app"'
	run api /v1/nothing
	assert_status 404
	run api /v1/apps -X DELETE
	assert_status 405
	run api "/v1/apps/$app/deploy"
	assert_status 405
	run api /v1/apps/UPPER
	assert_status 400
	run api /v1/apps/a%2f..%2fb
	assert_status 400
	run api "/v1/apps/a%00b"
	assert_status 400
}

@test "a deploy from a tar, streamed, answers at its URL" {
	pack_hello
	berth apps:create "$app"
	run api "/v1/apps/$app/deploy" --data-binary "@$work/hello.tgz"
	assert_status 200
	assert_contains "$output" "exit: 0"
	wait_for 20 status_is 200
	run berth releases "$app"
	assert_contains "$output" "$token_name"
	run api "/v1/apps/$app/deploy?wait" --data-binary "@$work/hello.tgz"
	assert_status 200
}

@test "a deploy that fails says so, and changes nothing" {
	pack_hello
	berth apps:create "$app"
	echo "not an archive" >"$work/bad"
	run api "/v1/apps/$app/deploy?wait" --data-binary "@$work/bad"
	assert_status 422
	run api "/v1/apps/$app/deploy" --data-binary "@$work/bad"
	refute_contains "$output" "exit: 0"
	mkdir "$work/app"
	echo "web: exit 1" >"$work/app/Procfile"
	ln -s ../../../etc/passwd "$work/app/link"
	tar -C "$work/app" -cf "$work/dots.tar" --transform 's,^\./Procfile,../../Procfile,' -P ./Procfile
	run api "/v1/apps/$app/deploy?wait" --data-binary "@$work/dots.tar"
	assert_status 422
	[ "$(http_status "$(host_of "$app")")" != 200 ]
}

@test "a client that goes away cancels its deploy, others are served meanwhile" {
	mkdir "$work/slow"
	cp "$TEST_SOURCE"/examples/hello/* "$work/slow/"
	printf 'web: sleep 600\n' >"$work/slow/Procfile"
	tar -C "$work/slow" -cf "$work/slow.tar" .
	berth apps:create "$app"
	timeout 4 curl -sS -N --connect-to "::127.0.0.1:$HTTP_PORT" -H "Authorization: Bearer $token" \
		--data-binary "@$work/slow.tar" "http://berth.localhost:$HTTP_PORT/v1/apps/$app/deploy" \
		>"$work/out" 2>&1 &
	sleep 2
	run api /v1/apps
	assert_status 200
	wait || true
	# the lock is free again, so this one need not wait for the first
	pack_hello
	run api "/v1/apps/$app/deploy?wait" --max-time 60 --data-binary "@$work/hello.tgz"
	assert_status 200
}
