# What the end-to-end and security tests share. Each .bats file starts with
#     load helper            (tests/security: load ../e2e/helper)
# and finds one running instance, started for the whole run by suite.bash:
#
#   TEST_DIR      a folder of this run below /var/tmp, readable by the users berth*
#   TEST_PREFIX   the installed programs        TEST_ROOT   the instance's root
#   HTTP_PORT, SSH_PORT   on 127.0.0.1          TEST_SOURCE the source tree of Berth
#   TEST_NUMBER   the instance's number
#
# Functions fail (return non-zero) when what they wait for does not come.

# The local CLI, as root.
berth() {
	"$TEST_PREFIX/bin/berth" --root "$TEST_ROOT" "$@"
}

# A command over ssh, as the key "admin". Its own stdin, or none.
bssh() {
	command ssh -F "$TEST_DIR/ssh_config" -- berth "$@"
}

# git with the test's key, name and no settings of the machine.
tgit() {
	GIT_SSH_COMMAND="ssh -F $TEST_DIR/ssh_config" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		GIT_AUTHOR_NAME=Test GIT_AUTHOR_EMAIL=test@example.com \
		GIT_COMMITTER_NAME=Test GIT_COMMITTER_EMAIL=test@example.com \
		git -c init.defaultBranch=main -c protocol.file.allow=always "$@"
}

# An app name that no other test has: unique_app PREFIX
unique_app() {
	echo "$1-$BATS_ROOT_PID-$BATS_SUITE_TEST_NUMBER-$RANDOM" | tr 'A-Z_' 'a-z-'
}

# A copy of an example: copy_example NAME DIR
copy_example() {
	cp -R "$TEST_SOURCE/examples/$1" "$2"
}

# Commits all that is in DIR (a repository is made when it is none).
commit_all() {
	local dir=$1 message=${2:-change}
	[ -d "$dir/.git" ] || tgit -C "$dir" init -q
	tgit -C "$dir" add -A
	tgit -C "$dir" commit -q --allow-empty -m "$message"
}

# Commits what is in DIR and pushes it to app NAME: push_app DIR NAME [BRANCH]
# Prints what git printed.
push_app() {
	local dir=$1 name=$2 branch=${3:-main}
	commit_all "$dir"
	tgit -C "$dir" push "berth:$name" "HEAD:refs/heads/$branch" 2>&1
}

# A request to the router: http HOST [PATH] [CURL OPTIONS...]. Prints the body; fails on >= 400
# unless the options say otherwise.
http() {
	local host=$1 path=${2:-/}
	shift
	[ $# -eq 0 ] || shift
	curl -sS --fail-with-body --max-time 30 --connect-to "::127.0.0.1:$HTTP_PORT" "$@" \
		"http://$host:$HTTP_PORT$path"
}

# Only the status code: http_status HOST [PATH]
http_status() {
	curl -s -o /dev/null -w '%{http_code}' --max-time 30 \
		--connect-to "::127.0.0.1:$HTTP_PORT" "http://$1:$HTTP_PORT${2:-/}"
}

# Until COMMAND succeeds, at most SECONDS: wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		if [ $SECONDS -ge $end ]; then
			echo "gave up waiting for: $*" >&2
			return 1
		fi
		sleep 0.1
	done
}

body_has() {
	[[ "$(http "$1" "$2" 2>/dev/null)" == *"$3"* ]]
}

# Until HOST answers with TEXT in its body: wait_http HOST TEXT [PATH] [SECONDS]
wait_http() {
	wait_for "${4:-20}" body_has "$1" "${3:-/}" "$2"
}

# The host name of an app on this instance.
host_of() {
	echo "$1.localhost"
}

# Removes apps of this test, whatever became of them: call it in teardown.
destroy_apps() {
	local app
	for app in "$@"; do
		berth --force apps:destroy "$app" >/dev/null 2>&1 </dev/null || true
	done
}

# --- comparing; bats shows what they print when they fail ---

assert_contains() {
	[[ "$1" == *"$2"* ]] && return
	printf 'expected to find: %s\nin:\n%s\n' "$2" "$1" >&2
	return 1
}

refute_contains() {
	[[ "$1" != *"$2"* ]] && return
	printf 'did not expect: %s\nin:\n%s\n' "$2" "$1" >&2
	return 1
}

assert_equal() {
	[ "$1" = "$2" ] && return
	printf 'expected: %s\n     got: %s\n' "$2" "$1" >&2
	return 1
}

# The process id of a service: service_pid berthd
service_pid() {
	berth server status --format json | jq -r --arg n "$1" '.[] | select(.service == $n) | .pid'
}

service_is_up() {
	[ "$(berth server status --format json |
		jq -r --arg n "$1" '.[] | select(.service == $n) | .state')" = up ]
}

is_another() {
	[ "$(service_pid "$1")" != "$2" ] && service_is_up "$1"
}

# kill -9 of all at once, and until another of each is up: kill_services SERVICE...
kill_services() {
	local service pid pids=()
	for service in "$@"; do pids+=("$(service_pid "$service")"); done
	for pid in "${pids[@]}"; do [ "$pid" -gt 1 ] || return; done
	kill -9 "${pids[@]}"
	for service in "$@"; do
		wait_for 30 is_another "$service" "${pids[0]}"
		pids=("${pids[@]:1}")
	done
}
