"""Results and answers: shown in the notebook, and handed to the report with their protocol.

    record = results.record(data=about_test, run=run, unit="pixels in [0, 1]")
    record.figure("q2-3-pairs", figure, "What to see.", alt="What it shows.")
    answer("2.3", "The test MSE is {mse:.4f}.", mse=0.0061)

A protocol is bound once and stands folded under each result. What a source claims and what became
of the claim stand in reports/claims.toml (course.claims).
"""

import html
import json
import math
import re
import shutil
from numbers import Real

from IPython.display import HTML, Markdown, display

from course_lib.atomic import write_bytes, write_json
from course_lib.course import claims, figures
from course_lib.course.compact import compact
from course_lib.course.inspection import DEVICE
from course_lib.course.numerals import in_column, in_short
from course_lib.paths import cache_root, results_folder
from course_lib.training.devices import in_words
from course_lib.training.distributed import device_name

QUESTION = re.compile(r"q(\d+)-(\d+)(-[a-z0-9-]+)?")


def record(data, run=None, unit="none", facts=None):
    """A Record of what is measured on these pictures with these runs; see there."""
    return Record(data, run, unit, facts)


class Record:
    """Results that share one protocol.

    data: the `about` of the pictures. run: a Run, {name: Run} where several stand in one result, or
    None. unit: of the numbers, or "none". facts: {name: value}, further parts of the protocol (who
    judged, how many resamples). The names of results are "q2-3-pairs": question 2.3, then a word.
    """

    def __init__(self, data, run=None, unit="none", facts=None):
        self.protocol = protocol(data, run, unit, **(facts or {}))

    def figure(self, name, figure, caption, alt="", unit=None):
        """Show a Figure and keep it. caption: what to see in it. alt: what it shows, for those who
        cannot see it; left out where the caption says just that."""
        question_of(name)  # before anything is shown or written
        alt = alt.strip() or caption.strip()
        if not alt:
            raise ValueError(f"figure '{name}': no caption; say in a sentence what it shows")
        show_figure(name, figure, alt)
        self._keep(name, caption, unit, figure=f"figures/{name}.png", alt=alt)

    def table(self, name, table, caption, unit=None):
        """Show a DataFrame, the decimals of a column alike, and keep it as it is. A missing value
        is a dash; an infinite one is refused."""
        question_of(name)
        for column in table.select_dtypes("number"):
            plain(table[column].dropna())
        formats = {name: in_column(table[name]) for name in table.columns}
        display(table.style.format(formats).hide(axis="index"))
        self._keep(name, caption, unit, table=json.loads(table.to_json(orient="records")))

    def numbers(self, name, caption, unit=None, **numbers):
        """Show single numbers, each by its name, and keep them."""
        question_of(name)
        numbers = {key: plain(value) for key, value in numbers.items()}
        rows = "".join(f"| {k.replace('_', ' ')} | {in_short(v)} |\n" for k, v in numbers.items())
        display(Markdown(f"| measured | value |\n|:--|--:|\n{rows}"))
        self._keep(name, caption, unit, numbers=numbers)

    def _keep(self, name, caption, unit, figure=None, alt="", table=None, numbers=None):
        how = self.protocol | ({"unit": unit} if unit else {})
        display(Markdown(f"*{caption}*"))
        display(HTML(folded(how)))
        kept = {
            "kind": "result",
            "name": name,
            "question": question_of(name),
            "title": caption,
            "figure": figure,
            "alt": alt,
            "caption": caption,
            "numbers": numbers or {},
            "units": dict.fromkeys(numbers or {}, how["unit"]),
            "table": table,
            "protocol": how,
        }
        write_json(results_folder() / f"{name}.json", kept)


def show(figure, alt):
    """Show a Figure that is no result (a toy, a drawing), with what it shows in words."""
    _display(compact(figures.png(figure)), {"alt": alt})


def answer(question, text, profile="quick", **numbers):
    """Show the answer to a question beside the source's claim, and hand it to the report.

    text: plain prose with named numbers, "The test MSE is {mse:.4f}". It is written for the runs of
    `quick`; under another profile the finding that reports/claims.toml holds for it stands in its
    place, and a number outside the bounds that are given there is said.
    """
    if not re.fullmatch(r"\d+\.\d+", question):
        raise ValueError(f"answer '{question}': name its question as in '2.3'")
    numbers = {name: plain(value) for name, value in numbers.items()}
    if profile == "quick":
        text = claims.filled(f"answer {question}", text, numbers)
    kept = {"kind": "answer", "question": question, "answer": text, "numbers": numbers}
    shown = claims.joined(kept, profile)
    display(Markdown(claims.in_words(shown)))
    kept |= {"answer": shown["answer"], "notes": shown["notes"]}
    write_json(results_folder() / f"answer-q{question.replace('.', '-')}.json", kept)


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
    print(f"{len(runs)} runs written for TensorBoard; make board shows their curves")


# ---- the protocol -------------------------------------------------------------------------------


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


def folded(protocol):
    """A protocol as HTML that opens when it is asked for."""
    shown = {k: str(v)[:12] if "sha256" in k else v for k, v in protocol.items() if v != ""}
    rows = "".join(
        f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(in_words(str(v)))}</td></tr>"
        for k, v in shown.items()
    )
    head = "<summary>How this was measured</summary>"
    return f'<details class="protocol">{head}<table>{rows}</table></details>'


# ---- parts of a result --------------------------------------------------------------------------


def show_figure(name, figure, alt):
    """Show a Figure with its alt text, and save it for the report."""
    picture = compact(figures.png(figure))
    write_bytes(results_folder() / "figures" / f"{name}.png", picture)
    _display(picture, {"alt": alt, "name": name})


def _display(picture, about):
    bundle = {"image/png": picture, "text/plain": about["alt"]}
    display(bundle, raw=True, metadata={"image/png": about})


def question_of(name):
    """ "q2-3-pairs" belongs to "2.3"."""
    match = QUESTION.fullmatch(name)
    if not match:
        raise ValueError(f"'{name}' must start with its question, as in 'q2-3-test-mse'")
    return f"{match[1]}.{match[2]}"


def plain(value):
    """A JSON number, text or list; NaN is refused, since a report must not print it as a result."""
    if hasattr(value, "tolist"):  # tensors, arrays and their scalars
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a kept number is {value}")
    return value
