"""Measurements of the gateway, each beside a yardstick in the same run."""

import sys
from importlib.util import find_spec

if find_spec("httpx") is None:
    sys.exit("bench: the tools for tests are not installed: run `make bench`, which installs them.")
