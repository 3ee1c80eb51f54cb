#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A backend for the router's tests: backend.py PORT NAME. Answers NAME, and odd things by path."""
import hashlib
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, NAME = int(sys.argv[1]), sys.argv[2]
MORE = threading.Event()
BLOCK = bytes(range(256)) * 256


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def log_message(self, *_):
        pass

    def answer(self, text, status=200):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        """(bytes, sha256) of the request's body."""
        count, digest = 0, hashlib.sha256()
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            while size := int(self.rfile.readline(), 16):
                data = self.rfile.read(size)
                self.rfile.readline()
                count, _ = count + len(data), digest.update(data)
            self.rfile.readline()
        left = int(self.headers.get("Content-Length", 0))
        while left and (data := self.rfile.read(min(left, 1 << 16))):
            count, left, _ = count + len(data), left - len(data), digest.update(data)
        return count, digest.hexdigest()

    def do_GET(self):
        path = self.path.partition("?")[0]
        if self.headers.get("Upgrade") == "websocket":
            return self.websocket()
        if path == "/slow":
            time.sleep(float(self.path.partition("?")[2] or 1))
        elif path == "/until":
            while not os.path.exists(self.path.partition("?")[2]):
                time.sleep(0.02)
        elif path == "/headers":
            return self.answer("".join(f"{k}: {v}\n" for k, v in self.headers.items()))
        elif path == "/path":
            return self.answer(self.path + "\n")
        elif path == "/die":
            os._exit(1)
        elif path == "/big":
            return self.big(int(self.path.partition("?")[2]))
        elif path == "/events":
            return self.events()
        elif path == "/more-events":
            MORE.set()
        elif path == "/accel":
            self.send_response(200)
            self.send_header("X-Accel-Redirect", "/secret")
            self.send_header("Content-Length", "3")
            self.end_headers()
            return self.wfile.write(b"own")
        return self.answer(NAME + "\n")

    def do_POST(self):
        if self.path == "/count-then-die":
            with open(sys.argv[3], "a", encoding="ascii") as f:
                f.write("x")
            os._exit(1)
        count, digest = self.body()
        return self.answer(f"{NAME} {count} {digest}\n")

    do_PUT = do_POST

    def big(self, count):
        self.send_response(200)
        self.send_header("Content-Length", str(count))
        self.end_headers()
        while count > 0:
            count -= self.wfile.write(BLOCK[:count])

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(3):
            line = f"data: {i}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            MORE.wait(20)
        self.wfile.write(b"0\r\n\r\n")

    def websocket(self):
        """Switches protocols and echoes bytes: framing is not the router's business."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.wfile.flush()
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


threading.stack_size(256 * 1024)
Server(("127.0.0.1", PORT), Handler).serve_forever()
