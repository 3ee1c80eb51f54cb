"""Pushes of apps with dependencies, beside the same app built from a Dockerfile."""

import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import zipfile

from lib import BERTH, DIR, ROOT, RUNS, SOURCE
from lib import commit, figure, get, has_docker, median_ms, push, run, timed

CA = "/etc/ssl/certs/ca-certificates.crt"
FILES = 10000


# --- the two apps; `version` of each is the only thing that a repeated push changes ---

def node_app(repo):
    shutil.copytree(f"{SOURCE}/tests/apps/nodejs", repo)
    locks = []
    for dependencies in ({"ms": "2.1.3"}, {"ms": "2.1.3", "is-number": "7.0.0"}):
        with open(f"{repo}/package.json") as f:
            package = json.load(f)
        package["dependencies"] = dependencies
        with open(f"{repo}/package.json", "w") as f:
            json.dump(package, f)
        run("npm", "install", "--package-lock-only", "--no-audit", "--no-fund", cwd=repo)
        locks.append({n: open(f"{repo}/{n}").read() for n in ("package.json", "package-lock.json")})
    return locks


def wheel(folder, name):
    """The smallest wheel that pip installs."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}-1.0-py3-none-any.whl", "w") as z:
        z.writestr(f"{name}.py", "value = 1\n")
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def python_app(repo):
    shutil.copytree(f"{SOURCE}/tests/apps/python", repo)
    wheel(f"{repo}/vendor", "bench_more")
    with open(f"{repo}/requirements.txt") as f:
        text = f.read()
    return [{"requirements.txt": text}, {"requirements.txt": text + "bench-more==1.0\n"}]


DOCKERFILES = {
    "node": """FROM {base}
WORKDIR /app
ENV NODE_EXTRA_CA_CERTS={ca} npm_config_registry={registry}
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY . .
CMD ["node", "server.js"]
""",
    "python": """FROM {base}
WORKDIR /app
COPY requirements.txt pip.conf ./
COPY vendor vendor
RUN python3 -m venv /venv && PIP_CONFIG_FILE=/app/pip.conf /venv/bin/pip install -r requirements.txt
COPY . .
CMD ["/venv/bin/python", "server.py"]
""",
}


def write(repo, files):
    for name, text in files.items():
        with open(f"{repo}/{name}", "w") as f:
            f.write(text)


# --- Docker: its base image is the very layers that Berth's app runs on ---

def docker_base(app):
    """Imports stack and runtime layer of the app as one image."""
    current = json.loads(run(*BERTH, "releases", app, "--format", "json"))[0]["image"]
    with open(f"{ROOT}/lib/images/{current}.json") as f:
        layers = [name[len("layer/"):] for name in re.findall(r"layer/[A-Za-z0-9.-]+", f.read())]
    base = [f"{ROOT}/lib/layers/{name}/data" for name in layers if not name.startswith(("app-", "deps-"))]
    folder = tempfile.mkdtemp(dir=DIR)
    os.makedirs(f"{folder}{os.path.dirname(CA)}")
    shutil.copy(CA, f"{folder}{CA}")
    image, merged = f"berth-bench-{app}", tempfile.mkdtemp(dir=DIR)
    run("unshare", "--mount", "sh", "-c",
        f"mount -t overlay -o lowerdir={':'.join([folder] + base)} overlay {merged} && "
        f"tar -C {merged} --owner=0 --group=0 -c . | docker import - {image}")
    shutil.rmtree(folder)
    return image


def docker_build(repo, *options):
    begin = time.perf_counter()
    run("docker", "build", "--network=host", *options, "-t", "berth-bench-out", repo)
    return time.perf_counter() - begin


# --- pushes ---

def alternate(change, runs):
    """Times of runs, after one that is not counted."""
    change()
    return [change() for _ in range(runs)]


def vary(name, files, n):
    """The lock file's other dependencies, and a mark that no cache has seen."""
    files = dict(files)
    if name == "python":
        files["requirements.txt"] += f"# {n}\n"
    else:
        files["package.json"] = json.dumps({**json.loads(files["package.json"]), "description": str(n)})
    return files


