#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Stages of a Dockerfile that do not need each other are built side by side.

bats_require_minimum_version 1.5.0
load helper

setup() {
	app=$(unique_app stages)
	src=$BATS_TEST_TMPDIR/src
	mkdir "$src"
}

teardown() {
	destroy_apps "$app"
}

serve='CMD ["perl", "-e", "use Socket; socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(5000, INADDR_ANY)); listen(S, 5); while (accept(C, S)) { close(C) }"]'

# Two stages that wait for each other in a folder that both see, and one on top of them.
meeting() {
	cat >"$src/Dockerfile" <<-END
		FROM debian-12 AS base
		ARG GREETING=hello
		ENV NAME=both
		FROM base AS left
		ENV SIDE=left
		RUN --mount=type=cache,id=meet,target=/m touch /m/left; for i in \$(seq 600); do [ -e /m/right ] && break; sleep 0.1; done; [ -e /m/right ]
		RUN echo "\$GREETING \$NAME \$SIDE" >/left
		FROM base AS right
		RUN --mount=type=cache,id=meet,target=/m touch /m/right; for i in \$(seq 600); do [ -e /m/left ] && break; sleep 0.1; done; [ -e /m/left ]
		COPY words /right
		FROM base
		COPY --from=left /left /srv/
		COPY --from=right /right /srv/
		$serve
	END
}

@test "caches of stages that run at one time: locked, private, and of an owner and mode" {
	local step
	for step in a b; do
		cat <<-END
			FROM debian-12 AS $step
			RUN --mount=type=cache,id=m,target=/m touch /m/$step; for i in \$(seq 600); do [ -e /m/a ] && [ -e /m/b ] && break; sleep 0.1; done; [ -e /m/a ] && [ -e /m/b ]
			RUN --mount=type=cache,target=/l,sharing=locked mkdir /l/mine && sleep 2 && rmdir /l/mine && touch /$step
			RUN --mount=type=cache,target=/p,sharing=private mkdir /p/mine && sleep 2 && rmdir /p/mine
		END
	done >"$src/Dockerfile"
	cat >>"$src/Dockerfile" <<-END
		FROM debian-12
		RUN --mount=type=cache,target=/c,uid=1234,gid=77,mode=0750 --mount=type=tmpfs,target=/t stat -c '%u %g %a' /c /t >/owners
		RUN --mount=type=cache,target=/c,uid=7,gid=7,mode=0700 stat -c '%u %g %a' /c >>/owners
		COPY --from=a /a /
		COPY --from=b /b /
		$serve
	END
	run -0 push_app "$src" "$app"
	assert_contains "$output" "Waiting for a cache that another step has"
	run -0 berth run "$app" cat /owners
	assert_equal "$output" $'1234 77 750\n0 0 1777\n1234 77 750'
}

@test "stages that do not need each other run at one time, and say which they are" {
	meeting
	echo words >"$src/words"
	run -0 push_app "$src" "$app"
	assert_contains "$output" "[left] Step 4/14 : FROM base AS left"
	assert_contains "$output" "[right] Step"
	assert_contains "$output" "[stage 3] Step"
	run -0 berth run "$app" cat /srv/left /srv/right
	assert_equal "$output" $'hello both left\nwords'
	first=$(berth image:history "$app" --format json | jq -c '[.[].created_by]')
	# from the cache, and what has changed is made anew
	run -0 push_app "$src" "$app"
	assert_equal "$(grep -c 'Cached' <<<"$output")" 6
	echo more >"$src/words"
	run -0 push_app "$src" "$app"
	assert_equal "$(grep -c 'Cached' <<<"$output")" 4
	run -0 berth run "$app" cat /srv/right
	assert_equal "$output" more
	assert_equal "$(berth image:history "$app" --format json | jq -c '[.[].created_by]')" "$first"
}

build_containers() {
	pgrep -f "^sleep 31517" >/dev/null
}

no_build_containers() {
	! build_containers
}

@test "one that fails ends the others and is named" {
	cat >"$src/Dockerfile" <<-END
		FROM debian-12 AS slow
		RUN --mount=type=cache,id=x,target=/x touch /x/begun; sleep 31517
		FROM debian-12 AS broken
		RUN --mount=type=cache,id=x,target=/x for i in \$(seq 600); do [ -e /x/begun ] && break; sleep 0.1; done; [ -e /x/begun ] && echo the reason >&2; exit 3
		FROM debian-12
		COPY --from=slow / /a
		COPY --from=broken / /b
	END
	run -1 push_app "$src" "$app"
	assert_contains "$output" "[broken] the reason"
	assert_contains "$output" "stage 'broken': Dockerfile line 4: RUN"
	assert_contains "$output" "ended with status 3: the reason"
	wait_for 20 no_build_containers
}

@test "who gives up ends all of them" {
	cat >"$src/Dockerfile" <<-END
		FROM debian-12 AS one
		RUN sleep 315171
		FROM debian-12 AS two
		RUN sleep 315172
		FROM debian-12
		COPY --from=one / /a
		COPY --from=two / /b
	END
	push_app "$src" "$app" >"$BATS_TEST_TMPDIR/said" 2>&1 &
	local pid=$!
	wait_for 60 pgrep -f "^sleep 315171" >/dev/null
	wait_for 60 pgrep -f "^sleep 315172" >/dev/null
	kill -INT "$(pgrep -P "$pid")"
	wait "$pid" || true
	wait_for 30 no_build_containers
}
