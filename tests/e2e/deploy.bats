#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A push, from outside: what it prints, what answers afterwards, and that a failed one changes
# nothing.

load helper
load app

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# The push on $dir failed with REASON as the last thing that the server said, and all is as it was:
# assert_refused REASON (what `run push_app` left in $status and $output). $kept is the commit that
# the branch had before, or empty.
assert_refused() {
	local last
	[ "$status" -ne 0 ]
	last=$(grep '^remote: ' <<<"$output" | tail -n 1)
	assert_contains "$last" " !     "
	assert_contains "$last" "$1"
	assert_contains "$output" "[remote rejected]"
	assert_equal "$(server_ref "$app")" "${kept:-}"
}

# As assert_refused, and the first version still answers: the app was deployed with text "one".
assert_unchanged() {
	assert_refused "$1"
	assert_equal "$(http "$host")" one
	assert_equal "$(release_of "$app")" "$released"
}

# A first version that answers "one".
deploy_one() {
	new_app "$1"
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" one
	kept=$(head_of "$dir")
	released=$(release_of "$app")
}

@test "a first push makes the app and answers; the second has the change" {
	new_app first
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Created app '$app'"
	assert_contains "$output" "-----> Procfile app detected"
	assert_contains "$output" "       Procfile declares types -> web"
	assert_contains "$output" "-----> Launched v1 in "
	assert_contains "$output" "       http://$host:$HTTP_PORT deployed to Berth"
	refute_contains "$output" " !     "
	assert_equal "$(http "$host")" one
	assert_equal "$(server_ref "$app")" "$(head_of "$dir")"
	echo two >"$dir/text"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "Created app"
	assert_contains "$output" "-----> Launched v2 in "
	assert_equal "$(http "$host")" two
	assert_equal "$(http "$host" /env/GIT_REV)" "$(head_of "$dir")"
	assert_equal "$(http "$host" /env/SOURCE_VERSION)" "$(head_of "$dir")"
	assert_equal "$(http "$host" /env/DYNO)" web.1
	assert_equal "$(http "$host" /env/PORT)" 5000
	assert_equal "$(http "$host" /env/HOME)" /app
	# the old container goes soon
	wait_for 15 eval '[ "$(containers_of "$app" | wc -l)" = 1 ]'
}

@test "a clone has what was pushed, and a push of the same is no deploy" {
	deploy_one clone
	tgit clone -q "berth:$app" copy
	diff -r -x .git "$dir" copy
	run push_app_again
	[ "$status" -eq 0 ]
	assert_contains "$output" "Everything up-to-date"
	assert_equal "$(count_releases "$app")" 1
}

push_app_again() {
	tgit -C "$dir" push "berth:$app" HEAD:refs/heads/main 2>&1
}

@test "another branch is stored, and the pusher reads why nothing was deployed" {
	deploy_one branch
	echo two >"$dir/text"
	run push_app "$dir" "$app" topic/x
	[ "$status" -eq 0 ]
	assert_contains "$output" "Branch 'topic/x' was stored, and nothing was deployed"
	assert_contains "$output" "'main' or 'master' deploys"
	assert_contains "$output" "git push berth 'topic/x:main'"
	assert_contains "$output" "git:set $app deploy-branch 'topic/x'"
	assert_equal "$(http "$host")" one
	assert_equal "$(server_ref "$app" topic/x)" "$(head_of "$dir")"
	# the branch that deploys cannot be deleted, another one can
	run tgit -C "$dir" push "berth:$app" :main
	[ "$status" -ne 0 ]
	assert_contains "$output" "branch 'main' deploys this app and stays"
	# what the message says deploys it
	tgit -C "$dir" branch topic/x
	tgit -C "$dir" push "berth:$app" topic/x:main
	assert_equal "$(http "$host")" two
	run tgit -C "$dir" push "berth:$app" main:refs/heads/other/main
	[ "$status" -eq 0 ]
	assert_contains "$output" "Branch 'other/main' was stored, and nothing was deployed"
	run tgit -C "$dir" push "berth:$app" :topic/x
	[ "$status" -eq 0 ]
	assert_contains "$output" "Branch 'topic/x' was deleted"
	assert_equal "$(server_ref "$app" topic/x)" ""
}

