"""Visitors who come at once to the page on this machine: what each waits, and how many are told to come later.

python -m benchmarks.load [--seconds N] [--visitors 1 2 4 8 16 32 50]

The app runs as `make demo` starts it, with the bundled model. Each visitor gives a photo of their own, has its face
found and its ages made, looks at the comparison, and comes again at once: far more than people do. Every picture is
checked to be that visitor's own. A busy answer counts as one, not as a result. Figures: seconds of one event from
asking to its end (median, 95 %), events a second, share told to come later and how soon, memory at its peak.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from core.weights import models_folder
from tests.page_server import MIB, watched_app
from tests.visiting import Tally, visit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="for each number of visitors")
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 50])
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        watched_app(Path(folder), models_folder(), OMP_NUM_THREADS="2") as app,
    ):
        visit(app, 0, Tally())  # the first is slower
        for num_visitors in options.visitors:
            tally, began_s = Tally(), time.monotonic()

            def come_again(number: int, tally: Tally = tally, until_s: float = began_s + options.seconds) -> None:
                while time.monotonic() < until_s:
                    visit(app, number, tally)

            app.forget_peak()
            with ThreadPoolExecutor(num_visitors) as visitors:
                list(visitors.map(come_again, range(num_visitors)))
            took_s = time.monotonic() - began_s
            if tally.hung or tally.crossed:
                sys.exit(f"error: {tally.line()}: {[*tally.hung, *tally.crossed][:3]}")
            sys.stderr.write(f"{num_visitors} visitors: {tally.line()}\n")
            name = f"load_{num_visitors}_visitors"
            print(f"{name}_p50 {np.percentile(tally.done_s, 50):.2f} s")
            print(f"{name}_p95 {np.percentile(tally.done_s, 95):.2f} s")
            print(f"{name}_rate {len(tally.done_s) / took_s:.1f} events/s")
            print(f"{name}_busy {100 * len(tally.busy_s) / tally.num_requests:.0f} %")
            print(f"{name}_peak_memory {app.peak_bytes / MIB:.0f} MiB")


if __name__ == "__main__":
    main()
