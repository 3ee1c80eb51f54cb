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


def figure(name, unit, values, budget=None, peers=None):
    row = dict(name=name, value=round(statistics.median(values), 4), unit=unit,
               minimum=round(min(values), 4), maximum=round(max(values), 4), runs=len(values),
               budget=budget, peers=peers or {})
    add(row)


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


def save(path):
    """The rows as JSON in PATH and as a table on stdout."""
    with open(path, "w") as f:
        json.dump(rows, f, indent=2)
        f.write("\n")
    print(f"{'':46} {'median':>10} {'minimum':>10} {'maximum':>10} {'budget':>10}  unit, peers")
    for r in rows:
        peers = ", ".join(f"{k} {v}" for k, v in r["peers"].items())
        budget = "" if r["budget"] is None else r["budget"]
        print(f"{r['name']:46} {r['value']:>10} {r['minimum']:>10} {r['maximum']:>10} {budget:>10}  "
              f"{r['unit']}{'; ' + peers if peers else ''}")
