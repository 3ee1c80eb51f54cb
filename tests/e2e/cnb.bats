#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Cloud Native Buildpacks: packs of buildpack API 0.7 to 0.12, written here.

# $app, $dir and $host come from app.bash; most dollars are for the packs
# shellcheck disable=SC2154,SC2016
load helper
load app
load pack
PACK_PRELUDE='set -euo pipefail'

setup_file() {
	packs_up
}

teardown_file() {
	packs_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	[ ! -e "$BATS_TEST_TMPDIR/server" ] || kill "$(cat "$BATS_TEST_TMPDIR/server")"
	destroy_new_apps
}

# A pack with its buildpack.toml: pack NAME API DETECT-LINES
pack() {
	script "$1" bin/detect <<<"$3"
	printf 'api = "%s"\n[buildpack]\nid = "test/%s"\nname = "%s pack"\nversion = "1.2.3"\n' \
		"$2" "$1" "$1" >"$PACKS/$1/buildpack.toml"
}

@test "plans, layers that come back, environment files, exec.d, processes, bills of materials" {
	pack tool 0.10 'printf "[[provides]]\nname = \"tool\"\n" >"$CNB_BUILD_PLAN_PATH"; [ "$2" = "$CNB_BUILD_PLAN_PATH" ]'
	script tool bin/build <<'END'
[ "$1" = "$CNB_LAYERS_DIR" ] && [ -f server.pl ] && grep -q 'name = "tool"' "$CNB_BP_PLAN_PATH"
grep -q 'version = "1.x"' "$CNB_BP_PLAN_PATH"
[ "$(cat "$CNB_PLATFORM_DIR/env/SECRET")" = hush ] && [ "$SECRET" = hush ]
layer=$CNB_LAYERS_DIR/tool
if [ -x "$layer/bin/tool" ] && grep -q 'version = "7"' "$layer.toml" && ! grep -q types "$layer.toml"; then
	echo "       tool: reused"
else
	mkdir -p "$layer/bin" "$layer/env"
	printf '#!/bin/sh\necho tool ran\n' >"$layer/bin/tool"
	chmod +x "$layer/bin/tool"
	printf first >"$layer/env/WORDS.append"
	printf : >"$layer/env/WORDS.delim"
	printf fallback >"$layer/env/FALLBACK.default"
	printf ignored >"$layer/env/FALLBACK.other"
	echo "       tool: made"
fi
printf '[types]\nbuild = true\nlaunch = true\ncache = true\n[metadata]\nversion = "7"\n' >"$layer.toml"
mkdir -p "$CNB_LAYERS_DIR/scratch"
printf '[types]\nbuild = true\n' >"$CNB_LAYERS_DIR/scratch.toml"
echo '{"bomFormat": "CycloneDX"}' >"$CNB_LAYERS_DIR/tool.sbom.cdx.json"
END
	pack app 0.12 'printf "[[requires]]\nname = \"missing\"\n[[or]]\n[[or.requires]]\nname = \"tool\"\n[or.requires.metadata]\nversion = \"1.x\"\n" >"$CNB_BUILD_PLAN_PATH"; [ "$CNB_TARGET_OS" = linux ]'
	script app bin/build <<'END'
tool | sed 's/^/       /'
layer=$CNB_LAYERS_DIR/run
mkdir -p "$layer/env.launch/server" "$layer/exec.d/server" "$layer/env.build"
printf second >"$layer/env.launch/WORDS.append"
printf : >"$layer/env.launch/WORDS.delim"
printf yes >"$layer/env.launch/server/ONLY_SERVER"
printf no >"$layer/env.build/BUILD_ONLY"
[ "$CNB_TARGET_DISTRO_NAME" = debian ] && [ "$CNB_EXEC_ENV" = production ]
printf '#!/bin/sh\nprintf "FROM_EXEC = \\"a b\\"\\n" >&3\necho noise\n' >"$layer/exec.d/one"
printf '#!/bin/sh\nprintf "FOR_WEB = '"'"'web'"'"'\\n" >&3\n' >"$layer/exec.d/server/two"
chmod +x "$layer/exec.d/one" "$layer/exec.d/server/two"
printf '[types]\nlaunch = true\n' >"$layer.toml"
cat >"$CNB_LAYERS_DIR/launch.toml" <<'TOML'
[[processes]]
type = "server"
command = ["perl"]
args = ["server.pl"]
default = true
[[processes]]
type = "job"
command = ["bash", "-c", "echo $WORDS $FALLBACK $FROM_EXEC ${BUILD_ONLY-none} ${FOR_WEB-none}; tool; pwd"]
working-dir = "/tmp"
TOML
[ ! -e "$CNB_LAYERS_DIR/store.toml" ] || cat "$CNB_LAYERS_DIR/store.toml"
printf '[metadata]\nstored = "       kept in the store"\n' >"$CNB_LAYERS_DIR/store.toml"
END
	# Heroku's kind goes first, and both serve one app
	mkdir -p "$PACKS/heroku/bin"
	script heroku bin/detect <<<'echo Heroku'
	script heroku bin/compile <<<'echo by heroku >"$1/text"'
	new_app cnb
	rm "$dir/Procfile"
	berth apps:create "$app"
	berth config:set "$app" SECRET=hush
	berth buildpacks:set "$app" "$PACKS/heroku" "$PACKS/tool" "$PACKS/app"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> tool pack 1.2.3"
	assert_contains "$output" "tool: made"
	assert_contains "$output" "       tool ran"
	assert_equal "$(http "$host")" "by heroku"
	# what is for the default process is for web
	assert_contains "$(http "$host" /env/FOR_WEB)" web
	assert_contains "$(http "$host" /env/ONLY_SERVER)" yes
	run berth run "$app" job
	assert_contains "$output" "first:second fallback a b none none"
	assert_contains "$output" $'tool ran\n/tmp'
	assert_equal "$(berth image:sbom "$app")" test_tool/tool.sbom.cdx.json
	assert_contains "$(berth image:sbom "$app" --type cdx)" CycloneDX
	run berth image:sbom "$app" --type spdx
	[ "$status" -eq 1 ]
	assert_contains "$output" "no bill of materials of type spdx"
	assert_equal "$(berth run "$app" 'ls /app/.cnb/layers/test_tool' 2>/dev/null)" tool
	run push_app "$dir" "$app"
	assert_contains "$output" "tool: reused"
	assert_contains "$output" 'kept in the store'
	assert_equal "$(http "$host")" "by heroku"
}

