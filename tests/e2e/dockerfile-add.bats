#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What COPY and ADD of a Dockerfile take, and from where: addresses, archives, repositories, text in
# the Dockerfile itself. A server in a namespace of its own stands for the network.

bats_require_minimum_version 1.5.0
load helper
load index

setup_file() {
	www_up
}

teardown_file() {
	www_down
}

setup() {
	app=$(unique_app add)
	src=$BATS_TEST_TMPDIR/src
	mkdir "$src"
}

teardown() {
	destroy_apps "$app" "$app-b"
}

# Builds $src/Dockerfile as stdin has it behind its first lines, and prints FILES of what came out:
# built FILE...
built() {
	{
		echo "FROM debian-12"
		cat
		echo 'CMD ["perl", "-e", "use Socket; socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(5000, INADDR_ANY)); listen(S, 5); while (accept(C, S)) { close(C) }"]'
	} >"$src/Dockerfile"
	push_app "$src" "$app" >"$BATS_TEST_TMPDIR/said" || {
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	}
	[ $# -eq 0 ] || berth run "$app" sh -c 'for f; do if [ -d "$f" ]; then (cd "$f" && find . | sort); else cat "$f"; fi; done' sh "$@"
}

@test "ADD of a URL keeps its name and is checked; what changed there is got again" {
	echo one >"$WWW/file.txt"
	sum=$(sha256sum "$WWW/file.txt" | cut -d' ' -f1)
	run -0 built /srv/file.txt /srv/other <<-END
		ADD $INDEX_URL/file.txt /srv/
		ADD --chmod=640 --checksum=sha256:$sum $INDEX_URL/file.txt?x=1 /srv/other
	END
	assert_equal "$output" $'one\none'
	run -0 berth run "$app" stat -c '%a %U' /srv/file.txt /srv/other
	assert_equal "$output" $'600 root\n640 root'
	echo two >"$WWW/file.txt"
	run -1 built <<-END
		ADD --checksum=sha256:$sum $INDEX_URL/file.txt /srv/other
	END
	assert_contains "$output" "has the checksum sha256:$(sha256sum "$WWW/file.txt" | cut -d' ' -f1), not sha256:$sum"
	run -0 built /srv/file.txt <<<"ADD $INDEX_URL/file.txt /srv/"
	assert_equal "$output" two
	run -1 built <<<"ADD $INDEX_URL/gone /srv/"
	assert_contains "$output" "get '$INDEX_URL/gone' with curl"
}

@test "ADD unpacks archives of the source, and others when it is told to; damaged ones fail" {
	mkdir "$BATS_TEST_TMPDIR/in"
	seq 100000 >"$BATS_TEST_TMPDIR/in/numbers"
	tar -C "$BATS_TEST_TMPDIR/in" -czf "$src/whole.tar.gz" numbers
	tar -C "$BATS_TEST_TMPDIR/in" -cf "$src/plain.tar" numbers
	cp "$src/whole.tar.gz" "$WWW/remote.tgz"
	echo text | gzip >"$src/text.gz"
	run -0 built /a /b /c /d /e /f <<-END
		ADD whole.tar.gz /a/
		ADD plain.tar /b/
		ADD text.gz /c/
		ADD --unpack=false whole.tar.gz /d/
		ADD $INDEX_URL/remote.tgz /e/
		ADD --unpack=true $INDEX_URL/remote.tgz /f/
	END
	assert_equal "$output" $'.\n./numbers\n.\n./numbers\n.\n./text.gz\n.\n./whole.tar.gz\n.\n./remote.tgz\n.\n./numbers'
	head -c 100000 "$src/whole.tar.gz" >"$src/cut.tar.gz"
	run -1 built <<<"ADD cut.tar.gz /a/"
	assert_contains "$output" "ADD cut.tar.gz /a/"
	assert_contains "$output" "'cut.tar.gz' is an archive that tar cannot unpack"
	# devices are passed over, and named
	mknod "$BATS_TEST_TMPDIR/in/disk one" b 8 0
	tar -C "$BATS_TEST_TMPDIR/in" -cf "$src/one.tar" .
	mknod "$BATS_TEST_TMPDIR/in/null" c 1 3
	tar -C "$BATS_TEST_TMPDIR/in" -czf "$src/two.tgz" --sort=name .
	run -0 built /g /h <<-END
		ADD one.tar /g/
		ADD two.tgz /h/
	END
	assert_equal "$output" $'.\n./numbers\n.\n./numbers'
	said=$(<"$BATS_TEST_TMPDIR/said")
	assert_contains "$said" "'one.tar': the device './disk one' is left out"
	assert_contains "$said" "'two.tgz': 2 devices are left out, the first is './disk one'"
}

@test "/etc/hosts and its kin are the image's to copy and a step's own to change; it has no input" {
	mkdir -p "$BATS_TEST_TMPDIR/in/etc"
	for name in hosts hostname resolv.conf; do
		echo "$name of the archive" >"$BATS_TEST_TMPDIR/in/etc/$name"
	done
	tar -C "$BATS_TEST_TMPDIR/in" -cf "$src/root.tar" etc
	run -0 built /e/hosts /e/hostname /e/resolv.conf /h /in <<-'END'
		RUN cat >/in; echo "rc=$?" >>/in
		RUN echo "127.0.0.1 extra" >>/etc/hosts; grep -q extra /etc/hosts
		RUN ! grep extra /etc/hosts
		FROM scratch AS root
		ADD root.tar /
		FROM debian-12
		COPY --from=root /etc /e/
		COPY --from=root /etc/hosts /h
		COPY --from=0 /in /in
	END
	assert_equal "$output" $'hosts of the archive\nhostname of the archive\nresolv.conf of the archive\nhosts of the archive\nrc=0'
}

# What FILE of the layer that a COPY made has as the host sees it: its attributes, of which the
# capabilities have the id of the root that gave them, and the owner of the layer, which is that id.
attributes() {
	local file
	file=$(find "$TEST_ROOT"/lib/layers/df-*/data -path "*/data$1" 2>/dev/null)
	python3 -c 'import os, struct, sys; f = sys.argv[1]; print(*sorted(os.listxattr(f)), struct.unpack("<6I", os.getxattr(f, "security.capability")), os.getxattr(f, "user.note"))' "$file"
	cat "${file%%/data/*}/owner"
}

@test "links, pipes, holes and attributes are copied as they are" {
	local in=$BATS_TEST_TMPDIR/in marks='import os, struct, sys
os.setxattr(sys.argv[1], "user.note", b"text")
os.setxattr(sys.argv[1], "user.overlay.opaque", b"y")
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x2000001, 1 << 10, 0, 0, 0))'
	mkdir -p "$in/sub/deep"
	echo marked >"$in/sub/marked"
	python3 -c "$marks" "$in/sub/marked"
	ln "$in/sub/marked" "$in/sub/deep/again"
	ln "$in/sub/marked" "$in/another"
	mkfifo -m 620 "$in/sub/pipe"
	truncate -s 8M "$in/sub/sparse"
	tar -C "$in" --xattrs --xattrs-include='*' --sparse -cf "$src/in.tar" .
	run -0 built <<-'END'
		FROM scratch AS added
		ADD --chown=7:8 in.tar /
		FROM debian-12
		RUN mkdir -p /linked/usr/sub && ln -s usr/sub /linked/sub
		COPY --from=added / /capable/
		COPY --from=added / /linked/
		COPY --from=added sub/marked another /each/
	END
	run -0 berth run "$app" 'cd /capable && stat -c "%F %h %a %u" another sub/marked sub/deep/again sub/pipe && [ another -ef sub/deep/again ] && stat -c "%s %b" sub/sparse'
	assert_equal "$output" $'regular file 3 644 7\nregular file 3 644 7\nregular file 3 644 7\nfifo 1 620 7\n8388608 0'
	# through a link of the image, where they were put; one by one they are no links
	run -0 berth run "$app" '[ /linked/another -ef /linked/usr/sub/marked ] && stat -c %h /linked/another /each/marked /each/another'
	assert_equal "$output" $'3\n1\n1'
	run -0 attributes /capable/sub/marked
	owner=${lines[1]}
	assert_equal "${lines[0]}" "security.capability user.note (50331649, 1024, 0, 0, 0, $owner) b'text'"
	[ "$owner" -gt 0 ]
	# an attribute alone makes another layer
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.note", b"other")' "$in/another"
	tar -C "$in" --xattrs --xattrs-include='*' --sparse -cf "$src/in.tar" .
	run -0 built <<-'END'
		FROM scratch AS added
		ADD --chown=7:8 in.tar /
		FROM debian-12
		COPY --from=added / /changed/
	END
	run -0 attributes /changed/another
	assert_equal "${lines[0]}" "security.capability user.note (50331649, 1024, 0, 0, 0, $owner) b'other'"
}

