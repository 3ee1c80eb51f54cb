# SPDX-License-Identifier: MIT
"""Stands for gunicorn: one thread that serves MODULE[:NAME] on $PORT."""
import importlib
import os
import sys
from wsgiref.simple_server import make_server


def main():
    module, _, name = sys.argv[1].partition(":")
    application = getattr(importlib.import_module(module), name or "application")
    make_server("", int(os.environ["PORT"]), application).serve_forever()
