# SPDX-License-Identifier: MIT
"""What the lock file of poetry, pipenv or uv says, as pip's requirements:

  lock.py PIP-WHEEL APP OUT

writes OUT/hashed.txt (exact versions with the hashes of their files) and OUT/other.txt (what has
none: git, folders of the app), development groups left out, and prints facts as shell assignments.
The lock file already names every package, so pip is to be run with --no-deps."""

import hashlib
import json
import os
import pathlib
import re
import shlex
import sys
import tomllib

sys.path.insert(0, sys.argv[1])
from pip._vendor.packaging.markers import InvalidMarker, Marker  # noqa: E402
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement  # noqa: E402
from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: E402
from pip._vendor.packaging.utils import canonicalize_name  # noqa: E402

app = pathlib.Path(sys.argv[2])
out = pathlib.Path(sys.argv[3])
OURS = "%d.%d.%d" % sys.version_info[:3]
TOOLS = {
    "requirements.txt": "pip", "poetry.lock": "poetry", "Pipfile.lock": "pipenv", "uv.lock": "uv"}


def fail(message):
    print(f" !     {message}", file=sys.stderr)
    sys.exit(1)


def read_toml(name):
    try:
        return tomllib.loads((app / name).read_text("utf-8-sig")) if (app / name).exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{name}: {error}")


def outdated(lock, source):
    command = {"poetry.lock": "poetry lock", "Pipfile.lock": "pipenv lock", "uv.lock": "uv lock"}[lock]
    fail(f"{lock} does not fit {source}: run '{command}' and commit {lock}")


def applies(marker, extras=()):
    """Whether a marker holds on this machine, for any of the extras that are asked for."""
    if not marker:
        return True
    try:
        parsed = Marker(marker)
    except InvalidMarker as error:
        fail(f"the lock file's marker '{marker}' is not understood: {error}")
    return any(parsed.evaluate({"extra": extra}) for extra in extras or ("",))


def check_python(wanted, where):
    """Refuses a range of Python versions that this stack does not have."""
    text = ",".join(caret(part.strip()) for part in wanted.split(","))
    try:
        fits = SpecifierSet("" if text == "*" else text).contains(OURS, prereleases=True)
    except InvalidSpecifier:
        return  # poetry's own ways to write one ("||"); its lock file was made for it
    if not fits:
        fail(f"{where} asks for Python '{wanted}', but this stack has {OURS}: allow {OURS.rpartition('.')[0]}")


def caret(part):
    """Poetry's ^1.2 and ~1.2 in pip's words."""
    found = re.fullmatch(r"([\^~])\s*(\d+)(?:\.(\d+))?(?:\.\d+)?", part)
    if not found:
        return part if re.match(r"[<>=!~]|\*$", part) else f"=={part}"
    sign, major, minor = found[1], int(found[2]), found[3]
    version = part[1:].strip()
    if sign == "^" and major > 0 or minor is None:
        return f">={version},<{major + 1}"
    return f">={version},<{major}.{int(minor) + 1}"


class Requirements:
    """The lines for pip."""

    def __init__(self):
        self.indexes, self.hashed, self.other, self.folders = [], [], [], False

    def index(self, url, user=None, password=None):
        url = os.path.expandvars(url)
        if user:
            url = url.replace("://", f"://{user}:{password or ''}@", 1)
        if re.match(r"https://(pypi\.org|pypi\.python\.org)/simple/?$", url) or url in self.indexes:
            return
        if not re.match(r"https?://\S+$", url):
            fail(f"the package source '{url}' is no URL of HTTP")
        self.indexes.append(url)

    def add(self, requirement, hashes):
        if re.search(r"[\n\r\\]", requirement):
            fail("the lock file has a name or a version that is none")
        if hashes:
            for h in hashes:
                if not re.fullmatch(r"sha(256|384|512):[0-9a-f]+", h):
                    fail(f"the lock file's hash '{h}' of '{requirement}' is not understood")
            self.hashed.append(" ".join([requirement, *(f"--hash={h}" for h in hashes)]))
        else:
            self.other.append(requirement)

    def exact(self, name, version, hashes):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or not re.fullmatch(r"[A-Za-z0-9.!+_-]+", version):
            fail(f"the lock file's '{name}' {version} is no name and version")
        self.add(f"{name}=={version}", hashes)

    def git(self, name, url, revision, folder=None):
        self.add(f"{name} @ git+{url.removeprefix('git+')}@{revision}" +
                 (f"#subdirectory={folder}" if folder else ""), None)

    def folder(self, path):
        if pathlib.PurePosixPath(path).is_absolute() or ".." in pathlib.PurePosixPath(path).parts:
            fail(f"the lock file's '{path}' is outside of the app")
        self.folders = True
        self.add(f"./{path}", None)

    def write(self):
        indexes = "".join(f"--extra-index-url {url}\n" for url in self.indexes)
        for name, lines in (("hashed.txt", self.hashed), ("other.txt", self.other)):
            if lines:
                (out / name).write_text(indexes + "".join(f"{line}\n" for line in sorted(set(lines))))


