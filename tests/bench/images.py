"""Container images: a Dockerfile built again, and an image of 200 MB unpacked."""

import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tarfile
import tempfile

from lib import BERTH, DIR, ROOT, RUNS, SOURCE, commit, figure, has_docker, push, run, sample, timed

LAYER_BYTES = 50 << 20
DOCKERFILE = """FROM {base}
WORKDIR /srv
RUN seq 200000 >numbers && tar -cf numbers.tar numbers
COPY lock /srv/
RUN cp lock installed && seq 100000 >packages
COPY bin /srv/bin
COPY . /srv
RUN ls -R /srv >listing
EXPOSE 8080
CMD ["perl", "server.pl"]
"""


def docker_base():
    """The stack as an image of Docker's own."""
    stack = f"{ROOT}/lib/layers/debian-12/data"
    subprocess.run(f"tar -C {stack} -c . | docker import - berth-bench-base", shell=True, check=True,
                   stdout=subprocess.DEVNULL)


def write_app(repo, base):
    os.makedirs(f"{repo}/bin")
    with open(f"{repo}/Dockerfile", "w") as f:
        f.write(DOCKERFILE.format(base=base))
    with open(f"{repo}/lock", "w") as f:
        f.write("one 1.0\ntwo 2.0\n")
    for n in range(300):
        with open(f"{repo}/bin/tool{n}", "w") as f:
            f.write(f"#!/bin/sh\necho {n}\n" * 50)
    shutil.copy(f"{SOURCE}/examples/hello/server.pl", repo)


def bench_dockerfile():
    repo = f"{DIR}/bench-dockerfile"
    write_app(repo, "debian-12")
    commit(repo, "first")
    push(repo, "bench-dockerfile")
    count = [0]

    def build_seconds(name):
        count[0] += 1
        with open(f"{repo}/{name}", "w") as f:
            f.write(f"{count[0]}\n")
        commit(repo, "again")
        return float(re.search(r"build ([0-9.]+) s", push(repo, "bench-dockerfile")).group(1))

    # a file that no COPY sees, so that the source is another and all of it comes from the cache
    with open(f"{repo}/.dockerignore", "w") as f:
        f.write("ignored\n.git\n")
    cached = sample(lambda: build_seconds("ignored"))
    late = sample(lambda: build_seconds("page.html"))
    peers = [{}, {}]
    if has_docker():
        docker_base()
        folder = f"{DIR}/bench-dockerfile-docker"
        shutil.copytree(repo, folder, ignore=shutil.ignore_patterns(".git"))
        with open(f"{folder}/Dockerfile", "w") as f:
            f.write(DOCKERFILE.format(base="berth-bench-base"))

        def docker_seconds(name):
            count[0] += 1
            with open(f"{folder}/{name}", "w") as f:
                f.write(f"{count[0]}\n")
            return timed("docker", "build", "--network=host", "-t", "berth-bench-out", folder)

        peers = [{"docker build": round(statistics.median(sample(lambda: docker_seconds(name))), 3)}
                 for name in ("ignored", "page.html")]
        run("docker", "rmi", "-f", "berth-bench-out", "berth-bench-base")
    figure("Dockerfile, all cached, build alone", "s", cached, None, peers[0])
    figure("Dockerfile, one late change, build alone", "s", late, None, peers[1])


def make_image(folder):
    """What `docker save` writes: four layers of 50 MB, of the files that programs are made of."""
    stack = f"{ROOT}/lib/layers/debian-12/data"
    names, digests = [], []
    for n in range(4):
        path, size = f"{folder}/layer{n}.tar", 0
        with tarfile.open(path, "w") as layer:
            for top, _, files in os.walk(f"{stack}/usr"):
                for name in sorted(files):
                    file = os.path.join(top, name)
                    if size < LAYER_BYTES and not os.path.islink(file):
                        size += os.path.getsize(file)
                        # no two layers are the same
                        layer.add(file, f"layer{n}/{os.path.relpath(file, stack)}", filter=as_root)
        with open(path, "rb") as f:
            digests.append("sha256:" + hashlib.file_digest(f, "sha256").hexdigest())
        names.append(f"layer{n}.tar")
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]},
              "rootfs": {"type": "layers", "diff_ids": digests}}
    write_json(f"{folder}/config.json", config)
    write_json(f"{folder}/manifest.json", [{"Config": "config.json", "RepoTags": ["bench:1"], "Layers": names}])
    with tarfile.open(f"{folder}/image.tar", "w") as image:
        for name in (*names, "config.json", "manifest.json"):
            image.add(f"{folder}/{name}", name)
    return f"{folder}/image.tar"


def as_root(entry):
    """On disk the stack is of another range of users."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f)


def bench_unpack():
    folder = tempfile.mkdtemp(dir=DIR)
    archive = make_image(folder)
    size = os.path.getsize(archive) >> 20

    def berth_seconds():
        with open(archive, "rb") as f:
            begin = os.times().elapsed
            subprocess.run([*BERTH, "image:import", "bench:1"], check=True, stdin=f,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds = os.times().elapsed - begin
        run(*BERTH, "image:remove", "bench:1")
        run(*BERTH, "collect")
        return seconds

    def umoci_seconds():
        seconds = timed("sh", "-c", f"skopeo copy -q docker-archive:{archive} oci:{folder}/oci:x && "
                        f"umoci unpack --image {folder}/oci:x {folder}/bundle")
        shutil.rmtree(f"{folder}/oci")
        shutil.rmtree(f"{folder}/bundle")
        return seconds

    def docker_seconds():
        seconds = timed("docker", "load", "-i", archive)
        run("docker", "rmi", "-f", "bench:1")
        return seconds

    few = 5  # a run is seconds long
    peers = {"skopeo + umoci": round(statistics.median(sample(umoci_seconds, few)), 2)}
    if has_docker():
        peers["docker load"] = round(statistics.median(sample(docker_seconds, few)), 2)
    figure(f"image of {size} MB imported", "s", sample(berth_seconds, few), None, peers)
    shutil.rmtree(folder)


def measure():
    bench_dockerfile()
    bench_unpack()
