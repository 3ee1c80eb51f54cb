#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The commands, over the local socket and over ssh: what they print, their JSON, their exit status.

bats_require_minimum_version 1.5.0
load helper
load app

# One deployed app for all tests of this file, and one without code.
setup_file() {
	APP=$(unique_app cmd)
	BARE=$APP-bare
	export APP BARE
	cp -R "$TEST_SOURCE/tests/apps/web" "$BATS_FILE_TMPDIR/app"
	cat >>"$BATS_FILE_TMPDIR/app/Procfile" <<-'END'
		worker: while true; do echo "working as $DYNO"; sleep 1; done
		task: echo "task ran in $DYNO"
	END
	push_app "$BATS_FILE_TMPDIR/app" "$APP"
	berth apps:create "$BARE"
}

teardown_file() {
	destroy_apps "$APP" "$BARE"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	host=$(host_of "$APP")
}

teardown() {
	destroy_new_apps
}

# A usage error that names what is wrong: assert_usage TEXT
assert_usage() {
	assert_equal "$status" 2
	assert_contains "$output" "$1"
}

json() {
	berth "$@" --format json
}

# --- help, and what is wrong with a call ---

# The names of Berth's own commands.
own_commands() {
	berth commands
}

@test "help names every command; each has its own, in three ways" {
	local all name
	all=$(berth help)
	assert_contains "$all" "usage: berth"
	while read -r name; do
		assert_contains "$all" "    $name"
		run berth help "$name"
		[ "$status" -eq 0 ]
		assert_contains "$output" "usage: berth $name"
		assert_equal "$(berth "$name" --help)" "$output"
	done < <(own_commands)
	assert_equal "$(berth)" "$all"
	assert_equal "$(berth --help)" "$all"
	run berth help nosuch
	assert_usage "no help for 'nosuch'"
}

@test "a group alone and GROUP:help are the same" {
	local group
	for group in apps domains git ssh-keys tokens plugin router stack; do
		run berth "$group"
		[ "$status" -eq 0 ]
		assert_contains "$output" "$group:"
		assert_equal "$(berth "$group:help")" "$output"
	done
	run berth ps:help
	[ "$status" -eq 0 ]
	assert_contains "$output" "ps:scale"
}

@test "an unknown command is told what it may have meant" {
	run berth apps:lst
	assert_usage "'apps:lst' is not a berth command; did you mean 'apps:list'?"
	run berth confg:set
	assert_usage "did you mean 'config:set'?"
	run berth frobnicate
	assert_usage "'help' lists them all"
	run bssh frobnicate
	assert_usage "'frobnicate' is not a berth command"
	run berth git:update "$APP" x y z extra
	assert_usage "too many"
}

@test "every command refuses an option it does not have, with its usage" {
	local name
	while read -r name; do
		run berth "$name" --frobnicate
		assert_usage "'$name' has no option '--frobnicate'"
		assert_contains "$output" "usage: berth $name"
	done < <(own_commands)
}

@test "every command that takes an app exits with 20 when there is none, 2 without a name" {
	local name usage
	while read -r name; do
		usage=$(berth help "$name" | head -n 1)
		[[ "$usage " =~ ^usage:\ berth\ $name\ (\[OPTIONS\]\ )?APP\  ]] || continue
		# these make the app
		[[ ! $name =~ ^(apps:create|git:from-archive|git:from-image|git:load-image|git:sync)$ ]] || continue
		run berth "$name" nosuchapp a b c
		assert_equal "$name $status" "$name 20"
		assert_contains "$output" "'nosuchapp'"
		run berth "$name"
		assert_usage "usage: berth $name"
	done < <(own_commands)
	run bssh config nosuchapp
	assert_equal "$status" 20
	run bssh ps:restart nosuchapp
	assert_equal "$status" 20
}

@test "too few and too many arguments, options without a value" {
	run berth apps:create
	assert_usage "an argument is missing"
	run berth apps:create a b
	assert_usage "one argument too many: 'b'"
	run berth config:get "$APP"
	assert_usage "an argument is missing"
	run berth logs "$APP" --num
	assert_usage "'--num' needs a value"
	run berth logs "$APP" --num many
	assert_usage "--num is a number"
	run berth apps:list --format yaml
	assert_usage "--format is 'stdout' or 'json'"
	run berth --frobnicate apps:list
	assert_usage "--frobnicate"
	run bssh apps:create a b
	assert_usage "one argument too many: 'b'"
}

@test "global options stand before the command" {
	assert_equal "$(berth --app "$APP" config:keys)" "$(berth config:keys "$APP")"
	assert_equal "$(berth --app="$APP" urls)" "http://$host:$HTTP_PORT"
	[[ "$(berth --version)" == "berth "* ]]
	[[ "$(berth version)" == "berth "* ]]
	[[ "$(bssh version)" == "berth "* ]]
	[[ "$(berth -v)" == "berth "* ]]
	run berth --quiet apps:exists "$APP"
	assert_equal "$status $output" "0 "
}

@test "lists and reports: the same over ssh, and JSON that parses" {
	local call
	for call in apps:list "apps:info $APP" "config $APP" "domains:report $APP" "ps:scale $APP" \
		"releases $APP" ssh-keys:list tokens:list plugin:list "router:report $APP"; do
		# shellcheck disable=SC2086 # several words
		json $call | jq -e . >/dev/null || {
			echo "no JSON: $call" >&2
			return 1
		}
		# shellcheck disable=SC2086
		assert_equal "$(bssh $call --format json | jq -S .)" "$(json $call | jq -S .)"
		# shellcheck disable=SC2086
		assert_equal "$(bssh $call)" "$(berth $call)"
	done
	json ps "$APP" | jq -e '.[0] | .process == "web.1" and .state == "up" and .memory_mb > 0'
	berth metrics | jq -e .
	json doctor | jq -e 'length > 0'
}

