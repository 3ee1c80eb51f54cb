# SPDX-License-Identifier: MIT
"""Layers between builds (buildpack specification, Layer Types). /cache/cnb/PACK holds what the last
build that worked left: NAME/, NAME.toml, NAME.sbom.*, store.toml.

What did not change is not copied. A layer that only building needs stays where it is: it is lent,
/cache/cnb.lent/PACK/NAME with a link in the pack's folder, and goes back when the build worked; when it
did not, it goes back as it was, or not at all. A layer that is for launch is copied into the app, and
back only those files that the pack touched, which a change time tells that nobody can set."""

import os
import pathlib
import shutil
import stat

import tomltext
from tomltext import fail

RESERVED = {"launch", "build", "store"}
LENT = pathlib.Path("/cache/cnb.lent")
FORMATS = ("cdx.json", "spdx.json", "syft.json")


def names(folder):
    return sorted(p.stem for p in folder.glob("*.toml") if p.stem not in RESERVED)


def types(folder, name):
    """The types of a layer that has any."""
    said = tomltext.table(tomltext.read(folder / f"{name}.toml"), "types")
    return {kind for kind in ("launch", "build", "cache") if said.get(kind) is True}


def sboms(folder, name):
    return [p for p in (folder / f"{name}.sbom.{kind}" for kind in FORMATS) if p.is_file()]


def lent(pack, name):
    return LENT / pack.key / name


def tree(folder):
    """{path: what tells whether it is still the same} of all that is below FOLDER."""
    found = {}
    for at, folders, files in os.walk(folder):
        inside = os.path.relpath(at, folder)
        for name in folders + files:
            st = os.lstat(os.path.join(at, name))
            is_folder = stat.S_ISDIR(st.st_mode)
            same = ("folder", st.st_mode) if is_folder else (st.st_ino, st.st_ctime_ns, st.st_size)
            found[os.path.normpath(os.path.join(inside, name))] = same
    return found


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def copy(a, b):
    shutil.copytree(a, b, symlinks=True)


class Layers:
    """The layers of one pack during one build."""

    def __init__(self, pack):
        self.pack = pack
        self.lent, self.copied = {}, {}  # name: tree, as it was given out
        self.unchanged = self.stored = 0

    def restore(self):
        """A cached layer comes back whole, one that is for launch only by its metadata; neither with its
        types: a pack that wants it again says so."""
        pack = self.pack
        remove(pack.layers)
        pack.layers.mkdir(parents=True)
        if (pack.cache / "store.toml").exists():
            shutil.copy(pack.cache / "store.toml", pack.layers)
        for name in names(pack.cache):
            kinds = types(pack.cache, name)
            if "cache" not in kinds and kinds != {"launch"}:
                continue
            if "cache" in kinds and not self.give_out(name, "launch" in kinds):
                continue
            metadata = tomltext.table(tomltext.read(pack.cache / f"{name}.toml"), "metadata")
            (pack.layers / f"{name}.toml").write_text("[metadata]\n" + tomltext.write_table(metadata))
            for file in sboms(pack.cache, name):
                shutil.copy(file, pack.layers)

    def give_out(self, name, launch):
        kept, layer = self.pack.cache / name, self.pack.layers / name
        if not kept.is_dir():
            return False
        if launch:
            copy(kept, layer)
            self.copied[name] = tree(layer)
        else:
            at = lent(self.pack, name)
            at.parent.mkdir(parents=True, exist_ok=True)
            kept.rename(at)
            layer.symlink_to(at)
            self.lent[name] = tree(at)
        return True

    def give_back(self):
        """After a build that failed: what was lent goes back if it can be what it was."""
        for name, before in self.lent.items():
            at = lent(self.pack, name)
            now = tree(at)
            if not at.is_dir() or any(now.get(path) != same for path, same in before.items()):
                continue
            for path in sorted(now.keys() - before.keys()):
                remove(at / path)
            at.rename(self.pack.cache / name)

    def built(self):
        """Those that the packs after this one may see: what has no types is only the pack's own."""
        layers = []
        for name in names(self.pack.layers):
            kinds, layer = types(self.pack.layers, name), self.pack.layers / name
            if not kinds and layer.is_dir():
                layer.rename(layer.with_name(f"{name}.ignore"))
            elif "build" in kinds:
                layers.append(layer)
        return layers

    def keep(self):
        """After a build that worked: into the cache what the next one may see, out of the app what is not
        for launch. Gives the layers that are."""
        pack, launch = self.pack, []
        fresh = pack.cache.with_name(f"{pack.key}.new")
        remove(fresh)
        fresh.mkdir(parents=True)
        if (pack.layers / "store.toml").exists():
            shutil.copy(pack.layers / "store.toml", fresh)
        for name in names(pack.layers):
            kinds = types(pack.layers, name)
            if not kinds & {"launch", "cache"}:
                continue
            if "launch" in kinds:
                self.fill(name)
                launch.append(pack.layers / name)
            self.store(name, fresh / name)
            for file in [pack.layers / f"{name}.toml", *sboms(pack.layers, name)]:
                shutil.copy(file, fresh)
        for path in pack.layers.iterdir():
            if path not in launch:
                remove(path)
        remove(pack.cache)
        fresh.rename(pack.cache)
        return launch

    def held(self, name):
        """Where the last build's content of the layer is."""
        return lent(self.pack, name) if name in self.lent else self.pack.cache / name

    def fill(self, name):
        """A layer that is for launch is in the app; one that the pack left without content is that of the
        last build."""
        layer = self.pack.layers / name
        if layer.is_dir() and not layer.is_symlink():
            return
        layer.unlink(missing_ok=True)
        if not self.held(name).is_dir():
            fail(f"{self.pack.id}: layer '{name}' is for launch, but no build has filled it")
        copy(self.held(name), layer)
        self.copied[name] = tree(layer)

    def store(self, name, to):
        layer, held = self.pack.layers / name, self.held(name)
        if layer.is_symlink():
            self.unchanged += tree(held) == self.lent[name]
            held.rename(to)
        elif name in self.copied and held.is_dir():
            held.rename(to)
            self.update(layer, self.copied[name], to)
        elif layer.is_dir():
            copy(layer, to)
            self.stored += 1
        else:
            to.mkdir()

    def update(self, layer, before, to):
        """Makes TO, which is what LAYER was BEFORE, what it is now."""
        now = tree(layer)
        self.unchanged += now == before
        for path in sorted(before.keys() - now.keys()):
            remove(to / path)
        for path in sorted(now):
            if before.get(path) == now[path]:
                continue
            if now[path][0] != "folder":
                remove(to / path)
                shutil.copy2(layer / path, to / path, follow_symlinks=False)
            elif (to / path).is_dir() and not (to / path).is_symlink():
                shutil.copystat(layer / path, to / path)
            else:
                remove(to / path)
                (to / path).mkdir()
                shutil.copystat(layer / path, to / path)
