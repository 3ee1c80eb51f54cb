#!/usr/bin/env bats
# Container images in: what docker save, skopeo and umoci write runs here, and starts as it says.
# Registries are a real one, on loopback.

bats_require_minimum_version 1.5.0
load helper
load oci

setup_file() {
	export IMAGES=$TEST_DIR/images
	mkdir -p "$IMAGES"
	oci_image "$IMAGES/layout" >/dev/null
	skopeo copy -q "oci:$IMAGES/layout:busybox:1" "docker-archive:$IMAGES/docker.tar:busybox:1"
	skopeo copy -q "oci:$IMAGES/layout:busybox:1" "oci-archive:$IMAGES/oci.tar"
}

teardown_file() {
	registry_down "$IMAGES"
	docker_down
	rm -rf "$IMAGES"
}

setup() {
	app=$(unique_app image)
}

teardown() {
	destroy_apps "$app" "$app-b"
	remove_images
}

layers() {
	find "$TEST_ROOT/lib/layers" -maxdepth 1 -name 'oci-*' -printf '%f\n' | sort
}

@test "a docker archive runs with the user, folder, words and port that it says" {
	run -0 berth git:load-image "$app" <"$IMAGES/docker.tar"
	assert_contains "$output" "Layer 1 of 4: "
	assert_contains "$output" "Launched v1"
	run -0 http "$(host_of "$app")"
	assert_equal "$output" \
		"uid=1000 gid=1001 groups=1001 1002 home=/home/app cwd=/work/dir port=8080 greeting=hello args=a b \$HOME"
	# configuration wins over the image's own
	berth config:set "$app" GREETING=ahoy
	wait_http "$(host_of "$app")" "greeting=ahoy"
	# and the next image keeps it
	run -0 berth git:load-image "$app" <"$IMAGES/oci.tar"
	assert_contains "$output" "Layer 4 of 4: "
	assert_contains "$output" "is here already"
	wait_http "$(host_of "$app")" "greeting=ahoy"
	[ "$(berth releases "$app" --format json | jq -r '.[0].description')" = "Deploy a loaded image" ]
}

@test "whiteouts, hard links and sparse files arrive; the root is the container's own" {
	berth git:load-image "$app" <"$IMAGES/oci.tar"
	run -0 berth run "$app" ls /srv
	assert_equal "$output" $'old\nreplaced\nsparse'
	run -0 berth run "$app" ls /srv/old
	assert_equal "$output" two
	run -0 berth run "$app" 'stat -c %h /bin/busybox; stat -c "%s %b" /srv/sparse'
	assert_contains "$output" "4194304 0"
	[ "${lines[0]}" -gt 10 ]
	# /tmp and the user's own folder can be written, root's cannot; all of it goes
	run -0 berth run "$app" 'echo x >/tmp/f && cat /tmp/f && ! echo x >/etc/f'
	assert_contains "$output" x
	run ! berth run "$app" cat /tmp/f
}

@test "a folder that a layer does not name is as in the layers below" {
	local x=$BATS_TEST_TMPDIR/x
	mkdir -p "$x/home/app" "$x/tmp"
	chmod 700 "$x/home/app"
	chown 1000:1001 "$x/home/app"
	tar -C "$x" -cf "$x.1.tar" --no-recursion home home/app
	echo text | tee "$x/home/app/prog" >"$x/tmp/file"
	tar -C "$x" -cf "$x.2.tar" home/app/prog tmp/file
	skopeo copy -q "oci:$IMAGES/layout:busybox:1" "oci:$IMAGES/bare:busybox:1"
	umoci raw add-layer --image "$IMAGES/bare:busybox:1" "$x.1.tar"
	umoci raw add-layer --image "$IMAGES/bare:busybox:1" "$x.2.tar"
	skopeo copy -q "oci:$IMAGES/bare:busybox:1" "oci-archive:$IMAGES/bare.tar"
	berth git:load-image "$app" <"$IMAGES/bare.tar"
	run -0 berth run "$app" 'stat -c "%a %u:%g" /home/app /tmp; cat /home/app/prog /tmp/file'
	assert_equal "$output" $'700 1000:1001\n1777 0:0\ntext\ntext'
	run -0 berth git:load-image "$app-b" <"$IMAGES/bare.tar"
	[ "$(grep -c "is here already" <<<"$output")" = 6 ]
	# and is another one where those are others
	skopeo copy -q "oci:$IMAGES/layout:busybox:1" "oci:$IMAGES/plain:busybox:1"
	umoci raw add-layer --image "$IMAGES/plain:busybox:1" "$x.2.tar"
	skopeo copy -q "oci:$IMAGES/plain:busybox:1" "oci-archive:$IMAGES/plain.tar"
	run -0 berth git:load-image "$app-b" <"$IMAGES/plain.tar"
	run -0 berth run "$app-b" 'stat -c "%a %u:%g" /home/app'
	assert_equal "$output" "755 0:0"
}