@test "the doctor finds nothing wrong" {
	run berth doctor
	assert_equal "$status" 0
	refute_contains "$output" "wrong"
	run berth cleanup --dry-run
	assert_equal "$status" 0
}

@test "a user who is neither root nor Berth's is refused" {
	run setpriv --reuid nobody --regid nogroup --clear-groups \
		"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" apps:list
	[ "$status" -ne 0 ]
	[ "$status" -ne 20 ]
	refute_contains "$output" "$APP"
	assert_contains "$output" " !     "
	assert_contains "$output" "ssh"
}

# --- apps ---

@test "apps: created, listed, looked at, renamed, destroyed" {
	local name
	new_app apps
	run berth apps:create "$app"
	assert_equal "$status $output" "0 -----> Created app '$app'"
	run berth apps:create "$app"
	assert_equal "$status" 1
	assert_contains "$output" "'$app'"
	berth apps:list | grep -qx "$app"
	json apps:list | jq -e --arg n "$app" '.[] | select(.name == $n) | .state == "not deployed" and .release == null'
	json apps:info "$app" | jq -e --arg n "$app" --arg h "$host" \
		'.name == $n and .domains == [$h] and .locked == false and .processes == 0'
	assert_equal "$(json apps:report "$app")" "$(json apps:info "$app")"
	berth apps:exists "$app"
	run berth apps:exists "$app-no"
	assert_equal "$status" 20
	assert_equal "$(http_status "$host")" 503
	run berth apps:destroy "$app" </dev/null
	assert_usage "--force"
	berth apps:exists "$app"
	berth --force apps:destroy "$app"
	run berth apps:exists "$app"
	assert_equal "$status" 20
	assert_equal "$(http_status "$host")" 404
	[ ! -e "$TEST_ROOT/lib/repos/$app.git" ]
}

@test "apps: bad names" {
	local name
	for name in A a_b -x 'a b' .x a..b a- a.git ä "$(printf 'a\nb')" '../x' 'a;b' \
		"$(head -c 100 /dev/zero | tr '\0' a)"; do
		run berth apps:create -- "$name"
		[ "$status" -ne 0 ]
		assert_contains "$output" "app name"
	done
	run berth apps:create ''
	assert_equal "$status" 1
	assert_contains "$output" "an app name is missing"
}

@test "apps: renaming a running app moves its route, its git remote and its log" {
	local new
	new_app rename
	push_app "$dir" "$app"
	new=$app-new
	echo "$new" >>"$BATS_TEST_TMPDIR/new-apps"
	http "$host" /say/before >/dev/null
	berth apps:rename "$app" "$new"
	assert_equal "$(http "$(host_of "$new")")" one
	assert_equal "$(http_status "$host")" 404
	run berth apps:exists "$app"
	assert_equal "$status" 20
	echo two >"$dir/text"
	push_app "$dir" "$new"
	assert_equal "$(http "$(host_of "$new")")" two
	assert_contains "$(berth logs "$new" -p web)" "said before"
	run berth apps:rename "$new" "$APP"
	assert_equal "$status" 1
	assert_contains "$output" "'$APP'"
	assert_equal "$(http "$(host_of "$new")")" two
}

@test "config:set: cancelled while the app is tried with it, it leaves nothing" {
	local pid
	new_app cancel
	echo 'web: [ -z "$BAD" ] || sleep 300; exec perl server.pl' >"$dir/Procfile"
	push_app "$dir" "$app"
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" config:set "$app" BAD=1 >set.out 2>&1 </dev/null 3>&- &
	pid=$!
	wait_for 20 eval '[ "$(containers_of "$app" | wc -l)" -ge 2 ]'
	kill -TERM "$pid"
	! wait "$pid" || return 1
	run berth config:get "$app" BAD
	[ "$status" -ne 0 ]
	assert_equal "$(http "$host")" one
	wait_for 20 eval '[ "$(containers_of "$app" | wc -l)" -eq 1 ]'
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" one
}

@test "apps: one whose new domain is another app's is renamed all the same" {
	local new
	new_app taken
	push_app "$dir" "$app"
	new=$app-new
	echo "$new" >>"$BATS_TEST_TMPDIR/new-apps"
	berth domains:add "$BARE" "$(host_of "$new")"
	berth domains:add "$app" kept.test
	run berth apps:rename "$app" "$new"
	assert_equal "$status" 0
	assert_contains "$output" "'domains:remove $BARE $(host_of "$new")'; then 'domains:add $new DOMAIN'"
	echo two >"$dir/text"
	push_app "$dir" "$new"
	assert_equal "$(http kept.test)" two
	berth domains:remove "$BARE" "$(host_of "$new")"
	refute_contains "$(berth doctor)" "$app"
}

@test "apps: destroy at a prompt: not an app that took the name meanwhile" {
	local pid
	new_app prompt
	push_app "$dir" "$app"
	mkfifo answer
	script -qefc "$TEST_PREFIX/bin/berth --root $TEST_ROOT apps:destroy $app" shown <answer >/dev/null 3>&- &
	pid=$!
	exec 7>answer
	wait_for 10 grep -q "Type its name" shown
	berth --force apps:destroy "$app"
	push_app "$dir" "$app"
	echo "$app" >&7
	# its input stays open: at the end of that, script(1) ends without the rest of what is said
	! wait "$pid" || return 1
	exec 7>&-
	assert_contains "$(cat shown)" "the app is gone"
	assert_equal "$(http "$host")" one
	[ -e "$TEST_ROOT/lib/repos/$app.git/HEAD" ]
}

