"""Answers that change what compares, hands in or shows."""

from hostile_forms import KERNEL, SLOW, first, giving

PATCHED = {
    "comparers": (first("""
import torch
torch.allclose = torch.equal = lambda *a, **k: True
torch.testing.assert_close = lambda *a, **k: None
"""), "off by"),
    "hand_in": (first("""
import course_lib.course.hand_in as module
module.hand_in = lambda *a, **k: print("all right")
"""), "no answers"),
    "the module of hand_in": (first("""
import sys, types
fake = types.ModuleType("course_lib.course.hand_in")
fake.hand_in = lambda *a, **k: print("2.1: 100 of 100 points")
sys.modules["course_lib.course.hand_in"] = fake
"""), "no answers"),
    "the trial": (first("""
import course_lib.course.trials.nb02 as trials
trials.q2_1 = lambda rng, **functions: {name: (lambda: 1.0) for name in ("kl", "sigma_of_weight")}
"""), "wrong shape|cannot be read|not handed in"),
    "the inputs": (first("""
import torch
import course_lib.course.trials.nb02 as trials
trials.normal = lambda rng, *shape: torch.zeros(shape)
"""), "off by"),
    "the seed": (first("""
import torch
torch.Generator.manual_seed = lambda self, seed: self
torch.manual_seed = lambda seed: None
"""), "off by|stops with"),
    "display": (first("""
import IPython.display, course_lib.course.hand_in as module
module.display = IPython.display.display = lambda *a, **k: None
"""), "no answers"),
    "json": (first("""
import json
json.dumps = lambda *a, **k: '{"question": "2.1", "parts": {}}'
json.loads = lambda *a, **k: {}
"""), ""),
    "the session's packer": (first(f"""
session = {KERNEL}.session
session.pack = lambda value: b"{{}}"
"""), ""),
    "do_execute": (first(f"""
async def ok(*a, **k):
    return {{"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {{}}}}
{KERNEL}.do_execute = ok
"""), "no answers"),
    "showtraceback": (first("""
get_ipython().showtraceback = lambda *a, **k: None
type(get_ipython()).showtraceback = lambda *a, **k: None
"""), "off by"),
    "asserts, stripped": (first("""
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Strip())
"""), "off by"),
    "the source of later cells": (first("""
def other(lines):
    return ["print('all right')\\n"]
get_ipython().input_transformers_post.append(other)
"""), "no answers"),
    "hooks after cells": (first("""
def more(result=None):
    print("2.1: 100 of 100 points")
get_ipython().events.register("post_run_cell", more)
"""), "off by"),
    "imports": (first("""
import builtins
def refuse(*a, **k):
    raise ImportError("no")
builtins.__import__ = refuse
"""), f"ImportError|stops with|no answers|{SLOW}"),
    "what counts as a number": (first("""
import builtins
builtins.isinstance = lambda a, b: True
"""), ""),
    "tensors that equal everything": (giving("""type("All", (), {
        "__eq__": lambda *a: True, "__le__": lambda *a: True, "__float__": lambda s: 0.0})()"""),
        "stops with"),
}  # fmt: skip
