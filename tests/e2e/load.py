# SPDX-License-Identifier: MIT
"""A keep-alive load on one host of the router, which counts what went wrong.

load.py PORT HOST CLIENTS FILE   until FILE.stop exists (at most 180 s) each client asks for "/"
                                 again and again on one connection, the last of them for "/slow".
                                 Then FILE has one line "GOOD BAD" and one for each kind of failure.
                                 FILE.begun appears with the first good answer.
"""
import collections
import http.client
import os
import sys
import threading
import time

port, host, clients, path = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
end = time.monotonic() + 180
good = 0
bad = collections.Counter()
lock = threading.Lock()


def client(target):
    global good
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < end and not os.path.exists(path + ".stop"):
        failure = None
        try:
            connection.request("GET", target, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failure = str(answer.status)
        except (OSError, http.client.HTTPException) as e:
            failure = type(e).__name__
            connection.close()
        with lock:
            if failure:
                bad[failure] += 1
            else:
                good += 1
                if good == 1:
                    open(path + ".begun", "w").close()
        time.sleep(0.01)


threads = [
    threading.Thread(target=client, args=("/slow" if n == clients - 1 else "/",))
    for n in range(clients)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open(path, "w") as f:
    print(good, sum(bad.values()), file=f)
    for kind, count in bad.items():
        print(kind, count, file=f)