def bench_language(name, make, marker):
    app, repo = f"bench-{name}", f"{DIR}/bench-{name}"
    locks = make(repo)
    write(repo, locks[0])
    source = f"{repo}/{marker}"
    with open(source) as f:
        original = f.read()
    comment = "//" if name == "node" else "#"
    count = [0]

    def timed_push():
        begin = time.perf_counter()
        push(repo, app)
        return time.perf_counter() - begin

    def touch():
        count[0] += 1
        write(repo, {marker: f"{original}\n{comment} {count[0]}\n"})

    def repeated():
        touch()
        commit(repo, "again")
        return timed_push()

    def new_lock():
        touch()
        write(repo, vary(name, locks[count[0] % 2], count[0]))
        commit(repo, "lock")
        return timed_push()

    commit(repo, "first")
    first = timed_push()
    if get(host=f"{app}.localhost")[0] != 200:
        raise RuntimeError(f"{app} does not answer")
    again, locked = alternate(repeated, RUNS), alternate(new_lock, RUNS)
    peers = [{}, {}, {}]
    if has_docker():
        base = docker_base(app)
        registry = run("npm", "config", "get", "registry").strip()
        write(repo, {"Dockerfile": DOCKERFILES[name].format(base=base, ca=CA, registry=registry)})

        def docker_lock():
            touch()
            write(repo, vary(name, locks[count[0] % 2], count[0]))
            return docker_build(repo)

        def docker_again():
            touch()
            return docker_build(repo)

        peers = [{"docker build": round(docker_build(repo, "--no-cache"), 3)},
                 {"docker build": round(median_ms(docker_again) / 1000, 3)},
                 {"docker build": round(median_ms(docker_lock) / 1000, 3)}]
        os.unlink(f"{repo}/Dockerfile")
    figure(f"{name} app: first push, runtime layer included", "s", [first], None, peers[0])
    figure(f"{name} app: push, same lock file", "s", again, None, peers[1])
    figure(f"{name} app: push, new lock file", "s", locked, None, peers[2])


# --- a large tree ---

def bench_large_tree():
    repo = f"{DIR}/bench-large"
    os.makedirs(repo)
    for i in range(FILES):
        folder = f"{repo}/d{i // 100}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/f{i}", "w") as f:
            f.write(f"file {i}\n" * 20)
    for name in ("Procfile", "server.pl"):
        shutil.copy(f"{SOURCE}/examples/hello/{name}", repo)
    commit(repo, "first")
    push(repo, "bench-large")
    count = [0]

    def source_seconds():
        count[0] += 1
        write(repo, {"d50/f5000": f"changed {count[0]}\n"})
        commit(repo, "one file")
        return float(re.search(r"source ([0-9.]+) s", push(repo, "bench-large")).group(1))

    def git_archive():
        to = tempfile.mkdtemp(dir=DIR)
        seconds = timed("sh", "-c", f"git -C {repo} archive HEAD | tar -x -C {to}")
        shutil.rmtree(to)
        return seconds

    values = alternate(source_seconds, RUNS)
    figure(f"export of {FILES} files, one changed", "s", values, None,
           {"git archive | tar": round(median_ms(git_archive) / 1000, 3)})


def bench_detect():
    """An app that only the last pack fits: the files of all of them are looked for."""
    folder = f"{DIR}/bench-detect"
    os.makedirs(folder)
    for name in ("Procfile", "server.pl"):
        shutil.copy(f"{SOURCE}/examples/hello/{name}", folder)
    run("make", "-s", "-C", SOURCE, "build/tests/build")
    out = subprocess.run([f"{SOURCE}/build/tests/build", "--root", ROOT, "detect", folder, "100"],
                         check=True, capture_output=True, text=True).stdout
    figure("detection over all packs", "ms", [float(line) for line in out.split()])


def measure():
    bench_detect()
    bench_language("node", node_app, "server.js")
    bench_language("python", python_app, "server.py")
    bench_large_tree()
