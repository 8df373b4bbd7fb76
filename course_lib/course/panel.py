"""The panel of an explorer: controls, the picture that follows them, a view beside it."""

import contextlib
import io

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_lib.course import explorer_checks, figures, views
from course_lib.course import ranges as of_ranges
from course_lib.course.inspection import DEVICE

WIDGET = "application/vnd.jupyter.widget-view+json"
MOST_ON_A_SLIDER = 6  # choices; more are a list
BESIDE = {"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start"}


class Panel(widgets.VBox):
    """Controls, and below them the picture (children[-1]), or a view and the picture beside it."""

    def __init__(self, function, about, name, grid):
        self.function, self.about, self.name, self.grid = function, about, name, grid or {}
        sliders = {key: control(key, one) for key, one in about.items() if one["kind"] != "area"}
        self.controls, self.moving = sliders, False
        self.area = self.plane = self.points = self.bars = None
        self.image = views.Picture()
        super().__init__([*sliders.values(), self.image])
        self.stage = self  # what holds the picture as its last child

    def start(self, alt):
        """Draw once, plainly, so that an error reaches the cell; then follow the controls."""
        self.start_picture = self.image.value = self.drawn()
        self.alt = self.image.alt = alt
        for control in self.controls.values():
            control.observe(self.redraw, "value")
        if self.area:
            self.area.observe(self.redraw, "mask")

    def values(self):
        """What the controls stand at, as the function takes it."""
        if self.name is None:
            return {key: control.value for key, control in self.controls.items()}
        values = {}
        for key, one in self.about.items():
            control = self.controls.get(key)
            if control is None:
                values[key] = self.mask()
            else:
                value = control.index if one["kind"] == "choice" else control.value
                values[key] = of_ranges.tensor(one, value, DEVICE)
        return values

    def setting(self):
        """What the controls stand at, in words."""
        return ", ".join(f"{c.description} {_short(c.value)}" for c in self.controls.values())

    def mask(self):
        drawn = torch.frombuffer(bytearray(self.area.mask), dtype=torch.uint8)
        about = self.about[of_ranges.AREA]
        return drawn.view(1, 1, about["height"], about["width"]).float().to(DEVICE)

    def nothing_drawn(self):
        """Of an area for drawings: its numbers would be those of an empty picture."""
        about = self.about.get(of_ranges.AREA, {})
        return bool(about.get("examples")) and not any(self.area.mask)

    def drawn(self):
        """The picture at the controls' values, PNG; the area's own picture on the way."""
        with torch.no_grad():
            made = self.function(**self.values())
        if isinstance(made, Figure):
            return figures.png(made)
        if self.points is not None:
            return figures.png(figures.scatter(self.points, made.cpu(), ["without", "with"]))
        if self.bars:
            made, numbers = made
            self.bars.values = [] if self.nothing_drawn() else numbers.tolist()
        explorer_checks.pictures(made, self.function, self.name, self.grid)
        if self.area:
            self.area.picture = _pixels(made[0])
        return figures.png(figures.image_grid(made, **self.grid))

    def redraw(self, _=None):
        if self.moving:
            return
        try:
            self.image.value, shown = self.drawn(), self.image
            self.image.alt = f"{self.alt} Now {self.setting()}."
        except Exception as error:  # else it would go to a log, and the old picture stay
            shown = widgets.Label(f"{type(error).__name__}: {error}", layout={"margin": "1em"})
        if self.stage.children[-1] is not shown:
            self.stage.children = (*self.stage.children[:-1], shown)

    def add(self, view, x, y, points, groups, alt, bars):
        """What a view puts beside the picture, and the bars."""
        if view == "plane":
            self.add_plane(x, y, points, groups)
        if view == "area":
            self.add_area(alt)
        if (
            view == "map"
        ):  # points in place of pictures, in the colours that the function gives them
            self.points = points
        if bars:
            self.bars = views.Bars(**bars)
            self._put_beside(self.bars)

    def add_plane(self, x, y, points, groups):
        """A plane beside the picture; it moves the sliders x and y, and they move it."""
        self.pair = [self.controls[x], self.controls[y]]
        labels = [slider.description for slider in self.pair]
        limits = [[slider.min, slider.max] for slider in self.pair]
        at = [slider.value for slider in self.pair]
        self.plane = views.Plane(labels, limits, at, points, groups)
        self.plane.observe(self._plane_moved, "at")
        for slider in self.pair:
            slider.observe(self._slider_moved, "value")
        self._put_beside(self.plane)

    def add_area(self, alt):
        """An area to draw a mask in, beside the pictures."""
        self.area = views.Area(self.about[of_ranges.AREA], alt)
        self._put_beside(self.area)

    def _put_beside(self, view):
        before = () if self.stage is self else self.stage.children[:-1]
        self.stage = widgets.Box([*before, view, self.image], layout=BESIDE)
        self.children = (*self.controls.values(), self.stage)

    def _plane_moved(self, change):
        if not self.moving:
            with self._together():
                for slider, value in zip(self.pair, change.new, strict=True):
                    slider.value = value
            self.redraw()

    def _slider_moved(self, _):
        if not self.moving:
            with self._together():
                self.plane.at = [slider.value for slider in self.pair]

    @contextlib.contextmanager
    def _together(self):
        """Plane and sliders follow each other: not in a circle, and with one redraw."""
        self.moving = True
        try:
            yield
        finally:
            self.moving = False

    def _repr_mimebundle_(self, **kwargs):
        """What a cell keeps. The first picture is there, too, for pages without a kernel."""
        data = super()._repr_mimebundle_(**kwargs)
        if self.name is None:
            return data
        picture = {"alt": self.alt, "name": self.name}
        marks = {WIDGET: {"explorer": self.name}, "image/png": picture}
        kept = {"image/png": self.start_picture, "text/plain": picture["alt"]}
        return data | kept, marks


def control(name, about):
    """A described control that takes the keyboard: arrows move it, its number can be typed."""
    label = {"description": name.replace("_", " ")}
    wide = label | {"style": {"description_width": "initial"}}
    if about["kind"] == "tick":
        return widgets.Checkbox(about["start"], indent=False, **label)
    if about["kind"] == "choice":
        choices, start = about["choices"], about["start"]
        if len(choices) > MOST_ON_A_SLIDER:  # ipywidgets' own list loses the arrows to JupyterLab
            return views.Choice(choices, start, **label)
        return widgets.SelectionSlider(options=choices, index=start, **wide)
    slider = widgets.IntSlider if about["kind"] == "int" else widgets.FloatSlider
    low, high, step = about["low"], about["high"], about["step"]
    return slider(about["start"], min=low, max=high, step=step, **wide)


def _short(value):
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _pixels(picture):
    """One picture (C, H, W) in [0, 1] as PNG, a pixel a pixel."""
    levels = (picture.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(levels.squeeze()).save(file, "PNG")
    return file.getvalue()