@test "a file goes where a link of the image leads, unless it is one of a folder that is copied" {
	mkdir "$src/tree"
	echo new | tee "$src/tree/one" >"$src/one"
	run -0 built <<-'END'
		RUN mkdir -p /l/in && echo old >/l/in/old && ln -s in/old /l/one && ln -s /l/one /l/in/two && ln -s ../made/it /l/in/none && ln -s /dev/stdout /l/out
		COPY one /l/in/two
		COPY one /l/in/none
		COPY one /l/out
		RUN mkdir /m && echo old >/m/old && ln -s old /m/one
		COPY tree /m/
	END
	run -0 berth run "$app" 'cd /l && readlink one in/two in/none && cat in/old made/it out && ! [ -L out ] && cat /m/old && ! [ -L /m/one ]'
	assert_equal "$output" $'in/old\n/l/one\n../made/it\nnew\nnew\nnew\nold'
}

@test "ADD of a git repository: a branch, a folder of it, a commit" {
	local repo=$BATS_TEST_TMPDIR/repo commit
	mkdir -p "$repo/docs"
	echo main >"$repo/file"
	echo page >"$repo/docs/page"
	commit_all "$repo"
	tgit -C "$repo" checkout -q -b next
	echo next >"$repo/file"
	commit_all "$repo"
	commit=$(tgit -C "$repo" rev-parse HEAD)
	tgit clone -q --bare "$repo" "$WWW/repo.git"
	tgit -C "$WWW/repo.git" update-server-info
	run -0 built /a /b/file /c <<-END
		ADD --keep-git-dir=false $INDEX_URL/repo.git#main /a
		ADD --checksum=$commit $INDEX_URL/repo.git#next /b
		ADD $INDEX_URL/repo.git#next:docs /c
	END
	assert_equal "$output" $'.\n./docs\n./docs/page\n./file\nnext\n.\n./page'
	run -1 built <<<"ADD --checksum=$commit $INDEX_URL/repo.git#main /b"
	assert_contains "$output" "not $commit"
}

