"""Run ssd_live as a module: `python -m ssd_live`."""

import sys

from ssd_live.cli import run

sys.exit(run())
