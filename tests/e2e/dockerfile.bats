#!/usr/bin/env bats
# Apps with a Dockerfile: built on Berth's own runtime, from the stack that the tests have.

bats_require_minimum_version 1.5.0
load helper

setup() {
	app=$(unique_app docker)
	src=$BATS_TEST_TMPDIR/src
	mkdir "$src"
}

teardown() {
	destroy_apps "$app"
}

# Layers that Dockerfiles made and that are kept.
layers() {
	find "$TEST_ROOT/lib/layers" -maxdepth 1 -name 'df-*' -printf '%f\n' | sort
}

@test "a Redis server with RUN apt-get, EXPOSE and ENTRYPOINT builds and serves" {
	cat >"$src/Dockerfile" <<'END'
FROM debian-12
RUN apt-get update && apt-get install -y --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*
EXPOSE 6379
ENTRYPOINT ["/usr/bin/redis-server", "--bind", "0.0.0.0", "--protected-mode", "no"]
END
	run -0 push_app "$src" "$app"
	assert_contains "$output" "Step 1/4 : FROM debian-12"
	assert_contains "$output" "Step 2/4 : RUN apt-get update"
	assert_contains "$output" "Launched v1"
	run -0 berth enter "$app" web redis-cli -h 127.0.0.1 ping
	assert_contains "$output" PONG
	# the same again takes every step from the cache
	run -0 push_app "$src" "$app"
	assert_contains "$output" "Cached"
	refute_contains "$output" "Get:1"
}

@test "stages, ARG, ENV, COPY --from, .dockerignore, USER, WORKDIR and CMD mean what they say" {
	mkdir "$src/web"
	echo "hello" >"$src/web/index.html"
	echo "secret" >"$src/web/private.txt"
	echo "web/private.txt" >"$src/.dockerignore"
	cat >"$src/Dockerfile" <<'END'
# syntax=docker/dockerfile:1
ARG BASE=debian-12
FROM ${BASE} AS unused
RUN exit 1
FROM $BASE AS build
ARG GREETING=hey
ENV NAME="big world"
RUN echo "$GREETING $NAME" >/greeting && mkdir -p /tmp/kept && touch /tmp/kept/x
RUN <<EOF
set -e
echo heredoc >>/greeting
EOF
FROM ${BASE}
RUN useradd --uid 1234 me
WORKDIR /srv
COPY web .
COPY --from=build --chown=me --chmod=640 /greeting ./greeting.txt
COPY --from=build /tmp/kept /tmp/kept/
COPY <<"one" two/
as $it is
one
USER me
WORKDIR /made/deep
WORKDIR /srv
RUN id -un >/tmp/who
EXPOSE 8080
CMD exec python3 -m http.server 8080
END
	sed -i 's/^RUN useradd.*/&\nRUN apt-get update \&\& apt-get install -y --no-install-recommends python3/' "$src/Dockerfile"
	run -0 push_app "$src" "$app"
	refute_contains "$output" "RUN exit 1"
	run -0 http "$(host_of "$app")" /index.html
	assert_equal "$output" hello
	run -0 http "$(host_of "$app")" /greeting.txt
	assert_equal "$output" $'hey big world\nheredoc'
	run -0 http "$(host_of "$app")" /two/one
	assert_equal "$output" 'as $it is'
	[ "$(http_status "$(host_of "$app")" /private.txt)" = 404 ]
	run -0 berth run "$app" sh -c 'stat -c "%U %a" greeting.txt; cat /tmp/who; ls /tmp/kept; id -u'
	assert_equal "$output" $'me 640\nme\nx\n1234'
	# a WORKDIR is there when nothing ran in it, and its user's; one that was there is as before
	run -0 berth run "$app" stat -c '%U %a' /made /made/deep /srv
	assert_equal "$output" $'me 755\nme 755\nroot 755'
	# one changed file: what does not depend on it is taken from the cache
	echo changed >"$src/web/index.html"
	run -0 push_app "$src" "$app"
	refute_contains "$output" "Get:1"
	wait_http "$(host_of "$app")" changed /index.html
}

@test "mistakes are found before anything runs, failing steps are named" {
	printf 'FROM debian-12\nRUN true\nCOPPY a b\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile: line 3, column 1: unknown instruction 'COPPY'"
	refute_contains "$output" "Step 1"
	printf 'FROM debian-12\nRUN true\nFROM debian-12\nRUN true\n COPY --from=5 /a /b\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile: line 5, column 2: no stage before this one is '5'"
	refute_contains "$output" "Step 1"
	printf 'FROM debian-12\nRUN echo the reason >&2; exit 3\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile line 2: RUN echo the reason"
	assert_contains "$output" "ended with status 3: the reason"
	printf 'FROM debian-12\nRUN nosuchcommand\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "install the package that has it with a RUN before this one"
	printf 'FROM debian-12\nCOPY gone /x\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile line 2: COPY gone /x: 'gone' is not there"
	printf 'FROM debian-12\nCOPY --chown=nosuch:x Dockerfile /x\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "the image has no user or group 'nosuch:x'"
	refute_contains "$output" "No such file"
}

