# SPDX-License-Identifier: MIT
"""What only the build container needs of an app's project.toml, /tmp/project.toml: scripts that are packs,
and the patterns of the files that are part of the app. As a program:

    project.py          removes from /app what `include` or `exclude` leaves out"""

import os
import pathlib
import re
import shutil

import tomltext

FILE = pathlib.Path("/tmp/project.toml")


def place(where):
    """The value at "io.buildpacks.group.2"."""
    value = tomltext.read(FILE)
    for part in where.split("."):
        value = value[int(part) if isinstance(value, list) else part]
    return value


def make_pack(where):
    """The folder of a pack whose bin/build is the script of the row WHERE; it fits every app."""
    row = place(where)
    script = row["script"]
    folder = pathlib.Path("/tmp/packs") / where
    (folder / "bin").mkdir(parents=True)
    about = {"id": row["id"], "name": row["id"], "version": row.get("version", "0.0.0")}
    (folder / "buildpack.toml").write_text(tomltext.write_table({"api": script["api"], "buildpack": about}))
    for name, shell, text in (("detect", "/bin/sh", "exit 0"),
                              ("build", script.get("shell", "/bin/sh"), script["inline"])):
        program = folder / "bin" / name
        program.write_text((text if text.startswith("#!") else f"#!{shell}\n\n{text}") + "\n")
        program.chmod(0o755)
    return folder


class Patterns:
    """Those of a .gitignore: the last one that matches a path decides, and what is in a folder that one
    matches goes with it."""

    def __init__(self, lines):
        self.rules = [rule for rule in map(self.rule, lines) if rule]

    @staticmethod
    def rule(line):
        line = re.sub(r"(?<!\\)\s+$", "", line)
        wanted = not line.startswith("!")
        line = line.removeprefix("!")
        if not line or line.startswith("#"):
            return None
        folder = line.endswith("/")
        line = line.rstrip("/")
        anchored = "/" in line
        regex = ("" if anchored else "(?:.*/)?") + Patterns.translate(line.lstrip("/"))
        return re.compile(regex), folder, wanted

    @staticmethod
    def translate(pattern):
        out, i = "", 0
        while i < len(pattern):
            some = pattern[i:]
            if match := re.match(r"\[([!^]?)((?:\\.|\]|[^\]\\])(?:\\.|[^\]\\])*)\]", some):
                out += f"[{'^' if match[1] else ''}{match[2].replace('[', chr(92) + '[')}]"
                i += match.end()
            elif some.startswith("**/") and (not out or out.endswith("/")):
                out, i = out + "(?:.*/)?", i + 3
            elif some == "**" and out.endswith("/"):
                out, i = out + ".*", i + 2
            elif match := re.match(r"\*+", some):
                out, i = out + "[^/]*", i + match.end()
            elif some[0] == "?":
                out, i = out + "[^/]", i + 1
            else:
                i += some[0] == "\\" and len(some) > 1
                out, i = out + re.escape(pattern[i]), i + 1
        return out

    def decides(self, path, folder):
        """True or False as the last pattern says, None when none matches."""
        for regex, only_folders, wanted in reversed(self.rules):
            if (folder or not only_folders) and regex.fullmatch(path):
                return wanted
        return None


def paths_to_remove(app, patterns, include):
    """What goes: with INCLUDE what the patterns do not name, else what they do."""
    def walk(at, inherited):
        gone, stayed = [], False
        for entry in sorted(os.scandir(app / at), key=lambda e: e.name):
            path = f"{at}/{entry.name}" if at else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            said = patterns.decides(path, is_folder)
            # what is in a folder that is left out cannot come back
            named = inherited if inherited and not include or said is None else said
            if is_folder and not (named and not include):
                some, any_stayed = walk(path, named)
                gone += some if any_stayed or not include else [path]
                stayed |= any_stayed
            elif named == include:
                stayed = True
            else:
                gone.append(path)
        return gone, stayed
    return walk("", False)[0]


def main():
    about = tomltext.read(FILE)
    table = about.get("io", {}).get("buildpacks") or about.get("build", {})
    include = bool(table.get("include"))
    app = pathlib.Path("/app")
    for path in paths_to_remove(app, Patterns(table.get("include") or table.get("exclude") or []), include):
        path = app / path
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    main()