@test "master deploys as main does; a deploy branch that is set deploys alone" {
	new_app master
	push_app "$dir" "$app" master
	assert_equal "$(http "$host")" one
	berth git:set "$app" deploy-branch live
	echo two >"$dir/text"
	run push_app "$dir" "$app" master
	[ "$status" -eq 0 ]
	assert_contains "$output" "nothing was deployed: 'live' deploys"
	assert_equal "$(http "$host")" one
	push_app "$dir" "$app" live
	assert_equal "$(http "$host")" two
	run berth git:set "$app" deploy-branch 'a b'
	[ "$status" -eq 1 ]
	assert_contains "$output" "'a b' is not a branch name"
	run berth git:set "$app" colour red
	[ "$status" -eq 2 ]
	assert_contains "$output" "deploy-branch"
	berth git:set "$app" deploy-branch
	echo three >"$dir/text"
	push_app "$dir" "$app" master
	assert_equal "$(http "$host")" three
}

@test "tags are stored and deploy nothing; pushed to the branch their commit deploys" {
	deploy_one tags
	echo two >"$dir/text"
	commit_all "$dir"
	tgit -C "$dir" tag -a -m second v1.2
	tgit -C "$dir" tag light
	run tgit -C "$dir" push "berth:$app" v1.2
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Tags are stored, and do not deploy: branch 'main' does"
	assert_contains "$output" "git push berth 'v1.2^{}:main'"
	run tgit -C "$dir" push "berth:$app" --tags
	assert_contains "$output" "git push berth 'light^{}:main'"
	assert_equal "$(http "$host")" one
	assert_equal "$(server_ref "$app")" "$kept"

	run tgit -C "$dir" push "berth:$app" 'v1.2^{}:main'
	[ "$status" -eq 0 ]
	refute_contains "$output" "Tags are stored"
	assert_equal "$(http "$host")" two
	assert_equal "$(server_ref "$app")" "$(head_of "$dir")"

	# the tag itself, to the branch that deploys and to another one: a branch points at a commit
	echo three >"$dir/text"
	commit_all "$dir"
	tgit -C "$dir" tag -a -m third v3
	tgit -C "$dir" remote add berth "berth:$app"
	run tgit -C "$dir" push berth v3:refs/heads/main v3:refs/heads/topic
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host" /env/GIT_REV)" "$(head_of "$dir")"
	assert_equal "$(server_ref "$app")" "$(head_of "$dir")"
	assert_equal "$(server_ref "$app" topic)" "$(head_of "$dir")"
	assert_equal "$(tgit -C "$dir" rev-parse refs/remotes/berth/main)" "$(head_of "$dir")"
	# with a branch that deploys, nobody needs to hear about tags
	echo four >"$dir/text"
	commit_all "$dir"
	tgit -C "$dir" tag -a -m fourth v4
	run tgit -C "$dir" push --follow-tags berth main
	assert_contains "$output" "[new tag]"
	refute_contains "$output" "Tags are stored"
	assert_equal "$(http "$host")" four
	run tgit -C "$dir" push berth :v4
	[ "$status" -eq 0 ]
	refute_contains "$output" "Tags are stored"
	# what is no commit at all is no branch
	released=$(release_of "$app")
	tgit -C "$dir" tag tree 'HEAD^{tree}'
	run tgit -C "$dir" push -f berth tree:refs/heads/main
	[ "$status" -ne 0 ]
	assert_contains "$output" "is neither a commit nor a tag of one"
	assert_equal "$(release_of "$app")" "$released"
}