@test "a group that does not fit says what is missing; an API that is not known is refused" {
	pack needs 0.11 'printf "[[requires]]\nname = \"database\"\n" >"$2"'
	script needs bin/build <<<'exit 1'
	new_app cnb
	berth apps:create "$app"
	berth buildpacks:set "$app" "$PACKS/needs"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "test/needs requires database, which no pack before it provides"
	script needs bin/detect <<<'exit 100'
	run push_app "$dir" "$app"
	assert_contains "$output" "test/needs does not fit this app"
	script needs bin/detect <<<'exit 0'
	run push_app "$dir" "$app"
	assert_contains "$output" "bin/build exited with status 1"
	script needs bin/detect <<<'printf "[[provides]]\n" >"$2"'
	run push_app "$dir" "$app"
	assert_contains "$output" "a row of 'provides' has no name"
	printf '[[targets]]\narch = "s390x"\n[[targets]]\nos = "windows"\n' >>"$PACKS/needs/buildpack.toml"
	run push_app "$dir" "$app"
	assert_contains "$output" "test/needs is for other machines than this one"
	sed -i 's/^api.*/api = "0.2"/' "$PACKS/needs/buildpack.toml"
	run push_app "$dir" "$app"
	assert_contains "$output" "wants buildpack API 0.2; here are 0.7, 0.8, 0.9, 0.10, 0.11, 0.12"
}

# What the one cache with layers of pack NAME has of them: cached NAME PATH
cached() {
	echo "$(find "$TEST_ROOT/lib/cache" -mindepth 3 -maxdepth 3 -path "*/cnb/test_$1")/$2"
}

