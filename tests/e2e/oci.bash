# Container images for tests, made with umoci and skopeo from a static busybox.

# An OCI image layout in FOLDER with image "busybox:1": three layers, of which the second removes
# and replaces what the first has, and the user "app" (1000) by name. Its program answers HTTP on
# port 8080 with a page that names who it is and where.
oci_image() {
	local dir=$1 work=$1.work
	mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/srv/old" "$work/root/srv/gone" "$work/root/tmp"
	chmod 1777 "$work/root/tmp"
	cp /bin/busybox "$work/root/bin/busybox"
	local name
	for name in sh ls cat id sleep nc httpd echo env pwd grep kill touch mkdir stat chown su wc tr; do
		ln "$work/root/bin/busybox" "$work/root/bin/$name"
	done
	printf 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n' >"$work/root/etc/passwd"
	printf 'root:x:0:\napp:x:1001:\nextra:x:1002:app\n' >"$work/root/etc/group"
	echo one >"$work/root/srv/old/one"
	echo lower >"$work/root/srv/gone/file"
	echo first >"$work/root/srv/replaced"
	truncate -s 4M "$work/root/srv/sparse"
	python3 -IS -c 'import os, sys; os.setxattr(sys.argv[1], "user.kept", b"1")' "$work/root/srv/replaced"
	umoci init --layout "$dir"
	umoci new --image "$dir:busybox:1"
	umoci insert --image "$dir:busybox:1" "$work/root" /
	umoci insert --image "$dir:busybox:1" --whiteout /srv/gone
	mkdir -p "$work/new"
	echo second >"$work/new/two"
	umoci insert --image "$dir:busybox:1" --opaque "$work/new" /srv/old
	cat >"$work/serve" <<'END'
#!/bin/sh
if [ "$1" = --answer ]; then
	shift
	while read -r line && [ ${#line} -gt 1 ]; do :; done
	echo "HTTP/1.0 200 OK"
	echo
	echo "uid=$(id -u) gid=$(id -g) groups=$(id -G) home=$HOME cwd=$(pwd) port=$PORT greeting=$GREETING args=$*"
	exit
fi
trap 'echo "got QUIT"; exit 0' QUIT
echo "serving as $(id -u):$(id -g) in $(pwd) with $*"
# one listener that stays: between two there would be nobody for a moment
nc -ll -p 8080 -e "$0" --answer "$@" &
wait $!
END
	chmod 755 "$work/serve"
	umoci insert --image "$dir:busybox:1" "$work/serve" /usr/bin/serve
	umoci config --image "$dir:busybox:1" --config.user app --config.workingdir /work/dir \
		--config.entrypoint /usr/bin/serve --config.cmd 'a b' --config.cmd '$HOME' \
		--config.env PATH=/bin:/usr/bin --config.env GREETING=hello --config.exposedports 8080/tcp \
		--config.stopsignal SIGQUIT --config.label org.example.kind=test --config.volume /data
	rm -rf "$work"
}

# A registry on loopback that keeps its images in FOLDER/store: registry_up FOLDER. Its HOST:PORT is in
# FOLDER/registry.host; with a file FOLDER/htpasswd it wants a password.
registry_up() {
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	{
		echo "version: 0.1"
		echo "storage: {filesystem: {rootdirectory: $1/store}}"
		echo "http: {addr: 127.0.0.1:$port, secret: x}"
		[ ! -e "$1/htpasswd" ] || echo "auth: {htpasswd: {realm: test, path: $1/htpasswd}}"
		echo "log: {level: error}"
	} >"$1/registry.yml"
	docker-registry serve "$1/registry.yml" >"$1/registry.log" 2>&1 3>&- &
	echo $! >"$1/registry.pid"
	echo "127.0.0.1:$port" >"$1/registry.host"
	wait_for 20 curl -s -o /dev/null "http://127.0.0.1:$port/v2/"
}

registry_down() {
	[ ! -e "$1/registry.pid" ] || kill "$(cat "$1/registry.pid")" || true
	rm -f "$1/registry.pid"
}

# All that the instance has, after the apps that run on them: for teardown
remove_images() {
	local name
	for name in $(berth image:list --format json | jq -r '.[].name'); do
		berth image:remove "$name" >/dev/null
	done
}