@test "a push from a shallow clone is told what it lacks; what the server has it may lack" {
	new_app shallow
	commit_all "$dir" one
	echo two >"$dir/text"
	commit_all "$dir" two
	tgit clone -q --depth 1 "file://$dir" part
	run tgit -C part push "berth:$app" main
	[ "$status" -ne 0 ]
	assert_contains "$output" " !     this clone is shallow"
	assert_contains "$output" "'git fetch --unshallow' gets it"
	assert_equal "$(grep -c 'is shallow' <<<"$output")" 1
	assert_equal "$(server_ref "$app")" ""
	run tgit -C part push "berth:$app" main:topic HEAD:refs/tags/x
	[ "$status" -ne 0 ]
	assert_contains "$output" "this clone is shallow"
	# both ways that the message names
	(cd part && berth up "$app")
	assert_equal "$(http "$host")" two
	tgit -C part fetch -q --unshallow
	run tgit -C part push -f "berth:$app" main
	[ "$status" -eq 0 ]
	refute_contains "$output" "is shallow"
	assert_equal "$(server_ref "$app")" "$(head_of part)"
	# the history below this one is there already
	tgit clone -q --depth 1 "file://$dir" next
	echo three >next/text
	run push_app next "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "is shallow"
	assert_equal "$(http "$host")" three
}

@test "a forced push of another history deploys it" {
	deploy_one forced
	rm -rf "$dir/.git"
	echo rewritten >"$dir/text"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "rejected"
	assert_equal "$(http "$host")" one
	tgit -C "$dir" push -f "berth:$app" HEAD:refs/heads/main
	assert_equal "$(http "$host")" rewritten
}

@test "an app that crashes at once: its words, the reason, and nothing changed" {
	deploy_one crash
	echo 'web: echo last words; exit 3' >"$dir/Procfile"
	run push_app "$dir" "$app"
	assert_contains "$output" "last words"
	assert_unchanged "web.1 crashed right after its start (exit status 3)"
	run berth releases "$app" --format json
	assert_equal "$(jq -r '.[0].status' <<<"$output")" failed
	# the same push again is tried again
	run push_app_again
	assert_unchanged "web.1 crashed right after its start"
	git_mend
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" two
}

# The app as it was, with text "two".
git_mend() {
	cp "$TEST_SOURCE/tests/apps/web/Procfile" "$dir/Procfile"
	echo two >"$dir/text"
}

@test "an app that crashes on its very first push: no branch, no route to it" {
	new_app firstcrash
	echo 'web: exit 1' >"$dir/Procfile"
	run push_app "$dir" "$app"
	kept=
	assert_refused "web.1 crashed right after its start"
	assert_equal "$(http_status "$host")" 503
	assert_equal "$(containers_of "$app")" ""
	git_mend
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" two
}

@test "an app that never listens is given up after the time its check allows" {
	deploy_one deaf
	echo 'web: echo thinking; exec sleep 1000' >"$dir/Procfile"
	cat >"$dir/app.json" <<-END
		// three seconds instead of sixty
		{ "healthchecks": { "web": [ { "type": "startup", "listening": true, "timeout": 3 } ] } }
	END
	SECONDS=0
	run push_app "$dir" "$app"
	[ $SECONDS -lt 20 ]
	assert_contains "$output" thinking
	assert_unchanged "web.1 did not listen on port 5000 (the PORT it is given) within 3 s"
	wait_for 15 eval '[ "$(containers_of "$app" | wc -l)" = 1 ]'
}

@test "a release command that fails ends the push; repeated when mended, it goes through" {
	deploy_one release
	echo two >"$dir/text"
	# shellcheck disable=SC2016 # the container expands it
	echo 'release: echo "migrating at $GIT_REV"; [ "$READY" = yes ] || exit 7' >>"$dir/Procfile"
	run push_app "$dir" "$app"
	assert_contains "$output" "-----> Running release command"
	assert_contains "$output" "migrating at $(head_of "$dir")"
	assert_unchanged "failed with status 7"
	berth config:set "$app" READY=yes
	assert_equal "$(http "$host")" one
	run push_app_again
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" two
	assert_equal "$(server_ref "$app")" "$(head_of "$dir")"
}