@test "layers that did not change stay where they are; a build that failed changes none" {
	pack keeper 0.12 'exit 0'
	script keeper bin/build <<'END'
cd "$CNB_LAYERS_DIR"
for name in downloads parts both only; do
	echo "       $name: $(ls -d "$name.toml" "$name" 2>/dev/null | tr '\n' ' ')"
done
mkdir -p downloads parts both only scratch
[ -e downloads/file ] || echo first >downloads/file
[ -e parts/kept ] || { echo kept >parts/kept && echo old >parts/gone; }
[ "$TURN" = 1 ] || { rm -f parts/gone && echo "turn $TURN" >parts/changed && echo more >downloads/more; }
echo "$TURN" >only/turn
[ "$TURN" = 1 ] || rm -r only
printf '[types]\ncache = true\n' >downloads.toml
printf '[types]\nlaunch = true\ncache = true\n' >parts.toml
printf '[types]\nbuild = true\nlaunch = true\n' >both.toml
printf '[types]\nlaunch = true\n' >only.toml
printf '[metadata]\nof = "nobody"\n' >scratch.toml
printf '[[labels]]\nkey = "color"\nvalue = "blue"\n' >launch.toml
[ "$TURN" != 3 ] || exit 7
END
	# an older one: its processes are for a shell
	pack looker 0.8 'exit 0'
	script looker bin/build <<'END'
ls "$CNB_LAYERS_DIR/../test_keeper" | tr '\n' ' ' | sed 's/^/       seen: /'
mkdir -p "$1/old/profile.d/line"
echo 'export FROM_PROFILE=sourced' >"$1/old/profile.d/all.sh"
echo 'FROM_PROFILE="$FROM_PROFILE twice"' >"$1/old/profile.d/line/more.sh"
printf '[types]\nlaunch = true\n' >"$1/old.toml"
cat >"$1/launch.toml" <<'TOML'
[[processes]]
type = "line"
command = "echo $FROM_PROFILE && echo two"
[[processes]]
type = "words"
command = "printf"
args = ['<%s>', 'x"y', '$((1 + 1))']
[[processes]]
type = "direct"
command = "echo"
args = ['$FROM_PROFILE']
direct = true
TOML
END
	new_app cnb
	berth apps:create "$app"
	berth config:set "$app" TURN=1
	berth buildpacks:set "$app" "$PACKS/keeper" "$PACKS/looker"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "seen: both both.toml downloads downloads.toml launch.toml only only.toml parts parts.toml scratch.ignore scratch.toml"
	assert_contains "$(berth run "$app" cat .cnb/metadata.json)" '"color": "blue"'
	assert_equal "$(berth run "$app" line)" $'sourced\ntwo'
	assert_equal "$(berth run "$app" words; berth run "$app" direct)" '<x"y><2>$FROM_PROFILE'
	local before after
	before=$(stat -c %i "$(cached keeper downloads/file)" "$(cached keeper parts/kept)")
	berth config:set "$app" TURN=2
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "       downloads: downloads downloads.toml"
	assert_contains "$output" "       parts: parts parts.toml"
	refute_contains "$output" "both: both"
	assert_contains "$output" "       only: only.toml"
	refute_contains "$output" "only: only only.toml"
	after=$(stat -c %i "$(cached keeper downloads/file)" "$(cached keeper parts/kept)")
	assert_equal "$before" "$after"
	assert_equal "$(cd "$(cached keeper .)" && echo parts/* downloads/*)" \
		"parts/changed parts/kept downloads/file downloads/more"
	assert_equal "$(cat "$(cached keeper parts/changed)")" "turn 2"
	# of a layer that is for launch only, what the build before left is in the app
	assert_equal "$(berth run "$app" 'cd .cnb/layers/test_keeper && cat only/turn parts/changed && echo *')" \
		$'1\nturn 2\nboth only parts'
	rm "$(cached keeper downloads/more)"
	berth config:set "$app" TURN=3
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_equal "$(ls "$(cached keeper downloads)")" file
	assert_equal "$(stat -c %i "$(cached keeper downloads/file)")" "${before%%$'\n'*}"
	assert_equal "$(cat "$(cached keeper parts/changed)")" "turn 2"
}

# A component within another pack's folder: member FOLDER ID DETECT-LINES
member() {
	pack "$1" 0.10 "$3"
	sed -i "s,^id = .*,id = \"$2\"," "$PACKS/$1/buildpack.toml"
	script "$1" bin/build <<<"echo '       built by $2'"
}

