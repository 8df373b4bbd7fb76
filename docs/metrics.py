"""make metrics: what each metric of the course says of real pictures made worse step by step.

Measures rendered portraits and, where it is prepared, CelebA; writes the figures in docs/metrics/
and the tables of docs/metrics.md (between its comments). Half of n test pictures stay as they are;
the other half are corrupted. A few minutes; the judges are the ones that ship with the course.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from course_lib import data
from course_lib.atomic import write_bytes
from course_lib.course import figures
from course_lib.evaluation import corruptions, faces_found, image_quality, judge, stats
from course_lib.training import runs

PAGE = Path(__file__).with_suffix(".md")
FIGURES = Path(__file__).with_suffix("")
SETS = {"portraits": "faces", "CelebA": "celeba"}
N = 500  # pictures on each side of a comparison
# The metrics, and whether they should rise (1) or fall (-1) when pictures get worse.
WORSE = {
    "faces found": -1, "distance": 1, "FID": 1, "KID": 1,
    "precision": -1, "recall": -1, "sharpness": -1,
}  # fmt: skip


def variants(x):
    """{(kind, strength): pictures}, the real ones first."""
    made = {("real", ""): x}
    for kind, (function, name, strengths) in corruptions.GRADES.items():
        made |= {(kind, name.format(s)): function(x, s) for s in strengths}
    return made


def measured(real, fake, of_real, of_fake):
    """{metric: (value, low, high)} of fakes; of_...: the judge's features of both."""
    result = image_quality.beside(real, fake)
    kid, spread = image_quality.kernel_distance(of_real, of_fake)
    inside = stats.jackknife(image_quality.precision_recall, of_real, of_fake)
    precision, recall = np.clip(inside, 0, 1).T.tolist()
    return {
        "faces found": (result["faces found"], result["found low"], result["found high"]),
        "distance": (result["distance"], result["distance low"], result["distance high"]),
        "FID": stats.jackknife(image_quality.frechet, of_real, of_fake),
        "KID": (kid, kid - spread, kid + spread),
        "precision": precision,
        "recall": recall,
        "sharpness": stats.jackknife(torch.mean, 1000 * image_quality.sharpness(fake)),
    }


def judged(name):
    """The shipped judge of a set, and the share of test attributes of which it is right."""
    train, test = data.load(name, "train"), data.load(name, "test")
    run = runs.train_or_load(judge.recipe, [train.x, train.y], dict(epochs=12, seed=0), 12)
    right = judge.correct(run.model, data.pixels(test.x), test.y).mean().item()
    return run.model, right


def table(name):
    """A row a variant, a column a metric with (value, low, high) in each cell."""
    model, right = judged(name)
    print(f"{name}: the judge is right on {right:.1%} of the test attributes")
    x = data.pixels(data.load(name, "test").x[: 2 * N])
    features = lambda p: data.in_batches(model.features, (255 * p).round().byte())
    rows, real = {}, x[:N]
    for key, fake in variants(x[N:]).items():
        rows[key] = measured(real, fake, features(real), features(fake))
        print(name, *key, flush=True)
    return pd.DataFrame(rows).T


def order(rows):
    """For each kind and metric how well it orders the strengths: Spearman's correlation, 1 as the
    eye orders them, -1 the other way round, and 0 where the strongest looks like real pictures."""
    result = {}
    for kind in corruptions.GRADES:
        graded = rows.loc[["real", kind]]
        result[kind] = {m: _order(graded[m].tolist(), sign) for m, sign in WORSE.items()}
    return pd.DataFrame(result)


def _order(cells, sign):
    values = [value for value, _, _ in cells]
    (_, low, high), (_, lowest, highest) = cells[0], cells[-1]
    if lowest <= high and low <= highest:
        return 0.0
    return sign * spearmanr(range(len(values)), values).statistic


# ---- how the detector's numbers were chosen -----------------------------------------------------


def tried(n=200):
    """The share of faces found in training pictures, as they are and shuffled, for several margins,
    steps and numbers of neighbours. Never of a model's pictures."""
    named = {"close-ups": "closeups"} | available()
    x = {name: data.pixels(data.load(source, "train", n).x) for name, source in named.items()}
    x |= {f"{name}, shuffled": corruptions.shuffled(x[name], 16) for name in available()}
    rows = []
    for margin, step, neighbours in [
        (48, 1.1, 3), (0, 1.1, 3), (24, 1.1, 3), (96, 1.1, 3), (48, 1.1, 1), (48, 1.05, 3),
    ]:  # fmt: skip
        row = {"margin": margin, "step": step, "neighbours": neighbours}
        for set_name, pictures in x.items():
            result = faces_found.faces_found(pictures, margin, step, neighbours)
            row[set_name] = f"{result.float().mean().item():.2f}"
        rows.append(row)
        print(row, flush=True)
    return pd.DataFrame(rows)


