"""What the benches share: the running instance that tests/bench/run started, timing, and the rows of
the table. Each figure is the median of BENCH_RUNS runs with its minimum and maximum, beside its
budget (those of the project's design; a figure without one is there to be watched) and its peers
from the same run."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = max(10, int(os.environ.get("BENCH_RUNS", "10")))
DEPLOYS = int(os.environ.get("BENCH_DEPLOYS", "20"))
DIR, ROOT, PREFIX = (os.environ[k] for k in ("TEST_DIR", "TEST_ROOT", "TEST_PREFIX"))
SOURCE, PORT = os.environ["TEST_SOURCE"], int(os.environ["HTTP_PORT"])
TOOLS = os.path.join(SOURCE, os.environ["TEST_BUILD"], "tests")
BERTH = [f"{PREFIX}/bin/berth", "--root", ROOT]
ENV = dict(
    os.environ,
    GIT_SSH_COMMAND=f"ssh -F {DIR}/ssh_config",
    GIT_CONFIG_GLOBAL="/dev/null",
    **{f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER")
       for k, v in (("NAME", "Bench"), ("EMAIL", "bench@example.com"))},
)
rows = []


def run(*argv, stderr=subprocess.STDOUT, **kw):
    done = subprocess.run(argv, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=stderr, text=True, **kw)
    if done.returncode != 0:
        raise RuntimeError(f"{argv} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def timed(*argv):
    begin = time.perf_counter()
    subprocess.run(argv, check=True, env=ENV, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def sample(function, runs=RUNS):
    function()  # once to warm caches
    return [function() for _ in range(runs)]


def alternate(ways, runs=RUNS, pause=0):
    """The values of all runs of each of WAYS (name: function of the run's number): one run of each in
    turn, so that whatever else the machine does hits all alike. The first round is not counted; one
    that fails is left out."""
    taken = {name: [] for name in ways}
    for n in range(runs + 1):
        for name in list(taken):
            try:
                taken[name].append(ways[name](n))
            except (RuntimeError, subprocess.CalledProcessError) as e:
                print(f" !     {name} does not run here: {e}", file=sys.stderr)
                del taken[name]
            time.sleep(pause)
    return {name: values[1:] for name, values in taken.items()}


def summary(values):
    return dict(value=round(statistics.median(values), 4), minimum=round(min(values), 4),
                maximum=round(max(values), 4), runs=len(values))


def figure(name, unit, values, budget=None, peers=None):
    """PEERS: a figure of each, or the values of all its runs."""
    peers = {k: summary(v) if isinstance(v, list) else v for k, v in (peers or {}).items()}
    add(dict(name=name, unit=unit, budget=budget, peers=peers, **summary(values)))


def add(row):
    """A row that a bench of its own has measured, or figure()."""
    rows.append(row)
    print(f"       measured: {row['name']}", file=sys.stderr)


def ms(values):
    return [v * 1000 for v in values]


def median_ms(function):
    return round(statistics.median(ms(sample(function))), 2)


def get(path="/", host="bench.localhost", connection=None):
    c = connection or http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    c.request("GET", path, headers={"Host": host})
    r = c.getresponse()
    body = r.read().decode()
    if not connection:
        c.close()
    return r.status, body


def commit(repo, text):
    """Commits all that is in the folder, which becomes a repository if it is none."""
    if not os.path.isdir(f"{repo}/.git"):
        run("git", "-c", "init.defaultBranch=main", "init", "-q", repo)
    run("git", "-C", repo, "add", "-A")
    run("git", "-C", repo, "commit", "-q", "-m", text)


def push(repo, app):
    return run("git", "-C", repo, "push", f"berth:{app}", "HEAD:main")


def has_docker():
    return bool(os.environ.get("BENCH_DOCKER"))


def stack_folder():
    """The base stack as a folder of root's, for peers."""
    folder = f"{DIR}/stack"
    if not os.path.isdir(folder):
        os.mkdir(folder)
        run("tar", "-C", folder, "-xf", run(f"{SOURCE}/scripts/cached-stack").split()[-1])
    return folder


def oci_bundle(tool, root, *argv):
    """A bundle for an OCI runtime that runs ARGV in ROOT, read-only."""
    bundle = tempfile.mkdtemp(dir=DIR)
    run(tool, "spec", cwd=bundle)
    path = f"{bundle}/config.json"
    with open(path) as f:
        spec = json.load(f)
    spec["process"].update(args=list(argv), terminal=False)
    # a root without CAP_SYS_RESOURCE may not raise what the default asks for
    spec["process"].pop("rlimits", None)
    spec["root"] = dict(path=root, readonly=True)
    with open(path, "w") as f:
        json.dump(spec, f)
    return bundle


def peer_text(name, peer):
    if not isinstance(peer, dict):
        return f"{name} {peer}"
    return f"{name} {peer['value']:.4g} ({peer['minimum']:.4g} to {peer['maximum']:.4g})"


def save(path):
    """The rows as JSON in PATH and as a table on stdout."""
    with open(path, "w") as f:
        json.dump(rows, f, indent=2)
        f.write("\n")
    print(f"{'':46} {'median':>10} {'minimum':>10} {'maximum':>10} {'budget':>10}  unit, peers")
    for r in rows:
        peers = ", ".join(peer_text(k, v) for k, v in r["peers"].items())
        budget = "" if r["budget"] is None else r["budget"]
        print(f"{r['name']:46} {r['value']:>10} {r['minimum']:>10} {r['maximum']:>10} {budget:>10}  "
              f"{r['unit']}{'; ' + peers if peers else ''}")
