#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tasks of app.json: the clock is brought along (cron:tick), but for one that waits for its minute.

bats_require_minimum_version 1.5.0
load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# An app with a task for each COMMAND SCHEDULE [MORE]: cron_app NAME COMMAND SCHEDULE MORE...
cron_app() {
	new_app "$1"
	shift
	while [ $# -gt 0 ]; do
		jq -n --arg c "$1" --arg s "$2" --argjson m "${3:-null}" '{command: $c, schedule: $s} + ($m // {})'
		shift 3
	done | jq -s '{cron: .}' >"$dir/app.json"
	push_app "$dir" "$app"
}

# A field of the task whose schedule is SCHEDULE: task SCHEDULE KEY
task() {
	berth cron:list "$app" --format json | jq -r --arg s "$1" --arg k "$2" '.[] | select(.schedule == $s) | .[$k]'
}

result_is() {
	[ "$(task "$1" last_result)" = "$2" ]
}

log_has() {
	[[ "$(berth logs "$app" -n 1000)" == *"$1"* ]]
}

# The next time of a task, as unix seconds.
next_of() {
	date -d "$(task "$1" next_run)" +%s
}

@test "a task runs at its time, once, in the current release" {
	local at id
	# shellcheck disable=SC2016
	cron_app once 'echo "tick of $DYNO with $COLOUR"; exit 7' '0 3 1 1 *' ''
	berth config:set "$app" COLOUR=red
	at=$(next_of '0 3 1 1 *')
	id=$(task '0 3 1 1 *' id)
	assert_equal "$(date -ud "@$at" +%m-%d\ %T)" "01-01 03:00:00"
	assert_equal "$(task '0 3 1 1 *' last_run) $(task '0 3 1 1 *' state)" "null waiting"
	berth cron:tick $((at - 60))
	assert_equal "$(task '0 3 1 1 *' last_run)" null
	berth cron:tick "$at"
	wait_for 20 result_is '0 3 1 1 *' "failed with status 7"
	log_has "app[cron.$id]: tick of cron.$id with red"
	log_has "berth[cron.$id]: Process exited with status 7"
	log_has "Task cron.$id failed with status 7: echo"
	assert_contains "$(berth run:logs "$app" "cron.$id")" "tick of cron.$id"
	# the same minute, and the next, start nothing more
	berth cron:tick "$at"
	berth cron:tick $((at + 60))
	assert_equal "$(berth run:list "$app" --format json)" "[]"
	assert_equal "$(berth logs "$app" -n 1000 | grep -c "]: tick of")" 1
	assert_contains "$(berth cron:list "$app")" "failed with status 7"
	# a time that was missed is made up for within the hour, and not later
	at=$((at + 366 * 86400 - 86400))
	[ "$(date -ud "@$at" +%m-%d)" = 01-01 ] || at=$((at + 86400))
	berth cron:tick $((at + 3599))
	wait_for 20 eval '[ "$(berth logs "$app" -n 1000 | grep -c "]: tick of")" = 2 ]'
	berth cron:tick $((at + 3660))
	assert_equal "$(berth logs "$app" -n 1000 | grep -c "]: tick of")" 2
	cron_app late 'echo late' '0 3 1 1 *' ''
	at=$(next_of '0 3 1 1 *')
	berth cron:tick $((at + 3660))
	assert_equal "$(task '0 3 1 1 *' last_run)" null
}

@test "one that still runs: forbid leaves out, replace stops it, allow adds one" {
	local at n
	cron_app over 'echo forbid; exec sleep 4801' '0 3 1 1 *' '' \
		'echo replace; exec sleep 4802' '0 3 1 1 *' '{"concurrency_policy": "replace"}' \
		'echo allow; exec sleep 4803' '0 3 1 1 *' '{"concurrency": "allow"}'
	at=$(date -d "$(berth cron:list "$app" --format json | jq -r .[0].next_run)" +%s)
	berth cron:tick "$at"
	for n in 4801 4802 4803; do wait_for 20 pgrep -fx "sleep $n"; done
	local forbidden replaced
	forbidden=$(pgrep -fx "sleep 4801")
	replaced=$(pgrep -fx "sleep 4802")
	at=$((at + 365 * 86400))
	[ "$(date -ud "@$at" +%m-%d)" = 01-01 ] || at=$((at + 86400))
	berth cron:tick "$at"
	assert_equal "$(pgrep -fx "sleep 4801")" "$forbidden"
	wait_for 20 eval '[ "$(pgrep -fxc "sleep 4802")" = 1 ]'
	[ "$(pgrep -fx "sleep 4802")" != "$replaced" ]
	wait_for 20 eval '[ "$(pgrep -fxc "sleep 4803")" = 2 ]'
	log_has "still runs: left out this time"
	log_has "still runs: stopped for the next"
	assert_equal "$(berth cron:list "$app" --format json | jq -r '[.[].state] | unique | .[]')" running
	assert_equal "$(berth run:list "$app" --format json | jq length)" 4
	kill_services berthd berth-runtime
	assert_equal "$(berth run:list "$app" --format json | jq '[.[] | select(.state == "up")] | length')" 4
	berth --force apps:destroy "$app"
	run ! pgrep -fx "sleep 480[123]"
}

