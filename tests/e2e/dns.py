"""Questions to a resolver, good and bad, and a resolver to stand behind it.

dns.py ask [--from ADDRESS] [--tcp] [--id N] SERVER PORT NAME [TYPE]   "CODE ADDRESS..." in one line
dns.py serve ADDRESS PORT MODE    answers 192.0.2.N to "N.anything", until it is killed; MODE:
                                  good, silent, spoof (from elsewhere, and with wrong ids, before),
                                  big (truncated over UDP, 60 KB over TCP), bad (noise)
dns.py attack ADDRESS SERVER PORT                                      everything that is no question
dns.py counter SOCKET NAME        what the resolver has counted
dns.py flood ADDRESS SERVER PORT SECONDS                               questions without end
"""
import argparse
import json
import os
import random
import socket
import struct
import sys
import threading
import time

CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
FAMILIES = {1: socket.AF_INET, 28: socket.AF_INET6}
TYPES = {"A": 1, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "AXFR": 252}


def encode(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def question(name, kind="A", ident=None, flags=0x100):
    ident = random.randrange(65536) if ident is None else ident
    return struct.pack(">HHHHHH", ident, flags, 1, 0, 0, 0) + encode(name) + struct.pack(">HH", TYPES[kind], 1)


def end_of_question(message):
    at = 12
    while message[at]:
        at += 1 + message[at]
    return at + 5


def skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def addresses(message):
    at, found = end_of_question(message), []
    for _ in range(struct.unpack(">H", message[6:8])[0]):
        at = skip_name(message, at)
        kind, _, _, size = struct.unpack(">HHIH", message[at : at + 10])
        if kind in FAMILIES:
            found.append(socket.inet_ntop(FAMILIES[kind], message[at + 10 : at + 10 + size]))
        at += 10 + size
    return found


def read_whole(stream, size):
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise ConnectionError("the other end has hung up")
        data += more
    return data


def read_stream(stream):
    return read_whole(stream, struct.unpack(">H", read_whole(stream, 2))[0])


def send_stream(stream, message):
    stream.sendall(struct.pack(">H", len(message)) + message)


def udp_from(address, server):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if address:
        s.bind((address, 0))
    s.settimeout(8)
    s.connect(server)
    return s


def tcp_from(address, server):
    return socket.create_connection(server, 8, (address, 0) if address else None)


def ask(message, address, server, tcp=False):
    if not tcp:
        with udp_from(address, server) as s:
            s.send(message)
            answer = s.recv(65535)
    if tcp or answer[2] & 2:
        with tcp_from(address, server) as s:
            send_stream(s, message)
            answer = read_stream(s)
    assert answer[:2] == message[:2] and answer[2] & 0x80
    return answer


def show(answer):
    print(CODES.get(answer[3] & 15, answer[3] & 15), *addresses(answer), flush=True)


# --- the resolver behind ---


def respond(query, flags=0x8180):
    end = end_of_question(query)
    last = query[13 : 13 + query[12]]
    value = bytes([192, 0, 2, int(last) if last.isdigit() else 1])
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + value
    return query[:2] + struct.pack(">HHHHH", flags, 1, 1, 0, 0) + query[12:end] + record


def serve(address, port, mode):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, port))
    tcp = socket.create_server((address, port), backlog=64)

    def big(query):
        end = end_of_question(query)
        pad = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, 60000) + b"\xff" * 60000
        return respond(query)[:6] + struct.pack(">HHH", 2, 0, 0) + query[12:end] + respond(query)[end:] + pad

    def connection(c):
        with c:
            while True:
                query = read_stream(c)
                if mode == "bad":
                    c.sendall(os.urandom(40))
                    return
                if mode != "silent":
                    send_stream(c, big(query) if mode == "big" else respond(query))

    def connections():
        while True:
            threading.Thread(target=connection, args=(tcp.accept()[0],), daemon=True).start()

    threading.Thread(target=connections, daemon=True).start()
    elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print("ready", flush=True)
    while True:
        query, asker = udp.recvfrom(65535)
        wrong = respond(query)[:-4] + bytes([6, 6, 6, 6])
        if mode == "spoof":
            elsewhere.sendto(wrong, asker)
            udp.sendto(bytes([wrong[0] ^ 1]) + wrong[1:], asker)
            udp.sendto(wrong[:13] + bytes([wrong[13] ^ 1]) + wrong[14:], asker)
            udp.sendto(b"", asker)
        if mode == "bad":
            udp.sendto(os.urandom(30), asker)
            udp.sendto(respond(query)[:20], asker)
        elif mode == "big":
            udp.sendto(respond(query, 0x8380)[: end_of_question(query)], asker)
        elif mode != "silent":
            udp.sendto(respond(query), asker)


# --- the hostile ---


def attack(address, server):
    rand = random.Random(7)
    good = question("blog.web.internal")
    packets = [b"", b"\0", good[:11], good[:12], good[:-1], good + b"x" * 4000, good + b"x" * 60000]
    packets += [good[:i] for i in range(len(good))]
    packets += [good[:12] + b"\xc0\x0c\0\1\0\1", good[:12] + b"\xc0\xff\0\1\0\1", good[:12] + b"\x3f" * 400]
    packets += [good[:4] + b"\xff" * 8 + good[12:], good[:2] + b"\x81\x80" + good[4:]]
    packets += [bytes(rand.randrange(256) for _ in range(rand.randrange(80))) for _ in range(2000)]
    for _ in range(2000):
        broken = bytearray(good)
        for _ in range(rand.randrange(1, 6)):
            broken[rand.randrange(len(broken))] = rand.randrange(256)
        packets.append(bytes(broken))
    with udp_from(address, server) as s:
        for p in packets:
            s.send(p)
    # over TCP: half a length, more than is said, less than is said, 64 KB of nothing, none at all
    streams = [b"\0", struct.pack(">H", 65535) + b"\0" * 65535, struct.pack(">H", len(good)) + good[:5]]
    streams += [b"\0\0", b"\0\1\0", struct.pack(">H", 12) + b"\xff" * 12, good * 50]
    streams += [b"".join(struct.pack(">H", len(good)) + good for _ in range(300))]
    held = []
    for data in streams + [b""] * 100:
        try:
            s = tcp_from(address, server)
            held.append(s)
            s.sendall(data)
        except OSError:
            pass
    for s in held:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


def flood(address, server, seconds):
    end, sent = time.monotonic() + seconds, 0
    with udp_from(address, server) as s:
        while time.monotonic() < end:
            for _ in range(64):
                sent += 1
                s.send(question(f"{sent}.flood.example"))
    print(sent)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--from", dest="address")
    p.add_argument("--tcp", action="store_true")
    p.add_argument("--id", type=int)
    p.add_argument("words", nargs="+")
    o = p.parse_intermixed_args()
    verb, *w = o.words
    if verb == "ask":
        try:
            show(ask(question(w[2], w[3] if len(w) > 3 else "A", o.id), o.address, (w[0], int(w[1])), o.tcp))
        except OSError as e:
            print(type(e).__name__)
            sys.exit(1)
    elif verb == "counter":
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(w[0])
            print(json.load(s.makefile())[w[1]])
    elif verb == "serve":
        serve(w[0], int(w[1]), w[2])
    elif verb == "attack":
        attack(w[0], (w[1], int(w[2])))
    elif verb == "flood":
        flood(w[0], (w[1], int(w[2])), float(w[3]))


main()
