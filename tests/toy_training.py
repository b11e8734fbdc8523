"""The program, with a network of a few layers in place of the one that a recipe names: for tests of
what goes on around a training, in processes of its own.

    python tests/toy_training.py train RECIPE ...
"""

import sys
from pathlib import Path

# In place of the folder of this file.
sys.path[0] = str(Path(__file__).resolve().parents[1])

if __name__ == "__main__":
    from ssd_live.cli import run
    from ssd_live.training import start
    from tests.toy_network import toy

    start.begin = lambda part, classes, names=(): toy(classes)
    sys.exit(run())
