"""Containers among others: how long a start takes with 1, 100 and 500 idle ones there, what one more
of them costs, and how soon a program that was killed runs again.

BENCH_CROWD ("1 100 500") says how many are there. Berth's are the processes of one app, with a network
each, as in earnest. Docker's stand beside them, without network: its daemon keeps books of its own.
crun and runc keep none that grow; they start on the same machine, one run of each in turn.

Nine tenths of the processor's time for one start are the kernel's (perf record -a -g over 60 starts with
network, Linux 6.18, control groups of version 1). By call: exit_group 14 %, clone3 12 % (half of it
setup_net of the network namespace), clone 8 %, sendto 8 % (veth_newlink and the addresses), mount 7 %,
openat and openat2 10 %, page faults 5 %, mkdir and rmdir of five control groups 6 %, pivot_root 1 %. More
than a third, exit_group, clone, a part of clone3 and the page faults, is for copying and dropping the
address space of berth-runtime, whose libraries make 144 mappings; they are also most of the kernel's
memory for the two processes, shim and init, that a container has and crun's has not."""

import io
import os
import re
import shutil
import statistics
import subprocess
import tarfile
import time

from lib import BERTH, DIR, PREFIX, ROOT, TOOLS
from lib import alternate, commit, figure, has_docker, ms, oci_bundle, push, run, sample, stack_folder
from lib import timed

SIZES = [int(n) for n in os.environ.get("BENCH_CROWD", "1 100 500").split()]
CONTAINER = [f"{TOOLS}/container", "--root", ROOT]
LAYERS = ["--layer", "layer/bench-first", "--layer", "layer/debian-12"]
IMAGE = "berth-bench-first"
FIRST = f"{TOOLS}/first"
OF_A_TYPE = 100  # the most that ps:scale takes
# within this the kernel has taken the namespaces of the container before away
SETTLE_S = 0.1
# containers of each kind whose memory is counted at a time, and how often
IDLE, ROUNDS = 50, 3


def prepare():
    """The program as a layer, in the folder that crun and runc run, and in Docker's image."""
    archive = f"{DIR}/first.tar"
    with tarfile.open(archive, "w") as tar, open(FIRST, "rb") as f:
        entry = tarfile.TarInfo("first")
        entry.mode, entry.size = 0o755, os.path.getsize(FIRST)
        tar.addfile(entry, io.BytesIO(f.read()))
    run(*CONTAINER, "import", "bench-first", archive)
    shutil.copy(FIRST, f"{stack_folder()}/first")
    if has_docker():
        subprocess.run(f"tar -C {stack_folder()} -c . | docker import - {IMAGE}", shell=True, check=True,
                       capture_output=True)


# --- starting ---

def runs():
    """How each runs /first once, and takes the container away."""
    ways = {"Berth": lambda n: [*CONTAINER, "run", *LAYERS, f"once-{n}", "--", "/first"]}
    for tool in ("crun", "runc"):
        if shutil.which(tool):
            bundle = oci_bundle(tool, stack_folder(), "/first")
            ways[tool] = lambda n, t=tool, b=bundle: [t, "run", "-b", b, f"bench-{os.getpid()}-{n}"]
    if has_docker():
        ways["docker run"] = lambda n: ["docker", "run", "--rm", "--network=none", IMAGE, "/first"]
    return ways


def start(argv):
    """Milliseconds to the first instruction and to the end."""
    begin = time.monotonic_ns()
    done = subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    end = time.monotonic_ns()
    return (int(done.stdout) - begin) / 1e6, (end - begin) / 1e6


def bench_starts(there):
    ways = {name: lambda n, argv=argv: start(argv(f"{there}-{n}")) for name, argv in runs().items()}
    taken = alternate(ways, pause=SETTLE_S)
    for i, what in enumerate(("first instruction", "exit")):
        peers = {name: [both[i] for both in all] for name, all in taken.items()}
        figure(f"start to {what}, {there} there", "ms", peers.pop("Berth"), None, peers)


