"""Everything that `make bench` measures: measure.py FILE.json"""

import sys

import builds
import core
import floods
import images
import lib

core.measure()
builds.measure()
floods.measure()
images.measure()
lib.save(sys.argv[1])
