"""Tensors and tables -> a closed matplotlib Figure. Nothing here trains, saves or shows.

Figures are built without pyplot, so that none stays open and none is drawn twice.
"""

import io
import textwrap
from functools import partial

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from torch.nn import functional as F

TEN = matplotlib.color_sequences["tab10"]
COLOURS = ["#2563a8", "#c8553d", "#3a8f5c", "#8a5fb0", "#b8860b", "#50808e"]


def image_grid(x, columns=8, title="", rows=None, heads=None, scale=0.9):
    """Pictures (N, C, H, W), floats in [0, 1] or uint8, as a grid with `columns` in a row.

    rows: a label before each row. heads: a label over each column, broken into lines where it is
    wider than a picture. scale: inches a picture.
    """
    x = torch.as_tensor(x).detach().cpu()
    x = x.float() / 255 if x.dtype == torch.uint8 else x.float().clamp(0, 1)
    height, width = x.shape[2:]
    columns = min(columns, len(x))
    picture = _tiled(x, columns)
    n_rows = -(-len(x) // columns)
    # Margins are set by hand: a layout engine would draw twice, and sliders redraw while they move.
    inner_width, inner_height = columns * scale, n_rows * scale * height / width  # inches
    left = 0.1 + 0.075 * max((len(r) for r in rows), default=0) if rows else 0.0
    broken = partial(textwrap.fill, break_long_words=False, break_on_hyphens=False)
    heads = [broken(str(head), max(int(scale / 0.075), 1)) for head in heads or []]
    lines = max((h.count("\n") + 1 for h in heads), default=0)
    top = 0.08 * bool(heads) + 0.14 * lines + 0.3 * bool(title)
    outer_width, outer_height = left + inner_width, top + inner_height
    figure = Figure(figsize=(outer_width, outer_height))
    axis = figure.add_axes(
        (left / outer_width, 0, inner_width / outer_width, inner_height / outer_height)
    )
    axis.imshow(picture, interpolation="nearest", extent=(0, columns, n_rows, 0), aspect="auto")
    axis.set_title(title, fontsize=10)
    axis.set_xticks([i + 0.5 for i in range(columns)] if heads else [], heads)
    axis.set_yticks([i + 0.5 for i in range(n_rows)] if rows else [], rows or [])
    axis.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=8)
    axis.spines[:].set_visible(False)
    return figure


def _tiled(x, columns):
    """Pictures (N, C, H, W), C 1 or 3, row by row with a white gap around each of several: an array
    (height, width, 3). As torchvision's make_grid, whose import takes as long as all others."""
    missing, gap = -len(x) % columns, 2 * (len(x) > 1)
    x = F.pad(x.expand(-1, 3, -1, -1), (gap, 0, gap, 0, 0, 0, 0, missing), value=1.0)
    rows = x.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    return F.pad(rows, (0, gap, 0, gap), value=1.0).permute(1, 2, 0).numpy()


def curves(tables, terms, x="epoch", ylabel="nats per image", log=(), title=""):
    """One panel a term; a line for each of {name: DataFrame} (or a single DataFrame).

    log: the terms whose panel has a logarithmic axis.
    """
    tables = tables if isinstance(tables, dict) else {"": tables}
    figure = Figure(figsize=(3.6 * len(terms), 2.9), layout="constrained")
    figure.suptitle(title)
    ylabels = [ylabel] * len(terms) if isinstance(ylabel, str) else ylabel
    for i, (term, unit) in enumerate(zip(terms, ylabels, strict=True)):
        axis = figure.add_subplot(1, len(terms), i + 1, title=term, xlabel=x, ylabel=unit)
        for colour, (name, table) in zip(_colours(len(tables)), tables.items(), strict=True):
            axis.plot(table[x], table[term], color=colour, label=name, marker=".", markersize=4)
        if term in log:
            axis.set_yscale("log")
            axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
            axis.yaxis.set_major_formatter(LogFormatter())  # 20, not 2 x 10^1
        axis.xaxis.get_major_locator().set_params(integer=True)  # half an epoch is no mark
        axis.grid(alpha=0.25)
        if i == 0 and len(tables) > 1:
            axis.legend(fontsize=8)
    return figure


def lines(x, series, xlabel, ylabel, title="", bands=None, logx=False):
    """{name: values} against x; bands {name: (low, high)} are shaded. Few points are marked."""
    figure, axis = _axes(5.2, 3.2, title)
    marker = "o" if len(x) <= 30 else ""
    for colour, (name, values) in zip(_colours(len(series)), series.items(), strict=True):
        axis.plot(x, values, color=colour, label=name, marker=marker, markersize=4)
        if bands and name in bands:
            axis.fill_between(x, *bands[name], color=colour, alpha=0.15, linewidth=0)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if logx:
        axis.set_xscale("log", base=2)
        axis.set_xticks(x, [str(v) for v in x])
    axis.grid(alpha=0.25)
    if len(series) > 1:
        axis.legend(fontsize=8)
    return figure