@test "a build that cannot be: unknown packs, nothing that fits" {
	deploy_one build
	echo nosuch >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	assert_unchanged "there is no buildpack 'nosuch'; use the address of one, or one of "
	echo 'ext::sh -c id' >"$dir/.buildpacks"
	run push_app "$dir" "$app"
	assert_unchanged "is no address of a git repository"
	rm "$dir/.buildpacks" "$dir/Procfile"
	run push_app "$dir" "$app"
	assert_unchanged "no buildpack fits"
	assert_contains "$output" "add a Procfile"
}

@test "a build whose compile fails: its output, the reason, and nothing changed" {
	deploy_one compile
	rm "$dir/Procfile"
	echo '{ "root": [' >"$dir/static.json"
	run push_app "$dir" "$app"
	assert_contains "$output" "static.json: "
	assert_unchanged "compile"
}

@test "an empty commit, and a push of a repository without one" {
	new_app empty
	rm -rf "$dir"
	mkdir "$dir"
	tgit -C "$dir" init -q
	run tgit -C "$dir" push "berth:$app" main
	[ "$status" -ne 0 ]
	run push_app "$dir" "$app"
	kept=
	assert_refused "no buildpack fits"
	run tgit clone "berth:$app" copy
	[ "$status" -eq 0 ]
	assert_contains "$output" "empty repository"
}

# A commit of the app and 10,000 files, which exist in git only: that is quicker than on disk.
commit_many() {
	commit_all "$dir"
	python3 - <<-'END' | tgit -C "$dir" fast-import --quiet --force
		for mark in range(1, 11):
		    print(f"blob\nmark :{mark}\ndata 2\n{mark % 10}\n")
		print("commit refs/heads/main\ncommitter Test <test@example.com> 1700000000 +0000\ndata 4\nmany")
		print("from refs/heads/main^0")
		for n in range(10000):
		    print(f'M 644 :{n % 10 + 1} "d{n // 100}/file {n % 100}.txt"')
	END
}

@test "10,000 files, then one more" {
	local first second
	new_app many
	commit_many
	first=$(tgit -C "$dir" rev-parse main)
	run tgit -C "$dir" push "berth:$app" main
	[ "$status" -eq 0 ]
	assert_equal "$(berth run "$app" 'find . -name "file *.txt" | wc -l; cat "d99/file 42.txt"')" \
		$'10000\n3'
	printf 'commit refs/heads/main\ncommitter T <t@example.com> 1700000001 +0000\ndata 3\none\nfrom %s\nM 644 inline text\ndata 4\ntwo\n\n' \
		"$first" | tgit -C "$dir" fast-import --quiet
	run tgit -C "$dir" push "berth:$app" main
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" two
	# what did not change is the same file on disk
	second=$(tgit -C "$dir" rev-parse 'main^{tree}')
	[ "$(stat -c %h "$TEST_ROOT/lib/sources/$second/app/d0/file 0.txt")" -ge 2 ]
}

@test "Procfile: each mistake is named with its line" {
	local text want
	deploy_one procfile
	while IFS='|' read -r text want; do
		printf '%b' "$text" >"$dir/Procfile"
		run push_app "$dir" "$app"
		assert_unchanged "$want"
	done <<-'END'
		web perl|Procfile line 1: expected 'TYPE: COMMAND'
		# fine\n\nweb: x\nweb: y\n|Procfile line 4: 'web' is declared already in line 3
		web: x\nwörker: y\n|Procfile line 2: expected 'TYPE: COMMAND'
		web:\n|Procfile line 1: 'web' has no command
		web: a\0b\n|Procfile line 1: has a NUL byte
		web: a\n\033: b\n|Procfile line 2: has the control character 0x1b
	END
	{
		echo 'web: perl server.pl'
		printf 'worker: '
		head -c 1000000 /dev/zero | tr '\0' x
	} >"$dir/Procfile"
	run push_app "$dir" "$app"
	assert_unchanged "Procfile line 2: is 1000008 bytes long"
}

@test "a Procfile that is no plain file" {
	deploy_one unreadable
	rm "$dir/Procfile"
	ln -s /etc/passwd "$dir/Procfile"
	run push_app "$dir" "$app"
	assert_unchanged "'Procfile' is a symbolic link; it must be a plain file"
	rm "$dir/Procfile"
	mkdir "$dir/Procfile"
	touch "$dir/Procfile/x"
	run push_app "$dir" "$app"
	assert_unchanged "'Procfile' must be a plain file"
}

