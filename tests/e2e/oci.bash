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
trap 'echo "got QUIT"; exit 0' QUIT
echo "serving as $(id -u):$(id -g) in $(pwd) with $*"
while :; do
	{ echo "HTTP/1.0 200 OK"; echo; echo "uid=$(id -u) gid=$(id -g) groups=$(id -G) home=$HOME cwd=$(pwd) port=$PORT greeting=$GREETING args=$*"; } |
		nc -l -p 8080 >/dev/null &
	wait $!
done
END
	chmod 755 "$work/serve"
	umoci insert --image "$dir:busybox:1" "$work/serve" /usr/bin/serve
	umoci config --image "$dir:busybox:1" --config.user app --config.workingdir /work/dir \
		--config.entrypoint /usr/bin/serve --config.cmd 'a b' --config.cmd '$HOME' \
		--config.env PATH=/bin:/usr/bin --config.env GREETING=hello --config.exposedports 8080/tcp \
		--config.stopsignal SIGQUIT --config.label org.example.kind=test --config.volume /data
	rm -rf "$work"
}
