# SPDX-License-Identifier: MIT
"""lacking.py SYSCALL PROGRAM ARGS...: runs PROGRAM where SYSCALL answers as on a kernel without it."""
import ctypes
import errno
import os
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))
number = library.seccomp_syscall_resolve_name(sys.argv[1].encode())
if number < 0:
    sys.exit("no system call is named " + sys.argv[1])
action = ctypes.c_uint32(ERRNO | errno.ENOSYS)
if library.seccomp_rule_add(context, action, number, 0) or library.seccomp_load(context):
    sys.exit("the filter was not taken")
os.execvp(sys.argv[2], sys.argv[2:])
