# SPDX-License-Identifier: MIT
"""A buildpack of the group, and the programs of a component: bin/detect and bin/build."""

import os
import pathlib
import re
import subprocess

import environment
import heroku
import tomltext
from tomltext import fail

APP = pathlib.Path("/app")
LAYERS = APP / ".cnb/layers"
CACHE = pathlib.Path("/cache/cnb")
PLATFORM = pathlib.Path("/tmp/platform")
WORK = pathlib.Path("/tmp/cnb")
APIS = ("0.7", "0.8", "0.9", "0.10", "0.11", "0.12")
SHELF_DEPTH = 5
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def target():
    """What the packs are told of the system."""
    about = {}
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        about[key] = value.strip('"')
    machine = os.uname().machine
    return {"os": "linux", "arch": ARCHITECTURES.get(machine, machine),
            "distro_name": about.get("ID", ""), "distro_version": about.get("VERSION_ID", "")}


class Pack:
    """A component: it has programs."""

    def __init__(self, folder, about, optional):
        self.folder, self.optional = folder, optional
        info = tomltext.table(about, "buildpack")
        self.id = str(info.get("id", folder.name))
        self.name = str(info.get("name", self.id))
        self.version = str(info.get("version", ""))
        # once, processes were lines for a shell, which sourced profile.d
        self.shell = about.get("api") in ("0.7", "0.8")
        self.clear_env = bool(info.get("clear-env", False))
        self.elsewhere = not tomltext.is_for_production(info)
        self.targets = tomltext.rows(about, "targets")
        self.key = re.sub(r"[^A-Za-z0-9.-]", "_", self.id)
        self.layers, self.cache = LAYERS / self.key, CACHE / self.key
        self.plans = None  # what detect said, when it was asked
        self.refusal = ""  # why it does not fit
        self.release = None  # what a pack of Heroku's kind says of the app's processes

    def fits_target(self):
        """Distributions are not compared: what runs on another one runs on Debian more often than not."""
        here = target()
        return not self.targets or any(
            row.get("os", here["os"]) == here["os"] and row.get("arch", here["arch"]) == here["arch"]
            for row in self.targets)

    def environment(self, more, env):
        base = dict(env)
        if not self.clear_env:
            environment.add_user(base, PLATFORM / "env")
        here = target()
        return {**base, "CNB_BUILDPACK_DIR": str(self.folder), "CNB_PLATFORM_DIR": str(PLATFORM),
                "CNB_TARGET_OS": here["os"], "CNB_TARGET_ARCH": here["arch"],
                "CNB_TARGET_DISTRO_NAME": here["distro_name"],
                "CNB_TARGET_DISTRO_VERSION": here["distro_version"],
                "CNB_EXEC_ENV": "production", "CNB_STACK_ID": os.environ.get("STACK", ""), **more}

    def run(self, program, arguments, more, env, **options):
        try:
            return subprocess.run([self.folder / program, *arguments], cwd=APP,
                                  env=self.environment(more, env), **options)
        except OSError as e:
            fail(f"{self.id}: {program} cannot be run: {e.strerror}")

    def detect(self):
        """The pack's plans, in the order of its preference, as (provides, requires); [] when it does not
        fit. It is asked once, in whatever groups it is."""
        if self.plans is None:
            self.plans = []
            if self.elsewhere:
                self.refusal = f"{self.id} is not for production, says its buildpack.toml"
            elif self.fits_target():
                self.plans = self.ask_detect()
            else:
                self.refusal = f"{self.id} is for other machines than this one, says its buildpack.toml"
        return self.plans

    def ask_detect(self):
        plan = WORK / f"{self.key}.plan.toml"
        plan.write_text("")
        done = self.run("bin/detect", [PLATFORM, plan], {"CNB_BUILD_PLAN_PATH": str(plan)}, os.environ,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode == 0:
            wish = tomltext.read(plan)
            return [(self.named(one, "provides"), self.named(one, "requires"))
                    for one in [wish, *tomltext.rows(wish, "or")]]
        said = done.stdout.decode(errors="replace").strip()
        self.refusal = f"{self.id} does not fit this app: its bin/detect " + (
            "said no" if done.returncode == 100 else f"failed with status {done.returncode}") + (
            f":\n{said}" if said else "")
        return []

    def named(self, wish, key):
        found = tomltext.rows(wish, key)
        if not all(isinstance(row.get("name"), str) for row in found):
            fail(f"{self.id}: its bin/detect wrote a plan in which a row of '{key}' has no name")
        return found

    def build(self, entries, env):
        """Runs bin/build with ENTRIES of the plan; ENV is what the packs before it left. Gives the names
        of the entries that it did not meet."""
        plan = WORK / f"{self.key}.entries.toml"
        plan.write_text("".join(
            f"[[entries]]\nname = {tomltext.write_value(e['name'])}\n"
            f"[entries.metadata]\n{tomltext.write_table(tomltext.table(e, 'metadata'))}\n" for e in entries))
        done = self.run("bin/build", [self.layers, PLATFORM, plan],
                        {"CNB_LAYERS_DIR": str(self.layers), "CNB_BP_PLAN_PATH": str(plan)}, env)
        if done.returncode != 0:
            fail(f"{self.id}: bin/build exited with status {done.returncode}")
        asked = {e["name"] for e in entries}
        unmet = {u.get("name") for u in tomltext.rows(tomltext.read(self.layers / "build.toml"), "unmet")}
        if unmet - asked:
            odd = (unmet - asked).pop()
            fail(f"{self.id}: its build.toml calls '{odd}' unmet, which was not asked of it")
        return unmet


class Composite:
    """A pack that is an order of others, which lie in the same folder or come with Berth."""

    def __init__(self, folder, about, optional, shelf):
        self.optional = optional
        self.id = str(tomltext.table(about, "buildpack").get("id", folder.name))
        self.shelf = shelf
        self.order = [[row for row in tomltext.rows(group, "group") if tomltext.is_for_production(row)]
                      for group in tomltext.rows(about, "order")]

    def groups(self):
        for group in self.order:
            yield [self.shelf.find(str(row.get("id", "")), str(row.get("version", "")),
                                   bool(row.get("optional")), self.id) for row in group]


class Shelf:
    """The packs in one folder, by their ids. Each is loaded once, so that it is asked once."""

    def __init__(self, root):
        self.root, self.known, self.loaded = root, None, {}

    def folders(self):
        if self.known is None:
            self.known = {}
            for depth in range(SHELF_DEPTH):
                for file in sorted(self.root.glob("*/" * depth + "buildpack.toml")):
                    info = tomltext.table(tomltext.read(file), "buildpack")
                    key = str(info.get("id", "")), str(info.get("version", ""))
                    self.known.setdefault(key, file.parent)
        return self.known

    def find(self, wanted, version, optional, by):
        """The pack of that id; a version that is not said, or `latest`, is any."""
        fitting = [(v, folder) for (name, v), folder in self.folders().items() if name == wanted]
        exact = [one for one in fitting if version in ("", "latest", one[0])]
        if exact:
            return self.load(exact[-1][1], optional)
        bundled = pathlib.Path("/packs") / wanted.removeprefix("heroku/")
        if re.fullmatch(r"[a-z0-9-]+", bundled.name) and (bundled / "pack.conf").is_file() and not fitting:
            return self.load(bundled, optional)
        have = ", ".join(v for v, _ in fitting)
        fail(f"buildpack '{by}' lists '{wanted}' {version}".rstrip() + (
            f", but has it in version {have} only" if have else
            ", which is neither in its folder nor comes with Berth: name each pack with its address"), 20)

    def load(self, folder, optional):
        key = folder, optional
        if key not in self.loaded:
            self.loaded[key] = load(folder, optional, self)
        return self.loaded[key]


def load(folder, optional=False, shelf=None):
    """The pack in FOLDER, whose members, if it is composite, are on the SHELF or in the folder."""
    if (folder / "pack.conf").is_file():
        return heroku.Bundled(folder, optional)
    file = folder / "buildpack.toml"
    if file.is_symlink():  # of a package with many: that is the one which it is for
        shelf, folder = shelf or Shelf(folder), file.resolve().parent
    about = tomltext.read(file)
    if about.get("api") not in APIS:
        name = tomltext.table(about, "buildpack").get("id", folder.name)
        fail(f"buildpack '{name}' wants buildpack API {about.get('api')}; here are {', '.join(APIS)}", 20)
    if about.get("order"):
        return Composite(folder, about, optional, shelf or Shelf(folder))
    return Pack(folder, about, optional)
