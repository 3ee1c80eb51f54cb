# SPDX-License-Identifier: MIT
"""Makes gems and the compact index that Bundler reads, in a folder that is served as a gem source."""

import gzip
import hashlib
import io
import json
import tarfile


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for path, (data, mode) in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), mode
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def requirement(indent, parts):
    lines = ["!ruby/object:Gem::Requirement", "  requirements:"]
    for part in parts:
        operator, version = part.split()
        lines += [f'  - - "{operator}"', "    - !ruby/object:Gem::Version", f"      version: '{version}'"]
    return ("\n" + indent).join(lines)


def metadata(name, version, platform, files, depends, paths, bindir, executables):
    text = f"""--- !ruby/object:Gem::Specification
name: {name}
version: !ruby/object:Gem::Version
  version: {version}
platform: {platform}
authors: [Test]
summary: for a test
bindir: {bindir}
executables: {json.dumps(executables)}
require_paths: {json.dumps(paths)}
files: {json.dumps(list(files))}
specification_version: 4
rubygems_version: 3.3.15
required_ruby_version: {requirement("", [">= 0"])}
required_rubygems_version: {requirement("", [">= 0"])}
dependencies:{" []" if not depends else ""}
"""
    for other, parts in depends.items():
        text += f"""- !ruby/object:Gem::Dependency
  name: {other}
  requirement: {requirement("  ", parts)}
  type: :runtime
  prerelease: false
  version_requirements: {requirement("  ", parts)}
"""
    return text


def add(folder, name, version, files, depends=None, platform="ruby", paths=("lib",), bindir="bin", executables=()):
    """files: path in the gem -> (bytes, mode); depends: name -> requirements such as "~> 1.0"."""
    depends = depends or {}
    text = metadata(name, version, platform, files, depends, list(paths), bindir, list(executables))
    gem = tar({"metadata.gz": (gzip.compress(text.encode(), mtime=0), 0o644),
               "data.tar.gz": (gzip.compress(tar(files), mtime=0), 0o644)})
    full = version if platform == "ruby" else f"{version}-{platform}"
    (folder / "gems").mkdir(parents=True, exist_ok=True)
    (folder / "info").mkdir(exist_ok=True)
    (folder / f"gems/{name}-{full}.gem").write_bytes(gem)
    needs = ",".join(f"{other}:{'&'.join(parts)}" for other, parts in depends.items())
    info = f"---\n{full} {needs}|checksum:{hashlib.sha256(gem).hexdigest()}\n"
    (folder / f"info/{name}").write_text(info)

    versions = {}
    for entry in sorted((folder / "info").iterdir()):
        data = entry.read_bytes()
        versions[entry.name] = f"{data.split()[1].decode()} {hashlib.md5(data).hexdigest()}"
    (folder / "names").write_text("---\n" + "".join(f"{n}\n" for n in versions))
    (folder / "versions").write_text(
        "created_at: 2026-01-01T00:00:00Z\n---\n" + "".join(f"{n} {v}\n" for n, v in versions.items()))
