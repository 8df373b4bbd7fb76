"""A page of explorers of every kind over small nets, made in this process, without a kernel."""

import base64

import live
import nbformat
import pages
import torch
from torch import nn

from course_lib.atomic import write_bytes
from course_lib.course import widgets

NAME = "01_a"


def net(inputs, pictures, seed=0):
    """A net like a decoder: codes (N, inputs) to pictures (N, *pictures)."""
    torch.manual_seed(seed)
    size = torch.Size(pictures).numel()
    layers = nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, size), nn.Sigmoid()
    return nn.Sequential(*layers, nn.Unflatten(1, pictures)).eval()


def explorers(show):
    """Call explore() for one of each kind; show(panel) is what a cell would do with it."""
    faces, digits = net(4, (3, 16, 16)), net(2, (1, 8, 8), 1)
    mu, axis = torch.randn(6, 4), torch.randn(2, 4)

    def moved(face, first=1.0, second=0.0):
        return faces(torch.cat([mu[face], mu[face] + first * axis[:1] + second * axis[1:]]))

    def swapped(coarse, fine=True, hand=1):
        a = torch.where(coarse, axis[:1], axis[1:])
        return faces(torch.where(fine, a + mu[hand], a))

    def on_plane(z1=0.0, z2=0.0):
        return digits(torch.stack([z1, z2], 1))

    def drawn(mask):
        cost = (mask * torch.linspace(0, 1, 64).view(1, 1, 8, 8)).sum((1, 2, 3))
        return torch.cat([mask, 1 - mask]), torch.cat([cost, 2 * cost, -cost])

    unit = torch.tensor([20.0, 0.0, 2.0])
    filled = torch.stack([(torch.arange(64) < n).view(8, 8).long() for n in (8, 20, 24, 52)])

    def named(mask=filled):
        return torch.cat([mask, 1 - mask]), unit * (mask.sum((1, 2, 3)) / 8) ** 2

    spots, kinds = torch.randn(50, 2), (torch.randn(3, 50) > 0).float()

    def coloured(attribute):
        return kinds[attribute][0]

    def recorded(share, seed=1):
        return faces(torch.lerp(mu[:1], mu[1:2], share[:, None]) + axis[:1] * seed)

    def explore(function, name, **how):
        show(widgets.explore(function, f"q1-1-{name}", f"The start of {name}.", **how))

    far, sheet = (-2.0, 2.0), dict(columns=2, heads=["given", "moved"])
    explore(moved, "net", grid=sheet, face=(0, 5), first=far, second=far, seen="stripes")
    ticks = dict(coarse=(False, True), fine=(False, True), hand=[str(i) for i in range(6)])
    explore(swapped, "ticks", **ticks)
    places = dict(view="plane", x="z1", y="z2", points=spots, groups=[1] * 50)
    explore(on_plane, "plane", **places, z1=far, z2=far)
    bars = dict(names=["one", "two", "less"], title="cost")
    explore(drawn, "area", view="area", bars=bars, mask=(8, 8))
    labels = dict(names=["0", "1", "2"], title="nats more")
    explore(named, "own", view="area", bars=labels, mask=(8, 8))
    explore(coloured, "map", view="map", points=spots, attribute=["a", "b", "c"])
    explore(recorded, "frames", live="frames", share=(0.0, 1.0), seed=(0, 2))


def build(root, patch):
    """The page and what moves in it, in root/reports/quick; returns that folder."""
    patch.setenv("COURSE_RESULTS", str(root / "results"))
    patch.setattr(widgets, "display", lambda panel: None)
    cells = [nbformat.v4.new_markdown_cell(f"# Explorers\n\n## Question 1.1 · All\n\n{ASKED}")]

    def add(panel):
        if panel.name == "q1-1-own":
            cells.append(nbformat.v4.new_markdown_cell("**Try.** Which is cheapest? Draw."))
        cells.append(shown(panel))

    explorers(add)
    nb = nbformat.v4.new_notebook(cells=cells)
    for i, cell in enumerate(nb.cells):
        cell["id"] = f"q1-1-cell-{i}"
    moving, files = live.taken(root / "results", NAME)
    html, figures = pages.page(nb, NAME, {NAME: "Explorers"}, moving)
    out = root / "reports" / "quick"
    contents = {f"live/{file}": content for file, content in (files | live.scripts()).items()}
    contents |= {f"figures/{file}": content for file, content in figures.items()}
    for file, content in (contents | {f"{NAME}.html": html.encode()}).items():
        write_bytes(out / file, content)
    return out


ASKED = "Words.\n\n**Try.** Move it. Which of the *two* moves?\n"


def shown(panel):
    """The cell that a notebook would keep of a panel."""
    data, marks = panel._repr_mimebundle_()
    data["image/png"] = base64.b64encode(data["image/png"]).decode()
    output = nbformat.v4.new_output("display_data", data, metadata=marks)
    return nbformat.v4.new_code_cell(f"explore({panel.name})", outputs=[output])