# A tree object of entries "MODE NAME ID": make_tree ENTRY... (its bytes are not checked by git)
make_tree() {
	python3 - "$@" <<-'END' | tgit -C "$dir" hash-object -w -t tree --literally --stdin
		import os, sys
		for entry in sys.argv[1:]:
		    mode, name, id = entry.split("\t")
		    sys.stdout.buffer.write(os.fsencode(mode + " " + name) + b"\0" + bytes.fromhex(id))
	END
}

@test "hostile trees are refused and leave nothing" {
	local blob tree name server
	deploy_one hostile
	blob=$(echo x | tgit -C "$dir" hash-object -w --stdin)
	server=$(ls "$TEST_ROOT/lib/sources" | wc -l)
	for name in .git .GIT ..  a/b .gi$'\u200c't 'git~1'; do
		tree=$(make_tree "100644	$name	$blob")
		run tgit -C "$dir" push -f "berth:$app" \
			"$(tgit -C "$dir" commit-tree -m x "$tree"):refs/heads/main"
		[ "$status" -ne 0 ]
		assert_equal "$(server_ref "$app")" "$kept"
	done
	# one name twice; a mode that git does not have
	for tree in "$(make_tree "100644	a	$blob" "100644	a	$blob")" \
		"$(make_tree "60644	device	$blob")"; do
		run tgit -C "$dir" push -f "berth:$app" \
			"$(tgit -C "$dir" commit-tree -m x "$tree"):refs/heads/main"
		[ "$status" -ne 0 ]
		assert_equal "$(server_ref "$app")" "$kept"
	done
	assert_equal "$(ls "$TEST_ROOT/lib/sources" | wc -l)" "$server"
	assert_equal "$(http "$host")" one
}

@test "links out of the tree lead nowhere but into the container" {
	new_app links
	ln -s ../../../../../../../../etc/hostname "$dir/up"
	ln -s /root "$dir/root"
	ln -sf "$TEST_ROOT/etc/master.key" "$dir/text"
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" "no text"
	run berth run "$app" 'cat text'
	[ "$status" -ne 0 ]
	# neither is the folder behind a link read for settings
	rm -rf "$dir/app.json"
	ln -s "$TEST_ROOT/etc/berth.conf" "$dir/app.json"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	refute_contains "$output" "[instance]"
}

@test "refs with hostile names are stored under them or refused" {
	local ref
	deploy_one refs
	for ref in --upload-pack=x -x '$(id)' 'a;b' "a'b" 'ü' main/x HEAD; do
		run tgit -C "$dir" push "berth:$app" "HEAD:refs/heads/$ref"
		refute_contains "$output" uid=
		if [ "$status" -eq 0 ]; then
			assert_equal "$(server_ref "$app" "$ref")" "$kept"
		fi
	done
	assert_equal "$(server_ref "$app" main/x)" ""
	assert_equal "$(http "$host")" one
}

# A push in the background whose release command goes on until end_slow_push; sets $push to its id,
# and waits until that command runs.
slow_push() {
	printf 'web: perl server.pl\nrelease: echo begun; sleep 1000 || true\n' >"$dir/Procfile"
	commit_all "$dir"
	tgit -C "$dir" push "berth:$app" HEAD:refs/heads/main >slow.out 2>&1 3>&- &
	push=$!
	wait_for 30 grep -q begun slow.out
}

end_slow_push() {
	local file
	for file in $(grep -lF "$app" /proc/[0-9]*/cgroup 2>/dev/null); do
		if [ "$(cat "${file%cgroup}comm")" = sleep ]; then
			kill "$(cut -d/ -f3 <<<"$file")"
		fi
	done
	wait "$push"
}

# Until the file NAME says that a push waits for the slow one: wait_waiting NAME
wait_waiting() {
	wait_for 30 grep -q "Waiting for the deploy of $first by admin" "$1"
}

