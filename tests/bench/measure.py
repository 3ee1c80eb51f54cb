"""Measures a running instance (tests/bench/run starts it) and the peers that are installed.

Each figure is the median of BENCH_RUNS runs with its minimum and maximum, beside its budget. The
budgets are those of the project's design; a figure without one is there to be watched."""

import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

RUNS = max(10, int(os.environ.get("BENCH_RUNS", "10")))
DEPLOYS = int(os.environ.get("BENCH_DEPLOYS", "20"))
DIR, ROOT, PREFIX = (os.environ[k] for k in ("TEST_DIR", "TEST_ROOT", "TEST_PREFIX"))
SOURCE, PORT = os.environ["TEST_SOURCE"], int(os.environ["HTTP_PORT"])
TOOLS = os.path.join(SOURCE, os.environ["TEST_BUILD"], "tests")
BERTH = [f"{PREFIX}/bin/berth", "--root", ROOT]
CONTAINER = [f"{TOOLS}/container", "--root", ROOT]
ENV = dict(
    os.environ,
    GIT_SSH_COMMAND=f"ssh -F {DIR}/ssh_config",
    GIT_CONFIG_GLOBAL="/dev/null",
    **{f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER")
       for k, v in (("NAME", "Bench"), ("EMAIL", "bench@example.com"))},
)
rows = []


def run(*argv, **kw):
    return subprocess.run(argv, check=True, env=ENV, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw).stdout