@test "suspended tasks, stopped apps and later releases" {
	local at id
	cron_app later 'echo one' '0 3 1 1 *' '' 'echo two' '0 4 1 1 *' '{"maintenance": true}'
	at=$(next_of '0 3 1 1 *')
	id=$(task '0 3 1 1 *' id)
	assert_equal "$(task '0 4 1 1 *' state) $(task '0 4 1 1 *' next_run)" "suspended null"
	berth cron:suspend "$app" "$id"
	berth cron:tick "$at"
	assert_equal "$(task '0 3 1 1 *' last_run)" null
	berth cron:resume "$app" "$id"
	berth ps:stop "$app"
	berth cron:tick "$at"
	assert_equal "$(task '0 3 1 1 *' last_run) $(task '0 3 1 1 *' next_run)" "null null"
	berth ps:start "$app"
	run berth cron:suspend "$app" nosuch
	assert_equal "$status" 1
	assert_contains "$output" "has no task 'nosuch': 'cron:list $app' shows them"
	# another release has other tasks, and a rollback brings them back
	echo '{"cron": [{"command": "echo three", "schedule": "@daily"}]}' >"$dir/app.json"
	push_app "$dir" "$app"
	assert_equal "$(berth cron:list "$app" --format json | jq -r '.[].command')" "echo three"
	berth rollback "$app" v1
	assert_equal "$(berth cron:list "$app" --format json | jq -r '.[].command')" $'echo one\necho two'
	# a schedule that is wrong fails the push and changes nothing
	echo '{"cron": [{"command": "echo", "schedule": "61 * * * *"}]}' >"$dir/app.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "'cron[0].schedule': the minute '61'"
	assert_equal "$(berth cron:list "$app" --format json | jq length)" 2
}

@test "time zones: UTC, the instance's, the app's, the schedule's own" {
	cron_app zones 'echo one' '0 3 1 1 *' '' 'echo two' 'CRON_TZ=Asia/Kolkata 0 3 1 1 *' ''
	hour() { date -ud "@$(next_of "$1")" +%H:%M; }
	assert_equal "$(hour '0 3 1 1 *') $(berth cron:report "$app" --computed-timezone)" "03:00 UTC"
	berth cron:set --global timezone Europe/Berlin
	assert_equal "$(hour '0 3 1 1 *')" 02:00
	berth cron:set "$app" timezone America/New_York
	assert_equal "$(hour '0 3 1 1 *') $(hour 'CRON_TZ=Asia/Kolkata 0 3 1 1 *')" "08:00 21:30"
	assert_contains "$(berth cron:report "$app")" "America/New_York"
	berth cron:set "$app" timezone
	berth cron:set --global timezone
	assert_equal "$(berth cron:report "$app" --format json | jq -r '."computed-timezone" + ."task-count"')" UTC2
	run berth cron:set "$app" timezone ../../etc/passwd
	assert_equal "$status" 1
	assert_contains "$output" "not a time zone"
	run berth cron:set "$app" colour red
	assert_equal "$status" 2
}

@test "cron:run: at once, with its status, or on its own" {
	local id name
	cron_app now 'echo here; exit 5' '0 3 1 1 *' ''
	id=$(task '0 3 1 1 *' id)
	run berth cron:run "$app" "$id"
	assert_equal "$status $output" "5 here"
	name=$(berth cron:run "$app" "$id" --detach)
	assert_equal "$name" "cron.$id"
	wait_for 20 result_is '0 3 1 1 *' "failed with status 5"
	log_has "app[$name]: here"
	run berth cron:run "$app" nosuch
	assert_equal "$status" 1
}

@test "berthd itself runs what is due in a minute" {
	cron_app minute 'echo ticked' '* * * * *' ''
	wait_for 130 log_has ": ticked"
	wait_for 20 result_is '* * * * *' succeeded
	assert_equal "$(berth cleanup --dry-run)" "-----> Nothing to clean up"
}
