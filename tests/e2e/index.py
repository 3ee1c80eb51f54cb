# SPDX-License-Identifier: MIT
"""Serves the files of a folder on port 80, as registries do that index.bash stands for: index.py FOLDER

What a folder is to answer with is its index.json or index.html. A folder with a file .authorization is
for requests only whose header of that name is what the file says, and so is all that is in it."""

import functools
import http.server
import pathlib
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".ts": "application/typescript"}

    def send_head(self):
        path = pathlib.Path(self.translate_path(self.path))
        for folder in (path, *path.parents):
            wanted = folder / ".authorization"
            if wanted.is_file() and self.headers.get("Authorization") != wanted.read_text().strip():
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
        if (path / "index.json").is_file():
            self.path = self.path.partition("?")[0].rstrip("/") + "/index.json"
        return super().send_head()


handler = functools.partial(Handler, directory=sys.argv[1])
http.server.ThreadingHTTPServer(("", 80), handler).serve_forever()
