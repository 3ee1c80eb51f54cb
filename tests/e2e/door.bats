# What a key can reach: Berth's commands and git, and nothing else.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

@test "a key without a command gets the help, not a shell" {
	run bssh
	[[ $output == *"Berth gives no shell"* ]]
	run bssh 'sh -c "id"'
	[ "$status" -ne 0 ]
	[[ $output != *uid=* ]]
}

@test "words are split without a shell" {
	run bssh "version; id"
	[[ $output != *uid=* ]]
	# shellcheck disable=SC2016 # it must stay as it is
	run bssh 'version $(touch '"$TEST_DIR"'/expanded)'
	[ ! -e "$TEST_DIR/expanded" ]
	run bssh "version 'a"
	[ "$status" -eq 2 ]
	[[ $output == *"single quote is not closed"* ]]
}

@test "git reaches apps only" {
	local path
	for path in ../../etc /etc/passwd --help -x 'a b' .git A; do
		run bssh "git-upload-pack '$path'"
		[ "$status" -ne 0 ]
		[[ $output == *"app"* ]]
	done
	run bssh "git-receive-pack"
	[ "$status" -eq 2 ]
}

@test "nothing is forwarded and no file is served" {
	run command ssh -F "$TEST_DIR/ssh_config" -o ExitOnForwardFailure=yes \
		-R 127.0.0.1:0:127.0.0.1:1 berth version
	[ "$status" -ne 0 ]
	run command ssh -F "$TEST_DIR/ssh_config" -W 127.0.0.1:"$SSH_PORT" berth </dev/null
	[ "$status" -ne 0 ]
	echo x >file
	run command scp -F "$TEST_DIR/ssh_config" file berth:/var/tmp/berth-scp
	[ "$status" -ne 0 ]
	[ ! -e /var/tmp/berth-scp ]
	run command sftp -F "$TEST_DIR/ssh_config" -b /dev/null berth
	[ "$status" -ne 0 ]
}

@test "another key opens nothing" {
	ssh-keygen -q -t ed25519 -N '' -f stranger
	run command ssh -F /dev/null -i stranger -o IdentitiesOnly=yes -o BatchMode=yes \
		-o UserKnownHostsFile="$TEST_DIR/known_hosts" -p "$SSH_PORT" berth@127.0.0.1 version
	[ "$status" -eq 255 ]
	[[ $output == *"Permission denied"* ]]
}

@test "a hostile tree is refused and leaves nothing" {
	local app blob tree commit
	app=$(unique_app hostile)
	tgit init -q .
	blob=$(echo x | tgit hash-object -w --stdin)
	# shellcheck disable=SC2059 # the escapes of the object id are for printf
	tree=$(printf "100644 ..\\0${blob//??/\\x&}" | tgit hash-object -w -t tree --literally --stdin)
	commit=$(tgit commit-tree -m hostile "$tree")
	run tgit push "berth:$app" "$commit:refs/heads/main"
	[ "$status" -ne 0 ]
	[[ $output == *hasDotdot* ]]
	run tgit ls-remote "berth:$app"
	[[ $output != *refs/heads/main* ]]
}

@test "only branches and tags can be pushed" {
	local app
	app=$(unique_app refs)
	tgit init -q .
	tgit commit -q --allow-empty -m one
	run tgit push "berth:$app" HEAD:refs/notes/x
	[ "$status" -ne 0 ]
	[[ $output == *"only branches"* ]]
	tgit tag v1
	tgit push -q "berth:$app" v1
	tgit ls-remote "berth:$app" | grep -q 'refs/tags/v1$'
}

@test "control characters are refused" {
	run bssh $'version \033[31m'
	[ "$status" -eq 2 ]
	[[ $output == *"control character 0x1b"* ]]
}
