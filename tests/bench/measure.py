"""Everything that `make bench` measures, or what BENCH_PARTS names: measure.py FILE.json"""

import os
import sys

import builds
import core
import crowd
import floods
import images
import lib

PARTS = dict(core=core, crowd=crowd, builds=builds, floods=floods, images=images)

for name in os.environ.get("BENCH_PARTS", " ".join(PARTS)).split():
    PARTS[name].measure()
lib.save(sys.argv[1])