@test "a composite pack: the first of its groups that fits, without optional members that do not" {
	member both/packs/never test/never 'echo "no such app" >&2; exit 100'
	member both/packs/maybe test/maybe 'exit 100'
	member both/packs/broken test/broken 'exit 3'
	member both/packs/last test/last 'printf "[[provides]]\nname = \"x\"\n[[requires]]\nname = \"x\"\n" >"$CNB_BUILD_PLAN_PATH"'
	mkdir -p "$PACKS/both/packs/inner"
	cat >"$PACKS/both/packs/inner/buildpack.toml" <<'TOML'
api = "0.10"
[buildpack]
id = "test/inner"
version = "1.0.0"
[[order]]
[[order.group]]
id = "test/never"
version = "1.2.3"
[[order]]
[[order.group]]
id = "test/broken"
version = "1.2.3"
[[order]]
[[order.group]]
id = "test/maybe"
version = "1.2.3"
optional = true
[[order.group]]
id = "test/last"
version = "1.2.3"
TOML
	cat >"$PACKS/both/buildpack.toml" <<'TOML'
api = "0.12"
[buildpack]
id = "test/both"
version = "1.0.0"
[[order]]
[[order.group]]
id = "test/inner"
version = "1.0.0"
[[order.group]]
id = "heroku/procfile"
version = "2.0.0"
optional = true
TOML
	new_app cnb
	berth apps:create "$app"
	berth buildpacks:set "$app" "$PACKS/both"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "built by test/last"
	assert_contains "$output" "-----> Procfile"
	refute_contains "$output" "built by test/maybe"
	assert_equal "$(http "$host")" one
	# when no group fits, each says why
	script both/packs/last bin/detect <<<'exit 100'
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "test/never does not fit this app: its bin/detect said no:"
	assert_contains "$output" "no such app"
	assert_contains "$output" "test/broken does not fit this app: its bin/detect failed with status 3"
	sed -i 's,test/last,test/lost,' "$PACKS/both/packs/inner/buildpack.toml"
	run push_app "$dir" "$app"
	assert_contains "$output" "buildpack 'test/inner' lists 'test/lost' 1.2.3, which is neither in its folder nor comes with Berth"
}

@test "project.toml: packs and their order, a folder, a script, what is optional, env, exclude" {
	new_app cnb
	rm "$dir/Procfile"
	mkdir -p "$dir/docs"
	touch "$dir/docs/manual" "$dir/a.secret" "$dir/keep.secret"
	local PACKS=$dir/packs
	member local test/local 'exit 0'
	cat >"$dir/project.toml" <<'TOML'
[_]
schema-version = "0.2"
[io.buildpacks]
builder = "example/builder:latest"
exclude = ["*.secret", "!keep.secret", "/docs/"]
[[io.buildpacks.group]]
uri = "packs/local/"
[[io.buildpacks.group]]
id = "heroku/procfile"
optional = true
[[io.buildpacks.group]]
id = "me/script"
[io.buildpacks.group.script]
api = "0.10"
shell = "/bin/bash -eu"
inline = """
[ "$GREETING" = "say \\"hi\\"" ]
[[ $WHOSE = config && $CNB_BUILDPACK_DIR != /app/* ]]
echo "       script: $(echo *)"
printf '[[processes]]\ntype = "web"\ncommand = ["perl", "server.pl"]\n' >"$CNB_LAYERS_DIR/launch.toml"
"""
[[io.buildpacks.build.env]]
name = "GREETING"
value = 'say "hi"'
[[io.buildpacks.build.env]]
name = "WHOSE"
value = "project"
TOML
	berth apps:create "$app"
	berth config:set "$app" WHOSE=config
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "The builder that project.toml names is not used"
	assert_contains "$output" "The optional buildpack procfile does not fit this app"
	assert_contains "$output" "script: keep.secret packs project.toml server.pl"
	[[ $output = *"built by test/local"*"-----> me/script 0.0.0"* ]]
	assert_equal "$(http "$host")" one
	# what is only for building is not there afterwards
	assert_equal "$(berth run "$app" 'echo ${GREETING-none}')" none
	run berth buildpacks:detect "$app"
	assert_contains "$output" "./packs/local"
	assert_contains "$output" "chosen by project.toml"
	# the operator's list goes first, and the file's env stays
	berth buildpacks:set "$app" ./packs/local
	script local bin/build <<<'echo "       alone: $GREETING"; exit 9'
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" 'alone: say "hi"'
	refute_contains "$output" "me/script"
}

