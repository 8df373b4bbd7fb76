"""Results and answers: shown in the notebook, and handed to the report with their protocol."""

import json
import math
import re
import shutil
from numbers import Real

from IPython.display import Markdown, display

from course_lib.atomic import write_bytes, write_text
from course_lib.course import figures
from course_lib.course.inspection import DEVICE
from course_lib.course.protocol import PROTOCOL, VERDICTS
from course_lib.paths import cache_root, results_folder
from course_lib.training.distributed import device_name


def protocol(about, trained=None, unit="", scale="[0, 1]", seed=0, **more):
    """How a number was measured: the data's `about`, the training behind it, a unit.

    trained: a Run, or {name: Run} where several stand in one table; seconds are their sum. `more`
    are further facts (a judge's accuracy, the number of noise vectors) and are printed too.
    """
    several = trained if isinstance(trained, dict) else {"": trained} if trained else {}
    known = {name: run.about for name, run in several.items()}
    budgets = []
    for name, a in known.items():
        how = a["settings"]
        budget = f"{name} {a['epochs']} epochs, {a['steps']} steps of {how.get('batch')} images"
        budget += f", rate {how['lr']:g}" if "lr" in how else ""
        budgets += [budget.strip() + (", bf16" if how.get("bf16") else "")]
    return (
        dict(about)
        | {
            "scale": scale,
            "unit": unit,
            "seed": ", ".join({str(a["settings"].get("seed", 0)): 0 for a in known.values()})
            or seed,
            "budget": "; ".join(budgets) or "no training",
            "device": ", ".join({a["device"]: 0 for a in known.values()}) or device_name(DEVICE),
            "seconds": round(sum(a["seconds"] for a in known.values()), 1),
            "train_sha256": ", ".join({a["data_sha256"]: 0 for a in known.values()}),
            "run": ", ".join(a["key"] for a in known.values()),
        }
        | more
    )


def choose(profiles, profile, budget):
    """The settings of a profile, and its epochs times `budget` (0 to 1), at least one each.

    profiles: {name: settings}; a settings dict has "epochs", {run: number}.
    """
    if profile not in profiles:
        raise ValueError(f"profile is '{profile}'; there are {', '.join(profiles)}")
    if not (isinstance(budget, Real) and 0 < budget <= 1):
        raise ValueError(
            f"budget is {budget!r}; it must be a number above 0 and at most 1, the whole profile"
        )
    settings = profiles[profile]
    epochs = {name: max(1, round(budget * n)) for name, n in settings["epochs"].items()}
    return settings, epochs


def keep(name, figure=None, alt="", caption="", table=None, numbers=None, protocol=None, title=""):
    """Show a result and hand it to the report under `name` ("q2-3-test-mse": question 2.3).

    figure: a Figure with `alt`, a sentence for those who cannot see it. table: a DataFrame.
    numbers: {name: value}. protocol: what `protocol(...)` returned: the data, the run, the unit.
    """
    question = _question(name)
    numbers = {key: _plain(value) for key, value in (numbers or {}).items()}
    if set(PROTOCOL) - set(protocol or {}):
        lacking = ", ".join(sorted(set(PROTOCOL) - set(protocol or {})))
        raise ValueError(f"keep('{name}'): the protocol lacks {lacking}; use protocol(...)")
    if not str(protocol["unit"]).strip():
        raise ValueError(
            f"keep('{name}'): the protocol's unit is empty; say 'none' if there is none"
        )
    if figure is not None and not alt.strip():
        raise ValueError(f"keep('{name}'): a figure needs alt=, a sentence that says what it shows")
    for column in () if table is None else table.select_dtypes("number"):
        _plain(table[column])
    record = {
        "kind": "result",
        "name": name,
        "question": question,
        "title": title or caption,
        "figure": f"figures/{name}.png" if figure is not None else None,
        "alt": alt,
        "caption": caption,
        "numbers": numbers,
        "units": _units(numbers, protocol),
        "table": None if table is None else json.loads(table.to_json(orient="records")),
        "protocol": protocol,
    }
    if figure is not None:
        _show_figure(name, figure, alt)
    if table is not None:
        display(table.style.format(precision=4).hide(axis="index"))
    display(Markdown(_legend(caption, numbers, protocol)))
    write_text(results_folder() / f"{name}.json", json.dumps(record, indent=1, default=str))


def answer(question, title, text, ours="", claim="", source="", verdict="no claim", figure=None):
    """Show the answer to a question and hand it to the report's card.

    text: Markdown whose numbers were put in by code. ours: our result in a few words. claim and
    source: what the source says. verdict: one of VERDICTS. figure: the kept result of the card.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"verdict is '{verdict}'; it must be one of {', '.join(VERDICTS)}")
    number = _question(question)
    record = {
        "kind": "answer",
        "question": number,
        "title": title,
        "answer": text,
        "ours": ours,
        "claim": claim,
        "source": source,
        "verdict": verdict,
        "figure": figure,
    }
    display(Markdown(f"**Answer {number}.** {text}"))
    if claim:
        display(Markdown(f"*Claim ({source}): {claim} Ours: {ours} Verdict: **{verdict}**.*"))
    write_text(results_folder() / f"answer-{question}.json", json.dumps(record, indent=1))


def tensorboard(runs):
    """Write the histories of {name: Run} for TensorBoard, each run anew; print how to see them."""
    from torch.utils.tensorboard import SummaryWriter  # takes seconds to import, and few need it

    for name, run in runs.items():
        folder = cache_root() / "tensorboard" / f"{run.about['recipe']} {name} {run.about['key']}"
        shutil.rmtree(folder, ignore_errors=True)
        with SummaryWriter(folder) as writer:
            for row in run.history.to_dict("records"):
                for term in set(row) - {"epoch", "seconds"}:
                    writer.add_scalar(term, row[term], int(row["epoch"]))
    print(f"{len(runs)} runs written for TensorBoard: `make board` shows their curves")


def _show_figure(name, figure, alt):
    picture = figures.png(figure)
    write_bytes(results_folder() / "figures" / f"{name}.png", picture)
    meta = {"image/png": {"alt": alt, "name": name}}
    display({"image/png": picture, "text/plain": alt}, raw=True, metadata=meta)


def _question(name):
    found = re.fullmatch(r"q(\d+)-(\d+)(-[a-z0-9-]+)?", name)
    if not found:
        raise ValueError(f"'{name}' must start with its question, as in 'q2-3-test-mse'")
    return f"{found[1]}.{found[2]}"


def _plain(value):
    """A JSON number, text or list; NaN is refused, since a report must not print it as a result."""
    if hasattr(value, "tolist"):  # tensors, arrays and their scalars
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a kept number is {value}")
    return value


def _units(numbers, how):
    return dict.fromkeys(numbers, how["unit"]) if numbers else {}


def _legend(caption, numbers, how):
    """Caption, numbers and protocol under a result."""
    said = [f"*{caption}*"] if caption else []
    if numbers:
        said.append("; ".join(f"{k} = {_short(v)}" for k, v in numbers.items()))
    if how:
        facts = "; ".join(
            f"{k} {str(v)[:12] if 'sha256' in k else v}" for k, v in how.items() if v != ""
        )
        said.append(f"<small>Protocol: {facts}</small>")
    return "\n\n".join(said)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
