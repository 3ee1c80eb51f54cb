# SPDX-License-Identifier: MIT
"""Writes a wheel into a static package index (PEP 503)."""

import base64
import hashlib
import re
import zipfile


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def add(index, name, version, files, requires=(), scripts=(), tag="py3-none-any"):
    """files: path in the wheel -> bytes; scripts: "name = module:function". Returns "sha256:HASH"."""
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
    info = f"{stem}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = (f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires) + "".join(
        f"Provides-Extra: {e}\n" for r in requires for e in re.findall(r"extra == '([^']+)'", r))).encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {str(tag.endswith('any')).lower()}\nTag: {tag}\n").encode()
    if scripts:
        files[f"{info}/entry_points.txt"] = ("[console_scripts]\n" + "".join(f"{s}\n" for s in scripts)).encode()
    files[f"{info}/RECORD"] = ("".join(
        f"{path},{digest(data)},{len(data)}\n" for path, data in files.items()) + f"{info}/RECORD,,\n").encode()

    project = index / "simple" / re.sub(r"[-_.]+", "-", name).lower()
    project.mkdir(parents=True, exist_ok=True)
    wheel = project / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        for path, data in files.items():
            z.writestr(zipfile.ZipInfo(path), data)  # no time of day, so the hash is that of the content
    hashes = {w.name: hashlib.sha256(w.read_bytes()).hexdigest() for w in sorted(project.glob("*.whl"))}
    (project / "index.html").write_text(
        "<!doctype html>" + "".join(f'<a href="{w}#sha256={h}">{w}</a>\n' for w, h in hashes.items()))
    return "sha256:" + hashes[wheel.name]
