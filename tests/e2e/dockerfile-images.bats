#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Dockerfiles that are built on images from elsewhere, and what an image asks of whoever runs it or
# builds on it: ONBUILD, HEALTHCHECK, VOLUME.

bats_require_minimum_version 1.5.0
load helper
load oci

setup_file() {
	export IMAGES=$TEST_DIR/images-$RANDOM
	mkdir -p "$IMAGES"
	oci_image "$IMAGES/layout" >/dev/null
	registry_up "$IMAGES"
	HOST=$(cat "$IMAGES/registry.host")
	export HOST
	skopeo copy -q --dest-tls-verify=false "oci:$IMAGES/layout:busybox:1" "docker://$HOST/team/busybox:1"
	berth registry:set --global insecure "$HOST"
}

teardown_file() {
	berth registry:set --global insecure
	registry_down "$IMAGES"
	rm -rf "$IMAGES"
}

setup() {
	app=$(unique_app from)
	src=$BATS_TEST_TMPDIR/src
	mkdir "$src"
}

teardown() {
	destroy_apps "$app" "$app-b"
	remove_images
}

@test "FROM an image of a registry, by tag and by digest, and COPY from one" {
	local digest
	digest=$(skopeo inspect --tls-verify=false "docker://$HOST/team/busybox:1" | jq -r .Digest)
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		USER root
		RUN echo "made by \$(id -un), \$GREETING" >/srv/made
		COPY --from=$HOST/team/busybox@$digest /srv/old/two /srv/copied
		USER app
	END
	run -0 push_app "$src" "$app"
	assert_contains "$output" "FROM $HOST/team/busybox:1"
	run -0 http "$(host_of "$app")"
	assert_contains "$output" "uid=1000 gid=1001"
	assert_contains "$output" "port=8080 greeting=hello args=a b"
	run -0 berth run "$app" cat /srv/made /srv/copied
	assert_equal "$output" $'made by root, hello\nsecond'
	# the tag may move, the digest says which it is
	umoci config --image "$IMAGES/layout:busybox:1" --tag other --config.env GREETING=other
	skopeo copy -q --dest-tls-verify=false "oci:$IMAGES/layout:other" "docker://$HOST/team/busybox:1"
	printf 'FROM %s/team/busybox@%s\nRUN true\n' "$HOST" "$digest" >"$src/Dockerfile"
	run -0 push_app "$src" "$app"
	http "$(host_of "$app")" | grep -q greeting=hello
	printf 'FROM %s/team/none:1\n' "$HOST" >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile line 1: FROM $HOST/team/none:1"
	printf 'FROM %s/team/busybox@sha256:%064d\n' "$HOST" 1 >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile line 1: FROM"
}

@test "ONBUILD: what an image asks of its children is done once, by the next build" {
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		USER root
		ONBUILD COPY --chown=app page /srv/page
		ONBUILD ARG WORD=unset
		ONBUILD RUN echo "\$WORD \$(cat /srv/page)" >/srv/built
		RUN test ! -e /srv/page
	END
	run -0 push_app "$src" "$app"
	berth image:export "$app" | berth image:import base:onbuild
	berth image:info base:onbuild --format json | jq -e . >/dev/null
	echo "the page" >"$src/page"
	cat >"$src/Dockerfile" <<-END
		FROM base:onbuild AS other
		FROM base:onbuild AS own
		ONBUILD COPY --from=other /srv/page /srv/other
		ONBUILD RUN echo two >/srv/two
		FROM own
		USER app
	END
	berth apps:create "$app-b"
	berth builder-dockerfile:set "$app-b" build-args WORD=given
	run -0 push_app "$src" "$app-b"
	assert_contains "$output" "[other] Step 2/14 : COPY --chown=app page /srv/page"
	assert_contains "$output" "[stage 2] Step 13/14 : RUN echo two"
	run -0 berth run "$app-b" 'cat /srv/built; stat -c %U /srv/page; cat /srv/other /srv/two'
	assert_equal "$output" $'given the page\napp\nthe page\ntwo'
	# not again for who builds on that
	berth image:export "$app-b" | berth image:import base:child
	printf 'FROM base:child\n' >"$src/Dockerfile"
	run -0 push_app "$src" "$app"
	refute_contains "$output" "COPY"
	rm "$src/page"
	printf 'FROM base:onbuild\n' >"$src/Dockerfile"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "'page' is not there"
}