@test "repo: packed and purged, and the app can be pushed to as before" {
	new_app tidy
	push_app "$dir" "$app"
	berth repo:gc "$app"
	compgen -G "$TEST_ROOT/lib/repos/$app.git/objects/pack/*.pack" >/dev/null
	berth repo:purge-cache "$app"
	echo two >"$dir/text"
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" two
}

@test "apps: a new app of an old name finds nothing of the one before it" {
	new_app again
	push_app "$dir" "$app"
	http "$host" /say/secret >/dev/null
	wait_for 10 eval '[[ "$(berth logs "$app")" == *"said secret"* ]]'
	berth --force apps:destroy "$app"
	berth apps:create "$app"
	refute_contains "$(berth logs "$app")" secret
	assert_equal "$(json releases "$app")" "[]"
	assert_equal "$(json config "$app")" "{}"
	rm -rf "$dir/.git"
	push_app "$dir" "$app"
	refute_contains "$(berth logs "$app")" secret
}

# --- config ---

@test "config: values of any bytes come back and reach the app" {
	local value tricky=("it's \"quoted\" \$HOME \`id\` \\" $'two\nlines\n' $'\xff\xfe\x80 8-bit' \
		'a=b=c' '' ' spaces ' 'ünï' '*' '-x' $'tab\tand\rreturn')
	for value in "${tricky[@]}"; do
		berth config:set "$BARE" "K=$value" >/dev/null
		printf '%s\n' "$value" >want
		berth config:get "$BARE" K | cmp - want
	done
	# shellcheck disable=SC2016 # it is not to be expanded
	berth config:set "$APP" "TRICKY=it's \"q\" \$HOME" $'LINES=a\nb' $'BYTES=\xff\x80'
	# shellcheck disable=SC2016
	assert_equal "$(http "$host" /env/TRICKY)" 'it'\''s "q" $HOME'
	assert_equal "$(http "$host" /env/LINES)" $'a\nb'
	http "$host" /env/BYTES | cmp - <(printf '\xff\x80\n')
	berth config:unset "$APP" TRICKY LINES BYTES
	assert_equal "$(http "$host" /env/LINES)" unset
	run berth config:get "$APP" LINES
	assert_equal "$status $output" "1 "
}

@test "config: over ssh too, quoted for the shell that is not there" {
	bssh "config:set $BARE 'SSH=it'\\''s here' \"OTHER=two words\""
	assert_equal "$(berth config:get "$BARE" SSH)" "it's here"
	assert_equal "$(bssh config:get "$BARE" OTHER)" "two words"
	berth config:unset "$BARE" SSH OTHER
}

@test "config: bad keys and values are refused by name and nothing is set" {
	local before key
	before=$(berth config:export "$BARE")
	for key in 'A B=1' '1A=1' '=1' 'A-B=1' 'Ä=1' $'A\nB=1'; do
		run berth config:set "$BARE" GOOD=1 "$key"
		[ "$status" -ne 0 ]
		assert_contains "$output" "config key"
	done
	run berth config:set "$BARE" NOVALUE
	assert_usage "expected KEY=VALUE, not 'NOVALUE'"
	{
		printf 'BIG='
		head -c 131072 /dev/zero | tr '\0' x
	} >big
	run berth config:import "$BARE" - <big
	assert_equal "$status" 1
	assert_contains "$output" "the value of 'BIG' has 131072 bytes"
	run berth config:import "$BARE" - < <(printf 'A=1\0B=2\n')
	assert_equal "$status" 1
	assert_contains "$output" "NUL byte"
	run berth config:set --encoded "$BARE" NUL=YQBi
	assert_equal "$status" 1
	assert_contains "$output" "the value of 'NUL' has a NUL byte"
	run berth config:set --encoded "$BARE" 'X=!!!'
	assert_contains "$output" "'X' is not base64"
	# together more than a process can be given
	for key in 1 2 3 4 5 6 7 8 9; do
		printf 'K%s=' $key
		head -c 130000 /dev/zero | tr '\0' x
		echo
	done >many
	run berth config:import "$BARE" - <many
	assert_equal "$status" 1
	assert_contains "$output" "bytes together"
	assert_equal "$(berth config:export "$BARE")" "$before"
}

@test "config: a value of nearly 128 KB reaches a process" {
	{
		printf 'LARGE='
		head -c 130000 /dev/zero | tr '\0' x
		echo
	} >large
	berth config:import --no-restart "$APP" - <large
	# shellcheck disable=SC2016 # the container expands it
	assert_equal "$(berth run "$APP" 'echo ${#LARGE}')" 130000
	berth config:unset --no-restart "$APP" LARGE
}

@test "config: --encoded, --quoted, keys, show" {
	berth config:set --encoded "$BARE" "ENC=$(printf 'a b\n\xc3\xa9' | base64)"
	berth config:get "$BARE" ENC | cmp - <(printf 'a b\n\xc3\xa9\n')
	berth config:set "$BARE" "Q=it's"
	# shellcheck disable=SC2016
	assert_equal "$(berth config:get --quoted "$BARE" Q)" "'it'\\''s'"
	berth config:keys "$BARE" | grep -qx ENC
	assert_contains "$(berth config "$BARE")" "Q:"
	assert_equal "$(berth config:show "$BARE")" "$(berth config "$BARE")"
	assert_equal "$(json config "$BARE" | jq -r .Q)" "it's"
	berth config:unset "$BARE" ENC Q
}