def roc(rates, title=""):
    """{name: (false rate, true rate)} as ROC curves with the diagonal of chance."""
    figure, axis = _axes(4.4, 4.0, title)
    for colour, (name, (false_rate, true_rate)) in zip(
        _colours(len(rates)), rates.items(), strict=True
    ):
        axis.plot(false_rate, true_rate, color=colour, label=name)
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":", label="chance")
    axis.set(xlabel="false positive rate", ylabel="true positive rate")
    axis.legend(fontsize=8, loc="lower right")
    axis.grid(alpha=0.25)
    return figure


def bars(names, values, ylabel, title="", errors=None, line=None):
    """One bar a name; errors (2, N) below and above; `line` = (height, what it means)."""
    longest = max(len(str(n)) for n in names)
    slanted = longest > 4
    height = 0.055 * longest * slanted + max(2.2, 0.068 * len(ylabel))  # inches: names, the axis
    figure, axis = _axes(max(4.0, 0.42 * len(names) + 1.2), max(3.2, height + 0.1), title)
    drawn = axis.bar(range(len(names)), values, color=COLOURS[0], yerr=errors, capsize=2)
    if len(names) <= 12 and errors is None:
        label = lambda v: f"{v:.2f}" if abs(v) < 10 else f"{v:,.0f}"
        axis.bar_label(drawn, fmt=label, fontsize=8)
        axis.margins(y=0.1)  # room for the highest one's
    if line:
        axis.axhline(line[0], color=COLOURS[1], linestyle="--", linewidth=1, label=line[1])
        axis.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    axis.set_xticks(
        range(len(names)),
        names,
        rotation=60 if slanted else 0,
        fontsize=8,
        ha="right" if slanted else "center",
    )
    axis.set_ylabel(ylabel)
    axis.grid(alpha=0.25, axis="y")
    return figure


def spectrum(values, ylabel, xlabel="latent dimension, largest first", line=None, log=False):
    """Many sorted values (a KL per dimension) as one falling curve; `line` as in bars."""
    figure, axis = _axes(5.2, 3.0, "")
    heights = np.sort(np.asarray(values))[::-1]
    axis.fill_between(range(1, len(heights) + 1), heights, step="mid", color=COLOURS[0], alpha=0.6)
    if log:
        axis.set_yscale("log")
    if line:
        axis.axhline(line[0], color=COLOURS[1], linestyle="--", linewidth=1, label=line[1])
        axis.legend(fontsize=8)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.25)
    return figure


def scatter(points, groups, names, title=""):
    """Points (N, 2) of a map, coloured by group 0..len(names)-1. A map's axes have no unit."""
    figure = Figure(figsize=(4.8, 4.6))
    axis = figure.add_axes((0.14, 0.11, 0.84, 0.81))  # by hand, for speed, as in image_grid
    axis.set_title(title, fontsize=10)
    for i, (name, colour) in enumerate(zip(names, _colours(len(names)), strict=True)):
        x, y = np.asarray(points)[np.asarray(groups) == i].T
        axis.plot(x, y, ".", markersize=4, color=colour, alpha=0.7, label=name)
    axis.set(xlabel="t-SNE axis 1 (no unit)", ylabel="t-SNE axis 2 (no unit)")
    axis.legend(fontsize=8, markerscale=2, loc="upper right")
    return figure