def timed(*argv):
    begin = time.perf_counter()
    subprocess.run(argv, check=True, env=ENV, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def sample(function, runs=RUNS):
    function()  # once to warm caches
    return [function() for _ in range(runs)]


def figure(name, unit, values, budget=None, peers=None):
    row = dict(name=name, value=round(statistics.median(values), 4), unit=unit,
               minimum=round(min(values), 4), maximum=round(max(values), 4), runs=len(values),
               budget=budget, peers=peers or {})
    rows.append(row)
    print(f"       measured: {name}", file=sys.stderr)


def ms(values):
    return [v * 1000 for v in values]


def median_ms(function):
    return round(statistics.median(ms(sample(function))), 2)


# --- container start ---

def oci_bundle(tool, root):
    """A bundle for crun or runc that runs /bin/true of ROOT, read-only."""
    bundle = tempfile.mkdtemp(dir=DIR)
    run(tool, "spec", cwd=bundle)
    path = f"{bundle}/config.json"
    with open(path) as f:
        spec = json.load(f)
    spec["process"].update(args=["/bin/true"], terminal=False)
    # a root without CAP_SYS_RESOURCE may not raise what the default asks for
    spec["process"].pop("rlimits", None)
    spec["root"] = dict(path=root, readonly=True)
    with open(path, "w") as f:
        json.dump(spec, f)
    return bundle


def start_peers(stack):
    peers = {}
    if shutil.which("bwrap"):
        peers["bwrap"] = median_ms(lambda: timed(
            "bwrap", "--unshare-all", "--ro-bind", stack, "/", "--proc", "/proc", "--dev", "/dev",
            "/bin/true"))
    for tool in ("crun", "runc"):
        if shutil.which(tool):
            bundle = oci_bundle(tool, stack)
            try:
                peers[tool] = median_ms(lambda: timed(tool, "run", "-b", bundle, f"bench-{os.getpid()}"))
            except subprocess.CalledProcessError as e:
                print(f" !     {tool} does not run here: {e}", file=sys.stderr)
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        subprocess.run(f"tar -C {stack} -c . | docker import - berth-bench", shell=True, check=True,
                       capture_output=True)
        peers["docker"] = median_ms(lambda: timed("docker", "run", "--rm", "berth-bench", "/bin/true"))
        run("docker", "rmi", "-f", "berth-bench")
    return peers


def bench_start():
    layer = run(*CONTAINER, "layers").split()[0].removeprefix("layer/")
    count = [0]

    def once():
        count[0] += 1
        return timed(*CONTAINER, "run", "--layer", f"layer/{layer}", f"bench-{count[0]}", "--", "/bin/true")

    stack = f"{DIR}/stack"
    os.mkdir(stack)
    subprocess.run(["tar", "-C", stack, "-xf", run(f"{SOURCE}/scripts/cached-stack").split()[-1]], check=True)
    figure("container start to exit of /bin/true", "ms", ms(sample(once)), 10, start_peers(stack))


# --- commands and deploys ---

def get(path="/", host="bench.localhost", connection=None):
    c = connection or http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    c.request("GET", path, headers={"Host": host})
    r = c.getresponse()
    body = r.read().decode()
    if not connection:
        c.close()
    return r.status, body


def change(repo, text):
    path = f"{repo}/server.pl"
    with open(f"{SOURCE}/examples/hello/server.pl") as f:
        source = f.read().replace("Hello from Berth", text)
    with open(path, "w") as f:
        f.write(source)
    run("git", "-C", repo, "commit", "-q", "-am", text)


def push(repo):
    run("git", "-C", repo, "push", "-q", "berth:bench", "HEAD:main")


def make_app():
    repo = f"{DIR}/bench"
    shutil.copytree(f"{SOURCE}/examples/hello", repo)
    run("git", "-c", "init.defaultBranch=main", "init", "-q", repo)
    run("git", "-C", repo, "add", "-A")
    run("git", "-C", repo, "commit", "-q", "-m", "first")
    push(repo)
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
            push(repo)
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
        push(repo)
    stop.set()
    for t in threads:
        t.join()
    print(f"       {requests[0]} requests, failures: {failures[:5]}", file=sys.stderr)
    figure(f"failed requests during {DEPLOYS} deploys", "requests", [len(failures)], 0)


# --- throughput ---

def wrk(port, host):
    out = run("wrk", "-t2", "-c32", "-d3", "-H", f"Host: {host}", f"http://127.0.0.1:{port}/")
    return float(next(line for line in out.splitlines() if "Requests/sec" in line).split()[1])


def bench_router(address):
    """The same upstream through Berth's router and through an nginx that knows only it."""
    conf = f"{DIR}/fixed.conf"
    port = PORT + 1 if PORT < 65000 else PORT - 1
    with open(conf, "w") as f:
        f.write(f"""daemon off; worker_processes auto; pid {DIR}/fixed.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; upstream app {{ server {address}:5000; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $host; }} }} }}""")
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", conf, "-p", DIR], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        fixed = sample(lambda: wrk(port, "bench.localhost"))
        ours = sample(lambda: wrk(PORT, "bench.localhost"))
    finally:
        nginx.terminate()
        nginx.wait()
    peer = round(statistics.median(fixed), 1)
    figure("router throughput", "requests/s", ours, round(0.85 * peer, 1), {"fixed nginx": peer})


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


def main():
    bench_start()
    figure("apps:list over the local socket", "ms", ms(sample(lambda: timed(*BERTH, "apps:list"))), 5)
    repo = make_app()
    bench_push(repo)
    bench_load(repo)
    bench_memory()
    if shutil.which("wrk"):
        with open(f"{ROOT}/lib/router/routes.json") as f:
            address = re.search(r'"(10\.[0-9.]+)"', f.read()).group(1)
        bench_router(address)
    with open(sys.argv[1], "w") as f:
        json.dump(rows, f, indent=2)
        f.write("\n")
    print(f"{'':46} {'median':>10} {'minimum':>10} {'maximum':>10} {'budget':>10}  unit, peers")
    for r in rows:
        peers = ", ".join(f"{k} {v}" for k, v in r["peers"].items())
        budget = "" if r["budget"] is None else r["budget"]
        print(f"{r['name']:46} {r['value']:>10} {r['minimum']:>10} {r['maximum']:>10} {budget:>10}  "
              f"{r['unit']}{'; ' + peers if peers else ''}")


main()