@test "a HEALTHCHECK decides whether a deploy takes over; app.json's checks go before it" {
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		HEALTHCHECK --interval=1s --timeout=5s --retries=2 CMD cat /tmp/well || { echo no; exit 1; }
		CMD ["first"]
	END
	run -1 push_app "$src" "$app"
	[[ $output =~ "the image's HEALTHCHECK of web.1 failed "[0-9]+" times" ]]
	assert_contains "$output" "'cat /tmp/well || { echo no; exit 1; }' ended with status 1: no"
	# within the start period failures do not count
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		ENTRYPOINT ["sh", "-c", "(sleep 2; echo >/tmp/well)& exec /usr/bin/serve"]
		HEALTHCHECK --start-period=1m --retries=1 CMD ["cat", "/tmp/well"]
	END
	run -0 push_app "$src" "$app"
	run -0 berth enter "$app" web cat /tmp/well
	printf '{"healthchecks": {"web": [{"type": "startup", "command": ["id"]}]}}' >"$src/app.json"
	sed -i 's,well"\]$,never"],; s/1m/0s/' "$src/Dockerfile"
	run -0 push_app "$src" "$app"
	rm "$src/app.json"
	printf 'FROM %s/team/busybox:1\nHEALTHCHECK CMD false\nHEALTHCHECK NONE\n' "$HOST" >"$src/Dockerfile"
	run -0 push_app "$src" "$app"
}

# What ps says of web.1's health: health [KEY]
health() {
	berth ps "$app" --format json | jq -r ".[0].${1:-health}"
}

health_is() {
	[ "$(health)" = "$1" ]
}

# An app whose check does what /tmp/how says, and is well when it starts: with_check OPTIONS
with_check() {
	cat >"$src/check" <<-'END'
		#!/bin/sh
		case $(cat /tmp/how) in
		well) echo fine ;;
		ill) printf 'first\n\033[31mnot well\n\n' && exit 3 ;;
		hang) echo wait && sleep 1000 ;;
		flood) while :; do cat /bin/busybox; done ;;
		esac
	END
	chmod 755 "$src/check"
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		COPY check /bin/check
		ENTRYPOINT ["sh", "-c", "echo well >/tmp/how; exec /usr/bin/serve"]
		HEALTHCHECK $1 CMD ["check"]
	END
	push_app "$src" "$app"
}

how() {
	berth enter "$app" web sh -c "echo $1 >/tmp/how"
}

@test "a HEALTHCHECK goes on while the app runs: ps and the log say what it says" {
	with_check "--interval=1s --retries=2"
	assert_equal "$(health)" healthy
	assert_contains "$(berth ps "$app")" healthy
	assert_contains "$(berth logs "$app" -n 100)" "berth[web.1]: Health changed from starting to healthy"
	how ill
	# whoever is restarted meanwhile, the container's own shim goes on
	kill -9 "$(service_pid berthd)" "$(service_pid berth-runtime)"
	wait_for 30 health_is unhealthy
	assert_equal "$(health health_text)" " [31mnot well"
	assert_contains "$(berth logs "$app" -n 100)" \
		"berth[web.1]: Health changed from healthy to unhealthy:  [31mnot well (status 3)"
	# it is said, and nothing else happens
	assert_equal "$(health restarts)" 0
	http "$(host_of "$app")"
	how well
	wait_for 30 health_is healthy
	assert_contains "$(berth ps:set "$app" restart-unhealthy true)" "'ps:restart $app' makes one"
	berth ps:restart "$app"
	how ill
	wait_for 30 eval '[ "$(health restarts)" = 1 ]'
	wait_for 30 health_is healthy
	run berth ps:set "$app" restart-unhealthy maybe
	assert_contains "$output" "true or false"
}

@test "a check that hangs or floods is ended, and keeps no container from stopping" {
	local start
	# on a busy machine the first may take longer than it may: that is not what is asked here
	with_check "--interval=1s --timeout=1s --retries=1 --start-period=1m"
	how hang
	wait_for 30 health_is unhealthy
	assert_contains "$(berth logs "$app" -n 100)" "to unhealthy: no answer within 1 s"
	how well
	wait_for 30 health_is healthy
	how flood
	wait_for 30 health_is unhealthy
	how hang
	wait_for 30 eval '[ "$(health health_text)" = wait ]'
	# what was killed left nothing: the program, its child, and at most the next check
	[ "$(health pids)" -le 6 ]
	start=$SECONDS
	berth ps:stop "$app"
	[ $((SECONDS - start)) -lt 20 ]
	assert_equal "$(berth ps "$app" --format json)" "[]"
}