@test "config: what is exported can be imported again, in every format" {
	local format
	new_app import
	berth apps:create "$app"
	berth config:clear "$BARE"
	berth config:set "$BARE" "Q=it's \"here\" \\ \$HOME" $'NL=one\ntwo\n' EMPTY= 'HASH=a # b' \
		'SPACES= x ' $'EIGHT=\xc3\xa9'
	for format in exports envfile json; do
		berth config:export --format "$format" "$BARE" >exported
		berth config:clear "$app" >/dev/null
		berth config:import --no-restart "$app" - <exported
		assert_equal "$(json config "$app" | jq -S .)" "$(json config "$BARE" | jq -S .)"
	done
	# what is exported means the same to a shell
	assert_equal "$(bash -c 'eval "$(cat)"; printf "%s|%s" "$NL" "$Q"' <<<"$(berth config:export "$BARE")")" \
		"$(berth config:get "$BARE" NL)
|$(berth config:get "$BARE" Q)"
	# a file of people: comments, export, both quotes
	cat >people.env <<-'END'
		# a comment

		export A=plain
		B="double \"quoted\" \n line"
		C='single $x'
		  D=with = and # no comment
	END
	berth config:import --replace "$app" people.env
	assert_equal "$(json config "$app" | jq -Sc .)" \
		'{"A":"plain","B":"double \"quoted\" \n line","C":"single $x","D":"with = and # no comment"}'
	run berth config:import "$app" - <<<"no pair here"
	assert_contains "$output" "line 1: expected KEY=VALUE"
	run berth config:import "$app" - <<<"A='never closed"
	assert_contains "$output" "line 1"
	run berth config:import "$app" - <<<'{"A": 1}'
	assert_contains "$output" "'A' is not a string"
	assert_equal "$(json config "$app" | jq -r .A)" plain
	berth config:clear "$BARE" >/dev/null
}

@test "config: --global is below every app's own; --merged shows both" {
	berth config:set --global GLOBAL_ONE=everywhere GLOBAL_TWO=too
	berth config:set "$APP" GLOBAL_TWO=mine
	assert_equal "$(http "$host" /env/GLOBAL_ONE)" everywhere
	assert_equal "$(http "$host" /env/GLOBAL_TWO)" mine
	assert_equal "$(berth config:get "$APP" GLOBAL_ONE || true)" ""
	assert_equal "$(berth config:get --merged "$APP" GLOBAL_ONE)" everywhere
	assert_equal "$(berth config:get --global GLOBAL_TWO)" too
	berth config:unset "$APP" GLOBAL_TWO
	assert_equal "$(http "$host" /env/GLOBAL_TWO)" too
	berth config:unset --global GLOBAL_ONE GLOBAL_TWO
	assert_equal "$(http "$host" /env/GLOBAL_ONE)" unset
}

alone() {
	wait_for 40 eval '[ "$(json ps "$APP" | jq length)" = 1 ]'
}

@test "config: --no-restart waits for the next start" {
	local container
	alone # what the test before replaced has gone
	container=$(json ps "$APP" | jq -r '.[0].container')
	berth config:set --no-restart "$APP" LATER=1
	assert_equal "$(json ps "$APP" | jq -r '.[0].container')" "$container"
	assert_equal "$(http "$host" /env/LATER)" unset
	berth ps:restart "$APP"
	assert_equal "$(http "$host" /env/LATER)" 1
	berth config:unset "$APP" LATER
}

@test "config: a change that the app does not survive is taken back" {
	local before
	new_app survive
	# shellcheck disable=SC2016 # the container expands it
	echo 'web: [ -z "$BREAK" ] || exit 9; exec perl server.pl' >"$dir/Procfile"
	push_app "$dir" "$app"
	berth config:set "$app" KEPT=1
	before=$(release_of "$app")
	run berth config:set "$app" BREAK=1 KEPT=2
	[ "$status" -ne 0 ]
	assert_contains "$output" "crashed right after its start (exit status 9)"
	assert_equal "$(release_of "$app")" "$before"
	assert_equal "$(http "$host" /env/KEPT)" 1
	assert_equal "$(json config "$app" | jq -c .)" '{"KEPT":"1"}'
	# so that the next push is not the one that breaks
	echo two >"$dir/text"
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" two
}

# --- domains ---

@test "domains: added, routed at once, listed, removed" {
	berth domains:add "$APP" a.example.test B.Example.TEST '*.wild.test'
	assert_equal "$(http a.example.test)" one
	assert_equal "$(http b.example.test)" one
	assert_equal "$(http B.EXAMPLE.test)" one
	assert_equal "$(http deep.x.wild.test)" one
	assert_equal "$(http_status wild.test)" 404
	json domains:report "$APP" | jq -e '.enabled and (.vhosts | index("b.example.test") and index("*.wild.test"))'
	assert_contains "$(berth urls "$APP")" "http://a.example.test:$HTTP_PORT"
	# what is there already is no error, twice in one call neither
	berth domains:add "$APP" a.example.test a.example.test
	berth domains:remove "$APP" a.example.test b.example.test '*.wild.test'
	assert_equal "$(http_status a.example.test)" 404
	assert_equal "$(http_status x.wild.test)" 404
	run berth domains:remove "$APP" a.example.test
	assert_equal "$status" 1
	assert_contains "$output" "does not have domain 'a.example.test'"
}

