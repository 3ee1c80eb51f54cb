# Buildpacks that tests write, in the folder $PACKS of their file. Load it after helper; call
# packs_up in setup_file and packs_down in teardown_file. Each script begins with $PACK_PRELUDE, if any.

packs_up() {
	PACKS=$TEST_DIR/packs-$RANDOM$RANDOM
	mkdir -p "$PACKS"
	chmod 755 "$PACKS"
	export PACKS
}

packs_down() {
	rm -rf "$PACKS"
}

# A script of a pack, from stdin: script PACK NAME
script() {
	mkdir -p "$(dirname "$PACKS/$1/$2")"
	{
		echo '#!/usr/bin/env bash'
		echo "${PACK_PRELUDE:-}"
		cat
	} >"$PACKS/$1/$2"
	chmod 755 "$PACKS/$1/$2"
}