@test "project.toml: around what detection finds, the older schema, and what is refused" {
	empty_app cnb
	printf 'web: perl -e "sleep"\n' >"$dir/Procfile"
	cat >"$dir/project.toml" <<'TOML'
[[io.buildpacks.pre.group]]
id = "before"
script = { api = "0.10", inline = "echo '       before:' *" }
[[io.buildpacks.post.group]]
id = "after"
script = { api = "0.10", inline = "echo '       after'; exit 1" }
[io.buildpacks]
include = ["project.*", "Procfile"]
TOML
	run push_app "$dir" "$app"
	[[ $output = *"       before: Procfile project.toml"*"Procfile app detected"*"       after"* ]]
	cat >"$dir/project.toml" <<'TOML'
[build]
exclude = ["a"]
[[build.buildpacks]]
id = "old"
script = { api = "0.10", inline = "echo \"       old $NAME\"; exit 1" }
[[build.env]]
name = "NAME"
value = "schema"
TOML
	run push_app "$dir" "$app"
	assert_contains "$output" "       old schema"
	printf '[[io.buildpacks.group]]\nuri = "file:///etc"\n' >"$dir/project.toml"
	run push_app "$dir" "$app"
	assert_contains "$output" "chosen by 'buildpacks:set', not by the app"
	printf '[io.buildpacks]\nexclude = [1' >"$dir/project.toml"
	run push_app "$dir" "$app"
	assert_contains "$output" "project.toml: line 2: ',' or ']' is missing"
}

@test "a composite pack with a pack of Berth's own, whose packages are installed when its files are there" {
	member site/extra test/extra 'exit 0'
	script site/extra bin/build <<'END'
mkdir -p "$CNB_LAYERS_DIR/more/exec.d"
printf '#!/bin/sh\necho "BY = '"'extra'"'" >&3\n' >"$CNB_LAYERS_DIR/more/exec.d/x"
chmod +x "$CNB_LAYERS_DIR/more/exec.d/x"
printf '[types]\nlaunch = true\n' >"$CNB_LAYERS_DIR/more.toml"
END
	cat >"$PACKS/site/buildpack.toml" <<'TOML'
api = "0.10"
[buildpack]
id = "test/site"
[[order]]
[[order.group]]
id = "heroku/go"
version = "1.0.0"
[[order]]
[[order.group]]
id = "heroku/static"
version = "1.0.0"
[[order.group]]
id = "test/extra"
version = "1.2.3"
TOML
	empty_app cnb
	host=$(host_of "$app")
	echo '<p>static' >"$dir/index.html"
	berth buildpacks:set "$app" "$PACKS/site"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Static site"
	refute_contains "$output" golang
	assert_equal "$(http "$host")" '<p>static'
	assert_equal "$(berth run "$app" 'echo $BY')" extra
}

# A buildpackage of the packs in the folder FOLDER, for the pack ID at version VERSION:
# package FOLDER ID VERSION FILE
package() {
	python3 - "$@" <<'END'
import gzip, hashlib, io, json, os, pathlib, sys, tarfile, tomllib
folder, wanted, version, to = sys.argv[1:]
files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    files["blobs/sha256/" + digest] = data
    return {"digest": "sha256:" + digest, "size": len(data), "mediaType": "application/octet-stream"}
def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data, mode in entries:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()
layers = []
for pack in pathlib.Path(folder).rglob("buildpack.toml"):
    info = tomllib.loads(pack.read_text())["buildpack"]
    at = f"/cnb/buildpacks/{info['id'].replace('/', '_')}/{info['version']}/"
    own = [pack, *pack.parent.glob("bin/*")]
    layers.append(blob(gzip.compress(tar([(at + str(f.relative_to(pack.parent)), f.read_bytes(),
                                           f.stat().st_mode & 0o777) for f in own]))))
label = json.dumps({"id": wanted, "version": version})
config = blob(json.dumps({"config": {"Labels": {"io.buildpacks.buildpackage.metadata": label}}}).encode())
ours = blob(json.dumps({"config": config, "layers": layers}).encode())
machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
ours["platform"] = {"os": "linux", "architecture": machine}
other = {**blob(b"{}"), "platform": {"os": "linux", "architecture": "s390x"}}
files["index.json"] = json.dumps({"manifests": [other, ours]}).encode()
pathlib.Path(to).write_bytes(tar([(name, data, 0o644) for name, data in files.items()]))
END
}