@test "VOLUME: a folder to write in, that says how to keep what is in it" {
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		USER root
		RUN mkdir /store && echo seed >/store/seed
		VOLUME /store
	END
	run -0 push_app "$src" "$app"
	assert_contains "$output" "storage:mount $app NAME:/store"
	run -0 berth run "$app" 'cat /store/seed && echo x >/store/new && cat /store/new'
	assert_equal "$output" $'seed\nx'
	run ! berth run "$app" cat /store/new
	berth storage:create "$app-store"
	berth storage:mount "$app" "$app-store:/store"
	run -0 push_app "$src" "$app"
	refute_contains "$output" "NAME:/store"
	run -0 berth run "$app" 'echo kept >/store/new'
	run -0 berth run "$app" cat /store/new
	assert_equal "$output" kept
	berth --force apps:destroy "$app"
	berth --force storage:destroy "$app-store"
}

@test "VOLUME: made when no layer has it; a new volume is its user's, or as the image's folder" {
	local volume
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1
		USER root
		RUN echo "redis:x:999:998::/data:/bin/sh" >>/etc/passwd && echo "redis:x:998:" >>/etc/group \\
		 && mkdir -p /conf/d && echo one >/conf/d/file && chown -R redis:redis /conf && chmod 2750 /conf
		VOLUME /none/deep/ /conf
		USER redis
	END
	run -0 push_app "$src" "$app"
	assert_contains "$output" "storage:mount $app NAME:/none/deep' keep it"
	run -0 berth run "$app" 'stat -c "%u:%g %a" /none/deep /data /conf; echo x >/conf/d/new'
	assert_equal "$output" $'0:0 755\n0:0 755\n999:998 2750'
	for volume in data deep conf; do berth storage:create "$app-$volume"; done
	berth storage:mount "$app" "$app-data:/data"
	berth storage:mount "$app" "$app-deep:/none/deep"
	berth storage:mount "$app" "$app-conf:/conf"
	berth ps:restart "$app"
	run -0 berth enter "$app" web sh -c 'stat -c "%u:%g %a" /none/deep /data /conf /conf/d/file
		echo kept >/data/file && echo kept >/none/deep/file && echo two >/conf/d/file'
	assert_equal "$output" $'999:998 755\n999:998 755\n999:998 2750\n999:998 644'
	echo again >"$src/more"
	sed -i '$i COPY more /more' "$src/Dockerfile"
	run -0 push_app "$src" "$app"
	run -0 berth enter "$app" web cat /data/file /none/deep/file /conf/d/file
	assert_equal "$output" $'kept\nkept\ntwo'
	berth --force apps:destroy "$app"
	for volume in data deep conf; do berth --force storage:destroy "$app-$volume"; done
}

@test "a Dockerfile's own EXPOSE goes before that of the image it is built on" {
	cat >"$src/serve" <<-'END'
		#!/bin/sh
		[ "$1" = --answer ] || exec nc -ll -p 9000 -e "$0" --answer
		while read -r line && [ ${#line} -gt 1 ]; do :; done
		printf 'HTTP/1.0 200 OK\r\n\r\nport=%s\n' "$PORT"
	END
	chmod 755 "$src/serve"
	cat >"$src/Dockerfile" <<-END
		FROM $HOST/team/busybox:1 AS other
		EXPOSE 9000-9001 53/udp
		FROM other
		USER root
		COPY serve /usr/bin/serve
		USER app
	END
	run -0 push_app "$src" "$app"
	run -0 http "$(host_of "$app")"
	assert_contains "$output" "port=9000"
}

@test "the target is a stage of its own" {
	cat >"$src/Dockerfile" <<-END
		FROM --platform=\$BUILDPLATFORM $HOST/team/busybox:1 AS base
		ARG TARGETARCH
		RUN echo "\$TARGETARCH \$http_proxy" >/tmp/base
		FROM base AS web
		FROM base
		RUN exit 1
	END
	run -1 push_app "$src" "$app"
	berth builder-dockerfile:set "$app" target web
	berth builder-dockerfile:set "$app" build-args http_proxy=http://192.0.2.1:1
	run -0 push_app "$src" "$app"
	refute_contains "$output" "exit 1"
	# the proxy is no part of what a layer depends on, so that the one of the first build is used
	run -0 berth run "$app" cat /tmp/base
	assert_equal "$output" "$(dpkg --print-architecture) "
	assert_equal "$(berth builder-dockerfile:report "$app" --computed-target)" web
	berth builder-dockerfile:set "$app" target none
	echo >"$src/more"
	run -1 push_app "$src" "$app"
	assert_contains "$output" "Dockerfile has no stage 'none'"
	run -1 berth builder-dockerfile:set "$app" target 'a b'
}
