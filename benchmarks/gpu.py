"""A limited time on one GPU: the course's trainings at full size, the most valuable ones first.

    python -m benchmarks.gpu --minutes 9 --out OUT                what there is time for
    python -m benchmarks.gpu --minutes 9 --out OUT 08 05          of these groups alone
    CUDA_VISIBLE_DEVICES= python -m benchmarks.gpu --share 0.0001   a rehearsal on a CPU

Needs torch, torchvision, torchmetrics, scipy, pandas, matplotlib, safetensors and tqdm; nothing of
Jupyter. The trainings are those that the notebooks' full profile asks for (asked.py), and some that
last longer. Each is captured (training/captured.py), kept in the cache as the notebook would keep
it, and then told in OUT/results.json; its weights go to OUT, in float16. A process that dies is
started again: what it died of is tried once more, not captured, and then left out. What a killed
command has begun goes on when it is given again.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.asked import Training, asked
from benchmarks.packed import Packed
from benchmarks.traffic import Traffic
from course_lib.atomic import read_json, write_json
from course_lib.command import Parser
from course_lib.data import inputs
from course_lib.data.missing import DataMissing
from course_lib.models import gan_baseline, hvae, vae
from course_lib.training import keys, loop, runs
from course_lib.training.captured import captured
from course_lib.training.distributed import device_name

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The makers' figures, a second: operations in bfloat16, dense, a multiply-add as two (the T4's are
# in float16), and bytes of memory.
CARDS = {
    "H200": (989e12, 4.8e12), "H100": (989e12, 3.35e12), "A100": (312e12, 2.04e12),
    "L4": (121e12, 0.3e12), "T4": (65e12, 0.32e12),
}  # fmt: skip


def poster():
    """The poster's size, 10.4 million parameters, with the groups and without."""
    x, held = (inputs.tensor(f"celeba/{split}:x").to(DEVICE) for split in ("train", "test"))
    how = dict(bf16=True, lr=5e-4, anneal=200)
    return [Training(hvae.recipe, [x], how | {"simple": s}, 200, hvae.held_out, [held[:500]])
            for s in (False, True)]  # fmt: skip


def longer(number, recipe, epochs, n, profile):
    """The first n trainings of this recipe in a notebook, for more epochs than there."""
    own = [one for one in asked(number, profile) if one.recipe is recipe]
    return [one.lasting(epochs) for one in own[:n]]


GROUPS = {  # in the order of their value: which question waits for them
    "poster": lambda profile: poster(),
    **{number: partial(asked, number) for number in ("08", "05", "06", "07")},
    "source": partial(longer, "05", gan_baseline.recipe, 2222, 1),  # 100,000 steps of 200 faces
    "sigmas": partial(longer, "02", vae.recipe, 500, 5),
    **{number: partial(asked, number) for number in ("01", "02", "03", "04", "09")},
}


def main(words=None):
    """The exit status of the command: 0 where all that there was time for is there."""
    parser = Parser("python -m benchmarks.gpu")
    parser.add_argument("groups", nargs="*", metavar="group", help=", ".join(GROUPS))
    parser.add_argument("--minutes", type=float, default=9.0, help="stop then (9)")
    parser.add_argument("--share", type=float, default=1.0, help="of each training's steps (1)")
    parser.add_argument("--profile", default="full", choices=("quick", "full"))
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="folder for what is made")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no group is called {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    if not 0 < options.share <= 1:
        parser.error(f"--share is above 0 and at most 1, not {options.share:g}")
    if not options.minutes > 0:
        parser.error(f"--minutes is above 0, not {options.minutes:g}")
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"--out: {options.out} is no folder")
    words = sys.argv[1:] if words is None else words
    return work(options) if options.worker else watch(options, words)


def watch(options, words):
    """Start the process that trains, again where it died, and end it when the time is up."""
    end, before = time.monotonic() + 60 * options.minutes, None
    Results(options.out).forget_begun()  # of a command that was killed
    command = [sys.executable, "-m", "benchmarks.gpu", "--worker", *words]
    while (known := Results(options.out).rows) != before:  # or it dies of something else
        before = known
        process = subprocess.Popen(command)
        try:
            if process.wait(max(0.0, end - time.monotonic())) == 0:
                return finished(options.out)
            Results(options.out).leave_out_begun()
        except subprocess.TimeoutExpired:
            process.terminate()  # its checkpoint stays in the cache
            process.wait()
            Results(options.out).forget_begun()
            print(f"gpu: {options.minutes:g} minutes are over; {options.out} holds what is done")
            return 0
    print("gpu: the process that trains died without a new result", file=sys.stderr)
    return 1


