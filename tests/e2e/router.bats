#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The router alone: a real nginx with its own root, small backends on loopback, driven through
# router/router.h by tests/tools/router/routes.c. Needs no instance.

setup_file() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	ROUTER=$(mktemp -d /var/tmp/berth-router.XXXXXX)
	TOOLS=$TOP/tests/tools/router
	export TOP ROUTER TOOLS
	make -s -C "$TOP" B="${TEST_BUILD:-build}" "${TEST_BUILD:-build}/tests/routes"
	mkdir -p "$ROUTER/usr/bin" "$ROUTER/root/etc"
	cp "$TOP/${TEST_BUILD:-build}/tests/routes" "$ROUTER/usr/bin/"
	"$TOP/scripts/stage-share" "$ROUTER/usr/share/berth"
	PORT=$(free_port) A=$(free_port) B=$(free_port) DEAD=$(free_port)
	export PORT A B DEAD
	cat >"$ROUTER/root/etc/berth.conf" <<-END
		[instance]
		number = 13
		[http]
		address = 127.0.0.1
		port = $PORT
	END
	chmod 755 "$ROUTER" "$ROUTER/root" "$ROUTER/root/etc"
	chown -R berth: "$ROUTER/root"
	start_backend "$A" a
	start_backend "$B" b
	start_router
}