# --- the crowd ---

def push_app():
    repo = f"{DIR}/bench-crowd"
    os.mkdir(repo)
    shutil.copy(FIRST, repo)
    with open(f"{repo}/Procfile", "w") as f:
        f.writelines(f"idle{n}: ./first stay\n" for n in range(max(SIZES) // OF_A_TYPE + 1))
    commit(repo, "first")
    push(repo, "crowd")


def grow(now, to):
    """Milliseconds that each container more has taken."""
    begin = time.perf_counter()
    run(*BERTH, "ps:scale", "crowd", *(f"idle{n}={min(OF_A_TYPE, max(0, to - n * OF_A_TYPE))}"
                                       for n in range(max(SIZES) // OF_A_TYPE + 1)))
    ours, peers = (time.perf_counter() - begin) * 1000 / (to - now), {}
    if has_docker():
        begin = time.perf_counter()
        for _ in range(now, to):
            run("docker", "run", "-d", "--network=none", IMAGE, "/first", "stay")
        peers["docker run -d"] = round((time.perf_counter() - begin) * 1000 / (to - now), 2)
    if to - now > 1:
        figure(f"each of {to - now} more that stay", "ms", [ours], None, peers)


def bench_lists(there):
    peers = {}
    if has_docker():
        peers["docker ps"] = ms(sample(lambda: timed("docker", "ps", "-a")))
    # "ps" itself looks twice, for what the processor is used, and sleeps in between
    figure(f"list of all, {there} there", "ms", ms(sample(lambda: timed(*CONTAINER, "list"))), None, peers)


def disperse():
    run(*BERTH, "--force", "apps:destroy", "crowd")
    if has_docker():
        ids = run("docker", "ps", "-aq").split()
        for i in range(0, len(ids), 50):
            run("docker", "rm", "-f", *ids[i:i + 50])


# --- what one costs ---

def programs():
    """Device and inode of each of Berth's programs: the first process of a container is one too, and
    its path says nothing outside."""
    return {(s.st_dev, s.st_ino) for s in (os.stat(e) for e in os.scandir(f"{PREFIX}/bin"))}


def is_berth(pid, files):
    s = os.stat(f"/proc/{pid}/exe")
    return (s.st_dev, s.st_ino) in files


def is_docker(pid, _):
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return f"{DIR}/docker/".encode() in f.read()


def pss_kb(is_mine):
    """Of the processes that IS_MINE says yes to, daemons included."""
    total, files = 0, programs()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if is_mine(pid, files):
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    total += int(re.search(r"^Pss: +(\d+)", f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass  # it has ended
    return total


def kernel_kb():
    with open("/proc/meminfo") as f:
        fields = dict(line.split(":") for line in f)
    return sum(int(fields[k].split()[0]) for k in ("SUnreclaim", "KernelStack", "PageTables", "Percpu"))


def detached(tool):
    bundle = oci_bundle(tool, stack_folder(), "/first", "stay")
    # the container would keep a pipe open
    return (lambda n: timed(tool, "run", "--detach", "-b", bundle, f"bench-{os.getpid()}-{n}"),
            lambda n: timed(tool, "delete", "-f", f"bench-{os.getpid()}-{n}"), lambda *_: False)


def berth_with(*options):
    return (lambda n: run(*CONTAINER, "start", *LAYERS, *options, f"idle-{n}", "--", "/first", "stay"),
            lambda n: run(*CONTAINER, "stop", f"idle-{n}", "1"), is_berth)


def idle_kinds():
    """How each starts the N-th that stays, ends it, and whose processes stand behind it."""
    bare = {}

    def begin(n):
        bare[n] = subprocess.Popen([FIRST, "stay"], stdout=subprocess.DEVNULL)

    def end(n):
        bare[n].kill()
        bare[n].wait()

    kinds = {"process": (begin, end, lambda *_: False), "Berth": berth_with(),
             "Berth with network": berth_with("--net", "egress")}
    kinds.update((tool, detached(tool)) for tool in ("crun", "runc") if shutil.which(tool))
    if has_docker():
        kinds["docker"] = (
            lambda n: run("docker", "run", "-d", "--network=none", "--name", f"idle-{n}", IMAGE, "/first", "stay"),
            lambda n: run("docker", "rm", "-f", f"idle-{n}"), is_docker)
    return kinds


def bench_memory():
    """What the machine has less of for each that is idle; the kernel's part without what it needs for
    the bare program."""
    def both_kb(begin, end, is_mine):
        before = pss_kb(is_mine), kernel_kb()
        for n in range(IDLE):
            begin(n)
        time.sleep(SETTLE_S)
        after = pss_kb(is_mine), kernel_kb()
        for n in range(IDLE):
            end(n)
        return (after[0] - before[0]) / IDLE, (after[1] - before[1]) / IDLE

    taken = alternate({name: lambda _, kind=kind: both_kb(*kind) for name, kind in idle_kinds().items()},
                      ROUNDS, pause=20 * SETTLE_S)
    bare = statistics.median(kernel for _, kernel in taken.pop("process"))
    for i, what in enumerate(("what supervises it", "the kernel's")):
        found = {name: [both[i] - i * bare for both in all] for name, all in taken.items()}
        figure(f"an idle container's memory, {what}", "kB", found.pop("Berth"), None, found)


# --- after a crash ---

def stamps_berth(n):
    path = f"{ROOT}/lib/logs/bench/first-{n}.log"
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [int(s) for s in re.findall(r" (\d{9,})$", f.read(), re.M)]


def stamps_docker(n):
    return [int(s) for s in run("docker", "logs", f"first-{n}").split()]


def await_stamps(read, n, count):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        stamps = read(n)
        if len(stamps) >= count:
            return stamps
        time.sleep(0.01)
    raise RuntimeError(f"first-{n} was not started {count} times")


def program_berth(n):
    """The program, which is the only child of the container's first process."""
    line = next(s for s in run(*CONTAINER, "list").splitlines() if s.startswith(f"first-{n} "))
    first = re.search(r"pid=(\d+)", line).group(1)
    with open(f"/proc/{first}/task/{first}/children") as f:
        return int(f.read())


def program_docker(n):
    return int(run("docker", "inspect", "-f", "{{.State.Pid}}", f"first-{n}"))


def restart(n, begin, end, read, program):
    """Milliseconds from kill -9 to the first instruction of the next one."""
    begin(n)
    await_stamps(read, n, 1)
    pid = program(n)
    killed = time.monotonic_ns()
    os.kill(pid, 9)
    again = await_stamps(read, n, 2)[1]
    end(n)
    return (again - killed) / 1e6


def bench_restart():
    """The first crash of each; for those that follow soon both wait longer and longer."""
    kinds = {"Berth": (lambda n: run(*CONTAINER, "start", *LAYERS, "--net", "egress", "--restart", "always",
                                     "--log", f"bench/first-{n}", f"first-{n}", "--", "/first", "stay"),
                       lambda n: run(*CONTAINER, "stop", f"first-{n}", "1"), stamps_berth, program_berth)}
    if has_docker():
        kinds["docker, --restart=always"] = (
            lambda n: run("docker", "run", "-d", "--network=none", "--restart=always", "--name", f"first-{n}",
                          IMAGE, "/first", "stay"),
            lambda n: run("docker", "rm", "-f", f"first-{n}"), stamps_docker, program_docker)
    taken = alternate({name: lambda n, kind=kind: restart(n, *kind) for name, kind in kinds.items()})
    figure("kill -9 to the first instruction again", "ms", taken.pop("Berth"), None, taken)


def measure():
    prepare()
    bench_memory()
    bench_restart()
    push_app()
    now = 0
    for there in SIZES:
        grow(now, there)
        now = there
        bench_starts(there)
        bench_lists(there)
    disperse()
    run(*CONTAINER, "remove", "bench-first")
    if has_docker():
        run("docker", "rmi", "-f", IMAGE)