@test "domains: bad names are refused, and with them the good ones beside them" {
	local name
	for name in 'a;b' 'a b' '*' '*.*.test' 'a.*.test' -a.test a-.test .a a..b a_b '../x' 'ü.test' \
		'a.test/x' 'a.test:80' "$(printf 'a\nb')" "$(head -c 70 /dev/zero | tr '\0' a).test" \
		"$(printf 'abcdefghi.%.0s' {1..30})test" '' '"x"' '{'; do
		run berth domains:add "$APP" -- good.test "$name"
		[ "$status" -ne 0 ]
		assert_contains "$output" "is not a host name"
	done
	assert_equal "$(http_status good.test)" 404
	run berth domains:add "$APP" berth.localhost
	assert_equal "$status" 1
	assert_contains "$output" "API"
	assert_equal "$(json domains:report "$APP" | jq -c .vhosts)" "[\"$host\"]"
}

@test "domains: one that another app has is refused with its owner" {
	berth domains:add "$BARE" taken.test
	run berth domains:add "$APP" free.test taken.test
	assert_equal "$status" 1
	assert_contains "$output" "domain 'taken.test' belongs to app '$BARE'"
	assert_contains "$output" "domains:remove $BARE taken.test"
	assert_equal "$(http_status free.test)" 404
	berth domains:remove "$BARE" taken.test
}

# --- ps ---

processes() {
	json ps "$APP" | jq -r '[.[] | select(.state == "up").process] | sort | join(" ")'
}

@test "ps: scale up and down, and what cannot be" {
	run berth ps:scale "$APP" web=2 worker=1
	assert_equal "$status" 0
	assert_equal "$(processes)" "web.1 web.2 worker.1"
	json ps:scale "$APP" | jq -e 'map(select(.type == "web"))[0].quantity == 2'
	assert_contains "$(berth ps "$APP")" "web.2"
	# both answer
	wait_for 10 eval '[ "$(for i in {1..6}; do http "$host" /env/DYNO; done | sort -u | wc -l)" = 2 ]'
	run berth ps:scale "$APP" web=many
	assert_usage "expected TYPE=N with N from 0 to 100, not 'web=many'"
	run berth ps:scale "$APP" web=101
	assert_usage "web=101"
	run berth ps:scale "$APP" web=-1
	assert_usage "web=-1"
	run berth ps:scale "$APP" nosuch=1
	assert_equal "$status" 1
	assert_contains "$output" "no process type 'nosuch'"
	run berth ps:scale "$APP" release=1
	assert_equal "$status" 1
	berth ps:scale "$APP" worker=0 web=1
	wait_for 40 eval '[ "$(processes)" = web.1 ]'
	berth ps:scale "$APP" web=0
	assert_equal "$(http_status "$host")" 503
	berth ps:scale "$APP" web=1
	assert_equal "$(http "$host")" one
}

@test "ps: stop, start, restart, rebuild, restore" {
	local container
	berth ps:stop "$APP"
	assert_contains "$(in_terminal "$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" ps "$APP")" "stopped, ps:start starts"
	assert_equal "$(http_status "$host")" 503
	assert_equal "$(json ps "$APP")" "[]"
	assert_equal "$(json apps:info "$APP" | jq -r .state)" stopped
	# a change while it is stopped does not start it
	berth config:set "$APP" STOPPED=1
	assert_equal "$(http_status "$host")" 503
	berth ps:start "$APP"
	assert_equal "$(http "$host" /env/STOPPED)" 1
	berth config:unset "$APP" STOPPED
	container=$(json ps "$APP" | jq -r '.[0].container')
	berth ps:restart "$APP"
	assert_equal "$(http "$host")" one
	wait_for 20 eval '[ "$(json ps "$APP" | jq length)" = 1 ]'
	[ "$(json ps "$APP" | jq -r '.[0].container')" != "$container" ]
	container=$(json ps "$APP" | jq -r '.[0].container')
	berth ps:restore "$APP"
	assert_equal "$(json ps "$APP" | jq -r '.[0].container')" "$container"
	run berth ps:rebuild "$APP"
	assert_equal "$status" 0
	assert_contains "$output" "Launched v"
	assert_equal "$(http "$host")" one
	run berth ps:start "$BARE"
	assert_equal "$status" 1
	assert_contains "$output" "app '$BARE' has no "
	assert_contains "$output" "push to it"
	# all of them: those without code are passed over
	run berth ps:restart --all
	assert_equal "$status" 0
	assert_equal "$(http "$host")" one
}

@test "ps:set: properties, and what they are not" {
	berth ps:set "$BARE" stop-timeout-seconds 5
	berth ps:set "$BARE" restart-policy on-failure:3
	# each says what it did, also to a script
	local command key value
	while read -r command key value; do
		assert_equal "$(berth "$command" "$BARE" "$key" "$value" | head -n 1)" \
			"-----> Set $key to $value for $BARE"
		assert_equal "$(berth "$command" "$BARE" "$key" | head -n 1)" "-----> Unset $key for $BARE"
	done <<-END
		ps:set restart-policy always
		git:set deploy-branch trunk
		builder:set selected dockerfile
		builder-dockerfile:set target last
		buildpacks:set-property stack-name heroku-24
		builds:set retention 5
		cron:set timezone Europe/Berlin
		network:set egress none
	END
	# when it counts: for an app that has config and no code there is nothing to say
	berth config:set "$BARE" KEPT=1 >/dev/null
	assert_equal "$(berth ps:set "$BARE" stop-timeout-seconds 6 | wc -l)" 1
	assert_contains "$(berth ps:set "$APP" stop-timeout-seconds 6)" "'ps:restart $APP' makes one"
	berth ps:set "$APP" stop-timeout-seconds >/dev/null
	assert_equal "$(berth builds:set --global retention 7)" "-----> Set retention to 7 globally"
	assert_equal "$(berth builds:set --global retention)" "-----> Unset retention globally"
	run berth ps:set "$BARE" restart-policy sometimes
	assert_equal "$status" 1
	assert_contains "$output" "on-failure:N, always, unless-stopped or no"
	run berth ps:set "$BARE" stop-timeout-seconds never
	assert_contains "$output" "a number from 0 to 3600"
	run berth ps:set "$BARE" colour red
	assert_usage "restart-policy, restart-unhealthy and stop-timeout-seconds"
	berth ps:set "$BARE" restart-policy
	berth ps:set "$BARE" stop-timeout-seconds
	berth config:unset "$BARE" KEPT
}

