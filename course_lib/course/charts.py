"""Statistical pictures by seaborn: tables -> a closed matplotlib Figure."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from scipy.cluster.hierarchy import leaves_list, linkage

from course_lib.course.figures import COLOURS


def violins(table, x, y, xlabel, ylabel, hue=None, log=False):
    """The spread of column y for each value of column x, its quartiles drawn in.

    hue: a second column, one violin a value side by side.
    """
    figure, axis = _axes(1.6 + 1.3 * table[x].nunique(), 3.3)
    colours = COLOURS[: table[hue or x].nunique()]
    sns.violinplot(
        table,
        x=x,
        y=y,
        hue=hue or x,
        palette=colours,
        inner="quart",
        cut=0,
        density_norm="width",
        linewidth=0.8,
        log_scale=(None, 10) if log else None,
        legend=bool(hue),
        ax=axis,
    )
    if hue:
        axis.legend(title="", fontsize=8)
    if log:
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.yaxis.set_minor_formatter("{x:g}")
    return _labelled(figure, axis, xlabel, ylabel)


def densities(values, xlabel, colours=COLOURS, filled=True, clip=None):
    """A smooth density (KDE) of each of {name: numbers}, each with area 1."""
    figure, axis = _axes(5.2, 3.0)
    for colour, (name, numbers) in zip(colours, values.items(), strict=False):
        sns.kdeplot(
            x=numbers,
            label=name,
            color=colour,
            fill=filled,
            alpha=0.25 if filled else 1,
            clip=clip,
            ax=axis,
        )
    axis.legend(fontsize=8)
    return _labelled(figure, axis, xlabel, "density")


def strips(table, x, y, hue, xlabel, ylabel):
    """One dot a row (a seed, say): column y against the categories of x, side by side by hue, with
    each group's mean as a bar."""
    figure, axis = _axes(5.2, 3.2)
    colours = COLOURS[: table[hue].nunique()]
    apart = hue != x and table[hue].nunique() > 1
    how = dict(data=table, x=x, y=y, hue=hue, palette=colours, dodge=apart, ax=axis)
    sns.stripplot(**how, size=6, alpha=0.7, jitter=0.08)
    means = dict(
        estimator="mean", errorbar=None, marker="_", markersize=22, linestyle="none", legend=False
    )
    sns.pointplot(**(how | {"dodge": 0.4 if apart else False}), **means)
    if apart:
        axis.legend(title="", fontsize=8)
    return _labelled(figure, axis, xlabel, ylabel)


def strip_panels(table, x, columns, xlabel):
    """One dot a row (a seed, say) against the categories of x, with each group's mean as a bar: a
    panel for each of {column: label}, each with its own scale."""
    figure = Figure(figsize=(2.9 * len(columns), 3.4), layout="constrained")
    for axis, (column, label) in zip(
        figure.subplots(1, len(columns)), columns.items(), strict=True
    ):
        colours = COLOURS[: table[x].nunique()]
        how = dict(data=table, x=x, y=column, hue=x, palette=colours, legend=False, ax=axis)
        sns.stripplot(**how, size=6, alpha=0.7, jitter=0.08)
        sns.pointplot(
            **how, estimator="mean", errorbar=None, marker="_", markersize=26, linestyle="none"
        )
        low, high = table[column].min(), table[column].max()
        axis.set_ylim(min(0.0, 1.08 * low), 1.08 * high)
        axis.tick_params(axis="x", labelrotation=25, labelsize=8)
        _labelled(figure, axis, xlabel, label)
    return figure


