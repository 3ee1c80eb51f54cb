"""Containers, commands, deploys, the router and memory."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time

from lib import BERTH, DEPLOYS, DIR, PORT, ROOT, RUNS, SOURCE, TOOLS
from lib import add, alternate, commit, figure, get, has_docker, ms, oci_bundle, push, run, sample
from lib import stack_folder, timed

CONTAINER = [f"{TOOLS}/container", "--root", ROOT]
SETTLE_S = 0.3  # what one does behind its answer is not to slow down the next


# --- container start ---

def peer_starts(stack):
    peers = {}
    if shutil.which("bwrap"):
        peers["bwrap"] = lambda n: timed(
            "bwrap", "--unshare-all", "--ro-bind", stack, "/", "--proc", "/proc", "--dev", "/dev", "/bin/true")
    # the same runtime by the standard's door, so that like is beside like
    tools = {"berth-oci": f"{os.path.dirname(BERTH[0])}/berth-oci", "crun": "crun", "runc": "runc"}
    for name, tool in tools.items():
        if shutil.which(tool):
            bundle = oci_bundle(tool, stack, "/bin/true")
            peers[name] = lambda n, tool=tool, bundle=bundle: timed(tool, "run", "-b", bundle, f"bench-{os.getpid()}")
    if has_docker():
        subprocess.run(f"tar -C {stack} -c . | docker import - berth-bench", shell=True, check=True,
                       capture_output=True)
        peers["docker"] = lambda n: timed("docker", "run", "--rm", "--network=none", "berth-bench", "/bin/true")
    return peers


def bench_start():
    layer = run(*CONTAINER, "layers").split()[0].removeprefix("layer/")
    ways = {"Berth": lambda n: timed(*CONTAINER, "run", "--layer", f"layer/{layer}", f"bench-{n}", "--", "/bin/true")}
    taken = alternate(ways | peer_starts(stack_folder()), pause=SETTLE_S)
    taken = {name: ms(values) for name, values in taken.items()}
    figure("container start to exit of /bin/true", "ms", taken.pop("Berth"), 10, taken)
    if "docker" in taken:
        run("docker", "rmi", "-f", "berth-bench")


# --- commands and deploys ---

def change(repo, text):
    path = f"{repo}/server.pl"
    with open(f"{SOURCE}/examples/hello/server.pl") as f:
        source = f.read().replace("Hello from Berth", text)
    with open(path, "w") as f:
        f.write(source)
    commit(repo, text)


def make_app():
    repo = f"{DIR}/bench"
    shutil.copytree(f"{SOURCE}/examples/hello", repo)
    commit(repo, "first")
    push(repo, "bench")
    return repo


def bench_push(repo):
    count = [0]

    def once():
        count[0] += 1
        text = f"version {count[0]}"
        change(repo, text)
        done = threading.Event()
        seen = []

        def watch():
            while not done.is_set():
                if text in get()[1]:
                    seen.append(time.perf_counter())
                    return
                time.sleep(0.005)

        watcher = threading.Thread(target=watch)
        begin = time.perf_counter()
        watcher.start()
        try:
            push(repo, "bench")
            watcher.join(10)
        finally:
            done.set()
        return seen[0] - begin

    ssh = sample(lambda: timed("ssh", "-F", f"{DIR}/ssh_config", "berth", "version"))
    figure("a command over ssh", "ms", ms(ssh))
    figure("push of one changed file to the new answer", "s", sample(once), 0.6)


def bench_load(repo):
    failures, requests = [], [0]
    stop = threading.Event()

    def load():
        c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        while not stop.is_set():
            try:
                status, _ = get(connection=c)
                requests[0] += 1
                if status != 200:
                    failures.append(status)
            except (OSError, http.client.HTTPException) as e:
                failures.append(repr(e))
                c.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(DEPLOYS):
        change(repo, f"load {i}")
        push(repo, "bench")
    stop.set()
    for t in threads:
        t.join()
    print(f"       {requests[0]} requests, failures: {failures[:5]}", file=sys.stderr)
    figure(f"failed requests during {DEPLOYS} deploys", "requests", [len(failures)], 0)


# --- throughput ---

def bench_router():
    """Alternating with an nginx that knows one upstream: what counts is the ratio of each pair."""
    add(json.loads(run(f"{SOURCE}/tests/bench/router", str(RUNS), "1", stderr=subprocess.DEVNULL)))


# --- memory ---

def pss(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


def private(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_")) / 1024


def bench_memory():
    status = json.loads(run(*BERTH, "server", "status", "--format", "json"))
    plane = [str(s["pid"]) for s in status if s["service"] != "berth-sshd"]
    with_children = plane + [child for pid in plane for child in children(pid)]
    figure("control plane idle", "MB PSS", [pss(with_children) for _ in range(RUNS)], 25)
    ours = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_our_shim(pid)]
    if ours:
        figure("supervisor of a container", "MB private", [private(ours[0]) for _ in range(RUNS)], 0.4)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        kids = f.read().split()
    names = []
    for kid in kids:
        try:
            with open(f"/proc/{kid}/comm") as f:
                if f.read().strip() != "berth-shim":
                    names.append(kid)
        except OSError:
            pass
    return names


def is_our_shim(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip() == "berth-shim" and os.readlink(f"/proc/{pid}/exe").startswith(DIR)
    except OSError:
        return False


def measure():
    bench_start()
    figure("apps:list over the local socket", "ms", ms(sample(lambda: timed(*BERTH, "apps:list"))), 5)
    repo = make_app()
    bench_push(repo)
    bench_load(repo)
    bench_memory()
    if shutil.which("wrk"):
        bench_router()