# --- logs ---

@test "logs: -n, -p, the order of lines, the router's and Berth's own" {
	local i
	alone # whatever was replaced has said its last
	for i in 1 2; do http "$host" "/say/word$i" >/dev/null; done
	# each process of the router has a clock of its own
	wait_for 10 eval '[[ "$(berth logs "$APP" -p router)" == *"path=\"/say/word2\" host=$host"* ]]'
	http "$host" /say/word3 >/dev/null
	wait_for 10 eval '[[ "$(berth logs "$APP" -p web)" == *"said word3"* ]]'
	run berth logs "$APP" -p web -n 1
	assert_equal "${#lines[@]}" 1
	[[ $output =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z\ app\[web\.1\]:\ said\ word3$ ]]
	assert_equal "$(berth logs "$APP" -p web.1 -n 3 | grep -o 'word.' | tr '\n' ' ')" "word1 word2 word3 "
	assert_equal "$(berth logs "$APP" -p web.2 -n 5 | grep -c word)" 0 || true
	wait_for 10 eval '[[ "$(berth logs "$APP" -p router)" == *"path=\"/say/word3\" host=$host"* ]]'
	berth logs "$APP" -p router -n 1 >line
	grep -qE "^[0-9]{4}-[0-9-]{5}T[0-9:.]{15}Z berth\[router\]: method=GET path=\"/say/word3\" host=$host \
request_id=[0-9.-]{18,} fwd=\"[0-9.]+\" dyno=[^ ]+ connect=[0-9]+ms service=[0-9]+ms status=200 \
bytes=[0-9]+ protocol=http\$" line
	assert_contains "$(berth logs "$APP" -p api)" "berth[api]: Release v"
	# all of them in the order of time
	berth logs "$APP" -n 1000 >all
	sort -c -s -k1,1 all
	assert_equal "$(berth logs "$APP" -n 0)" ""
	assert_equal "$(bssh logs "$APP" -p web -n 2)" "$(berth logs "$APP" -p web -n 2)"
}

@test "logs -t: a new line comes at once, and the follower ends with its client" {
	local pid
	# not through the function: the process that is killed must be the client itself
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" logs "$APP" -t -p web -n 1 >followed 2>&1 3>&- &
	pid=$!
	wait_for 20 test -s followed
	http "$host" /say/followed >/dev/null
	wait_for 20 grep -q "said followed" followed
	assert_equal "$(wc -l <followed)" 2
	kill -TERM $pid
	wait $pid || true
	# another file: the one before has a line in it until the shell empties it
	command ssh -F "$TEST_DIR/ssh_config" berth logs "$APP" -t -n 1 >followed-ssh 2>&1 </dev/null 3>&- &
	pid=$!
	wait_for 10 test -s followed-ssh
	http "$host" /say/again >/dev/null
	wait_for 20 grep -q "said again" followed-ssh || { cat followed-ssh; false; }
	kill $pid
	wait $pid || true
	# nobody follows any more
	wait_for 10 eval '! pgrep -f "^$TEST_PREFIX/bin/berth .*door" >/dev/null'
}

# --- run and enter ---

@test "run: words, environment, exit status" {
	assert_equal "$(berth run "$APP" echo hello)" hello
	# several words reach the program as they are; one is a line for the shell
	# shellcheck disable=SC2016
	assert_equal "$(berth run "$APP" printf '%s|' 'a b' "c'd" '$HOME' '')" "a b|c'd|\$HOME||"
	# shellcheck disable=SC2016
	assert_equal "$(berth run "$APP" 'echo $HOME; pwd')" $'/app\n/app'
	# shellcheck disable=SC2016
	assert_equal "$(berth run -e X=1 --env 'Y=a b' "$APP" 'echo $X-$Y')" "1-a b"
	assert_equal "$(berth run "$APP" ls -d -- -x 2>/dev/null || echo no)" no
	assert_contains "$(berth run "$APP" task)" "task ran in run."
	run berth run "$APP" 'exit 42'
	assert_equal "$status" 42
	run bssh run "$APP" "'exit 43'"
	assert_equal "$status" 43
	# what ssh leaves of the quotes is for the container's shell, like any command over ssh
	# shellcheck disable=SC2016
	assert_equal "$(bssh run "$APP" 'echo $HOME; pwd')" $'/app\n/app'
	# shellcheck disable=SC2016
	assert_equal "$(bssh --app "$APP" run -e X=1 'printf "%s|" "a  b" "$X" | cat')" "a  b|1|"
	run -127 berth run "$APP" nosuchprogram
	assert_equal "$status" 127
	# shellcheck disable=SC2016
	run berth run "$APP" 'kill -9 $$'
	assert_equal "$status" 137
	run berth run "$APP" 'echo out; echo err >&2'
	assert_contains "$output" err
	assert_equal "$(berth run "$APP" 'echo out; echo err >&2' 2>/dev/null)" out
	run berth run "$BARE" true
	assert_equal "$status" 1
	assert_contains "$output" "has no"
	assert_contains "$output" "push to it"
	run berth run -e NOPAIR "$APP" true
	assert_usage "expected --env KEY=VALUE"
	run berth run --ttl-seconds 1 "$APP" sleep 60
	assert_equal "$status" 1
	assert_contains "$output" "longer than 1 s"
}

