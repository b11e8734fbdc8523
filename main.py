"""Run ssd_live from a checkout: `python main.py --help`."""

import sys

from ssd_live.cli import run

if __name__ == "__main__":
    sys.exit(run())
