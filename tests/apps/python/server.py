# SPDX-License-Identifier: MIT
import http.server
import os
import signal
import sys

import berth_greeting


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (berth_greeting.text() + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
port = int(os.environ.get("PORT", "5000"))
http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