how_build_ended() {
	berth builds:info "$app" --format json | jq -r '"\(.status): \(.reason)"'
}

# The ssh client below a process.
ssh_below() {
	local pid
	for pid in $(pgrep -P "$1"); do
		if [ "$(cat "/proc/$pid/comm")" = ssh ]; then
			echo "$pid"
			return
		fi
		ssh_below "$pid"
	done
}

@test "Ctrl-C during a deploy leaves no container, no half release and the branch where it was" {
	local ssh
	deploy_one cancel
	slow_push
	assert_equal "$(containers_of "$app" | wc -l)" 2
	ssh=$(ssh_below $push)
	[ -n "$ssh" ]
	kill -INT $push "$ssh"
	wait $push || true
	wait_for 15 eval '[ "$(containers_of "$app" | wc -l)" = 1 ]'
	assert_equal "$(server_ref "$app")" "$kept"
	assert_equal "$(http "$host")" one
	assert_equal "$(release_of "$app")" "$released"
	wait_for 15 eval '! berth releases "$app" --format json | jq -e ".[] | select(.status == \"pending\")"'
	assert_equal "$(how_build_ended)" "cancelled: cancelled by admin"
	# and nothing holds the next one up
	git_mend
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	refute_contains "$output" "Waiting for the deploy"
	assert_equal "$(http "$host")" two
}

@test "an ssh connection that breaks during a deploy is a Ctrl-C too" {
	deploy_one broken
	slow_push
	kill -9 "$(ssh_below $push)"
	wait $push || true
	wait_for 15 eval '[ "$(containers_of "$app" | wc -l)" = 1 ]'
	assert_equal "$(how_build_ended)" "cancelled: cancelled by admin"
	assert_equal "$(server_ref "$app")" "$kept"
	assert_equal "$(http "$host")" one
}

# A push in the background with the text NAME; sets $pushed to its id. Its output is in NAME.out.
begin_push() {
	cp "$TEST_SOURCE/tests/apps/web/Procfile" "$dir/Procfile"
	echo "$1" >"$dir/text"
	commit_all "$dir"
	tgit -C "$dir" push "berth:$app" "HEAD:refs/heads/main" >"$1.out" 2>&1 3>&- &
	pushed=$!
}

@test "of three pushes at once the second gives way to the third, and each says what it waits for" {
	local first second third
	deploy_one queue
	slow_push
	first=$(head_of "$dir")
	first=${first:0:8}
	begin_push two
	second=$pushed
	wait_waiting two.out
	begin_push three
	third=$pushed
	wait_waiting three.out
	end_slow_push
	status=0
	wait "$second" || status=$?
	assert_equal "$status" 1
	assert_contains "$(<two.out)" "a newer push came while this one waited"
	wait "$third"
	assert_equal "$(http "$host")" three
	assert_equal "$(server_ref "$app")" "$(head_of "$dir")"
	assert_equal "$(count_releases "$app")" 3
}

