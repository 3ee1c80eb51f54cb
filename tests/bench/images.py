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
import time

from lib import BERTH, DIR, ROOT, SOURCE, alternate, commit, figure, has_docker, push, run, sample, timed

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


def make_image(folder, number):
    """What `docker save` writes: four layers of 50 MB, of the files that programs are made of; of each
    NUMBER another, so that none is here already."""
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
                        layer.add(file, f"layer{number}.{n}/{os.path.relpath(file, stack)}", filter=as_root)
        with open(path, "rb") as f:
            digests.append("sha256:" + hashlib.file_digest(f, "sha256").hexdigest())
        names.append(f"layer{n}.tar")
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]},
              "rootfs": {"type": "layers", "diff_ids": digests}}
    write_json(f"{folder}/config.json", config)
    write_json(f"{folder}/manifest.json", [{"Config": "config.json", "RepoTags": [f"bench:{number}"], "Layers": names}])
    archive = f"{folder}/image{number}.tar"
    with tarfile.open(archive, "w") as image:
        for name in (*names, "config.json", "manifest.json"):
            image.add(f"{folder}/{name}", name)
    return archive


def as_root(entry):
    """On disk the stack is of another range of users."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f)


def bench_unpack():
    """Nothing is removed meanwhile: an ext4 without a journal gives nobody the inodes of what was deleted
    in the minutes before, and looks for others at length (recently_deleted in its ialloc.c)."""
    folder, few = tempfile.mkdtemp(dir=DIR), 5  # a run is seconds long
    archives = [make_image(folder, n) for n in range(few + 1)]
    size = os.path.getsize(archives[0]) >> 20

    def berth_seconds(n):
        with open(archives[n], "rb") as f:
            begin = time.perf_counter()
            subprocess.run([*BERTH, "image:import", f"bench:{n}"], check=True, stdin=f,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return time.perf_counter() - begin

    def umoci_seconds(n):
        return timed("sh", "-c", f"skopeo copy -q docker-archive:{archives[n]} oci:{folder}/oci{n}:x && "
                     f"umoci unpack --image {folder}/oci{n}:x {folder}/bundle{n}")

    ways = {"Berth": berth_seconds, "skopeo + umoci": umoci_seconds}
    if has_docker():
        ways["docker load"] = lambda n: timed("docker", "load", "-i", archives[n])
    peers = alternate(ways, few)
    figure(f"image of {size} MB imported", "s", peers.pop("Berth"), None, peers)
    for n in range(few + 1):
        run(*BERTH, "image:remove", f"bench:{n}")
        if has_docker():
            run("docker", "rmi", "-f", f"bench:{n}")
    run(*BERTH, "collect")
    shutil.rmtree(folder)


def measure():
    bench_dockerfile()
    bench_unpack()
