"""Started by torchrun: the training command of one process on a machine whose disk, and run folder, are its own.

RANK in an argument stands for the process's rank.
"""

import os
import sys

from training.__main__ import main

if __name__ == "__main__":
    sys.argv = [argument.replace("RANK", os.environ["RANK"]) for argument in sys.argv]
    main()