def maps(tables, groups, names, columns=3):
    """{title: points (N, 2)}, a small map each, all coloured by the same groups; one legend."""
    rows = -(-len(tables) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.7, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis, (title, points) in zip(axes, tables.items(), strict=False):
        for i, (name, colour) in enumerate(zip(names, TEN, strict=False)):
            x, y = np.asarray(points)[np.asarray(groups) == i].T
            axis.plot(x, y, ".", markersize=2.5, color=colour, label=name)
        axis.set_title(title, fontsize=9)
        axis.set(xticks=[], yticks=[])
    figure.supxlabel("t-SNE axis 1 (no unit)", fontsize=9)
    figure.supylabel("t-SNE axis 2 (no unit)", fontsize=9)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", markerscale=4)
    return figure


def heat(tables, columns=3, xlabel="column, pixels", ylabel="row, pixels", rows=None, heads=None):
    """{title: table (H, W)}, a heat map each with its own scale; 0 is white where signs mix.

    rows: a name for each row of a table, in place of its number. heads: for each column.
    """
    n_rows = -(-len(tables) // columns)
    width = max(3.2, 1.8 + 0.24 * len(heads or ()))  # inches a table
    height = max(2.7, 0.8 + 0.26 * len(rows or ()) + 1.2 * bool(heads))
    figure = Figure(figsize=(width * columns, height * n_rows), layout="constrained")
    aspect = "auto" if rows or heads else "equal"
    for i, (title, table) in enumerate(tables.items()):
        axis, table = figure.add_subplot(n_rows, columns, i + 1), np.asarray(table)
        image = axis.imshow(table, interpolation="nearest", aspect=aspect, cmap="viridis")
        if table.min() < 0 < table.max():
            top = np.abs(table).max()
            image.set(cmap="RdBu_r", clim=(-top, top))
        figure.colorbar(image, ax=axis)
        axis.set_title(title, fontsize=9)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        if rows:
            axis.set_yticks(range(len(rows)), rows, fontsize=8)
        if heads:
            axis.set_xticks(range(len(heads)), heads, fontsize=8, rotation=90)
    return figure


def pad(points, at, picture, title):
    """A plane of two latent dimensions, codes (N, 2) as dots, `at` as a cross; and a picture."""
    figure = Figure(figsize=(6.2, 3.3))
    plane = figure.add_axes((0.09, 0.15, 0.42, 0.76))  # by hand, for speed, as in image_grid
    plane.plot(*points.cpu().numpy().T, ".", markersize=3, color=COLOURS[0], alpha=0.5)
    plane.plot(*at, "+", markersize=18, markeredgewidth=2.5, color=COLOURS[1])
    plane.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xlabel="z1 (no unit)", ylabel="z2 (no unit)")
    plane.grid(alpha=0.25)
    axis = figure.add_axes((0.57, 0.1, 0.41, 0.78))
    pixels = picture.detach().cpu()[0, 0].numpy()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.set_axis_off()
    return figure


def ladder(models):
    """{name: [(side, groups), ...]}, coarse first: encoder and decoder of a hierarchical VAE each,
    scales one below the other; a filled box z for every group, to which the encoder's maps of its
    scale go, and hollow ones for plain blocks."""
    most = max(n for scales in models.values() for _, n in scales)
    figure = Figure(figsize=(1.0 * (most + 1.4) * len(models), 3.4), layout="constrained")
    for axis, (name, scales) in zip(
        figure.subplots(1, len(models), squeeze=False)[0], models.items(), strict=True
    ):
        for row, (side, n_groups) in enumerate(scales):
            y = len(scales) - row
            _rung(axis, y, side, n_groups, most)
            if row:
                _arrow(axis, (0.3 + most, y + 0.84), (1.3, y + 0.14))
                _arrow(axis, (0, y + 0.2), (0, y + 0.8))
        axis.text(0, 0.45, "picture", ha="center", fontsize=10)
        axis.text(0.3 + most, 0.45, "pixels", ha="center", fontsize=10)
        axis.set(xlim=(-0.6, most + 0.8), ylim=(0.4, len(scales) + 0.6), title=name)
        axis.set_axis_off()
    return figure


def _rung(axis, y, side, n_groups, n_boxes):
    """One scale: the encoder's box, then n_boxes of the decoder, of which n_groups are filled."""
    _box(axis, 0, y, f"{side}x{side}", "black", "#e3e8ee")
    axis.plot([0, 0, 0.3 + n_groups], [y + 0.15, y + 0.36, y + 0.36], color="#50606e", lw=1)
    for i in range(n_boxes):
        if i < n_groups:
            _box(axis, 1.3 + i, y, " z ", "white", COLOURS[0])
            _arrow(axis, (1.3 + i, y + 0.38), (1.3 + i, y + 0.12))
        else:
            _box(axis, 1.3 + i, y, "block", "black", "white")
        if i:
            _arrow(axis, (0.55 + i, y), (1.0 + i, y))


def _box(axis, x, y, text, colour, background):
    frame = {"boxstyle": "round", "facecolor": background, "edgecolor": "#50606e"}
    axis.text(x, y, text, ha="center", va="center", fontsize=9, color=colour, bbox=frame)


def _arrow(axis, start, end):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#50606e"})


def png(figure, dpi=100):
    """The figure as PNG bytes, without a date, so that equal pictures are equal files."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def _axes(width, height, title):
    figure = Figure(figsize=(max(width, 2.2), max(height, 1.6) + 0.3), layout="constrained")
    axis = figure.add_subplot()
    axis.set_title(title, fontsize=10)
    return figure, axis


def _colours(n):
    return [COLOURS[i % len(COLOURS)] for i in range(n)]
