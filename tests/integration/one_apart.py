"""Started by torchrun: the training command of one process on a machine whose disk, and run folder, are its own."""

import os
import sys

from training.__main__ import main

if __name__ == "__main__":
    place = sys.argv.index("--out") + 1
    sys.argv[place] = f"{sys.argv[place]}-{os.environ['RANK']}"
    main()
