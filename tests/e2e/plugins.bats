#!/usr/bin/env bats
# Plugins on a running instance: installed, called, refused, and the one that comes with Berth.

load helper

setup() {
	work=$(mktemp -d "$TEST_DIR/plugins.XXXXXX")
	# only root may read it: the client sends it, berthd need not reach it
	chmod 700 "$work"
	app=$(unique_app plug)
	name=p$RANDOM$RANDOM
}

teardown() {
	berth plugin:uninstall "$name" >/dev/null 2>&1 || true
	destroy_apps "$app"
	rm -rf "$work"
}

status_is() {
	[ "$(http_status "$(host_of "$app")")" = "$1" ]
}

# make_plugin TRIGGERS: a plugin that tells of each trigger, fails where HOME/fail names it, and has
# the command "who".
make_plugin() {
	local trigger
	mkdir -p "$work/src/commands" "$work/src/triggers"
	printf 'name: %s\nversion: 1.0.0\ndescription: for a test\ntimeout: 5\ntriggers: [%s]\ncommands:\n  who: {args: APP, help: say who}\n' \
		"$name" "$1" >"$work/src/plugin.yml"
	for trigger in ${1//,/ }; do
		cat >"$work/src/triggers/$trigger" <<'END'
#!/bin/sh
echo "told $BERTH_TRIGGER of $1: $(cat)"
if [ -f "$HOME/fail" ] && [ "$(cat "$HOME/fail")" = "$BERTH_TRIGGER" ]; then
	echo "the plugin says no" >&2
	exit 3
fi
END
	done
	cat >"$work/src/commands/who" <<'END'
#!/bin/sh
case ${2:-} in
fail) printf %s "$3" >"$HOME/fail" ;;
*)
	id -un
	echo "user=$BERTH_USER app=$BERTH_APP"
	berth apps:exists "$1" && echo "exists"
	read -r line && echo "read $line"
	;;
esac
END
	chmod +x "$work"/src/*/*
}

@test "a plugin from a folder: command, identity, input" {
	make_plugin post-create
	berth plugin:install "$work/src"
	run berth apps:create "$app"
	assert_equal "$status" 0
	assert_contains "$output" "told post-create of $app: {\"app\":\"$app\""
	run berth "$name:who" "$app" <<<"line"
	assert_equal "$status" 0
	assert_contains "$output" "berth-plugin"
	assert_contains "$output" "app=$app"
	assert_contains "$output" "exists"
	assert_contains "$output" "read line"
	run bssh "$name:who" "$app" </dev/null
	assert_contains "$output" "user=admin"
	run berth help
	assert_contains "$output" "$name:who APP"
}

@test "a failing pre-* trigger stops, a failing post-* one is reported" {
	make_plugin "pre-delete, post-create"
	berth plugin:install "$work/src"
	berth apps:create "$app"
	berth "$name:who" "$app" fail pre-delete
	run berth --force apps:destroy "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "the plugin says no"
	assert_contains "$output" "plugin '$name' stopped this in pre-delete"
	berth apps:exists "$app"
	berth "$name:who" "$app" fail post-create
	berth plugin:disable "$name"
	berth --force apps:destroy "$app"
	berth plugin:enable "$name"
	run berth apps:create "$app"
	assert_equal "$status" 0
	assert_contains "$output" "Plugin '$name' failed in post-create"
}

@test "a push is stopped by pre-build and told by post-deploy" {
	make_plugin "pre-build, post-build, pre-deploy, post-deploy"
	berth plugin:install "$work/src"
	copy_example hello "$work/hello"
	berth apps:create "$app"
	berth "$name:who" "$app" fail pre-build
	run push_app "$work/hello" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "the plugin says no"
	berth "$name:who" "$app" fail nothing
	run push_app "$work/hello" "$app"
	assert_equal "$status" 0
	for trigger in pre-build post-build pre-deploy post-deploy; do
		assert_contains "$output" "told $trigger of $app"
	done
}

@test "a plugin from git, updated and removed" {
	make_plugin post-create
	commit_all "$work/src"
	chmod 755 "$work"
	chown -R berth: "$work/src"
	berth plugin:install "file://$work/src"
	run berth plugin:update "$name"
	assert_contains "$output" "up to date"
	sed -i 's/1.0.0/1.1.0/' "$work/src/plugin.yml"
	chown -R root: "$work/src"
	commit_all "$work/src"
	chown -R berth: "$work/src"
	berth plugin:update "$name"
	run berth plugin:list
	assert_contains "$output" "1.1.0"
	berth plugin:uninstall "$name"
	run berth plugin:list
	refute_contains "$output" "$name"
	run berth "$name:who" "$app"
	[ "$status" -ne 0 ]
}

@test "hostile plugins are refused by name and leave nothing" {
	make_plugin post-create
	before=$(ls -A "$TEST_ROOT/lib/plugins")
	ln -s /etc/passwd "$work/src/link"
	run berth plugin:install "$work/src"
	[ "$status" -ne 0 ]
	assert_contains "$output" "link"
	rm "$work/src/link"
	mkfifo "$work/src/pipe"
	run berth plugin:install "$work/src"
	[ "$status" -ne 0 ]
	assert_contains "$output" "pipe"
	rm "$work/src/pipe"
	sed -i 's/^name: .*/name: apps/' "$work/src/plugin.yml"
	run berth plugin:install "$work/src"
	[ "$status" -ne 0 ]
	assert_contains "$output" "may not be named 'apps'"
	sed -i 's/^name: .*/name: ..\/x/' "$work/src/plugin.yml"
	run berth plugin:install "$work/src"
	[ "$status" -ne 0 ]
	assert_contains "$output" "plugin.yml:"
	run berth plugin:install "ext::sh -c true"
	[ "$status" -ne 0 ]
	run berth plugin:install --committish=--output=x "file://$work/src"
	[ "$status" -ne 0 ]
	assert_contains "$output" "branch, tag or commit"
	assert_equal "$(ls -A "$TEST_ROOT/lib/plugins")" "$before"
}

@test "a plugin cannot read what is Berth's own" {
	make_plugin post-create
	cat >"$work/src/commands/who" <<END
#!/bin/sh
cat "$TEST_ROOT/etc/master.key" "$TEST_ROOT/lib/berth.db" && echo got it
: >"$TEST_ROOT/lib/plugins/$name/plugin.yml" && echo wrote it
exit 0
END
	berth plugin:install "$work/src"
	run berth "$name:who"
	refute_contains "$output" "got it"
	refute_contains "$output" "wrote it"
}

@test "maintenance: on, a page of one's own, off" {
	copy_example hello "$work/hello"
	push_app "$work/hello" "$app"
	wait_for 20 status_is 200
	berth maintenance:on "$app"
	assert_equal "$(http_status "$(host_of "$app")")" 503
	berth maintenance:page "$app" <<<'<h1>gone fishing</h1>'
	run curl -s -H 'Accept: text/html' --connect-to "::127.0.0.1:$HTTP_PORT" "http://$(host_of "$app"):$HTTP_PORT/"
	assert_contains "$output" "<h1>gone fishing</h1>"
	run berth maintenance:report "$app"
	assert_contains "$output" "custom"
	berth maintenance:page "$app" --reset
	run curl -s -H 'Accept: text/html' --connect-to "::127.0.0.1:$HTTP_PORT" "http://$(host_of "$app"):$HTTP_PORT/"
	refute_contains "$output" "gone fishing"
	bssh maintenance:off "$app"
	assert_equal "$(http_status "$(host_of "$app")")" 200
	run berth maintenance:on "$app-missing"
	assert_equal "$status" 20
}
