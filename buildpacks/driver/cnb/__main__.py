# SPDX-License-Identifier: MIT
"""The lifecycle of Cloud Native Buildpacks for one group of buildpacks (buildpack API 0.7 to 0.12),
inside a build container:

    cnb RELEASE [optional:]PACK...

A PACK is a folder, or "inline:" and the place of a script in project.toml. They are one group: the packs
are detected and built in order, a composite one standing for the first of its groups that fits. RELEASE
becomes what a bin/release would print: the launch processes. Exits with 20 when the group does not fit,
21 when a pack's build failed; what went wrong stands on stderr.

The layers are below /app/.cnb/layers, so that they are part of the app and lie where they did while
building; /cache/cnb keeps what the next build may see again (layers.py). /app/.profile.d/00-cnb-N.sh gives
the launched process the layers' environment.

A build may have several groups, with packs of Heroku's kind between them. For those that come after this
one, /tmp/cnb/export sets what its layers do to the environment; /tmp/cnb/used names the packs that ran."""

import json
import os
import pathlib
import shlex
import shutil
import sys

import environment
import launch
import order
import pack
import project
from layers import LENT, Layers, remove
from tomltext import detail, fail, step


def read_argument(argument):
    path = argument.removeprefix("optional:")
    if path.startswith("inline:"):
        return pack.load(project.make_pack(path.removeprefix("inline:")), path != argument)
    return pack.load(pathlib.Path(path), path != argument)


def build(entries, layers):
    """Builds the packs; each gets what it provides and no pack before it met. Gives the environment that
    they left."""
    env, met, passed_on = dict(os.environ), set(), {}
    for one in entries:
        step(f"{one.name} {one.version}".strip())
        layers[one] = Layers(one)
        layers[one].restore()
        asked = [e for e in entries[one] if e["name"] not in met]
        unmet = one.build(asked, env)
        met |= {e["name"] for e in asked} - unmet
        passed_on.update({name: one.id for name in unmet})
        environment.apply(env, environment.of_pack(layers[one].built(), ["env", "env.build"],
                                                   environment.BUILD_PATHS))
    for name, by in passed_on.items():
        if name not in met:
            detail(f"Nobody met the need for '{name}', which {by} passed on")
    return env


def begin():
    """The first group of a build finds nothing of the last one's; gives the number of this one."""
    pack.WORK.mkdir(parents=True, exist_ok=True)
    counter = pack.WORK / "groups"
    number = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(number))
    if number == 1:
        remove(pack.APP / ".cnb")
        remove(LENT)  # of a build that was killed: nobody knows what state it is in
    (pack.PLATFORM / "env").mkdir(parents=True, exist_ok=True)
    for file in pathlib.Path("/env").iterdir():
        shutil.copy(file, pack.PLATFORM / "env" / file.name)
    return number


def finish(layers, number):
    """The app's part of what the packs left, and the cache's. Gives the processes."""
    packs = list(layers)
    commands, kinds = launch.processes_of(packs)
    launch.write_metadata(packs, commands)
    groups = []
    for one in packs:
        launch.keep_sboms(one)
        groups.append((layers[one].keep(), one.shell))
    launch.write_profile(groups, kinds, f"00-cnb-{number}.sh")
    unchanged = sum(some.unchanged for some in layers.values())
    stored = sum(some.stored for some in layers.values())
    if unchanged or stored:
        detail(f"Layers in the cache: {unchanged} unchanged, {stored} new")
    return commands


def tell_others(packs, env):
    """What comes after this group in the build reads it."""
    with open(pack.WORK / "used", "a") as used:
        used.writelines(f"{one.key}\n" for one in packs)
    changed = [f"export {name}={shlex.quote(value)}\n" for name, value in env.items()
               if environment.NAME.fullmatch(name) and os.environ.get(name) != value]
    (pack.WORK / "export").write_text("".join(changed), errors="surrogateescape")


def main():
    release, number = pathlib.Path(sys.argv[1]), begin()
    try:
        entries = order.choose([read_argument(a) for a in sys.argv[2:]])
    except order.Unfit as e:
        fail(str(e), 20)
    layers = {}
    try:
        env = build(entries, layers)
        commands = finish(layers, number)
    except BaseException:
        for some in layers.values():
            some.give_back()
        raise
    remove(LENT)
    tell_others(entries, env)
    others = [one.release for one in entries if one.release]
    said = json.dumps({"default_process_types": commands}) + "\n"
    release.write_text(said if commands or not others else others[-1])


main()
