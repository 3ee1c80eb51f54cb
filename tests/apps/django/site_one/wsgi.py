# SPDX-License-Identifier: MIT
import os
import pathlib


def application(environ, start_response):
    text = f"static: {pathlib.Path('static.txt').read_text()}, workers: {os.environ['WEB_CONCURRENCY']}\n"
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text.encode()]