@test "ADD of a repository over ssh takes the deploy key, and a host that is allowed" {
	local origin=$app-b dir=$BATS_TEST_TMPDIR/origin url commit
	cp -R "$TEST_SOURCE/tests/apps/web" "$dir"
	mkdir "$dir/docs"
	echo page >"$dir/docs/page"
	echo '*' >"$dir/.dockerignore"
	push_app "$dir" "$origin"
	commit=$(git -C "$dir" rev-parse HEAD)
	# no other test allows it by this name
	url=ssh://berth@localhost:$SSH_PORT/$origin
	run -1 built <<<"ADD $url /a"
	assert_contains "$output" "'git:allow-host localhost:$SSH_PORT' does"
	berth git:allow-host "localhost:$SSH_PORT"
	berth git:public-key || berth git:generate-deploy-key
	run -1 built <<<"ADD $url /a"
	assert_contains "$output" "git:public-key"
	berth git:public-key | berth ssh-keys:add "$app-deploy"
	run -0 built /a/docs /b /c <<-END
		ADD $url /a
		ADD --checksum=$commit $url#$commit:docs /b/
		ADD --chmod=a=rX $url#main:docs/page /c
	END
	assert_equal "$output" $'.\n./page\n.\n./page\npage'
	# the same again is taken from the cache, another commit is not
	run -0 push_app "$src" "$app"
	assert_contains "$output" "Cached"
	echo other >"$dir/docs/page"
	push_app "$dir" "$origin"
	run -0 built /a/docs/page <<<"ADD $url#main /a"
	assert_equal "$output" other
	run -1 built <<<"ADD --checksum=$commit $url /a"
	assert_contains "$output" "not $commit"
	run -1 built <<<"ADD $url#gone /a"
	run -1 built <<<"ADD $url#main:../../etc /a"
	run -1 built <<<"ADD $url#main:nothing /a"
	assert_contains "$output" "'nothing' is not there"
	run -1 built <<<"ADD $url file /a/"
	assert_contains "$output" "over ssh alone"
	# no step has the key
	[ ! -e "$TEST_ROOT/lib/git/modules/id_ed25519" ]
	berth ssh-keys:remove "$app-deploy"
}

