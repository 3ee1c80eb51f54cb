#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that curl is not, for the router's tests.

client.py load PORT HOST THREADS STOPFILE   keep-alive GETs until STOPFILE exists; "OK ERRORS". With
                                            a thread's first good answer STOPFILE.begun appears,
                                            with its 101st STOPFILE.many
client.py websocket PORT HOST               upgrade, then an echo; prints the echo
client.py events PORT HOST                  the numbers of all events; the second comes when the
                                            first was seen
client.py raw PORT                          sends stdin, prints all that comes back
"""
import http.client
import os
import re
import socket
import sys
import threading

PORT = int(sys.argv[2])


def load(host, threads, stop):
    done = [0, 0]
    lock = threading.Lock()

    def one():
        good = bad = 0
        conn = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
        while not os.path.exists(stop):
            try:
                conn.request("GET", "/", headers={"Host": host})
                answer = conn.getresponse()
                answer.read()
                good, bad = good + (answer.status == 200), bad + (answer.status != 200)
                if good in (1, 101):
                    open(stop + (".begun" if good == 1 else ".many"), "w").close()
            except (OSError, http.client.HTTPException):
                bad += 1
                conn.close()
        with lock:
            done[0] += good
            done[1] += bad

    all_threads = [threading.Thread(target=one) for _ in range(int(threads))]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    print(*done)


def connect():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def until(s, mark):
    data = b""
    while mark not in data and (more := s.recv(4096)):
        data += more
    return data


def websocket(host):
    s = connect()
    s.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    head = until(s, b"\r\n\r\n")
    s.sendall(b"\x81\x05hello")
    print(head.split()[1].decode(), until(s, b"hello")[2:].decode())


def events(host):
    s, more = connect(), connect()
    s.sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    data = until(s, b"data: 0")
    more.sendall(f"GET /more-events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    data += until(s, b"\r\n0\r\n\r\n")
    print(*re.findall("data: (.*)", data.decode()))


def raw():
    s = connect()
    s.settimeout(2)
    s.sendall(sys.stdin.buffer.read())
    try:
        while data := s.recv(65536):
            sys.stdout.buffer.write(data)
    except TimeoutError:
        pass


{"load": load, "websocket": websocket, "events": events, "raw": raw}[sys.argv[1]](*sys.argv[3:])
