"""Writes an image's archive whose one layer holds what STATEMENTS add, checking nothing:

    ociarchive.py OUT oci|docker [--FAULT...] STATEMENTS

add(name, type, ...) appends an entry to the layer. Faults: digest, diffid, size, missing, config,
twice, dotdot, link, layerout, count, arch, os, schema, noprogram, gzip. With --below there is a sound
layer under it, with a file that no other image has.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

out, kind = sys.argv[1:3]
faults = {a[2:] for a in sys.argv[3:-1]}
layer = io.BytesIO()
t = tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT)


def add(name, type=tarfile.REGTYPE, data=b"x", link="", mode=0o644, uid=0, pax={}):
    i = tarfile.TarInfo(name)
    i.type, i.linkname, i.mode, i.uid, i.gid, i.pax_headers = type, link, mode, uid, uid, dict(pax)
    i.size = len(data) if type == tarfile.REGTYPE else 0
    t.addfile(i, io.BytesIO(data))


DIR, SYM, LNK, CHR, BLK, FIFO = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
                                 tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
exec(sys.argv[-1])
t.close()


def sha(data):
    return hashlib.sha256(data).hexdigest()


def one_file(name):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return data.getvalue()


below = [one_file(os.urandom(16).hex())] if "below" in faults else []
plain = layer.getvalue()
blob = gzip.compress(plain, mtime=0) if kind == "oci" or "gzip" in faults else plain
diff_id = sha(b"other" if "diffid" in faults else plain)
config = {
    "architecture": "sparc" if "arch" in faults else "amd64",
    "os": "windows" if "os" in faults else "linux",
    "config": {} if "noprogram" in faults else {"Cmd": ["/bin/true"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(b) for b in below] +
               ["sha256:" + diff_id] * (2 if "count" in faults else 1)},
}
if "config" in faults:
    config["config"]["WorkingDir"] = "/a/../../b"
config = json.dumps(config).encode()
files = []


def put(name, data):
    files.append((name, data))


if kind == "docker":
    put("manifest.json", json.dumps([{"Config": sha(config) + ".json", "RepoTags": ["x:1"],
                                      "Layers": ["b/layer.tar" for _ in below] + ["../layer.tar" if "layerout" in faults else "l/layer.tar"]}]).encode())
    put(sha(config) + ".json", config + (b" " if "digest" in faults else b""))
    for data in below:
        put("b/layer.tar", data)
    if "missing" not in faults and "link" not in faults:
        put("l/layer.tar", blob)
else:
    manifest = json.dumps({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + sha(config),
                   "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + sha(b),
                    "size": len(b)} for b in below] +
                  [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + sha(blob),
                    "size": len(blob) + ("size" in faults)}] * (2 if "count" in faults else 1)}).encode()
    put("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    put("index.json", json.dumps({
        "schemaVersion": 1 if "schema" in faults else 2,
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
                       "digest": "sha256:" + sha(manifest), "size": len(manifest)}]}).encode())
    put("blobs/sha256/" + sha(manifest), manifest)
    put("blobs/sha256/" + sha(config), config)
    for data in below:
        put("blobs/sha256/" + sha(data), data)
    if "missing" not in faults:
        put("blobs/sha256/" + sha(blob), blob[:4] + bytes([blob[4] ^ ("digest" in faults)]) + blob[5:])
if "twice" in faults:
    files.append(files[-1])
if "dotdot" in faults:
    put("../evil", b"x")
with tarfile.open(out, "w") as archive:
    for name, data in files:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    if "link" in faults:
        info = tarfile.TarInfo("l/layer.tar")
        info.type, info.linkname = tarfile.SYMTYPE, "../../../../etc/passwd"
        archive.addfile(info)
