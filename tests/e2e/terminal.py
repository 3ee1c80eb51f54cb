# SPDX-License-Identifier: MIT
"""Types at a shell that COMMAND opens, as a person at a terminal would.

terminal.py COMMAND...   exits with 0 when echo, editing, Ctrl-C, a new window size and the exit
                         status came through
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


def size(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def until(fd, pattern, seconds=20):
    seen, end = b"", time.monotonic() + seconds
    while not re.search(pattern, seen):
        left = end - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            sys.exit(f"no {pattern!r} in {seen!r}")
        try:
            seen += os.read(fd, 4096)
        except OSError:
            sys.exit(f"ended without {pattern!r}: {seen!r}")
    return seen


pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
size(fd, 24, 80)
until(fd, rb"[#$] ")
os.write(fd, b"echo $((6*7))\r")
until(fd, rb"[\r\n]42\r")
os.write(fd, b"sleep 300\r")
until(fd, rb"sleep 300\r\n")
time.sleep(0.5)
os.write(fd, b"\x03")
until(fd, rb"[#$] ")
size(fd, 44, 132)
os.kill(pid, signal.SIGWINCH)
for _ in range(20):
    os.write(fd, b"stty size\r")
    # the shell may draw its line again in between: then no new line comes before the answer
    if b"44 132" in until(fd, rb"\d+ \d+\r\n"):
        break
    time.sleep(0.2)
else:
    sys.exit("the new size did not arrive")
os.write(fd, b"exit 9\r")
try:
    while os.read(fd, 4096):
        pass
except OSError:
    pass
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if status != 9:
    sys.exit(f"exit status {status}, not 9")
