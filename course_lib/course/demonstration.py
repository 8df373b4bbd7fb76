"""Training before the reader's eyes: a few hundred steps, and the curve as it grows."""

import pandas as pd
from IPython.display import display

from course_lib.course import figures


def watch(step, n_steps, ylabel="nats", parts=8):
    """Call step() n_steps times and draw the terms that it returns, {name: scalar tensor}, as they
    come: the curve is drawn anew `parts` times. Returns them as a table, a row a step."""
    rows, handle = [], None
    for i in range(n_steps):
        rows.append({name: term.detach() for name, term in step().items()})
        if (i + 1) % max(1, n_steps // parts) == 0 or i + 1 == n_steps:
            table = pd.DataFrame([{name: float(t) for name, t in row.items()} for row in rows])
            table.insert(0, "step", range(1, len(table) + 1))
            figure = figures.curves(table, list(rows[0]), "step", ylabel)
            handle = _redraw(figure, f"Against the step: {', '.join(rows[0])}.", handle)
    return table


def _redraw(figure, alt, handle):
    shown = {"image/png": figures.png(figure), "text/plain": alt}
    meta = {"image/png": {"alt": alt}}
    if handle is None:
        return display(shown, raw=True, metadata=meta, display_id=True)
    handle.update(shown, raw=True, metadata=meta)
    return handle
