# SPDX-License-Identifier: MIT
"""IPv6 packets that no program inside may send, out of eth0 as its kernel would never make them.

packets.py [--from ADDRESS] [--to ADDRESS] KIND...     sends one of each KIND:
  plain       a datagram to port 9
  fragments   the same in two
  atomic      the same as the one fragment of itself
  hop, options, routing, shim    the same behind an extension header
  router      "I am your router, and these are your addresses"
  neighbour   "that address of TO is at my place"
  redirect    "the way to TO is by me"
  solicit     "who has TO?"
  listener    "I listen to a group"
FROM is a link-local address without the option, TO all that hear it.
"""
import argparse
import socket
import struct

UDP, ICMP = 17, 58
PLACE = bytes.fromhex("026265727468")  # of both ends of every link


def checksum(source, target, protocol, data):
    pseudo = source + target + struct.pack(">IHBB", len(data), 0, 0, protocol) + data
    pseudo += b"\0" * (len(pseudo) % 2)
    total = sum(struct.unpack(">%dH" % (len(pseudo) // 2), pseudo))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


class Sender:
    def __init__(self, source, target):
        self.source = socket.inet_pton(socket.AF_INET6, source)
        self.target = socket.inet_pton(socket.AF_INET6, target)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind(("eth0", 0x86DD))

    def send(self, following, data):
        head = struct.pack(">IHBB", 6 << 28, len(data), following, 255)
        frame = PLACE + PLACE + b"\x86\xdd" + head + self.source + self.target + data
        self.socket.send(frame)

    def datagram(self, text=b"x" * 64):
        data = struct.pack(">HHHH", 4444, 9, 8 + len(text), 0) + text
        return data[:6] + struct.pack(">H", checksum(self.source, self.target, UDP, data)) + data[8:]

    def message(self, kind, body):
        data = struct.pack(">BBH", kind, 0, 0) + body
        data = data[:2] + struct.pack(">H", checksum(self.source, self.target, ICMP, data)) + data[4:]
        self.send(ICMP, data)

    def plain(self):
        self.send(UDP, self.datagram())

    def extension(self, header, rest):
        self.send(header, bytes([UDP, (len(rest) + 2) // 8 - 1]) + rest + self.datagram())

    def hop(self):
        self.extension(0, b"\1\4" + bytes(4))

    def options(self):
        self.extension(60, b"\1\4" + bytes(4))

    def routing(self):
        self.extension(43, bytes([0, 0]) + bytes(4))

    def shim(self):
        self.extension(140, bytes(6))

    def atomic(self):
        self.send(44, struct.pack(">BBHI", UDP, 0, 0, 7) + self.datagram())

    def fragments(self):
        data = self.datagram(b"x" * 1000)
        self.send(44, struct.pack(">BBHI", UDP, 0, 1, 8) + data[:504])
        self.send(44, struct.pack(">BBHI", UDP, 0, 504, 8) + data[504:])

    def router(self):
        prefix = socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
        body = struct.pack(">BBHII", 64, 0, 1800, 0, 0) + struct.pack(">BB", 1, 1) + PLACE
        body += struct.pack(">BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + prefix
        self.message(134, body)

    def neighbour(self):
        self.message(136, struct.pack(">I", 0x20000000) + self.target + struct.pack(">BB", 2, 1) + PLACE)

    def redirect(self):
        self.message(137, bytes(4) + self.source + self.target)

    def solicit(self):
        self.message(135, bytes(4) + self.target + struct.pack(">BB", 1, 1) + PLACE)

    def listener(self):
        self.message(143, struct.pack(">HH", 0, 1) + struct.pack(">BBH", 4, 0, 0) + self.target)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="source", default="fe80::5")
    parser.add_argument("--to", dest="target", default="ff02::1")
    parser.add_argument("kinds", nargs="+")
    args = parser.parse_args()
    sender = Sender(args.source, args.target)
    for kind in args.kinds:
        getattr(sender, kind)()


main()