teardown_file() {
	local file
	stop_router TERM || true
	for file in "$ROUTER"/pid.*; do
		kill "$(cat "$file")" 2>/dev/null || true
	done
	rm -rf "$ROUTER"
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_backend() {
	python3 "$TOOLS/backend.py" "$1" "$2" "${3:-}" >/dev/null 2>&1 3>&- &
	echo $! >"$ROUTER/pid.$2"
	until curl -s -o /dev/null "http://127.0.0.1:$1/"; do sleep 0.05; done
}

start_router() {
	routes configure
	setpriv --reuid berth --regid berth --clear-groups "$ROUTER/usr/bin/routes" "$ROUTER/root" exec \
		>>"$ROUTER/nginx.log" 2>&1 3>&- &
	echo $! >"$ROUTER/pid.nginx"
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(get nobody.test)" = "" ] || return 0
		sleep 0.05
	done
	cat "$ROUTER/nginx.log" >&2
	return 1
}

has_ended() {
	[ -z "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]
}

# Until nginx and its workers are gone: while they end they still write lines and remove sockets.
stop_router() {
	local all pid
	mapfile -t all < <(cat "$ROUTER/pid.nginx"; workers)
	kill "-$1" "${all[0]}"
	for pid in "${all[@]}"; do soon has_ended "$pid"; done
}

# Until so many requests are on their way there: flies BACKEND NUMBER
flies() {
	soon eval '[ "$(routes in-flight '"$1"')" = '"$2"' ]'
}

routes() {
	setpriv --reuid berth --regid berth --clear-groups "$ROUTER/usr/bin/routes" "$ROUTER/root" "$@"
}

# get HOST [PATH] [CURL OPTIONS...]
get() {
	local host=$1 path=${2:-/}
	shift $(($# > 1 ? 2 : 1))
	curl -s --max-time 30 -H "Host: $host" "$@" "http://127.0.0.1:$PORT$path"
}

status() {
	local host=$1 path=${2:-/}
	shift $(($# > 1 ? 2 : 1))
	get "$host" "$path" "$@" -o /dev/null -w '%{http_code}'
}

equal() {
	[ "$1" = "$2" ] || {
		printf 'expected: %s\ngot:      %s\n' "$2" "$1" >&2
		return 1
	}
}

workers() {
	pgrep -P "$(cat "$ROUTER/pid.nginx")"
}

# Until the command succeeds, 10 s.
soon() {
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "not in time: $*" >&2
	return 1
}

@test "a host goes to its app: exact, wildcard, any case, with a port" {
	routes apply one up one.test,'*.one.test' "one.web.1=127.0.0.1:$A"
	routes apply two up x.one.test "two.web.1=127.0.0.1:$B"
	equal "$(get one.test)" a
	equal "$(get ONE.test:8080)" a
	equal "$(get one.test.)" a
	equal "$(get deep.er.one.test)" a
	equal "$(get x.one.test)" b
	equal "$(status nobody.test)" 404
	equal "$(status test)" 404
	routes remove two
	equal "$(get x.one.test)" a
}

@test "changing an app's hosts takes the old ones away" {
	routes apply hosts up h1.test,h2.test "hosts.web.1=127.0.0.1:$A"
	routes apply hosts up h2.test,h3.test "hosts.web.1=127.0.0.1:$A"
	equal "$(status h1.test) $(status h2.test) $(status h3.test)" "404 200 200"
	routes remove hosts
	equal "$(status h2.test)" 404
}

@test "a host that another app has is refused by name and changes nothing" {
	routes apply one up one.test "one.web.1=127.0.0.1:$A"
	run routes apply thief up free.test,one.test "thief.web.1=127.0.0.1:$B"
	[ "$status" = 1 ]
	[[ "$output" == *"'one.test' belongs to app 'one'"* ]]
	equal "$(status free.test)" 404
	equal "$(get one.test)" a
	run routes apply thief up berth.localhost "thief.web.1=127.0.0.1:$B"
	[ "$status" = 1 ]
}

@test "bad names and addresses are refused and change nothing" {
	local before host
	before=$(cat "$ROUTER/root/lib/router/routes.json")
	for host in 'a;b.test' 'a b' '*' 'a.*.test' '../x' 'UP.test' '"x"' "$(printf 'a\nb')"; do
		run routes apply bad up "$host" "bad.web.1=127.0.0.1:$A"
		[ "$status" = 1 ]
	done
	run routes apply bad up bad.test "bad.web.1=not-an-address:80"
	[ "$status" = 1 ]
	run routes apply '../x' up bad.test "bad.web.1=127.0.0.1:$A"
	[ "$status" = 1 ]
	equal "$(cat "$ROUTER/root/lib/router/routes.json")" "$before"
}

@test "down and maintenance: a line for programs, a page for browsers" {
	routes apply off down off.test
	equal "$(status off.test)" 503
	[[ "$(get off.test)" == "App is not running: "* ]]
	[[ "$(get off.test / -H 'Accept: text/html')" == "<!DOCTYPE html>"* ]]
	[[ "$(get 'no<b>.test' / -H 'Accept: text/html')" != *"<b>"* ]]
	routes apply off maintenance off.test
	[[ "$(get off.test / -i)" == *"Retry-After: 60"* ]]
	echo '<p>back at noon</p>' >"$ROUTER/page"
	routes apply off maintenance off.test "page=$ROUTER/page"
	equal "$(get off.test / -H 'Accept: text/html')" "<p>back at noon</p>"
	equal "$(status off.test / -H 'Accept: text/html')" 503
	[[ "$(get off.test)" == "Down for maintenance: "* ]]
	routes apply off up off.test "off.web.1=127.0.0.1:$A"
	equal "$(get off.test)" a
	[ ! -e "$ROUTER/root/lib/router/pages/off.html" ]
}

@test "50 switches under a keep-alive load lose no request" {
	routes apply sw up sw.test "sw.web.1=127.0.0.1:$A"
	python3 "$TOOLS/client.py" load "$PORT" sw.test 8 "$ROUTER/stop" >"$ROUTER/load" 3>&- &
	local load=$!
	soon test -e "$ROUTER/stop.begun"
	# again as long as few requests met them
	for _ in {1..20}; do
		routes flip 50 sw sw.test "sw.web.1=127.0.0.1:$A" "sw.web.2=127.0.0.1:$B" >"$ROUTER/flips"
		if [ -e "$ROUTER/stop.many" ]; then break; fi
	done
	touch "$ROUTER/stop"
	wait $load
	rm "$ROUTER/stop" "$ROUTER/stop.begun" "$ROUTER/stop.many"
	local good bad
	read -r good bad <"$ROUTER/load"
	echo "good $good bad $bad" >&2
	[ "$good" -gt 100 ] && [ "$bad" = 0 ]
	flies sw.web.1 0
	flies sw.web.2 0
}

@test "after a switch no new request reaches the old backend, and its count falls to 0" {
	routes apply ret up ret.test "ret.web.1=127.0.0.1:$A"
	get ret.test "/until?$ROUTER/go" >"$ROUTER/slow" 3>&- &
	local slow=$!
	flies ret.web.1 1
	routes apply ret up ret.test "ret.web.2=127.0.0.1:$B"
	equal "$(get ret.test)" b
	equal "$(routes in-flight ret.web.1)" 1
	touch "$ROUTER/go"
	wait $slow
	equal "$(cat "$ROUTER/slow")" a
	flies ret.web.1 0
}

@test "a dead instance is passed over" {
	routes apply dead up dead.test "dead.web.1=127.0.0.1:$DEAD" "dead.web.2=127.0.0.1:$B"
	local i
	for i in 1 2 3 4 5 6; do
		equal "$(get dead.test)" b
		equal "$(get dead.test / -d body | cut -c1-4)" "b 4 "
	done
}

@test "when every instance refuses, requests wait for one, bodies included" {
	local port
	port=$(free_port)
	routes apply wake up wake.test "wake.web.1=127.0.0.1:$port"
	head -c 3000000 /dev/urandom >"$ROUTER/body"
	get wake.test / >"$ROUTER/wake1" 3>&- &
	local one=$!
	get wake.test / --data-binary @"$ROUTER/body" >"$ROUTER/wake2" 3>&- &
	local two=$!
	sleep 1
	start_backend "$port" late
	wait $one $two
	equal "$(cat "$ROUTER/wake1")" late
	equal "$(cat "$ROUTER/wake2")" "late 3000000 $(sha256sum <"$ROUTER/body" | cut -d' ' -f1)"
	kill "$(cat "$ROUTER/pid.late")"
	wait "$(cat "$ROUTER/pid.late")" || true
	get wake.test >"$ROUTER/wake3" 3>&- &
	one=$!
	sleep 0.5
	routes apply wake up wake.test "wake.web.2=127.0.0.1:$B"
	wait $one
	equal "$(cat "$ROUTER/wake3")" b
}

@test "nothing comes up: a 503 that says so, after 5 s" {
	routes apply never up never.test "never.web.1=127.0.0.1:$DEAD"
	SECONDS=0
	equal "$(status never.test)" 503
	[ $SECONDS -ge 4 ] && [ $SECONDS -le 20 ]
}

@test "a POST that was sent is never sent again" {
	local port
	port=$(free_port)
	start_backend "$port" once "$ROUTER/count"
	routes apply once up once.test "once.web.1=127.0.0.1:$port" "once.web.2=127.0.0.1:$B"
	local code
	code=$(status once.test /count-then-die -X POST)
	# whichever instance got it: at most one try reached the one that dies
	[ "$code" = 502 ] || [ "$code" = 200 ]
	routes apply once up once.test "once.web.1=127.0.0.1:$port"
	[ -e "$ROUTER/count" ] || status once.test /count-then-die -X POST
	equal "$(cat "$ROUTER/count")" x
}

@test "headers: forged ones are replaced, the request id is kept or made" {
	routes apply head up head.test "head.web.1=127.0.0.1:$A"
	local want more
	# by either upstream: one that may be asked again, and one that may not
	for more in 'Upgrade;' 'Upgrade: h2c' 'Content-Length: 0'; do
		run get head.test /headers -H 'X-Forwarded-For: 6.6.6.6' -H 'X-Forwarded-Proto: https' \
			-H 'X-Forwarded-Host: evil' -H 'Forwarded: for=6.6.6.6' -H 'Proxy: evil' \
			-H 'X-Request-Id: 0123456789abcdef0123' -H 'Connection: close, X-Keep' -H "$more"
		for want in "Host: head.test" "X-Forwarded-For: 127.0.0.1" "X-Forwarded-Proto: http" \
			"X-Forwarded-Port: $PORT" "X-Forwarded-Host: head.test" "X-Request-Id: 0123456789abcdef0123"; do
			[[ $'\n'"$output"$'\n' == *$'\n'"$want"$'\n'* ]]
		done
		[[ "$output" == *"X-Request-Start: "* ]]
		[[ "$output" != *6.6.6.6* && "$output" != *evil* && "$output" != *h2c* ]]
	done
	run get head.test:8080 /headers
	[[ "$output" == *$'X-Forwarded-Host: head.test:8080\n'* ]]
	run get head.test /headers -H 'X-Request-Id: x"y'
	[[ "$output" =~ X-Request-Id:\ [0-9]{10}\.[0-9]{3}-[0-9]+-[0-9]+ ]]
}

@test "paths pass through as they were sent" {
	routes apply head up head.test "head.web.1=127.0.0.1:$A"
	local path
	for path in '/path?a=b%20c&d=%2F' '/path?%00' '/path?x=../../y' '/path?q=%E2%82%AC'; do
		equal "$(get head.test "$path" --path-as-is)" "$path"
	done
	equal "$(get head.test /accel)" own
	equal "$(status head.test /../../etc/passwd --path-as-is)" 400
}

@test "ambiguous requests are refused, not forwarded" {
	routes apply head up head.test "head.web.1=127.0.0.1:$A"
	raw() {
		printf "$1" | python3 "$TOOLS/client.py" raw "$PORT" | head -n 1 | tr -d '\r'
	}
	[[ "$(raw 'POST / HTTP/1.1\r\nHost: head.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')" == *" 400 "* ]]
	[[ "$(raw 'GET / HTTP/1.1\r\nHost: head.test\r\nHost: off.test\r\n\r\n')" == *" 400 "* ]]
	[[ "$(raw 'POST / HTTP/1.1\r\nHost: head.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')" == *" 400 "* ]]
	[[ "$(raw 'POST / HTTP/1.1\r\nHost: head.test\r\nTransfer-Encoding: xchunked\r\n\r\n')" == *" 501 "* ]]
	# the host of an absolute request line is the one that the app sees
	run bash -c "printf 'GET http://head.test/headers HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n' |
		python3 '$TOOLS/client.py' raw $PORT"
	[[ "$output" == *"Host: head.test"* && "$output" != *evil* ]]
}

@test "websockets and server-sent events" {
	routes apply ws up ws.test "ws.web.1=127.0.0.1:$A"
	equal "$(python3 "$TOOLS/client.py" websocket "$PORT" ws.test)" "101 hello"
	equal "$(python3 "$TOOLS/client.py" events "$PORT" ws.test)" "0 1 2"
}

@test "200 MB up and down without a file on the way" {
	routes apply big up big.test "big.web.1=127.0.0.1:$A"
	equal "$(get big.test '/big?209715200' | wc -c)" 209715200
	head -c 209715200 /dev/zero | get big.test / -X POST -T - >"$ROUTER/up" 3>&- &
	local up=$!
	while kill -0 $up 2>/dev/null; do
		find "$ROUTER/root/lib/router/tmp" -type f -print >>"$ROUTER/files"
		sleep 0.02
	done
	wait $up
	[[ "$(cat "$ROUTER/up")" == "a 209715200 "* ]]
	[ ! -s "$ROUTER/files" ]
}

@test "100-continue, HEAD, HTTP/1.0 and large headers" {
	routes apply head up head.test "head.web.1=127.0.0.1:$A"
	[[ "$(get head.test / -X POST -H 'Expect: 100-continue' -d hello)" == "a 5 "* ]]
	equal "$(status head.test / -I)" 501 # what this backend says to HEAD
	equal "$(get head.test / --http1.0)" a
	local value
	value=$(head -c 12000 /dev/zero | tr '\0' x)
	equal "$(status head.test / -H "X-Large: $value")" 200
	equal "$(status head.test / -H "X-Large: $value$value")" 400
}

@test "a request that gets a page: whole, whatever its body is, and nothing is complained of" {
	routes apply away maintenance away.test
	head -c 3000000 /dev/zero >"$ROUTER/body"
	local before more
	before=$(wc -l <"$ROUTER/nginx.log")
	for more in '-d short' "--data-binary @$ROUTER/body" "-H Transfer-Encoding:chunked -T $ROUTER/body" -I ''; do
		# shellcheck disable=SC2086
		equal "$(status nobody.test / $more) $(status away.test / $more)" "404 503"
	done
	equal "$(get nobody.test / -d short)" "No such app: nothing is deployed at nobody.test"
	# who keeps connections is told
	get away.test / -i -d short | tr -d '\r' | grep -qix 'connection: close'
	equal "$(wc -l <"$ROUTER/nginx.log")" "$before"
}

@test "what reaches no backend is the app's too: its log and its counters" {
	routes apply none up none.test "none.web.1=127.0.0.1:$A"
	printf 'POST / HTTP/1.1\r\nHost: none.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' |
		python3 "$TOOLS/client.py" raw "$PORT" | grep -q "^HTTP/1.1 400"
	routes apply none maintenance none.test
	equal "$(status none.test)" 503
	local log=$ROUTER/root/lib/router/logs/none.log
	soon grep -q 'method=POST .* dyno= .* status=400 ' "$log"
	soon grep -q 'method=GET .* dyno= .* status=503 ' "$log"
	soon eval '[ "$(routes stats | jq -c ".none.status | [.\"4xx\", .\"5xx\"]")" = "[1,1]" ]'
}

@test "held requests that end in a page make room for others" {
	local lua=$ROUTER/usr/share/berth/router/lua/hold.lua pids=() i
	cp "$lua" "$ROUTER/hold.lua"
	sed -i 's/^local HELD_MAX = 1024/local HELD_MAX = 2/' "$lua"
	grep -q 'HELD_MAX = 2' "$lua"
	echo "workers = 1" >>"$ROUTER/root/etc/berth.conf"
	stop_router TERM
	start_router
	routes apply room up room.test "room.web.1=127.0.0.1:$DEAD"
	for i in 1 2; do
		status room.test >"$ROUTER/held.$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	equal "$(cat "$ROUTER/held.1") $(cat "$ROUTER/held.2")" "503 503"
	get room.test >"$ROUTER/held.3" 3>&- &
	sleep 0.5
	routes apply room up room.test "room.web.2=127.0.0.1:$A"
	wait $!
	equal "$(cat "$ROUTER/held.3")" a
	cp "$ROUTER/hold.lua" "$lua"
	sed -i '/^workers = 1$/d' "$ROUTER/root/etc/berth.conf"
	stop_router TERM
	start_router
}

@test "a line per request in the app's own log; rotation loses none" {
	routes apply log up log.test "log.web.1=127.0.0.1:$A"
	local log=$ROUTER/root/lib/router/logs/log.log
	get log.test '/path?"x' --path-as-is >/dev/null
	soon grep -qE '^[0-9]{10}\.[0-9]{3} method=GET path=/path\?"x host=log.test request_id=[0-9.-]{18,} fwd=127.0.0.1 dyno=log.web.1 connect=[0-9.]+ service=[0-9.]+ status=200 bytes=[0-9]+ protocol=http$' "$log"
	routes rotate 10
	[ -e "$log.1" ]
	get log.test >/dev/null
	get log.test >/dev/null
	soon eval '[ "$(cat "$log" "$log.1" | wc -l)" = 3 ]'
	equal "$(wc -l <"$log.1")" 1
	# and what an app leaves is not there again when its log was removed
	routes apply gone up gone.test "gone.web.1=127.0.0.1:$A"
	get gone.test >/dev/null
	routes remove gone
	sleep 0.3
	[ ! -e "$ROUTER/root/lib/router/logs/gone.log" ]
	# nor for another of that name
	routes apply gone up gone.test "gone.web.1=127.0.0.1:$A"
	get gone.test /first >/dev/null
	routes remove gone
	routes apply gone up gone.test "gone.web.1=127.0.0.1:$A"
	sleep 0.3
	get gone.test /second >/dev/null
	soon grep -q second "$ROUTER/root/lib/router/logs/gone.log"
	equal "$(grep -c first "$ROUTER/root/lib/router/logs/gone.log")" 0
	# nor does the end of nginx, at once or when its requests are done
	local signal expected=3
	for signal in TERM QUIT; do
		get log.test >/dev/null
		stop_router $signal
		expected=$((expected + 1))
		equal "$(cat "$log" "$log.1" | wc -l)" "$expected"
		start_router
	done
}

@test "counters per app" {
	routes apply cnt up cnt.test "cnt.web.1=127.0.0.1:$A"
	local i
	for i in 1 2 3; do get cnt.test >/dev/null; done
	soon eval '[ "$(routes stats | jq .cnt.requests)" = 3 ]'
	routes stats | python3 -c '
import json, sys
c = json.load(sys.stdin)["cnt"]
assert c["requests"] == 3 and c["status"]["2xx"] == 3 and sum(c["latency"]["count"]) == 3, c
assert len(c["latency"]["count"]) == len(c["latency"]["le"]) + 1 and c["bytes"]["out"] > 0, c'
}

@test "kill -9 of a worker: the others go on and counts do not leak" {
	routes apply kill up kill.test "kill.web.1=127.0.0.1:$A"
	get kill.test '/slow?5' >/dev/null 3>&- &
	local slow=$!
	flies kill.web.1 1
	kill -9 $(workers)
	soon eval '[ "$(get kill.test)" = a ]'
	flies kill.web.1 0
	wait $slow || true
}

@test "kill -9 of nginx: a new one starts on the same port and reads the file" {
	routes apply boot up boot.test "boot.web.1=127.0.0.1:$A"
	stop_router KILL
	routes apply boot up boot.test "boot.web.2=127.0.0.1:$B" # nobody listens: no error
	equal "$(routes in-flight boot.web.1)" -1
	equal "$(routes stats)" "{}"
	start_router
	equal "$(get boot.test)" b
	routes apply boot up boot.test "boot.web.1=127.0.0.1:$A"
	equal "$(get boot.test)" a
}

@test "a lost update repairs itself" {
	routes apply heal up heal.test "heal.web.1=127.0.0.1:$A"
	kill -STOP "$(cat "$ROUTER/pid.nginx")" # so that it respawns nothing meanwhile
	mv "$ROUTER/root/run/router/control.sock" "$ROUTER/root/run/router/gone.sock"
	routes apply heal up heal.test "heal.web.2=127.0.0.1:$B"
	mv "$ROUTER/root/run/router/gone.sock" "$ROUTER/root/run/router/control.sock"
	kill -CONT "$(cat "$ROUTER/pid.nginx")"
	soon eval '[ "$(get heal.test)" = b ]'
	routes apply heal up heal.test "heal.web.1=127.0.0.1:$A"
	equal "$(get heal.test)" a
}

@test "20 writers at once: every change is there" {
	local i pids=()
	for i in {1..20}; do
		routes apply "par$i" up "par$i.test" "par$i.web.1=127.0.0.1:$A" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for i in {1..20}; do equal "$(get "par$i.test")" a; done
}

@test "10,000 hosts: all answer, and what they take of memory" {
	routes fill 10000 127.0.0.1 "$A"
	equal "$(get host0.test) $(get host9999.test)" "a a"
	equal "$(status one.test)" 404
	routes flip 10 app5000 host5000.test "x=127.0.0.1:$B" "y=127.0.0.1:$A" | sort -n | tee "$ROUTER/ms" >&2
	local pid
	for pid in $(cat "$ROUTER/pid.nginx") $(workers); do
		grep -E '^Pss:' "/proc/$pid/smaps_rollup" >&2
	done
	for pid in $(workers); do
		[ "$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")" -lt 14000 ]
	done
}

@test "settings that cannot stand in the configuration are refused by name" {
	local conf=$ROUTER/root/etc/berth.conf
	cp "$conf" "$ROUTER/conf"
	sed -i 's/^address = .*/address = 127.0.0.1; evil/' "$conf"
	run routes configure
	[ "$status" = 1 ]
	sed 's/^port = .*/&\napi-host = a b;/' "$ROUTER/conf" >"$conf"
	run routes configure
	[ "$status" = 1 ]
	[[ "$output" == *api-host* ]]
	cp "$ROUTER/conf" "$conf"
	equal "$(routes url a.test)" "http://a.test:$PORT"
}