@test "run: a pipe carries 1 MB both ways unchanged, and its end" {
	head -c 1048576 /dev/urandom >data
	berth run "$APP" cat <data | cmp - data
	bssh run "$APP" cat <data | cmp - data
	assert_equal "$(printf abc | berth run "$APP" wc -c)" 3
	assert_equal "$(berth run "$APP" wc -c </dev/null)" 0
	# a reader that stops early does not hang it
	berth run "$APP" 'yes' </dev/null | head -n 1 | grep -qx y
	[ "$(berth run "$APP" 'ls -l /proc/self/fd' </dev/null | grep -c socket)" -eq 0 ]
}

# A command with a terminal of 33 by 101: in_terminal COMMAND...
in_terminal() {
	local result=0
	# an input without an end: script would type Ctrl-D at it, which is a NUL to who makes the
	# terminal raw only then
	[ -p idle ] || mkfifo idle
	script -qefc "stty rows 33 cols 101; $(printf '%q ' "$@")" /dev/null <>idle >typed || result=$?
	tr -d '\r' <typed
	return $result
}

@test "run: a terminal, with its size, here and over ssh" {
	assert_contains "$(in_terminal "$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" run "$APP" 'stty size; tty; echo $TERM')" \
		$'33 101\n/dev/'
	assert_contains "$(in_terminal ssh -tt -F "$TEST_DIR/ssh_config" berth run "$APP" "'stty size; tty'")" \
		$'33 101\n/dev/'
	run in_terminal "$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" run "$APP" 'exit 41'
	assert_equal "$status" 41
	assert_contains "$(in_terminal "$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" run --no-tty "$APP" 'tty || true')" "not a tty"
}

@test "run: typing at a terminal, Ctrl-C and a new size reach the program" {
	python3 "$TEST_SOURCE/tests/e2e/terminal.py" \
		"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" run "$APP" bash
	python3 "$TEST_SOURCE/tests/e2e/terminal.py" \
		ssh -tt -F "$TEST_DIR/ssh_config" berth run "$APP" bash
}

@test "run: a client that goes away takes its container with it" {
	local pid
	new_app gone
	push_app "$dir" "$app"
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" run "$app" 'echo begun; exec sleep 500' \
		>begun 2>&1 </dev/null 3>&- &
	pid=$!
	wait_for 20 grep -q begun begun
	assert_equal "$(containers_of "$app" | wc -l)" 2
	kill -9 $pid
	wait_for 20 eval '[ "$(containers_of "$app" | wc -l)" = 1 ]'
	: >begun
	command ssh -F "$TEST_DIR/ssh_config" berth run "$app" "'echo begun; exec sleep 500'" >begun 2>&1 </dev/null 3>&- &
	pid=$!
	wait_for 20 grep -q begun begun
	kill -9 $pid
	wait_for 20 eval '[ "$(containers_of "$app" | wc -l)" = 1 ]'
	assert_equal "$(http "$host")" one
}

@test "enter: inside a running process's container" {
	berth enter "$APP" web touch /tmp/mark
	berth enter "$APP" web.1 ls /tmp/mark
	assert_contains "$(berth enter "$APP" web cat /proc/1/cmdline | tr '\0' ' ')" ""
	assert_contains "$(berth enter "$APP" web sh -c 'cat /proc/[0-9]*/cmdline' | tr '\0' ' ')" "server.pl"
	run berth enter "$APP" web sh -c 'exit 12'
	assert_equal "$status" 12
	assert_equal "$(echo 'echo hi' | berth enter "$APP")" hi
	assert_contains "$(bssh enter "$APP" web id -un)" ""
	run berth enter "$APP" nosuch
	assert_equal "$status" 1
	assert_contains "$output" "no running process 'nosuch'"
}

# --- releases and rollback ---

@test "releases and rollback: code and config go back together" {
	new_app back
	push_app "$dir" "$app"
	berth config:set "$app" COLOUR=red
	echo two >"$dir/text"
	push_app "$dir" "$app"
	berth config:set "$app" COLOUR=blue EXTRA=1
	assert_equal "$(http "$host") $(http "$host" /env/COLOUR)" "two blue"
	assert_equal "$(json releases "$app" | jq -r 'map(.version) | join(" ")')" "v4 v3 v2 v1"
	json releases "$app" | jq -e '.[0].current and .[0].user == "root" and .[1].user == "admin"
		and (map(.status) | unique == ["succeeded"]) and .[0].description == "Set COLOUR, EXTRA config vars"'
	assert_equal "$(berth releases "$app" -n 2 | wc -l)" 2
	berth rollback "$app" v2
	assert_equal "$(http "$host") $(http "$host" /env/COLOUR) $(http "$host" /env/EXTRA)" "one red unset"
	assert_equal "$(release_of "$app")" v5
	assert_equal "$(json config "$app" | jq -c .)" '{"COLOUR":"red"}'
	assert_equal "$(json releases "$app" | jq -r '.[0].description')" "Rollback to v2"
	# without a version: to what ran before that
	berth rollback "$app"
	assert_equal "$(http "$host") $(http "$host" /env/COLOUR)" "two blue"
	run berth rollback "$app" v99
	assert_equal "$status" 1
	assert_contains "$output" "no release v99"
	run berth rollback "$app" yesterday
	assert_usage "such as v3"
	run berth rollback "$BARE"
	assert_equal "$status" 1
	# a release that failed is not one to go back to
	echo 'web: exit 1' >"$dir/Procfile"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	run berth rollback "$app" v7
	assert_equal "$status" 1
	assert_contains "$output" "v7 never ran"
	assert_equal "$(http "$host")" two
}