@test "--chmod takes what chmod takes, of files and folders" {
	mkdir -p "$src/tree/sub"
	echo x >"$src/tree/sub/file"
	echo x >"$src/tree/run"
	chmod 755 "$src/tree/run"
	run -0 built <<-'END'
		ARG MODE=u=rw,go=
		COPY --chmod=a=rX tree /a/
		COPY --chmod=$MODE tree/sub/file /b
		COPY --chmod=+x tree/sub/file /c
		ADD --chmod=g-x,o= tree/run /d
	END
	run -0 berth run "$app" stat -c %a /a/sub /a/sub/file /a/run /b /c /d
	assert_equal "$output" $'555\n444\n555\n600\n755\n740'
	run -1 built <<<"COPY --chmod=u+q tree /a"
	assert_contains "$output" "line 2, column 16: --chmod: expected one of"
	refute_contains "$output" "Step 1"
	run -1 built <<-'END'
		ARG MODE=u+q
		COPY --chmod=$MODE tree /a
	END
	assert_contains "$output" "--chmod=u+q, character 3: expected one of"
}

@test "COPY takes text, parents, patterns; NAME.dockerignore goes before .dockerignore" {
	mkdir -p "$src/x/y/z" "$src/deploy"
	echo a >"$src/x/a.txt"
	echo b >"$src/x/y/b.txt"
	echo c >"$src/x/y/z/c.txt"
	echo d >"$src/x/y/z/d.md"
	echo '*' >"$src/.dockerignore"
	# what it takes back, --exclude still leaves out
	printf '*\n!x\n**/*.md\n' >"$src/Dockerfile.dockerignore"
	run -0 built /one /two /three /four /five /six /seven /eight /nine /ten <<-'END'
		ARG WORD=hey
		COPY --parents x/y/*.txt /one/
		COPY --parents ./x/./**/*.txt /two/
		COPY --exclude=**/z x /three/
		COPY --exclude=*.txt --exclude=y/z x /six/
		COPY --exclude=x x /seven/
		COPY --exclude=*.txt --exclude=z x/y/* x/a* x/y /eight/
		COPY --parents --exclude=x/*.txt x /nine/
		COPY --exclude=* --exclude=!a.txt x* /ten/
		COPY <<"plain" x/a.txt <<done.sh /four/
		as $WORD is
		plain
		$WORD ${WORD%y}
		done.sh
		RUN <<SCRIPT
		#!/usr/bin/perl -w
		open(F, ">/five"); print F "perl: $$\n" =~ s/[0-9]+/PID/r; close(F);
		SCRIPT
	END
	assert_equal "$output" $'.\n./x\n./x/y\n./x/y/b.txt\n.\n./a.txt\n./y\n./y/b.txt\n./y/z\n./y/z/c.txt\n.\n./a.txt\n./y\n./y/b.txt\n.\n./a.txt\n./done.sh\n./plain\nperl: PID\n.\n./y\n./y/b.txt\n.\n./a.txt\n./y\n./y/b.txt\n./y/z\n./y/z/c.txt\n.\n.\n./x\n./x/y\n./x/y/b.txt\n./x/y/z\n./x/y/z/c.txt\n.\n./a.txt'
	run -0 berth run "$app" sh -c 'cat /four/*; stat -c %a /four/plain'
	assert_equal "$output" $'a\nhey he\nas $WORD is\n644'
}

@test "COPY of a file that did not change costs nothing, whatever did beside it" {
	local i made
	# a later source has it as one file with those before it: more and more names
	for i in 1 2 3 4; do
		[ "$i" -lt 4 ] || echo two >"$src/kept"
		[ "$i" -gt 1 ] || echo one >"$src/kept"
		echo "$i" >"$src/other"
		built <<-END
			COPY kept /
			RUN echo "made of \$(cat /kept)"
		END
		made=$(grep -oE 'made of [a-z]+' "$BATS_TEST_TMPDIR/said" || true)
		case $i in
		1) assert_equal "$made" "made of one" ;;
		4) assert_equal "$made" "made of two" ;;
		*) assert_equal "$i$made" "$i" ;;
		esac
	done
}