def seed_lines(table, x, y, hue, panel, xlabel, ylabel):
    """Column y against x, a panel for each value of `panel`: a line for each of hue, the mean over
    its rows (seeds, say), in a band from the least to the largest."""
    names, hues = (list(dict.fromkeys(table[column])) for column in (panel, hue))
    figure = Figure(figsize=(4.0 * len(names), 3.2), layout="constrained")
    axes = figure.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        sns.lineplot(
            table[table[panel] == name],
            x=x,
            y=y,
            hue=hue,
            hue_order=hues,
            palette=COLOURS[: len(hues)],
            errorbar=("pi", 100),
            legend=axis is axes[0],
            ax=axis,
        )
        axis.set_title(name, fontsize=10)
        axis.grid(alpha=0.25)
        _labelled(figure, axis, xlabel, ylabel)
    axes[0].legend(fontsize=8, title="")
    return figure


def dumbbells(table, name, columns, xlabel):
    """A line for each value of column `name`, in its order, with a mark for the mean of each of
    {column: label}, and a small dot for every row (a seed, say). The ends of the line are the
    outermost marks."""
    means = table.groupby(name, sort=False)[list(columns)].mean()
    figure, axis = _axes(5.6, 1.0 + 0.27 * len(means))
    places = dict(zip(means.index, range(len(means)), strict=True))
    axis.hlines(
        range(len(means)), means.min(axis=1), means.max(axis=1), color="#b8b8b8", linewidth=2
    )
    for (column, label), colour, mark in zip(columns.items(), COLOURS, "osDv", strict=False):
        axis.plot(
            table[column], table[name].map(places), ".", color=colour, alpha=0.5, markersize=4
        )
        axis.plot(means[column], range(len(means)), mark, color=colour, markersize=7, label=label)
    axis.set_yticks(range(len(means)), means.index, fontsize=8)
    axis.invert_yaxis()
    axis.grid(alpha=0.25)
    axis.legend(
        fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(columns), frameon=False
    )
    return _labelled(figure, axis, xlabel, "")


def functions(x, curves, xlabel, ylabel):
    """Functions of one variable: {name: heights at x}, each a line over a light area."""
    figure, axis = _axes(5.2, 3.0)
    for colour, (name, heights) in zip(COLOURS, curves.items(), strict=False):
        axis.plot(x, heights, color=colour, label=name)
        axis.fill_between(x, heights, color=colour, alpha=0.15, linewidth=0)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)
    return _labelled(figure, axis, xlabel, ylabel)


def heat(matrix, rows, columns, label, digits=2, diverging=False, spread=None, most=None):
    """A matrix as colours with its numbers written in. label: of the colour bar. spread: a matrix
    of half widths, written beside each number. most: where the scale of colours ends."""
    width = 0.62 if spread is None else 0.95  # inches a column
    figure, axis = _axes(1.6 + width * len(columns), 1.2 + 0.36 * len(rows))
    table = pd.DataFrame(matrix, index=rows, columns=columns)
    written = table.map(f"{{:.{digits}f}}".format)
    if spread is not None:
        written += pd.DataFrame(spread, rows, columns).map(f" ±{{:.{digits}f}}".format)
    style = {"cmap": "vlag", "center": 0} if diverging else {"cmap": "crest"}
    sns.heatmap(
        table,
        annot=written,
        fmt="",
        vmax=most,
        annot_kws={"size": 8},
        cbar_kws={"label": label},
        ax=axis,
        **style,
    )
    axis.tick_params(labelsize=8)
    return figure


def clustered(table, label):
    """A DataFrame as colours around a white 0, its rows and columns in an order in which like ones
    are neighbours. label: of the colour bar."""
    rows, columns = (
        leaves_list(linkage(t, "average", optimal_ordering=True)) for t in (table, table.T)
    )
    figure, axis = _axes(2.2 + 0.24 * table.shape[1], 1.3 + 0.27 * table.shape[0])
    ordered = table.iloc[rows, columns]
    sns.heatmap(ordered, cmap="vlag", center=0, cbar_kws={"label": label}, ax=axis)
    for ticks, names in ((axis.set_xticks, ordered.columns), (axis.set_yticks, ordered.index)):
        ticks([i + 0.5 for i in range(len(names))], names)
    axis.tick_params(axis="x", labelrotation=90, labelsize=7)
    axis.tick_params(axis="y", labelrotation=0, labelsize=8)
    axis.set(xlabel=table.columns.name or "", ylabel=table.index.name or "")
    return figure


