#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes one terminal at a console socket, as an engine does: console.py SOCKET INPUT

Says "ready" once it listens; writes INPUT to the terminal; prints what comes from it to its end."""

import array
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
print("ready", flush=True)
conn, _ = server.accept()
_, ancillary, _, _ = conn.recvmsg(256, socket.CMSG_SPACE(4))
master = array.array("i", ancillary[0][2])[0]
os.write(master, sys.argv[2].encode())
while True:
    try:
        data = os.read(master, 4096)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