# ---- the page -----------------------------------------------------------------------------------


def cell(value, low, high):
    """0.95 (0.93 to 0.97), with as many places as the interval bears, at most three."""
    places = int(np.clip(1 - np.floor(np.log10(max(high - low, 1e-6) / 2)), 0, 3))
    return f"{value:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def put(name, frame):
    """A table of the page, between its two comments."""
    block = f"<!-- {name} -->\n{_markdown(frame)}\n<!-- end -->"
    page = PAGE.read_text(encoding="utf-8")
    page, n = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: block, page, flags=re.S)
    assert n == 1, f"{PAGE} has no place for {name}"
    write_bytes(PAGE, page.encode())


def _markdown(frame):
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).values.tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def available():
    """The sets that are here, with a word for one that is not."""
    result = {}
    for name, source in SETS.items():
        try:
            data.load(source, "test", 1)
            result[name] = source
        except data.DataMissing as missing:
            print(f"left out: {missing}")
    return result


def examples(x):
    """A row a kind: a real picture, then the same place in every strength from weak to strong."""
    made = variants(x)
    width = 1 + max(len(strengths) for *_, strengths in corruptions.GRADES.values())
    blank = torch.ones_like(x[:1])
    pictures = []
    for kind, (_, _, strengths) in corruptions.GRADES.items():
        row = [made["real", ""][:1], *(p[:1] for key, p in made.items() if key[0] == kind)]
        pictures += row + [blank] * (width - 1 - len(strengths))
    return figures.image_grid(
        torch.cat(pictures),
        width,
        rows=list(corruptions.GRADES),
        heads=["real", "weakest", "", "", "strongest"],
    )


def heights(tables):
    """Every metric (row) against the strength of every kind (column), a line a set."""
    kinds = list(corruptions.GRADES)
    figure = Figure(figsize=(11, 11), layout="constrained")
    axes = figure.subplots(len(WORSE), len(kinds), sharex="col", sharey="row")
    for metric, row in zip(WORSE, axes, strict=True):
        for kind, axis in zip(kinds, row, strict=True):
            for colour, (name, rows) in zip(figures.COLOURS, tables.items(), strict=False):
                value, low, high = np.array(rows.loc[["real", kind]][metric].tolist()).T
                axis.fill_between(range(len(value)), low, high, color=colour, alpha=0.25)
                axis.plot(value, color=colour, marker=".", label=name)
            axis.grid(alpha=0.25)
        row[0].set_ylabel(metric)
    for kind, axis, foot in zip(kinds, axes[0], axes[-1], strict=True):
        axis.set_title(kind, fontsize=10)
        n = len(corruptions.GRADES[kind][-1])
        foot.set_xticks(range(n + 1), ["real", *map(str, range(1, n + 1))])
    axes[-1][0].set_yscale("log")  # sharpness spans four powers of ten
    axes[0][0].legend(fontsize=8)
    return figure


def orders(tables):
    """A heat map a set: metric against kind."""
    figure = Figure(figsize=(5.2 * len(tables), 3.6), layout="constrained")
    for axis, (name, rows) in zip(
        figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True
    ):
        sns.heatmap(
            order(rows), ax=axis, annot=True, fmt=".1f", cmap="RdBu", vmin=-1, vmax=1, cbar=False
        )
        axis.set_title(name, fontsize=10)
        axis.tick_params(axis="x", rotation=20)
    return figure


def main():
    torch.manual_seed(0)
    put("the detector", tried())
    tables = {name: table(source) for name, source in available().items()}
    for name, rows in tables.items():
        shown = rows.map(lambda values: cell(*values))
        shown.insert(0, "pictures", [": ".join(filter(None, key)) for key in rows.index])
        put(name, shown)
    x = data.pixels(data.load("faces", "test").x[N : 2 * N])
    made = {"corruptions": examples(x), "metrics": heights(tables), "order": orders(tables)}
    for name, figure in made.items():
        write_bytes(FIGURES / f"{name}.png", figures.png(figure, dpi=80))


if __name__ == "__main__":
    main()
