# SPDX-License-Identifier: MIT
"""A pack that comes with Berth, of Heroku's API, as a member of a composite pack. It takes no part in
plans and has no layers; what packs before it left in the environment it sees."""

import configparser
import os
import pathlib
import shutil
import subprocess

import pack
from tomltext import fail


class Bundled:
    def __init__(self, folder, optional):
        self.optional, self.shell = optional, False
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(folder / "pack.conf")
        self.id, self.version = f"heroku/{folder.name}", ""
        self.name = conf.get("pack", "title", fallback=folder.name)
        self.key = f"berth_{folder.name}"
        self.layers, self.cache = pack.LAYERS / self.key, pack.CACHE / self.key
        self.source, self.folder = folder, pathlib.Path("/tmp/packs") / self.key
        self.plans = self.release = None
        self.refusal = f"{self.id} does not fit this app: its bin/detect said no"

    def run(self, program, env, **options):
        return subprocess.run([self.folder / "bin" / program, "/app", "/cache", "/env"], cwd=self.folder,
                              env={**env, "BERTH_BUILD": "whole", "BERTH_WHOLE": "/tmp/.whole"}, **options)

    def detect(self):
        if self.plans is None:
            # a pack writes into its own folder, and works there
            shutil.copytree(self.source, self.folder)
            done = self.run("detect", os.environ, stdout=subprocess.PIPE)
            self.plans = [([], [])] if done.returncode == 0 else []
        return self.plans

    def build(self, _, env):
        done = self.run("compile", env)
        if done.returncode != 0:
            fail(f"{self.id}: bin/compile exited with status {done.returncode}")
        if (self.folder / "bin/release").is_file():
            self.release = self.run("release", env, stdout=subprocess.PIPE, check=True).stdout.decode()
        if (self.folder / "export").is_file():
            text = subprocess.run(["bash", "-c", ". ./export >&2 && env -0"], cwd=self.folder, env=env,
                                  stdout=subprocess.PIPE, check=True).stdout
            lines = text.decode(errors="surrogateescape").split("\0")
            env.update(line.split("=", 1) for line in lines if line)
        return set()
