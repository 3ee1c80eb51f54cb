"""What a neighbour notices of an app that floods: how long its requests take while each flood runs,
beside twice what they take when nothing does."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time

from lib import BERTH, DIR, SOURCE, TOOLS, commit, figure, get, ms, push, run

REQUESTS = 100
# what it does, and whether it goes on doing so
FLOODS = {
    "spin": "./hog storm spin",
    "processes": "./hog hold processes",
    "zombies": "./hog hold zombies",
    "memory": "perl -e 'my @x; push @x, \"x\" x (1 << 20) while 1'",
    "disk": "perl -e 'while (1) { open my $f, \">\", \"/app/full\"; 1 while syswrite $f, \"x\" x 65536 }'",
    "inodes": "./hog hold inodes",
    "files": "./hog hold files",
    "sockets": "./hog hold datagrams 4000",
    "log": "./hog storm log",
    "sync": "./hog storm sync",
    "fsync": "./hog storm fsync /data/file",
    "cache": "./hog storm cache /data/large 1024",
}


def latency():
    def once():
        begin = time.perf_counter()
        status, _ = get(host="neighbour.localhost")
        if status != 200:
            raise RuntimeError(f"the neighbour answers {status}")
        return time.perf_counter() - begin
    return ms([once() for _ in range(REQUESTS)])


def measure():
    folder = tempfile.mkdtemp(dir=DIR)
    quiet, flood = f"{folder}/quiet", f"{folder}/flood"
    shutil.copytree(f"{SOURCE}/examples/hello", quiet)
    commit(quiet, "quiet")
    push(quiet, "neighbour")
    os.mkdir(flood)
    shutil.copy(f"{TOOLS}/hog", flood)
    with open(f"{flood}/Procfile", "w") as f:
        # what is up for a moment is scaled, whatever becomes of it
        f.writelines(f"{name}: sleep 2; {command}\n" for name, command in FLOODS.items())
    commit(flood, "flood")
    push(flood, "flood")
    run(*BERTH, "resource:limit", "flood", "--disk", "64")
    run(*BERTH, "storage:create", "flood")
    run(*BERTH, "storage:mount", "flood", "flood:/data")
    latency()
    calm = latency()
    figure("neighbour's request, nothing else runs", "ms", calm)
    for name in FLOODS:
        run(*BERTH, "ps:scale", "flood", f"{name}=1")
        time.sleep(3)
        figure(f"neighbour's request during a flood of {name}", "ms", latency(),
               round(2 * statistics.median(calm), 2))
        run(*BERTH, "ps:scale", "flood", f"{name}=0")
    for app in ("flood", "neighbour"):
        subprocess.run([*BERTH, "--force", "apps:destroy", app], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
    run(*BERTH, "--force", "storage:destroy", "flood")
