"""What ipywidgets lack: a list that keeps the arrow keys, a plane, an area to draw in, a picture
with an alternative text.

Each is a few lines of JavaScript beside this file, by anywidget. Controls take the keyboard, and
keep it: a key that bubbled up would be JupyterLab's, which selects another cell with the arrows.
"""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from course_lib.course import ranges as of_ranges

HERE = Path(__file__).parent
MOST_POINTS = 2000  # that a plane draws: more hide each other, and all are kept in the notebook


class View(anywidget.AnyWidget):
    """What all share: their style. The JavaScript is read once, when this file is."""

    _css = (HERE / "views.css").read_text(encoding="utf-8")


class Picture(View):
    """A PNG, and what it shows in words."""

    _esm = (HERE / "picture.js").read_text(encoding="utf-8")
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)


class Choice(View):
    """A described list of choices, one of which is chosen: `value`, at `index`."""

    _esm = (HERE / "choice.js").read_text(encoding="utf-8")
    description = traitlets.Unicode().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    value = traitlets.Any()

    def __init__(self, options, index=0, **more):
        self.options = list(options)
        labels = [str(option) for option in self.options]
        super().__init__(labels=labels, index=index, value=self.options[index], **more)

    @traitlets.observe("index")
    def _chosen(self, change):
        self.value = self.options[change.new]

    @traitlets.observe("value")
    def _given(self, change):
        self.index = self.options.index(change.new)


class Plane(View):
    """A square plane with two axes and a point `at` [x, y] that a reader moves.

    labels: of the two axes. limits: [[low, high], [low, high]]. points: (N, 2), drawn as dots, and
    groups: (N,), which colours them.
    """

    _esm = (HERE / "plane.js").read_text(encoding="utf-8")
    labels = traitlets.List().tag(sync=True)
    limits = traitlets.List().tag(sync=True)
    dots = traitlets.List().tag(sync=True)
    at = traitlets.List(traitlets.Float()).tag(sync=True)

    def __init__(self, labels, limits, at, points=None, groups=None):
        super().__init__(labels=labels, limits=limits, at=at, dots=dots(points, groups))


class Area(View):
    """A picture on which a reader draws a mask: a rectangle or a brush.

    about: the described range. mask: height times width bytes, 1 where something is drawn. picture:
    PNG, what is drawn upon.
    """

    _esm = (HERE / "area.js").read_text(encoding="utf-8")
    about = traitlets.Dict().tag(sync=True)
    mask = traitlets.CBytes().tag(sync=True)  # a browser sends it as a memoryview
    picture = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)

    def __init__(self, about, alt=""):
        mask = of_ranges.tensor(about, about["start"]).byte().numpy()
        super().__init__(about=about, mask=mask.tobytes(), alt=alt)


class Bars(View):
    """Numbers beside the pictures: a bar a name. most: how long the longest bar is; None: as long
    as the largest number."""

    _esm = (HERE / "bars.js").read_text(encoding="utf-8")
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    most = traitlets.Float(None, allow_none=True).tag(sync=True)
    values = traitlets.List(traitlets.Float()).tag(sync=True)


def dots(points, groups):
    """[[name of the group, [x, y, x, y, ...]], ...]: the first points, in short numbers."""
    if points is None:
        return []
    points = np.asarray(points.cpu() if hasattr(points, "cpu") else points)[:MOST_POINTS]
    groups = [""] * len(points) if groups is None else np.asarray(groups)[:MOST_POINTS].tolist()
    of = {str(group): [] for group in sorted(set(groups))}
    for (x, y), group in zip(points.round(3).tolist(), groups, strict=True):
        of[str(group)] += [round(x, 3), round(y, 3)]
    return [[name, numbers] for name, numbers in of.items()]
