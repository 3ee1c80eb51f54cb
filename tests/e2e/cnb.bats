#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Cloud Native Buildpacks: components of buildpack API 0.10 to 0.12, written here.

# $app, $dir and $host come from app.bash; most dollars are for the packs
# shellcheck disable=SC2154,SC2016
load helper
load app

setup_file() {
	PACKS=$TEST_DIR/cnb-$RANDOM
	mkdir -p "$PACKS"
	chmod 755 "$PACKS"
	export PACKS
}

teardown_file() {
	rm -rf "$PACKS"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# A script of a pack, from stdin: script PACK NAME
script() {
	mkdir -p "$PACKS/$1/bin"
	{
		echo '#!/usr/bin/env bash'
		echo 'set -euo pipefail'
		cat
	} >"$PACKS/$1/$2"
	chmod 755 "$PACKS/$1/$2"
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
	sed -i 's/^api.*/api = "0.2"/' "$PACKS/needs/buildpack.toml"
	run push_app "$dir" "$app"
	assert_contains "$output" "wants buildpack API 0.2; here are 0.10, 0.11, 0.12"
}
