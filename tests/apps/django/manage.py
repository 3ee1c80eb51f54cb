# SPDX-License-Identifier: MIT
"""Stands for Django's: the test's django package is a name only."""
import pathlib
import sys

import django

if sys.argv[1] == "collectstatic" and django.VERSION:
    pathlib.Path("static.txt").write_text("collected")
    print("1 static file copied")
