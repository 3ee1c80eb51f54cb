# SPDX-License-Identifier: MIT
"""What the packs say of the app that runs: processes, environment, labels, bills of materials."""

import json
import re
import shlex
import shutil

import environment
import layers
import tomltext
from pack import APP
from tomltext import fail

TYPE = re.compile(r"[A-Za-z0-9._-]+")
SBOM = APP / ".cnb/sbom"


def shell_word(word):
    """A word in which the shell still replaces variables and commands."""
    return '"' + re.sub(r'([\\"])', r"\\\1", str(word)) + '"'


def command_of(process, shell):
    """The line that Berth starts. SHELL: it is for a shell unless it is said to be `direct`."""
    command, args = process["command"], tomltext.texts(process, "args")
    words = [command, *args] if isinstance(command, str) else tomltext.texts(process, "command") + args
    line = "exec " + " ".join(shlex.quote(str(w)) for w in words)
    if shell and not process.get("direct"):
        line = " ".join(map(shell_word, words)) if args else str(command)
    folder = process.get("working-dir", process.get("working-directory"))
    return f"cd {shlex.quote(str(folder))} && {line}" if folder else line.removeprefix("exec ")


def processes_of(packs):
    """({type: command}, {type of the packs: type}). A later pack's process replaces one of the same type,
    with its being the default."""
    commands, default = {}, None
    for pack in packs:
        for process in tomltext.rows(tomltext.read(pack.layers / "launch.toml"), "processes"):
            kind = str(process.get("type", ""))
            if not TYPE.fullmatch(kind) or not process.get("command"):
                fail(f"{pack.id}: launch.toml has a process without type or command")
            if not tomltext.is_for_production(process):
                continue
            commands[kind] = command_of(process, pack.shell)
            if process.get("default"):
                default = kind
            elif default == kind:
                default = None
    # Berth routes to `web`, and its types have no dots
    kinds = {kind: re.sub(r"[^A-Za-z0-9_-]", "-", kind) for kind in commands}
    if default and "web" not in commands:
        kinds[default] = "web"
    return {kinds[kind]: command for kind, command in commands.items()}, kinds


def write_metadata(packs, commands):
    """Who made the app, in /app/.cnb/metadata.json, with what the groups before this one said. Slices say
    how an image is cut, which is not done."""
    file = APP / ".cnb/metadata.json"
    about = {"buildpacks": [], "labels": {}, "processes": {}}
    if file.exists():
        about = json.loads(file.read_text())
    for pack in packs:
        for label in tomltext.rows(tomltext.read(pack.layers / "launch.toml"), "labels"):
            about["labels"][str(label.get("key", ""))] = str(label.get("value", ""))
    about["buildpacks"] += [{"id": pack.id, "version": pack.version} for pack in packs]
    about["processes"].update(commands)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(about, indent=2) + "\n")


def keep_sboms(pack):
    """The bills of what is in the image: launch.sbom.* and those of the layers for launch."""
    for name in ["launch", *layers.names(pack.layers)]:
        if name != "launch" and "launch" not in layers.types(pack.layers, name):
            continue
        for file in layers.sboms(pack.layers, name):
            to = SBOM / pack.key
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)


PROFILE = r"""# Made by Berth from the layers of Cloud Native Buildpacks.
cnb_set() { # KIND NAME VALUE DELIMITER
	local old=${!2-}
	case $1 in
	default) [ -n "$old" ] || export "$2=$3" ;;
	prepend) export "$2=$3${old:+$4$old}" ;;
	append) export "$2=${old:+$old$4}$3" ;;
	*) export "$2=$3" ;;
	esac
}
cnb_exec() { # PROGRAM: the variables that it writes to descriptor 3, as TOML
	local line
	[ -x "$1" ] || return 0
	while IFS= read -r line; do
		if [[ $line =~ ^([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*\"(.*)\"[[:space:]]*$ ]]; then
			printf -v line '%b' "${BASH_REMATCH[2]//\\\"/\"}"
			export "${BASH_REMATCH[1]}=$line"
		elif [[ $line =~ ^([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*\'(.*)\'[[:space:]]*$ ]]; then
			export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
		fi
	done < <(cd /app && "$1" 3>&1 >&2)
	wait $! && return 0
	echo "$1 failed: the app does not start without what it says" >&2
	exit 1
}
"""


def write_profile(groups, kinds, name):
    """GROUPS: for each pack its layers for launch, and whether a shell sources their profile.d."""
    def lines(changes):
        return [" ".join(["cnb_set", *map(shlex.quote, change)]) for change in changes]

    def programs(folder):
        files = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        return [f"cnb_exec {shlex.quote(str(p))}" for p in files]

    def scripts(folder):
        return [f". {shlex.quote(str(p))}" for p in sorted(folder.glob("*")) if p.is_file()]

    def folders(folder):
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def for_type(kind, body):
        word = shlex.quote(kinds.get(kind, kind))
        return [f'if [ "${{DYNO%%.*}}" = {word} ]; then', *body, "fi"] if body else []

    out = []
    for some, _ in groups:
        for layer in some:
            out += lines(environment.of_paths(layer, environment.LAUNCH_PATHS))
        for layer in some:
            for folder in ("env", "env.launch"):
                out += lines(environment.of_files(layer / folder))
            for kind in folders(layer / "env.launch"):
                out += for_type(kind, lines(environment.of_files(layer / "env.launch" / kind)))
    every = [layer for some, _ in groups for layer in some]
    for layer in every:
        out += programs(layer / "exec.d")
    for layer in every:
        for kind in folders(layer / "exec.d"):
            out += for_type(kind, programs(layer / "exec.d" / kind))
    shell = [layer for some, by_shell in groups if by_shell for layer in some]
    for layer in shell:
        out += scripts(layer / "profile.d")
    for layer in shell:
        for kind in folders(layer / "profile.d"):
            out += for_type(kind, scripts(layer / "profile.d" / kind))
    to = APP / ".profile.d"
    to.mkdir(exist_ok=True)
    (to / name).write_text(PROFILE + "\n".join(out) + "\nunset -f cnb_set cnb_exec\n")