def tradeoff(table, x, y, name, xlabel, ylabel):
    """Points (x, y) joined in the order of x, each with its name beside it."""
    figure, axis = _axes(5.2, 3.4)
    table = table.sort_values(x)
    axis.plot(table[x], table[y], color=COLOURS[0], marker="o", markersize=6, linewidth=1)
    for at_x, at_y, text in zip(table[x], table[y], table[name], strict=True):
        axis.annotate(text, (at_x, at_y), xytext=(6, 6), textcoords="offset points", fontsize=9)
    axis.margins(0.15)
    axis.grid(alpha=0.25)
    return _labelled(figure, axis, xlabel, ylabel)


def planes(panels, label, limits=None):
    """Points of a plane, coloured: {title: [(points (N, 2), values (N,), size), ...]}, a panel
    each, all on one scale of colours, with `label`. limits: its ends; None for the values' own."""
    figure = Figure(figsize=(4.2 * len(panels), 3.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    everything = [values for layers in panels.values() for _, values, _ in layers]
    low, high = limits or (min(map(min, everything)), max(map(max, everything)))
    for axis, (title, layers) in zip(axes, panels.items(), strict=True):
        for points, values, size in layers:
            dots = axis.scatter(*points.T, c=values, s=size, cmap="viridis", vmin=low, vmax=high)
        axis.set_title(title, fontsize=10)
        axis.set(xlabel="first number", ylabel="second number")
        sns.despine(ax=axis)
    figure.colorbar(dots, ax=axes, label=label, extend="both" if limits else "neither")
    return figure


def density_maps(panels, extent, xlabel, ylabel):
    """Densities as heat maps side by side, a panel each: {title: (density, curve, bars)}.

    density: (rows, columns) over extent = (left, right, bottom, top), first row at the bottom.
    curve: (x, y) of a line. bars: (x, y, half) of marks that reach half to the left and right.
    """
    figure = Figure(figsize=(3.1 * len(panels), 3.1), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (title, (density, curve, bars)) in zip(axes, panels.items(), strict=True):
        axis.imshow(density, extent=extent, origin="lower", aspect="auto", cmap="Blues")
        axis.plot(*curve, color=COLOURS[1], linewidth=1.5)
        axis.errorbar(
            bars[0], bars[1], xerr=bars[2], color="black", fmt=".", capsize=2, linewidth=1
        )
        axis.set(title=title, xlabel=xlabel, xlim=extent[:2], ylim=extent[2:])
    axes[0].set_ylabel(ylabel)
    return figure


def fields(panels, extent, label, columns=4):
    """A field over the plane with two clouds of points: {title: (field, black, green)}.

    field: (rows, columns) in [0, 1] over extent = (left, right, bottom, top), first row at the
    bottom, with `label`. black, green: points (N, 2), as dots of that colour.
    """
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.2 * columns + 0.6, 2.35 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axis, (title, (field, black, green)) in zip(axes.flat, panels.items(), strict=False):
        how = dict(extent=extent, origin="lower", cmap="RdBu_r", vmin=0, vmax=1)
        image = axis.imshow(np.asarray(field), **how)
        axis.plot(*black.T, ".", color="black", markersize=2)
        axis.plot(*green.T, ".", color="#00c853", markersize=3, markeredgewidth=0)
        axis.set_title(title, fontsize=9)
        axis.set(xlim=extent[:2], ylim=extent[2:])
    figure.supxlabel("first number", fontsize=9)
    figure.supylabel("second number", fontsize=9)
    figure.colorbar(image, ax=axes, label=label)
    return figure


def _axes(width, height):
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _labelled(figure, axis, xlabel, ylabel):
    axis.set(xlabel=xlabel, ylabel=ylabel)
    sns.despine(ax=axis)
    return figure
