# SPDX-License-Identifier: MIT
# What the bundled packs' scripts share: output in Heroku's shape, config vars, and running a command
# so that a failure ends with its name. Source it from bin/compile.

step() { printf -- '-----> %s\n' "$*"; }
say() { printf '       %s\n' "$*"; }
warn() { printf ' !     %s\n' "$*" >&2; }
die() {
	warn "$@"
	give_up
}
# Ends the build when what is wrong was said: give_up [STATUS]
give_up() {
	echo said >"$shell_said"
	exit "${1:-1}"
}

# A command that ends the build without a word is named. What was said may be said in a subshell, so a
# file tells.
shell_said=$(mktemp)
shell_end() { # STATUS COMMAND
	[ "$1" -eq 0 ] || [ -s "$shell_said" ] || warn "'${2%%$'\n'*}' failed with status $1"
	rm -f "$shell_said"
}
trap 'shell_end "$?" "$BASH_COMMAND"' EXIT

indent() { sed -u '/^$/d; s/^/       /'; }

# Config vars, but for those that would break the build itself: import_env ENV_DIR
import_env() {
	local file name
	for file in "$1"/*; do
		name=${file##*/}
		[ -f "$file" ] || continue
		case $name in
		PATH | HOME | LANG | GIT_DIR | CPATH | CPPATH | LD_* | LIBRARY_PATH | BASH_ENV | ENV | PYTHONHOME | PORT | DYNO | BERTH_*) continue ;;
		esac
		export "$name=$(cat "$file")"
	done
}

# Runs a command with its output indented. When it fails the build ends with its status, after what
# the pack's function `explain OUTPUT-FILE` makes of it: run TITLE COMMAND...
run() {
	local title=${1% } output status=0
	shift
	output=$(mktemp)
	"$@" 2>&1 </dev/null | tee "$output" | indent || status=${PIPESTATUS[0]}
	if [ "$status" -ne 0 ]; then
		warn "'$title' failed with status $status"
		! declare -F explain >/dev/null || explain "$output"
		rm -f "$output"
		give_up "$status"
	fi
	rm -f "$output"
}

# What an app of compiled programs offers: bin/ in its search path, and for bin/release its default
# processes. They are web, which may be empty, and without a Procfile one for each other program, by its
# name. Left out are names that no process can have, and "release", which would run with every release:
# offer_programs WEB PROGRAM...
offer_programs() {
	local web=$1 program name types=()
	shift
	mkdir -p .profile.d
	# shellcheck disable=SC2016 # for the app's shell
	echo 'export PATH="$HOME/bin:$PATH"' >.profile.d/programs.sh
	[ -z "$web" ] || types+=("  web: $web")
	for program in "$@"; do
		name=${program##*/}
		[ ! -f Procfile ] && [ "$program" != "$web" ] || continue
		[[ $name =~ ^[A-Za-z0-9_-]{1,63}$ && ! $name =~ ^(web|release)$ ]] || continue
		types+=("  $name: $program")
	done
	if [ ${#types[@]} -gt 0 ]; then
		printf '%s\n' --- default_process_types: "${types[@]}" >"$pack/release.yml"
	else
		echo '--- {}' >"$pack/release.yml"
	fi
}