@test "an image's root may become another user, and no more" {
	skopeo copy -q "oci:$IMAGES/layout:busybox:1" "oci:$IMAGES/root:busybox:1"
	umoci config --image "$IMAGES/root:busybox:1" --config.user ''
	skopeo copy -q "oci:$IMAGES/root:busybox:1" "oci-archive:$IMAGES/root.tar"
	berth git:load-image "$app" <"$IMAGES/root.tar"
	run -0 http "$(host_of "$app")"
	assert_contains "$output" "uid=0 gid=0"
	assert_contains "$output" "home=/root"
	run -0 berth run "$app" 'echo x >/root-file; chown app /root-file; stat -c %U /root-file; su app -c id'
	assert_contains "$output" app
	assert_contains "$output" "uid=1000(app)"
	# CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE
	run -0 berth run "$app" 'grep -E "Cap(Eff|Bnd|Inh)|NoNewPrivs" /proc/self/status'
	assert_contains "$output" $'CapEff:\t00000000000004fb'
	assert_contains "$output" $'CapBnd:\t00000000000004fb'
	assert_contains "$output" $'CapInh:\t0000000000000000'
	assert_contains "$output" $'NoNewPrivs:\t1'
	berth git:load-image "$app" <"$IMAGES/oci.tar"
	run -0 berth run "$app" 'grep -E "Cap(Eff|Bnd)" /proc/self/status'
	assert_contains "$output" $'CapEff:\t0000000000000000'
	assert_contains "$output" $'CapBnd:\t0000000000000000'
}

got_quit() {
	berth logs "$1" | grep -q "got QUIT"
}

@test "the stop signal is the image's, enter is its user, ps:scale and rollback work" {
	berth git:load-image "$app" <"$IMAGES/docker.tar"
	run -0 berth enter "$app" web id -un
	assert_equal "$output" app
	berth ps:scale "$app" web=2
	[ "$(berth ps "$app" --format json | jq '[.[] | select(.state == "up")] | length')" = 2 ]
	berth ps:scale "$app" web=1
	wait_for 20 got_quit "$app"
	# from an image to source and back
	copy_example hello "$BATS_TEST_TMPDIR/src"
	push_app "$BATS_TEST_TMPDIR/src" "$app" >/dev/null
	wait_http "$(host_of "$app")" "Hello from Berth"
	berth rollback "$app" v1
	wait_http "$(host_of "$app")" "uid=1000"
	[ "$(berth releases "$app" --format json | jq -r '.[0].commit')" = null ]
	run ! berth ps:rebuild "$app"
	assert_contains "$output" "was deployed as an image"
}

@test "names keep images; what nothing names is collected" {
	before=$(layers)
	run -0 berth image:import one:1 <"$IMAGES/oci.tar"
	assert_contains "$output" "Image one:1 is "
	[ "$(layers | wc -l)" = $(($(wc -l <<<"$before" | tr -d ' ') - ($(grep -c . <<<"$before" || true) == 0) + 4)) ] || [ -n "$before" ]
	run -0 berth image:info one:1 --format json
	assert_equal "$(jq -r '.user, .["stop-signal"], .["exposed-ports"][0], .labels[0], .volumes[0]' <<<"$output")" \
		$'app\nSIGQUIT\n8080/tcp\norg.example.kind=test\n/data'
	assert_equal "$(jq '.layers | length' <<<"$output")" 4
	berth image:tag one:1 two
	[ "$(berth image:list --format json | jq -r '.[].name' | tr '\n' ' ')" = "one:1 two:latest " ]
	berth image:history two --format json | jq -e 'length >= 4' >/dev/null
	berth image:remove one:1
	layers | grep -q .
	# an app is deployed from a name, without any registry
	run -0 berth git:from-image "$app" two
	assert_contains "$output" "two is here"
	http "$(host_of "$app")" | grep -q uid=1000
	berth image:remove two
	layers | grep -q .
	berth --force apps:destroy "$app"
	berth collect
	assert_equal "$(layers)" ""
	run ! berth image:remove two
	assert_contains "$output" "no image 'two:latest'"
}