def credentials(prefix, name):
    name = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    return (os.environ.get(f"{prefix}_{name}_USERNAME"), os.environ.get(f"{prefix}_{name}_PASSWORD"))


def project_names(project):
    """The names that pyproject.toml's [project] depends on, on any machine."""
    try:
        return {canonicalize_name(Requirement(text).name) for text in project.get("dependencies", [])}
    except InvalidRequirement as error:
        fail(f"pyproject.toml: {error}")


# --- poetry ------------------------------------------------------------------------------------


def read_poetry(want, pyproject):
    lock = read_toml("poetry.lock")
    packages = {}
    for package in lock.get("package", []):
        packages.setdefault(canonicalize_name(package["name"]), []).append(package)
    check_python(lock.get("metadata", {}).get("python-versions", "*"), "poetry.lock")
    poetry = pyproject.get("tool", {}).get("poetry", {})
    roots = {canonicalize_name(n): d for n, d in poetry.get("dependencies", {}).items() if n != "python"}
    names = project_names(pyproject.get("project", {})) | set(roots)
    if any(name not in packages for name in names):
        outdated("poetry.lock", "pyproject.toml")
    old_files = lock.get("metadata", {}).get("files", {})
    for package in poetry_main(packages, roots, pyproject.get("project", {})):
        add_poetry(want, package, old_files)


def poetry_main(packages, roots, project):
    every = [p for versions in packages.values() for p in versions]
    if any("groups" in p for p in every):  # of poetry 2
        for p in every:
            marker = p.get("markers", "")
            marker = marker.get("main", "") if isinstance(marker, dict) else marker
            if "main" in p.get("groups", []) and applies(marker):
                yield p
        return
    # before that the lock file does not say what is for development: what can be reached is not
    todo = []
    for name, wanted in roots.items():
        todo += poetry_edges(name, wanted)
    for text in project.get("dependencies", []):
        r = Requirement(text)
        if applies(str(r.marker) if r.marker else ""):
            todo.append((canonicalize_name(r.name), frozenset(r.extras)))
    seen, given = set(), set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        package = choose_poetry(packages.get(name, []))
        if package is None:
            outdated("poetry.lock", "pyproject.toml")
        if name not in given:
            given.add(name)
            yield package
        optional = {canonicalize_name(re.match(r"[A-Za-z0-9._-]+", d)[0])
                    for extra in extras for d in package.get("extras", {}).get(extra, [])}
        for dependency, wanted in package.get("dependencies", {}).items():
            todo += poetry_edges(canonicalize_name(dependency), wanted, optional, extras)


def poetry_edges(name, wanted, optional=frozenset(), extras=()):
    for one in wanted if isinstance(wanted, list) else [wanted]:
        one = one if isinstance(one, dict) else {}
        if one.get("optional") and name not in optional:
            continue
        if applies(one.get("markers", ""), extras):
            yield name, frozenset(one.get("extras", []))


def choose_poetry(versions):
    for p in versions:
        try:
            if SpecifierSet(p.get("python-versions", "").replace("*", "") or "").contains(OURS):
                return p
        except InvalidSpecifier:
            pass
    return versions[0] if versions else None


def add_poetry(want, package, old_files):
    source = package.get("source", {})
    name, kind = package["name"], source.get("type")
    files = package.get("files") or old_files.get(name, [])
    if kind == "git":
        want.git(name, source["url"], source["resolved_reference"], source.get("subdirectory"))
    elif kind in ("directory", "file"):
        want.folder(source["url"])
    elif kind == "url":
        want.add(f"{name} @ {source['url']}", [f["hash"] for f in files])
    else:
        if kind == "legacy":
            want.index(source["url"], *credentials("POETRY_HTTP_BASIC", source.get("reference", "")))
        want.exact(name, package["version"], [f["hash"] for f in files])


# --- pipenv ------------------------------------------------------------------------------------


