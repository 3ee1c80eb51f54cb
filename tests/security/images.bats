#!/usr/bin/env bats
# Hostile images: refused, named, and nothing is left behind.
# bats file_tags=security
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../e2e/helper

setup() {
	app=$(unique_app hostile)
}

teardown() {
	destroy_apps "$app"
}

archive() {
	python3 -IS "$TEST_SOURCE/tests/e2e/ociarchive.py" "$BATS_TEST_TMPDIR/bad.tar" "$@"
}

# What there is besides the app itself.
left() {
	find "$TEST_ROOT/lib/layers" "$TEST_ROOT/lib/stage" "$TEST_ROOT/lib/images" -mindepth 1 -maxdepth 2 |
		grep -vE '/(\.new|\.gone)$' | sort
}

# The image of archive ARGUMENTS is refused with TEXT: refused TEXT ARGUMENTS...
refused() {
	local text=$1 before
	shift
	archive "$@"
	before=$(left)
	run berth git:load-image "$app" <"$BATS_TEST_TMPDIR/bad.tar"
	[ "$status" -ne 0 ] || { echo "was taken: $*" >&2; return 1; }
	assert_contains "$output" "$text"
	assert_equal "$(left)" "$before"
	[ ! -e "$TEST_ROOT/lib/evil" ] && [ ! -e "$TEST_ROOT/lib/stage/evil" ] && [ ! -e /evil ] && [ ! -e /var/tmp/evil ]
}

@test "a good archive of either kind is taken" {
	archive oci 'add("bin/true", mode=0o755)'
	berth image:import good:1 <"$BATS_TEST_TMPDIR/bad.tar"
	archive docker --gzip 'add("bin/true", mode=0o755)'
	berth image:import good:2 <"$BATS_TEST_TMPDIR/bad.tar"
	# a file that user berth cannot read, and none at all
	chmod 600 "$BATS_TEST_TMPDIR/bad.tar"
	berth image:import good:3 <"$BATS_TEST_TMPDIR/bad.tar"
	cat "$BATS_TEST_TMPDIR/bad.tar" | berth image:import good:4
	berth image:remove good:1
	berth image:remove good:2
	berth image:remove good:3
	berth image:remove good:4
}

@test "digests and sizes that do not match" {
	refused "has the digest sha256:" oci --digest 'add("f")'
	refused "its content has the digest" oci --diffid 'add("f")'
	refused "its content has the digest" docker --diffid 'add("f")'
	refused "bytes, not" oci --size 'add("f")'
	refused "has the digest sha256:" docker --digest 'add("f")'
}

@test "what is sound in an image that is refused goes too" {
	archive oci --below 'add("bin/true", mode=0o755)'
	berth image:import sound:1 <"$BATS_TEST_TMPDIR/bad.tar"
	berth image:remove sound:1
	archive docker --below 'add("bin/true", mode=0o755)'
	berth image:import sound:2 <"$BATS_TEST_TMPDIR/bad.tar"
	berth image:remove sound:2
	refused "has the digest sha256:" oci --below --digest 'add("f")'
	refused "its content has the digest" docker --below --diffid 'add("f")'
	refused "leads out of the archive" docker --below --layerout 'add("f")'
}

@test "documents that do not hold together" {
	refused "is missing in the image's archive" oci --missing 'add("f")'
	refused "'l/layer.tar' is missing" docker --missing 'add("f")'
	refused "schemaVersion is not 2" oci --schema 'add("f")'
	refused "'WorkingDir' is not a plain path" oci --config 'add("f")'
	refused "for windows" oci --os 'add("f")'
	refused "for sparc" docker --arch 'add("f")'
}

@test "the outer archive leads nowhere" {
	refused "'../evil': leads out of the archive" docker --dotdot 'add("f")'
	refused "is there twice" docker --twice 'add("f")'
	refused "'l/layer.tar': is a link that leads out" docker --link 'add("f")'
	refused "layer '../layer.tar' leads out of the archive" docker --layerout 'add("f")'
}

@test "paths and links of a layer stay inside" {
	refused "'../evil': has '..'" oci 'add("../evil")'
	refused "'a/../../evil'" oci 'add("a/../../evil")'
	refused "'/evil': is an absolute path" oci 'add("/evil")'
	refused "'../evil'" oci 'add("ok", pax={"path": "../evil"})'
	refused "'l': is a link out of the root" oci 'add("l", SYM, link="../../var/tmp"); add("l/evil")'
	refused "'l/evil'" oci 'add("l", SYM, link="/var/tmp"); add("l/evil")'
	refused "'h'" oci 'add("h", LNK, link="/etc/shadow")'
	refused "'h'" oci 'add("h", LNK, link="../../etc/shadow")'
	refused "'h'" oci 'add("l", SYM, link="/etc"); add("h", LNK, link="l/shadow")'
	refused "'h'" oci 'add("h", LNK, link="x", pax={"linkpath": "/etc/shadow"})'
	refused "'big': its owner" oci 'add("big", uid=65536)'
}