@test "a root file system becomes an image" {
	mkdir -p "$BATS_TEST_TMPDIR/root/bin" "$BATS_TEST_TMPDIR/root/proc" "$BATS_TEST_TMPDIR/root/usr"
	cp /bin/busybox "$BATS_TEST_TMPDIR/root/bin/sh"
	ln -s /usr/lib "$BATS_TEST_TMPDIR/root/lib"
	tar -C "$BATS_TEST_TMPDIR/root" -cz . >"$BATS_TEST_TMPDIR/root.tar.gz"
	berth image:import base <"$BATS_TEST_TMPDIR/root.tar.gz"
	[ "$(berth image:info base --format json | jq '.layers | length')" = 1 ]
	run ! berth git:from-image "$app" base
	assert_contains "$output" "it has neither Entrypoint nor Cmd"
	[ "$(berth releases "$app" --format json | jq length)" = 0 ]
}

# A dockerd of this test's own, without bridge or firewall rules.
docker_up() {
	export DOCKER_HOST=unix://$IMAGES/docker/sock DOCKER_CONFIG=$IMAGES/docker
	mkdir -p "$IMAGES/docker"
	dockerd --data-root "$IMAGES/docker/data" --exec-root "$IMAGES/docker/exec" -H "$DOCKER_HOST" \
		-p "$IMAGES/docker/pid" --bridge=none --iptables=false --ip6tables=false >"$IMAGES/docker/log" 2>&1 3>&- &
	wait_for 30 docker info >/dev/null 2>&1
}

docker_down() {
	[ -e "$IMAGES/docker/pid" ] || return 0
	local pid
	pid=$(cat "$IMAGES/docker/pid")
	kill "$pid"
	wait_for 20 test ! -e "/proc/$pid"
	umount "$IMAGES/docker/exec/netns/default" 2>/dev/null || true
}

@test "docker loads and runs what is exported, and Berth what docker saves" {
	command -v dockerd >/dev/null || skip "Docker is not installed"
	local x=$BATS_TEST_TMPDIR
	copy_example hello "$x/src"
	push_app "$x/src" "$app" >/dev/null
	berth image:import base:1 <"$IMAGES/docker.tar"
	berth image:export base:1 --format docker >"$x/base"
	berth image:export "$app" --format docker >"$x/app"
	docker_up || skip "dockerd does not start here: $(tail -n 1 "$IMAGES/docker/log")"
	docker load -i "$x/base"
	docker load -i "$x/app"
	run -0 docker run --rm --network none --entrypoint id base:1
	assert_contains "$output" "uid=1000(app) gid=1001(app)"
	run -0 docker run --rm --network none "$app:latest" sh -c 'touch new && pwd && id -u'
	assert_equal "$output" $'/app\n1000'
	docker save base:1 >"$x/saved"
	docker_down
	berth git:load-image "$app-b" <"$x/saved"
	http "$(host_of "$app-b")" | grep -q "uid=1000 gid=1001 groups=1001 1002"
}