def pipfile_hash(pipfile):
    """pipenv's own digest of a Pipfile (plette.Pipfile.get_hash)."""
    data = {
        "_meta": {"sources": pipfile.get("source", []), "requires": pipfile.get("requires", {})},
        "default": pipfile.get("packages", {}), "develop": pipfile.get("dev-packages", {})}
    for name, section in pipfile.items():
        if name not in ("source", "requires", "packages", "dev-packages", "pipenv", "scripts", "default", "develop"):
            data[name] = section
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_pipenv(want, pipfile):
    try:
        lock = json.loads((app / "Pipfile.lock").read_text("utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        fail(f"Pipfile.lock: {error}")
    meta = lock.get("_meta", {})
    if pipfile and meta.get("hash", {}).get("sha256") != pipfile_hash(pipfile):
        outdated("Pipfile.lock", "Pipfile")
    requires = meta.get("requires", {})
    version = requires.get("python_version") or requires.get("python_full_version")
    if version:
        check_python("==%s.*" % ".".join(version.split(".")[:2]), "Pipfile.lock")
    for source in meta.get("sources", []):
        want.index(source["url"])
    for name, package in lock.get("default", {}).items():
        if not applies(package.get("markers", "")):
            continue
        if "git" in package:
            want.git(name, package["git"], package.get("ref", "HEAD"), package.get("subdirectory"))
        elif "path" in package:
            want.folder(package["path"])
        elif "file" in package:
            want.add(f"{name} @ {package['file']}", package.get("hashes"))
        else:
            want.exact(name, package.get("version", "").removeprefix("=="), package.get("hashes"))


# --- uv ----------------------------------------------------------------------------------------


def read_uv(want, pyproject):
    lock = read_toml("uv.lock")
    check_python(lock.get("requires-python", ""), "uv.lock")
    packages = {}
    for package in lock.get("package", []):
        packages.setdefault(canonicalize_name(package["name"]), []).append(package)
    root = next((p for p in lock.get("package", [])
                 if "." in (p["source"].get("virtual"), p["source"].get("editable"))), None)
    project = pyproject.get("project", {})
    if root is None:
        fail("uv.lock: it does not say what the app itself depends on")
    if project_names(project) != {canonicalize_name(d["name"])
                                  for d in root.get("metadata", {}).get("requires-dist", root.get("dependencies", []))
                                  if "extra ==" not in d.get("marker", "")}:
        outdated("uv.lock", "pyproject.toml")
    indexes = {i["url"].rstrip("/"): i.get("name", "")
               for i in pyproject.get("tool", {}).get("uv", {}).get("index", []) if "url" in i}
    todo, seen, given = [(root, frozenset())], set(), set()
    while todo:
        package, extras = todo.pop()
        key = package["name"], package.get("version", "")
        if (key, extras) in seen:
            continue
        seen.add((key, extras))
        if package is not root and key not in given:
            given.add(key)
            add_uv(want, package, indexes)
        edges = list(package.get("dependencies", []))
        for extra in extras:
            edges += package.get("optional-dependencies", {}).get(extra, [])
        for edge in edges:
            if applies(edge.get("marker", "")):
                todo.append((choose_uv(packages, edge), frozenset(edge.get("extra", []))))


def choose_uv(packages, edge):
    found = [p for p in packages.get(canonicalize_name(edge["name"]), [])
             if edge.get("version") in (None, p.get("version")) and edge.get("source") in (None, p["source"])]
    if not found:
        outdated("uv.lock", "pyproject.toml")
    for p in found:
        if any(applies(m) for m in p.get("resolution-markers", [""])):
            return p
    return found[0]


def add_uv(want, package, indexes):
    source, name = package["source"], package["name"]
    files = package.get("wheels", []) + ([package["sdist"]] if "sdist" in package else [])
    hashes = [f["hash"] for f in files if "hash" in f]
    if "git" in source:
        url, _, revision = source["git"].partition("#")
        url, _, query = url.partition("?")
        folder = re.search(r"subdirectory=([^&]+)", query)
        want.git(name, url, revision, folder and folder[1])
    elif "url" in source:
        want.add(f"{name} @ {source['url']}", hashes)
    elif "registry" in source:
        url = source["registry"]
        if re.match(r"https?://", url):
            want.index(url, *credentials("UV_INDEX", indexes.get(url.rstrip("/"), "")))
            want.exact(name, package["version"], hashes)
        else:
            want.folder(f"{url}/{files[0]['path']}" if files and "path" in files[0] else url)
    else:
        want.folder(source.get("editable") or source.get("directory") or source.get("path") or source.get("virtual"))


# -----------------------------------------------------------------------------------------------


def has_scripts(pyproject):
    """Whether the app itself is to be installed, for the programs that it gives."""
    scripts = pyproject.get("project", {}).get("scripts") or pyproject.get("tool", {}).get("poetry", {}).get("scripts")
    return bool(scripts and pyproject.get("build-system"))


def main():
    there = [name for name in TOOLS if (app / name).exists()]
    if len(there) > 1:
        fail(f"{' and '.join(there)}: remove all but the one of the package manager that you use")
    lock = there[0] if there else ""
    pyproject, pipfile = read_toml("pyproject.toml"), read_toml("Pipfile")
    if pipfile and lock != "Pipfile.lock" and lock != "requirements.txt":
        fail("there is a Pipfile, but no Pipfile.lock: run 'pipenv lock' and commit it")
    requires = pyproject.get("project", {}).get("requires-python")
    if requires:
        check_python(requires, "pyproject.toml")
    want = Requirements()
    try:
        if lock == "poetry.lock":
            read_poetry(want, pyproject)
        elif lock == "Pipfile.lock":
            read_pipenv(want, pipfile)
        elif lock == "uv.lock":
            read_uv(want, pyproject)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        fail(f"{lock}: it is not understood ({type(error).__name__}: {error})")
    want.write()
    variables = "$" in (app / lock).read_text("utf-8", "replace") if lock == "Pipfile.lock" else False
    facts = {
        "lock": lock, "tool": TOOLS.get(lock, ""),
        "install_project": 1 if has_scripts(pyproject) and lock not in ("", "requirements.txt") else "",
        "locked_source": 1 if want.folders or variables else ""}
    for name, value in facts.items():
        print(f"{name}={shlex.quote(str(value))}")


main()