@test "project.toml: a buildpackage by its address" {
	member many/last test/last 'exit 0'
	member many/first test/first 'exit 100'
	mkdir -p "$PACKS/www" "$PACKS/many/all"
	cat >"$PACKS/many/all/buildpack.toml" <<'TOML'
api = "0.9"
[buildpack]
id = "test/all"
version = "3.0.0"
[[order]]
[[order.group]]
id = "test/first"
version = "1.2.3"
[[order]]
[[order.group]]
id = "test/last"
version = "1.2.3"
TOML
	package "$PACKS/many" test/all 3.0.0 "$PACKS/www/all.cnb"
	package "$PACKS/many" test/last 1.2.3 "$PACKS/www/last.cnb"
	package "$PACKS/many" test/none 1.2.3 "$PACKS/www/none.cnb"
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	python3 -m http.server --bind 127.0.0.1 --directory "$PACKS/www" "$port" >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/server"
	wait_for 10 curl -sf -o /dev/null "http://127.0.0.1:$port/"
	new_app cnb
	printf '[[io.buildpacks.group]]\nuri = "http://127.0.0.1:%s/%s.cnb"\n' "$port" all >"$dir/project.toml"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Fetching buildpack http://127.0.0.1:$port/all.cnb"
	assert_contains "$output" "built by test/last"
	assert_equal "$(http "$host")" one
	# one pack alone, and one that is not in it
	sed -i 's,/all.cnb,/last.cnb,' "$dir/project.toml"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "built by test/last"
	sed -i 's,/last.cnb,/none.cnb,' "$dir/project.toml"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "it is no buildpackage: the pack that it is for is not in its layers"
}

@test "groups around a pack of Heroku's kind: each sees what was built before, none loses its cache" {
	empty_app cnb
	mkdir -p "$dir/hk/bin"
	printf '#!/bin/sh\necho Heroku\n' >"$dir/hk/bin/detect"
	printf '#!/bin/sh\necho "       between: $(tool) $WORD"\n' >"$dir/hk/bin/compile"
	chmod +x "$dir"/hk/bin/*
	cat >"$dir/project.toml" <<'TOML'
[[io.buildpacks.group]]
id = "me/one"
[io.buildpacks.group.script]
api = "0.10"
inline = """
cd "$CNB_LAYERS_DIR"
[ ! -e tool ] || echo '       one: cached'
mkdir -p tool/bin tool/env
printf 'a "b" c' >tool/env/WORD
printf '#!/bin/sh\\necho ran\\n' >tool/bin/tool
chmod +x tool/bin/tool
printf '[types]\\nbuild = true\\nlaunch = true\\ncache = true\\n' >tool.toml
printf '[[processes]]\\ntype = "web"\\ncommand = ["sleep", "600"]\\n' >launch.toml
"""
[[io.buildpacks.group]]
uri = "hk"
[[io.buildpacks.group]]
id = "me/two"
[io.buildpacks.group.script]
api = "0.10"
shell = "/bin/bash"
inline = """
echo "       after: $(tool) $WORD"
mkdir -p "$CNB_LAYERS_DIR/two/env.launch"
printf two >"$CNB_LAYERS_DIR/two/env.launch/WORD.append"
printf : >"$CNB_LAYERS_DIR/two/env.launch/WORD.delim"
printf '[types]\\nlaunch = true\\n' >"$CNB_LAYERS_DIR/two.toml"
"""
TOML
	berth ps:scale "$app" web=0
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" '       between: ran a "b" c'
	assert_contains "$output" '       after: ran a "b" c'
	assert_equal "$(berth run "$app" 'tool; echo "$WORD"')" $'ran\na "b" c:two'
	assert_equal "$(berth run "$app" cat .cnb/metadata.json | jq -r '.buildpacks[].id' | xargs)" "me/one me/two"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "one: cached"
	# who no longer builds it has no place in the cache
	local cache
	cache=$(dirname "$(find "$TEST_ROOT/lib/cache" -mindepth 3 -maxdepth 3 -name me_two)")
	assert_equal "$(cd "$cache" && echo *)" "me_one me_two"
	sed -i '/^uri = "hk"/q' "$dir/project.toml"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(ls "$cache")" me_one
}
