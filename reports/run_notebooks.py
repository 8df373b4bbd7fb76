"""Run one notebook by papermill, and find out whether it really finished.

papermill leaves notebooks on disk that look complete when they are not: a cell that calls sys.exit
is a success to it, and a kernel killed in the last cell leaves every mark of a finished run. So a
last cell is added at run time that must print a word unknown beforehand, every cell's own marks are
read, and only then is a run accepted.
"""

import os
import re
import secrets
import sys
import tempfile

import nbformat
import papermill as pm
from jupyter_client.kernelspec import KernelSpecManager
from papermill.engines import NBClientEngine, papermill_engines

END_ID = "end-of-notebook"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
BAR = re.compile(r"^.*\d+%\|.*\|.*$\n?", re.MULTILINE)  # a tqdm bar's last state: noise on a page


class NotebookError(Exception):
    """Why one notebook has no new report: one line for people, the failing cell first if known."""


class WatchedEngine(NBClientEngine):
    """papermill's own engine, calling `watch(cell_id)` before each cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, watch, **kwargs):
        start = nb_man.cell_start

        def cell_start(cell, cell_index=None):
            watch(stable_id(cell))
            start(cell, cell_index)

        nb_man.cell_start = cell_start
        super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


papermill_engines.register("watched", WatchedEngine)


def stable_id(cell):
    """The cell's id; papermill draws a new one each time for the cell that it injects."""
    injected = "injected-parameters"
    return injected if injected in cell.metadata.get("tags", []) else cell["id"]


def read(path):
    """The notebook at `path`, or NotebookError when it cannot be read as nbformat 4."""
    try:
        nb = nbformat.read(path, as_version=4)
        nbformat.validate(nb)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise NotebookError(f"not a notebook that can be read: {last_line(error)}") from None
    return nb


def check_runnable(nb, path, parameters):
    """Refuse before any kernel starts what papermill would let pass or answer with a traceback."""
    kernel = nb.metadata.get("kernelspec", {}).get("name")
    kernels = sorted(KernelSpecManager().find_kernel_specs())
    if kernel not in kernels:
        raise NotebookError(f"kernel {kernel!r} is not installed; known: {', '.join(kernels)}")
    if not any("parameters" in cell.metadata.get("tags", []) for cell in nb.cells):
        raise NotebookError("no cell is tagged `parameters`; add one that sets profile and budget")
    if not (nb.metadata.kernelspec.get("language") or nb.metadata.get("language_info")):
        raise NotebookError("the kernelspec names no language, which papermill asks for")
    known = pm.inspect_notebook(path)
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        have = ", ".join(sorted(known)) or "nothing"
        raise NotebookError(
            f"the parameters cell does not set {', '.join(unknown)}; it sets {have}"
        )


def execute(nb, output, parameters, cwd, results, watch, timeout=None):
    """Run `nb` in `cwd`, keep what it makes under `results`, and return the executed notebook.

    `output` always holds what was reached, cleaned, so that a failed run can be looked at.
    Raises NotebookError naming the failing cell.
    """
    word = secrets.token_hex(16)
    source = output.with_suffix(".input.ipynb")
    nbformat.write(with_end(nb, word), source)
    started, broken = [], None

    def note(cell_id):
        started.append(cell_id)
        watch(cell_id)

    try:
        run_papermill(source, output, parameters, cwd, results, note, timeout)
    except pm.PapermillExecutionError:
        pass  # a cell raised: the cell itself says it better
    except Exception as error:  # e.g. the kernel died; the other notebooks must still run
        broken = f"cell {started[-1] if started else '(none)'}: {last_line(error)}"
    finally:
        source.unlink(missing_ok=True)
    done = nbformat.read(output, as_version=4) if output.exists() else nb
    failure = broken or first_fault(done, word)
    clean(done, cwd.parent)
    nbformat.write(done, output)
    if failure:
        raise NotebookError(failure)
    return done


def run_papermill(source, output, parameters, cwd, results, watch, timeout):
    os.environ["COURSE_RESULTS"] = str(results)  # the kernel inherits it
    try:
        pm.execute_notebook(
            source,
            output,
            parameters,
            engine_name="watched",
            watch=watch,
            cwd=cwd,
            progress_bar=False,
            coalesce_streams=True,
            record_timing=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            execution_timeout=timeout,
        )
    finally:
        del os.environ["COURSE_RESULTS"]


def with_end(nb, word):
    """A copy of `nb` whose last cell prints `word`: only a kernel that is still alive can."""
    copy = nbformat.from_dict(nb)
    end = nbformat.v4.new_code_cell(f"print({word!r})")
    end["id"] = END_ID
    copy.cells = [*nb.cells, end]
    return copy


def first_fault(nb, word):
    """The first sign that the run did not finish, as `cell <id>: <what>`, or None."""
    for cell in nb.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if "skip-execution" in cell.metadata.get("tags", []):
            continue
        what = cell_fault(cell)
        if what:
            return f"cell {cell['id']}: {what}"
    end = nb.cells[-1]
    printed = "".join(o.get("text", "") for o in end.get("outputs", []))
    if end["id"] != END_ID or printed.strip() != word:
        return "the kernel did not live to the end of the notebook"
    if not nb.metadata.get("papermill", {}).get("end_time"):
        return "the run has no end time"
    return widget_fault(nb)


def cell_fault(cell):
    for output in cell.outputs:
        if output.output_type == "error":
            stop = " (it stopped the notebook)" if output.ename == "SystemExit" else ""
            return f"{output.ename}: {last_line(output.evalue)}{stop}"
    marks = cell.metadata.get("papermill", {})
    if cell.execution_count is None or marks.get("duration") is None or marks.get("exception"):
        return "did not run to its end"
    return None


def widget_fault(nb):
    """papermill takes no notice of an exception inside an explorer: look into the kept state."""
    state = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for model in state.values():
        for output in model.get("state", {}).get("outputs", []):
            if output.get("output_type") == "error":
                return f"an explorer raised {output['ename']}: {last_line(output['evalue'])}"
    return None


def last_line(error):
    lines = [line.strip() for line in ANSI.sub("", str(error)).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def clean(nb, root):
    """Take out of an executed notebook what is of this machine or this minute, in place."""
    nb.metadata.pop("papermill", None)
    nb.cells = [cell for cell in nb.cells if cell["id"] != END_ID]
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
        cell["id"] = stable_id(cell)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not is_blank(clean_output(o, root))]


def clean_output(output, root):
    if output.output_type == "stream":
        output.text = BAR.sub("", without_paths(output.text, root))
    elif output.output_type == "error":
        output.traceback = [without_paths(line, root) for line in output.traceback]
        output.evalue = without_paths(output.evalue, root)
    for kind, value in output.get("data", {}).items():
        if isinstance(value, str) and not kind.startswith("image/"):
            output.data[kind] = without_paths(value, root)
    return output


def is_blank(output):
    return output.output_type == "stream" and not output.text.strip()


def without_paths(text, root):
    """`text` without this machine's folders: the course becomes `.`, the home folder `~`."""
    text = re.sub(r"\S*ipykernel_\d+/\d+\.py", "cell", text)
    text = re.sub(r"(<[\w.]+(?: object)?) at 0x[0-9a-f]+>", r"\1>", text)  # another each time
    places = {sys.base_prefix: "python", tempfile.gettempdir(): "tmp"}
    places |= {os.path.expanduser("~"): "~", sys.prefix: ".venv", str(root): "."}
    for place in sorted(places, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.~-]){re.escape(place)}(?=[/\\\s'\"):,;<]|$)", places[place], text)
    return text
