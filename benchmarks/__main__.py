"""make bench: what is quick and by how much, as a Markdown table of ratios.

    make bench                       every row, about five minutes on two quiet cores
    make bench ONLY="vae hvae"       some rows
    make bench ONLY="vae" BUSY=1     beside other work: one thread, and processor time is counted

Every ratio is of contenders that took turns in one run (see rounds.py); loops.py says what bare,
ours and copied are.
"""

import time

import torch

from benchmarks import families, loops, machines, work
from benchmarks.rounds import DEVICE, ROUNDS, in_turn, middle, times_as_quick
from course_lib.command import Parser
from course_lib.training.distributed import device_name

WORK = {
    "evidence": (work.evidence, "ML-VAE's evidence at once", "a loop over pictures", "pictures"),
    "sampling": (
        work.sampling,
        "importance sampling in blocks",
        "a loop over pictures",
        "pictures",
    ),
    "faces": (work.faces, "faces rendered in chunks", "one by one", "faces"),
    "opening": (work.opening, "opening 200,000 pictures", "opening 2,000", "sets"),
}
NAMES = [*families.FAMILIES, *WORK, "machines"]
HEAD = """
| what | against | times as quick (95 % interval) | goal | a second |
|---|---|---|---|---|"""


def main():
    options = read()
    if options.busy:
        torch.set_num_threads(1)
    clock = time.process_time if options.busy else time.perf_counter
    print(f"{device_name(DEVICE)}, torch {torch.__version__}, medians of {ROUNDS} rounds in turn")
    print(HEAD)
    for name in options.only or NAMES:
        if name in families.FAMILIES:
            family(name, clock)
        elif name in WORK:
            at_once(*WORK[name], clock)
        else:
            two_processes()


def read():
    parser = Parser("python -m benchmarks")
    parser.add_argument("only", nargs="*", metavar="row", help=", ".join(NAMES))
    parser.add_argument("--busy", action="store_true", help="one thread, processor time")
    options = parser.parse_args()
    if unknown := set(options.only) - set(NAMES):
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def family(name, clock):
    """Two rows: our loop against the bare step, and against the loop that people copy."""
    chosen = families.chosen(name)
    kinds = {"ours": loops.ours, "bare": loops.bare, "copied": loops.copied}
    seconds = in_turn({k: make(*chosen) for k, make in kinds.items()}, clock=clock)
    _, batches = chosen[0](*chosen[1], **chosen[2])
    rate = f"{len(batches) * batches.size / middle(seconds['ours']).median:,.0f} pictures"
    goal = "2" if name in families.DIGITS else ""
    row(f"{name}: our loop", "the bare step", ratio(seconds, "bare"), "0.97", rate)
    row(f"{name}: our loop", "the copied loop", ratio(seconds, "copied"), goal, "")


def at_once(make, ours, other, unit, clock):
    quick, slow, n = make()
    seconds = in_turn({"ours": quick, "other": slow}, clock=clock)
    rate = f"{n / middle(seconds['ours']).median:,.0f} {unit}"
    row(ours, other, ratio(seconds, "other"), "", rate)


def two_processes():
    """Wall-clock seconds always: two processes wait for each other."""
    for name, seconds in machines.run().items():
        batch = machines.STEPS[name][2]
        pairs = zip(seconds["two processes"], seconds["without exchange"], strict=True)
        lost = middle([1 - without / both for both, without in pairs])
        rate = f"{batch / middle(seconds['two processes']).median:,.1f} pictures"
        exchange = f"{lost.median:.0%} ({lost.low:.0%} to {lost.high:.0%}) of it exchange"
        seconds["ours"] = seconds["two processes"]
        for other in ("one process, one thread", "one process, two threads"):
            title = f"{name}: two processes, {exchange}"
            row(title, other, ratio(seconds, other), "", rate)


def ratio(seconds, other):
    value = times_as_quick(seconds["ours"], seconds[other])
    return f"{value.median:.2f} ({value.low:.2f} to {value.high:.2f})"


def row(*cells):
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
