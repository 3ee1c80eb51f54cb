#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the listener of a seccomp filter at a socket, as an agent does: listener.py SOCKET

Says "ready" once it listens; prints what came with it and how many descriptors; then lets go of it,
so that the calls it would decide about answer ENOSYS."""

import array
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
print("ready", flush=True)
conn, _ = server.accept()
data, ancillary, _, _ = conn.recvmsg(65536, socket.CMSG_SPACE(16))
fds = array.array("i", ancillary[0][2])
print(data.decode())
print(len(fds), flush=True)
