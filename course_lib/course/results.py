"""Results and answers: shown in the notebook, and handed to the report with their protocol."""

import json
import math
import re
import shutil
from numbers import Real

from IPython.display import Markdown, display

from course_lib.atomic import write_bytes, write_json
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
    named = trained if isinstance(trained, dict) else {"": trained} if trained else {}
    budgets = [_budget(name, run.about) for name, run in named.items()]
    runs = [run.about for run in named.values()]
    training = {
        "scale": scale,
        "unit": unit,
        "seed": _distinct(run["settings"].get("seed", 0) for run in runs) or seed,
        "budget": "; ".join(budgets) or "no training",
        "device": _distinct(run["device"] for run in runs) or device_name(DEVICE),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "train_sha256": _distinct(run["data_sha256"] for run in runs),
        "run": ", ".join(run["key"] for run in runs),
    }
    return dict(about) | training | more


def _budget(name, about):
    """A run's budget in words; name: "" where there is only one."""
    settings = about["settings"]
    budget = f"{name} {about['epochs']} epochs, {about['steps']} steps of "
    budget += f"{settings.get('batch')} images"
    budget += f", rate {settings['lr']:g}" if "lr" in settings else ""
    return budget.strip() + (", bf16" if settings.get("bf16") else "")


def _distinct(values):
    """The values in words, each once, in the order in which they come."""
    return ", ".join(dict.fromkeys(str(value) for value in values))


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
        "units": dict.fromkeys(numbers, protocol["unit"]),
        "table": None if table is None else json.loads(table.to_json(orient="records")),
        "protocol": protocol,
    }
    if figure is not None:
        _show_figure(name, figure, alt)
    if table is not None:
        display(table.style.format(precision=4).hide(axis="index"))
    display(Markdown(_legend(caption, numbers, protocol)))
    write_json(results_folder() / f"{name}.json", record)


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
    write_json(results_folder() / f"answer-{question}.json", record)


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
    match = re.fullmatch(r"q(\d+)-(\d+)(-[a-z0-9-]+)?", name)
    if not match:
        raise ValueError(f"'{name}' must start with its question, as in 'q2-3-test-mse'")
    return f"{match[1]}.{match[2]}"


def _plain(value):
    """A JSON number, text or list; NaN is refused, since a report must not print it as a result."""
    if hasattr(value, "tolist"):  # tensors, arrays and their scalars
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a kept number is {value}")
    return value


def _legend(caption, numbers, protocol):
    """Caption, numbers and protocol under a result."""
    parts = [f"*{caption}*"] if caption else []
    if numbers:
        parts.append("; ".join(f"{k} = {_short(v)}" for k, v in numbers.items()))
    facts = "; ".join(
        f"{k} {str(v)[:12] if 'sha256' in k else v}" for k, v in protocol.items() if v != ""
    )
    parts.append(f"<small>Protocol: {facts}</small>")
    return "\n\n".join(parts)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