start_registry() {
	# bcrypt of "secret"
	python3 - >"$IMAGES/htpasswd" <<'END'
import crypt
print("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 5)).replace("$2b$", "$2y$"))
END
	registry_up "$IMAGES"
}

# The files of an unpacked layout: names, modes, owners, sizes and links; not times of folders that
# only a whiteout changed.
tree_of() {
	(cd "$1" && find . -printf '%P %y %m %U:%G %l ' \( -type f -printf '%s %n' -o -true \) -printf '\n' | sort)
}

xattrs_of() {
	python3 -IS - "$1" <<'END'
import os, sys
os.chdir(sys.argv[1])
for top, dirs, files in os.walk("."):
    dirs.sort()
    for name in sorted(dirs + files):
        path = os.path.join(top, name)
        for x in sorted(os.listxattr(path, follow_symlinks=False)):
            print(path, x, os.getxattr(path, x, follow_symlinks=False).hex())
END
}

@test "what is exported is what came: skopeo and umoci read it, and it runs here again" {
	local x=$BATS_TEST_TMPDIR
	berth git:load-image "$app" <"$IMAGES/oci.tar"
	berth image:export "$app" >"$x/oci" 2>"$x/said"
	grep -q "Layer 4 of 4: layer/oci-" "$x/said"
	berth image:export "$app" --format docker >"$x/docker"
	# the same layers give the same bytes
	berth image:export "$app" | cmp - "$x/oci"
	skopeo copy -q "oci-archive:$x/oci" "oci:$x/layout:x"
	umoci unpack --image "$x/layout:x" "$x/ours"
	umoci unpack --image "$IMAGES/layout:busybox:1" "$x/theirs"
	diff <(tree_of "$x/theirs/rootfs") <(tree_of "$x/ours/rootfs")
	diff <(xattrs_of "$x/theirs/rootfs") <(xattrs_of "$x/ours/rootfs")
	xattrs_of "$x/ours/rootfs" | grep -q user.kept
	local wanted
	wanted=$(skopeo inspect --config "oci:$IMAGES/layout:busybox:1" | jq -S .config)
	for from in "oci-archive:$x/oci" "docker-archive:$x/docker"; do
		assert_equal "$(skopeo inspect --config "$from" | jq -S .config)" "$wanted"
	done
	berth git:load-image "$app-b" <"$x/docker"
	http "$(host_of "$app-b")" | grep -q "uid=1000 gid=1001 groups=1001 1002"
	run -0 berth run "$app-b" ls /srv /srv/old
	assert_equal "$output" $'/srv:\nold\nreplaced\nsparse\n\n/srv/old:\ntwo'
}

@test "an app that was pushed becomes a container image" {
	local x=$BATS_TEST_TMPDIR
	copy_example hello "$x/src"
	push_app "$x/src" "$app" >/dev/null
	berth config:set "$app" SECRET=hidden >/dev/null
	berth image:export "$app" --format docker >"$x/app"
	skopeo inspect --config "docker-archive:$x/app" >"$x/config"
	assert_equal "$(jq -r '.config | .User, .WorkingDir, (.ExposedPorts | keys[0]), .Cmd[0], .Labels["berth.app"]' "$x/config")" \
		$'1000:1000\n/app\n5000/tcp\nbash\n'"$app"
	run ! grep -q hidden "$x/config"
	berth git:load-image "$app-b" <"$x/app"
	wait_http "$(host_of "$app-b")" "Hello from Berth"
	# the folder that it had is its own to write in
	berth run "$app-b" 'touch /app/new && id -u' | grep -qx 1000
}

# The tools that people have: their own words for what Berth wrote, and the other way.
@test "podman loads what is exported, and Berth what podman saves" {
	command -v podman >/dev/null || skip "podman is not installed"
	local x=$BATS_TEST_TMPDIR
	pod() {
		podman --root "$x/root" --runroot "$x/run" --storage-driver vfs "$@"
	}
	berth image:import base:1 <"$IMAGES/oci.tar"
	berth image:export base:1 --format docker >"$x/docker"
	pod load -q -i "$x/docker"
	pod save -q --format docker-archive base:1 >"$x/saved"
	pod rmi -af >/dev/null
	run -0 berth git:load-image "$app" <"$x/saved"
	http "$(host_of "$app")" | grep -q uid=1000
}

@test "images come from a registry, with a password" {
	start_registry
	local host
	host=$(cat "$IMAGES/registry.host")
	skopeo copy -q --dest-tls-verify=false --dest-creds me:secret "oci:$IMAGES/layout:busybox:1" "docker://$host/team/busybox:1"
	run ! berth git:from-image "$app" "$host/team/busybox:1"
	assert_contains "$output" "registry:set --global insecure"
	berth registry:set --global insecure "$host"
	run ! berth git:from-image "$app" "$host/team/busybox:1"
	assert_contains "$output" "registry:login"
	run ! berth registry:login "$host" me wrong
	echo secret | berth registry:login "$host" me
	[ "$(stat -c '%U %a' "$TEST_ROOT/lib/registry")" = "berth 700" ]
	run -0 berth git:from-image "$app" "$host/team/busybox:1"
	assert_contains "$output" "Copying blob"
	assert_contains "$output" "Launched v1"
	http "$(host_of "$app")" | grep -q uid=1000
	run -0 berth registry:search "$host/team/busybox"
	assert_contains "$output" 1
	berth registry:pull "$host/team/busybox:1" mine:1
	run -0 berth registry:push mine:1 "$host/team/other:2"
	assert_contains "$output" "Pushing $host/team/other:2"
	[ "$(skopeo inspect --tls-verify=false --creds me:secret "docker://$host/team/other:2" | jq '.Layers | length')" = 4 ]
	[ "$(berth image:info mine:1 --format json | jq -r .source)" = "$host/team/busybox:1" ]
	# the digest pins it
	digest=$(skopeo inspect --tls-verify=false --creds me:secret "docker://$host/team/busybox:1" | jq -r .Digest)
	berth git:from-image "$app-b" "$host/team/busybox@$digest"
	run ! berth git:from-image "$app" "$host/team/none:1"
	assert_contains "$output" "pull '$host/team/none:1'"
	berth registry:logout "$host"
	run ! berth registry:search "$host/team/busybox"
	berth registry:set --global insecure
}

@test "names that are no images are refused" {
	for name in --help ../x 'a b' UPPER 'x@sha256:1' 'http://x/y' '$(id)' 'a//b' ''; do
		run ! berth git:from-image -- "$app" "$name"
		[ "$status" -ne 0 ]
	done
	run ! berth git:load-image "$app" <<<"nothing of the kind"
	assert_contains "$output" "expected what 'docker save' writes, or an OCI archive"
	run ! berth git:load-image "$app" </dev/null
	assert_contains "$output" "nothing was sent"
}