@test "scratch, caches, secrets and bound files" {
	echo bound >"$src/input"
	cat >"$src/Dockerfile" <<'END'
FROM debian-12 AS build
RUN --mount=type=cache,target=/cache echo run >>/cache/n; wc -l </cache/n >/lines
RUN --mount=type=secret,id=TOKEN,required cat /run/secrets/TOKEN >/token
RUN --mount=type=secret,id=TOKEN,target=/root/.npmrc --mount=type=secret,id=TOKEN,target=/run/secrets/token test "$(cat /root/.npmrc)" = "$(cat /run/secrets/token)" && test "$(ls /run/secrets)" = token
RUN test ! -s /root/.npmrc
RUN --mount=type=secret,id=TOKEN --mount=type=secret,id=TOKEN,target=/run/secrets/deep/er cmp /run/secrets/TOKEN /run/secrets/deep/er
RUN --mount=source=input,target=/in/file cat /in/file >/bound
RUN --mount=type=bind,target=/ctx ls /ctx >/listing
FROM scratch
COPY --from=build /lines /token /bound /listing /
COPY --from=debian-12 /usr/sbin/ldconfig tool/
RUN ["/tool/ldconfig", "--version"]
COPY --from=debian-12 / /
COPY <<'serve.pl' /
use Socket;
socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 5);
while (accept(C, S)) { print C "HTTP/1.0 200 OK\r\n\r\nhi\n"; close(C) }
serve.pl
EXPOSE 8080
CMD ["perl", "/serve.pl"]
END
	berth apps:create "$app"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "no secret 'TOKEN'"
	berth config:set "$app" TOKEN=s3cret
	run -0 push_app "$src" "$app"
	assert_contains "$output" "ldconfig (" # a program that needs nothing else runs on nothing
	run -0 berth run "$app" sh -c 'cat /lines /token; echo; cat /bound /listing; ls /in /ctx | wc -l'
	assert_contains "$output" $'1\ns3cret\nbound\nDockerfile\ninput'
}

@test "a Procfile or the operator chooses buildpacks" {
	cp "$TEST_SOURCE"/examples/static/* "$src" 2>/dev/null || echo hi >"$src/index.html"
	printf 'FROM debian-12\nCMD sleep 1\n' >"$src/Dockerfile"
	berth apps:create "$app"
	berth builder:set "$app" selected buildpacks
	run push_app "$src" "$app"
	refute_contains "$output" "Step 1/2"
	run -0 berth builder:report "$app" --computed-selected
	assert_equal "$output" buildpacks
	run -1 berth builder:set "$app" selected magic
	assert_contains "$output" "selected is dockerfile or buildpacks, not 'magic'"
	# build args, of which each is one word
	run -1 berth builder-dockerfile:set "$app" build-args "WORD"
	assert_contains "$output" "expected NAME=VALUE, not 'WORD'"
	berth builder:set "$app" selected dockerfile
	berth builder-dockerfile:set "$app" build-args "WORD=given 'TEXT=two words'"
	assert_equal "$(berth builder-dockerfile:report "$app" --build-args)" "WORD=given 'TEXT=two words'"
	printf 'FROM debian-12\nARG WORD=own\nARG TEXT\nRUN echo "$WORD, $TEXT"; exit 3\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "given, two words"
	berth builder-dockerfile:set "$app" dockerfile-path deploy/Dockerfile
	run -1 push_app "$src" "$app"
	assert_contains "$output" "the source has no file 'deploy/Dockerfile'"
}

@test "nothing outside of the source is copied, no step reaches the host" {
	ln -s /etc/shadow "$src/link"
	printf 'FROM debian-12\nCOPY link /got\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "COPY link /got: 'link' is not there"
	printf 'FROM debian-12\nCOPY ../../../etc/shadow /got\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "is not there"
	# as root of its own user namespace a step reaches nothing of the host
	cat >"$src/Dockerfile" <<'END'
FROM debian-12
RUN ! mount -t tmpfs none /mnt && ! mknod /null c 1 3 && ! unshare -m true && ! ls /var/lib/berth
RUN --mount=type=secret,id=NAME,env=NAME test "$NAME" = value
RUN exit 7
END
	berth config:set "$app" NAME=value
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile line 4: RUN exit 7: ended with status 7"
}
