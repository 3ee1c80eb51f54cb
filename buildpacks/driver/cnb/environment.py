# SPDX-License-Identifier: MIT
"""What layers and users do to the environment (buildpack specification, Environment)."""

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KINDS = ("override", "default", "append", "prepend")
# where a layer's folders act while building, and when the app runs
BUILD_PATHS = {"bin": ["PATH"], "lib": ["LD_LIBRARY_PATH", "LIBRARY_PATH"], "include": ["CPATH"],
               "pkgconfig": ["PKG_CONFIG_PATH"]}
LAUNCH_PATHS = {"bin": ["PATH"], "lib": ["LD_LIBRARY_PATH"]}
LAYER_VARIABLES = {name for names in BUILD_PATHS.values() for name in names}


def add_user(env, folder):
    """Config vars: those that hold layers' paths go before these, the others replace what is there."""
    for file in sorted(folder.iterdir()):
        if file.name == "HOME" or not NAME.fullmatch(file.name):
            continue
        value = file.read_text(errors="surrogateescape")
        old = env.get(file.name, "") if file.name in LAYER_VARIABLES else ""
        env[file.name] = f"{value}:{old}" if old else value


def of_paths(layer, paths):
    """What the layer's own folders do: (kind, NAME, value, delimiter)."""
    for name, variables in paths.items():
        if (layer / name).is_dir():
            for variable in variables:
                yield "prepend", variable, str(layer / name), ":"


def of_files(at):
    """What the environment files right in AT do. A name without a suffix overrides; a suffix that is
    not known does nothing."""
    for file in sorted(p for p in at.iterdir() if p.is_file()) if at.is_dir() else []:
        name, _, kind = file.name.partition(".")
        kind = kind or "override"
        if kind not in KINDS or not NAME.fullmatch(name):
            continue
        delim = at / f"{name}.delim"
        yield kind, name, file.read_text(errors="surrogateescape"), \
            delim.read_text() if delim.is_file() else ""


def of_pack(layers, folders, paths):
    """What the LAYERS of one pack do: first their own folders, then their files."""
    for layer in layers:
        yield from of_paths(layer, paths)
    for layer in layers:
        for folder in folders:
            yield from of_files(layer / folder)


def apply(env, changes):
    """An empty variable is as good as none: it gets a default, and no delimiter."""
    for kind, name, value, delim in changes:
        old = env.get(name, "")
        if kind == "default":
            env[name] = old or value
        elif kind == "prepend":
            env[name] = value + (delim + old if old else "")
        elif kind == "append":
            env[name] = (old + delim if old else "") + value
        else:
            env[name] = value