# --- keys and tokens ---

stranger_ssh() {
	command ssh -F "$TEST_DIR/ssh_config" -o IdentityFile=none -i stranger -- berth "$@" </dev/null
}

@test "ssh-keys: a key is let in, listed, and let in no longer" {
	local print
	ssh-keygen -q -t ed25519 -N '' -C 'a comment' -f stranger
	print=$(ssh-keygen -lf stranger.pub | cut -d' ' -f2)
	sed "s,$TEST_DIR/key,$PWD/stranger," "$TEST_DIR/ssh_config" >config
	run command ssh -F config berth version
	assert_equal "$status" 255
	run berth ssh-keys:add anna <stranger.pub
	assert_equal "$status $output" "0 -----> Added key 'anna' $print"
	[[ "$(command ssh -F config berth version)" == "berth "* ]]
	json ssh-keys:list | jq -e --arg f "$print" '.[] | select(.name == "anna") | .fingerprint == $f'
	assert_contains "$(berth ssh-keys:list anna)" "$print"
	run berth ssh-keys:add other <stranger.pub
	assert_equal "$status" 1
	assert_contains "$output" "this key is here already"
	berth ssh-keys:remove anna
	run command ssh -F config berth version
	assert_equal "$status" 255
	# as words, as a file, removed by fingerprint
	# shellcheck disable=SC2046 # the words of the key
	berth ssh-keys:add anna $(<stranger.pub)
	berth ssh-keys:remove --fingerprint "$print"
	berth ssh-keys:add anna stranger.pub
	command ssh -F config berth version
	berth ssh-keys:remove anna
	run berth ssh-keys:remove anna
	assert_equal "$status" 1
	assert_contains "$output" "no key 'anna'"
	# the others are still let in
	bssh version
}

@test "ssh-keys: what is no plain public key is refused" {
	local text
	ssh-keygen -q -t ed25519 -N '' -C x -f key
	for text in garbage '' "command=\"id\" $(<key.pub)" "$(<key.pub)"$'\n'"$(<key.pub)" "$(<key)" \
		"ssh-ed25519 AAAA" "ssh-ed25519 $(cut -d' ' -f2 key.pub | tr A-Z B-ZA)"; do
		run berth ssh-keys:add evil <<<"$text"
		[ "$status" -ne 0 ]
		assert_contains "$output" " !     "
	done
	run berth ssh-keys:add 'ev il' <key.pub
	[ "$status" -ne 0 ]
	run berth ssh-keys:add $'x\ny' <key.pub
	[ "$status" -ne 0 ]
	assert_equal "$(berth ssh-keys:list evil)" ""
	bssh version
}

@test "tokens: made, used, listed without their text, revoked" {
	local token name
	name=ci-$RANDOM
	token=$(berth tokens:create "$name")
	api() {
		http berth.localhost /v1/apps -H "Authorization: Bearer $token"
	}
	api | jq -e .
	json tokens:list | jq -e --arg n "$name" 'map(.name) | index($n)'
	refute_contains "$(json tokens:list)" "$token"
	[ -z "$(grep -lF "$token" "$TEST_ROOT/lib/berth.db" "$TEST_ROOT"/lib/berth.db-wal)" ]
	run berth tokens:create "$name"
	assert_equal "$status" 1
	assert_contains "$output" "exists already"
	berth tokens:revoke "$name"
	run api
	[ "$status" -ne 0 ]
	run berth tokens:revoke "$name"
	assert_equal "$status" 1
	run berth tokens:create 'bad name'
	assert_equal "$status" 1
}

# --- archives ---

@test "git:from-archive: a tar or zip is a deploy" {
	new_app archive
	tar -C "$dir" -cf app.tar .
	run berth git:from-archive "$app" app.tar
	assert_equal "$status" 0
	assert_contains "$output" "Launched v1"
	assert_equal "$(http "$host")" one
	echo two >"$dir/text"
	tar -C "$dir" -czf app.tgz .
	bssh git:from-archive "$app" - <app.tgz
	assert_equal "$(http "$host")" two
	echo three >"$dir/text"
	python3 -c 'import os, sys, zipfile
z = zipfile.ZipFile("app.zip", "w")
for name in os.listdir(sys.argv[1]): z.write(os.path.join(sys.argv[1], name), name)
z.close()' "$dir"
	berth git:from-archive "$app" - <app.zip
	assert_equal "$(http "$host")" three
	# what was deployed is what a clone has
	tgit clone -q "berth:$app" copy
	assert_equal "$(<copy/text)" three
	assert_equal "$(tgit -C copy rev-list --count HEAD)" 3
}

@test "git:from-archive: what is hostile or no archive changes nothing" {
	local before
	before=$(server_ref "$APP")
	echo evil >file
	tar --transform='s,^,../../,' -P -cf up.tar file
	tar --transform='s,^,/etc/,' -P -cf root.tar file
	tar --transform='s,^,.git/,' -cf git.tar file
	: >empty
	head -c 10000 /dev/urandom >noise
	for archive in up.tar root.tar git.tar empty noise; do
		run berth git:from-archive "$APP" "$archive"
		[ "$status" -ne 0 ]
		assert_contains "$output" " !     "
	done
	assert_equal "$(server_ref "$APP")" "$before"
	assert_equal "$(http "$host")" one
	[ ! -e "$TEST_ROOT/file" ] && [ ! -e /etc/file ]
}