@test "a waiting push that is cancelled keeps nobody back" {
	local first second third id
	deploy_one giveway
	slow_push
	first=$(head_of "$dir")
	first=${first:0:8}
	begin_push two
	second=$pushed
	wait_waiting two.out
	begin_push three
	third=$pushed
	wait_waiting three.out
	kill -9 "$(ssh_below "$third")"
	wait "$third" || true
	# the server hears of it after the client has gone: until then its ticket is the newest
	id=$(berth ps "$app" --format json | jq -r '.[0].container')
	id=${id#a}
	wait_for 20 flock -ns "$TEST_ROOT/run/locks/${id%%.*}.newest" true
	end_slow_push
	# the newest of those that are still there is deployed
	wait "$second" || {
		cat two.out
		return 1
	}
	assert_equal "$(http "$host")" two
}

@test "a locked app takes no push until it is unlocked" {
	deploy_one lock
	berth apps:lock "$app"
	berth apps:locked "$app"
	echo two >"$dir/text"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "app '$app' is locked: 'apps:unlock $app' allows deploys again"
	assert_equal "$(server_ref "$app")" "$kept"
	assert_equal "$(http "$host")" one
	berth apps:unlock "$app"
	run berth apps:locked "$app"
	[ "$status" -eq 1 ]
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" two
}

@test "app.json: what is required is asked for, secrets are made once, defaults are set" {
	local secret
	new_app appjson
	cat >"$dir/app.json" <<-'END'
		{
			/* comments are allowed */
			"env": {
				"NEEDED": { "description": "who", "required": true },
				"OPTIONAL": { "required": false },
				"SECRET": { "generator": "secret" },
				"PLAIN": "a default",
				"SYNCED": { "value": "from the file", "sync": true }
			},
			"formation": { "web": { "quantity": 2 } }
		}
	END
	run push_app "$dir" "$app"
	kept=
	assert_refused "app.json requires config 'NEEDED': set it with 'config:set $app NEEDED=...' and push again"
	berth config:set "$app" NEEDED=here PLAIN=mine
	run push_app_again
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host" /env/NEEDED)" here
	assert_equal "$(http "$host" /env/PLAIN)" mine
	assert_equal "$(http "$host" /env/OPTIONAL)" unset
	secret=$(http "$host" /env/SECRET)
	[[ $secret =~ ^[0-9a-f]{64}$ ]]
	assert_equal "$(berth config:get "$app" SECRET)" "$secret"
	assert_equal "$(berth ps "$app" --format json | jq -r '[.[].process] | sort | join(" ")')" "web.1 web.2"
	berth config:set "$app" SYNCED=changed
	berth ps:scale "$app" web=1
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host" /env/SECRET)" "$secret"
	assert_equal "$(http "$host" /env/SYNCED)" "from the file"
	# the formation is that of the first deploy: later scaling wins
	assert_equal "$(berth ps:scale "$app" --format json | jq -c '[.[] | select(.type == "web").quantity]')" "[1]"
}

# The first check of web in app.json has FIELDS too.
check_has() {
	jq ".healthchecks.web[0] += $1" "$dir/app.json" >"$dir/new.json"
	mv "$dir/new.json" "$dir/app.json"
}

@test "app.json: a startup check decides, and says what it saw" {
	deploy_one checks
	echo two >"$dir/text"
	cat >"$dir/app.json" <<-'END'
		{ "healthchecks": { "web": [
			{ "type": "startup", "name": "front page", "path": "/", "content": "three", "attempts": 2, "wait": 0 }
		] } }
	END
	run push_app "$dir" "$app"
	assert_contains "$output" "Attempt 1 of 2 of 'front page' for web.1"
	assert_unchanged "health check 'front page' of web.1 failed 2 times"
	assert_contains "$output" "the answer lacks 'three'"
	echo three >"$dir/text"
	check_has '{scheme: "https", timeout: 2}'
	run push_app "$dir" "$app"
	assert_unchanged "health check 'front page' of web.1 failed 2 times"
	[[ $output =~ GET\ https://10\.[0-9.]+:[0-9]+/:\ .*[a-z] ]]
	check_has '{scheme: "http", httpHeaders: [{name: "X-A", value: "b c"}]}'
	push_app "$dir" "$app"
	assert_equal "$(http "$host")" three
}

@test "app.json: a mistake is named" {
	deploy_one badjson
	echo '{ "formation": { "web": { "quantity": "two" } } }' >"$dir/app.json"
	run push_app "$dir" "$app"
	assert_unchanged "'formation.web.quantity' must be"
	printf '{\n "env":\n' >"$dir/app.json"
	run push_app "$dir" "$app"
	assert_unchanged "app.json line 3"
}

logs_mb() {
	du -sm "$TEST_ROOT/lib/logs" | cut -f1
}

@test "an app that prints 100 MB as it starts is deployed, and its log stays small" {
	local before
	before=$(logs_mb)
	new_app loud
	cat >"$dir/Procfile" <<-'END'
		web: head -c 100000000 /dev/zero | tr '\0' 'x' | fold -w 99; exec perl server.pl
	END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	[ "${#output}" -lt 100000 ]
	assert_equal "$(http "$host")" one
	[ $(($(logs_mb) - before)) -lt 80 ]
}