def finished(folder):
    """The exit status where all was gone through: 1 where there was nothing to train."""
    if Results(folder).rows:
        return 0
    print("gpu: there was nothing that could be trained", file=sys.stderr)
    return 1


def work(options):
    """Train one after the other, and tell each."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    results, packed = Results(options.out), Packed(options.out)
    for group in options.groups or GROUPS:
        try:
            trainings = GROUPS[group](options.profile)
        except DataMissing as error:
            print(f"{group}: {error}", file=sys.stderr)
            continue
        for i, one in enumerate(trainings, 1):
            one = one if options.share == 1 else one.shortened(options.share)
            key = keys.describe(*one[:4])["key"]  # another share is another training
            name = f"{group}-{i:02d} {keys.name_of(one.recipe)} {key[:8]}"
            state = results.rows.get(name, {}).get("state")
            if state in (None, "begun, captured"):
                tell(results, packed, name, one, by_graph=state is None and DEVICE.type == "cuda")
    return 0


def end_with(parent):
    """End this process when the one that watches it has gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def tell(results, packed, name, one, by_graph):
    """Train it; what came of it goes into the results."""
    results.put(name, {"state": "begun, captured" if by_graph else "begun"})
    evaluate, words = measurable(one)
    recipe = captured(one.recipe) if by_graph else one.recipe
    try:
        how = [one.tensors, one.settings, one.epochs, evaluate, one.held]
        run = runs.train_or_load(recipe, *how, title=name)
    except loop.Diverged as error:
        results.put(name, {"state": str(error)})
        return
    about, last = run.about, run.history.iloc[-1].to_dict()
    if about.get("shipped"):
        results.put(name, {"state": "ships with the course", "last": last})
        return
    images = about["steps"] * about["settings"]["batch"]
    row = {"state": "done", "captured": by_graph, "steps": about["steps"], "last": last}
    row |= {"seconds": about["seconds"], "images a second": images / max(about["seconds"], 1e-9)}
    row |= shares(one, about) | {"device": about["device"]} | words
    results.put(name, row | {"weights": packed.add(name, run.model)})


def measurable(one):
    """(what is asked after each epoch, {}), or None and why not where its packages are absent."""
    if one.evaluate is None:
        return None, {}
    try:
        with torch.random.fork_rng():
            one.evaluate(runs.begin(one.recipe, one.tensors, one.settings)[0].best, *one.held)
    except ModuleNotFoundError as error:
        return None, {"not measured": str(error)}
    return one.evaluate, {}


def shares(one, about):
    """What all steps take of what the card could do in the seconds of the whole training, those of
    its evaluations included: {"share of bf16": of its operations, "share of bandwidth": of its
    bytes (see traffic.py)}; None each of a card that is not in CARDS."""
    most = next((able for card, able in CARDS.items() if card in device_name(DEVICE)), None)
    names = "share of bf16", "share of bandwidth"
    if most is None:
        return dict.fromkeys(names)
    with torch.random.fork_rng():
        step, batches = runs.begin(one.recipe, one.tensors, one.settings)
        loop.set_training(step, True)
        batch = next(batches.epoch(0))
        step(*batch)  # here, what is tried or made only once
        with FlopCounterMode(display=False) as counter, Traffic() as traffic:
            step(*batch)
    done, often = (counter.get_total_flops(), traffic.moved), about["steps"] / about["seconds"]
    return {name: n * often / able for name, n, able in zip(names, done, most, strict=True)}


class Results:
    """OUT/results.json: {name of a training: what came of it}, whole after every change."""

    def __init__(self, folder):
        self.path = folder / "results.json"
        try:
            self.rows = read_json(self.path)
        except FileNotFoundError:
            self.rows = {}

    def forget_begun(self):
        """What was cut off is begun again, from its checkpoint where there is one."""
        whole = {n: row for n, row in self.rows.items() if not row["state"].startswith("begun")}
        if whole != self.rows:
            self.rows = whole
            write_json(self.path, self.rows)

    def leave_out_begun(self):
        """What the process died of, uncaptured as it was, is not tried again."""
        for name, row in self.rows.items():
            if row["state"] == "begun":
                self.put(name, {"state": "left out: the process that trained it died"})

    def put(self, name, row):
        """A row, kept at once and shown."""
        self.rows[name] = row
        write_json(self.path, self.rows)
        print(f"{name}: {json.dumps(row, default=float)[:300]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