@test "whiteouts stay inside" {
	refused "'.wh...': the whiteout names nothing" oci 'add(".wh...")'
	refused "'a/.wh..': the whiteout names nothing" oci 'add("a/.wh..")'
	refused "'../.wh.evil'" oci 'add("../.wh.evil")'
	refused "whiteout of 'l/evil'" oci 'add("l", SYM, link="/var/tmp"); add("l/.wh.evil")'
	refused "opaque folder 'l'" oci 'add("l", SYM, link="/var/tmp"); add("l/.wh..wh..opq")'
	refused "what every container gets" oci 'add(".wh.dev")'
}

@test "nothing of an image lies where the container has its own" {
	refused "'proc': must be a folder" oci 'add("proc", SYM, link="/etc")'
	refused "'dev': must be a folder" oci 'add("dev", SYM, link="/tmp")'
	refused "'proc/self/exe': lies in" oci 'add("proc/self/exe")'
	refused "'sys/kernel/x': lies in" oci 'add("sys/kernel/x", SYM, link="/x")'
	refused "'dev/null': lies in" oci 'add("dev/null")'
}

@test "device nodes are left out, setuid gives nothing" {
	archive oci 'add("bin/", DIR); add("bin/sh", mode=0o4755, data=open("/bin/busybox", "rb").read())
add("bin/id", LNK, link="bin/sh"); add("bin/ls", LNK, link="bin/sh"); add("bin/true", LNK, link="bin/sh")
add("dev/", DIR); add("dev/sda", BLK); add("disk", BLK); add("null", CHR); add("pipe", FIFO)'
	berth image:import devices <"$BATS_TEST_TMPDIR/bad.tar"
	local layer
	layer=$(berth image:info devices --format json | jq -r '.layers[0]')
	assert_equal "$(ls "$TEST_ROOT/lib/layers/${layer#layer/}/data")" $'bin\ndev'
	[ "$(stat -c '%a %u' "$TEST_ROOT/lib/layers/${layer#layer/}/data/bin/sh")" != "4755 0" ]
	berth image:remove devices
}

# 20 GiB of zeros in 20 MB: refused at the cap, in the middle of the stream.
@test "a layer that unpacks to more than it may is refused" {
	python3 -IS - "$BATS_TEST_TMPDIR/bomb.tar" <<'END'
import gzip, hashlib, io, json, sys, tarfile
head = tarfile.TarInfo("bomb"); head.size = 20 << 30
z = io.BytesIO()
with gzip.GzipFile(fileobj=z, mode="wb", compresslevel=9, mtime=0) as g:
    g.write(head.tobuf(tarfile.GNU_FORMAT))
    block = bytes(1 << 20)
    for _ in range(64):
        g.write(block)
blob = z.getvalue()
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["x"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}).encode()
name = hashlib.sha256(config).hexdigest() + ".json"
with tarfile.open(sys.argv[1], "w") as t:
    for n, d in (("manifest.json", json.dumps([{"Config": name, "Layers": ["layer.tar"]}]).encode()),
                 (name, config), ("layer.tar", blob)):
        i = tarfile.TarInfo(n); i.size = len(d); t.addfile(i, io.BytesIO(d))
END
	before=$(left)
	run ! berth git:load-image "$app" <"$BATS_TEST_TMPDIR/bomb.tar"
	assert_contains "$output" "more than 16 GiB"
	assert_equal "$(left)" "$before"
}

@test "a user that the image does not know stops the start, not the server" {
	archive oci 'add("bin/true", mode=0o755)'
	umoci --version >/dev/null
	mkdir "$BATS_TEST_TMPDIR/l"
	skopeo copy -q "oci-archive:$BATS_TEST_TMPDIR/bad.tar" "oci:$BATS_TEST_TMPDIR/l:x"
	umoci config --image "$BATS_TEST_TMPDIR/l:x" --config.user stranger
	skopeo copy -q "oci:$BATS_TEST_TMPDIR/l:x" "oci-archive:$BATS_TEST_TMPDIR/user.tar"
	run ! berth git:load-image "$app" <"$BATS_TEST_TMPDIR/user.tar"
	assert_contains "$output" "do not know its user 'stranger'"
}
