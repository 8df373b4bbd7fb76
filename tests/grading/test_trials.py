"""Every question's trial: the staff's answer is right for any seed, and each slip is found, in the
part that has it and with its name."""

import math

import pytest
import torch
from answers import every_question, faults, solution, with_line

from grading import verdict


@pytest.mark.parametrize(("notebook", "question"), every_question())
def test_the_staff_s_answer_is_right_whatever_the_seed(notebook, question):
    for seed in (0, 1, 2**39 + 7):
        given = faults(notebook, question, solution(notebook), seed)
        assert given and not any(given.values()), given


@pytest.mark.slow
@pytest.mark.parametrize(("notebook", "question"), every_question())
def test_the_staff_s_answer_is_right_by_far_with_sixty_seeds(notebook, question, monkeypatch):
    """Another machine rounds otherwise: an error near its limit would cost points by chance."""
    exact, found = verdict.excess, []
    monkeypatch.setattr(verdict, "excess", lambda *given: found.append(exact(*given)) or found[-1])
    limit = 0.9 if question == "7.2" else 0.4  # a share of random shuffles: two draws differ
    for seed in range(60):
        found.clear()
        given = faults(notebook, question, solution(notebook), 977 * seed + 2**40)
        assert not any(given.values()) and max(found) < limit, (seed, given, found)


def test_rounding_is_allowed_where_it_is_named_and_a_slip_that_does_not_show_is_not_named():
    right, near = torch.tensor([2e-4]), torch.tensor([1e-4])
    assert verdict.excess(near, right) > 1 > verdict.excess(near, right, rounding=1e-3)
    assert not verdict.excess(right, torch.tensor([math.nan])) <= 1
    trial = verdict.Trial("1.1", ("fitted", "halfway"), 5)
    expected = torch.tensor(verdict.plain(trial.expected["fitted"]), dtype=torch.float64)
    assert not any("next code" in text for text in trial.mistakes("fitted", expected))


# notebook, cell, what stands there, what a student writes, the parts that are wrong, the hint.
SLIPS = [
    ("01_autoencoder", "q1-1-task", "(covariance).T", "(covariance)", {"fitted"}, "root"),
    ("01_autoencoder", "q1-1-task", "codes.roll(1, 0)", "codes.roll(-1, 0)", {"halfway"}, "next"),
    ("01_autoencoder", "q1-2-task", "*(nn.Linear(hidden, z_dim), nn.BatchNorm1d(z_dim), nn.ReLU())",
     "*(nn.Linear(hidden, z_dim), nn.BatchNorm1d(z_dim))", {"outputs"}, "off by"),
    ("01_autoencoder", "q1-3-task", "z = z.clone()", "z = z", {"edit"}, "off by"),
    ("01_autoencoder", "q1-3-task", "(1 - a) * z + a * noise", "a * z + (1 - a) * noise",
     {"blend"}, "swapped"),
    ("01_autoencoder", "q1-4-task", "edit(z, element, 2.0)", "edit(z, element, 3.0)",
     {"rows"}, "Most"),
    ("01_autoencoder", "q1-5-task", ".sum(1)", ".sum(1).sqrt()", {"left"}, "squared"),
    ("01_autoencoder", "q1-6-task", ".mean(1)", ".sum(1)", {"score", "score of a VAE"}, "a mean"),
    ("02_vae", "q2-1-task", "0.5 * (spread", "-0.5 * (spread",
     {"kl", "kl of nearly equal ones"}, "sign"),
    ("02_vae", "q2-1-task", "torch.expm1(difference)", "difference.exp() - 1",
     {"kl of nearly equal ones"}, "off by"),
    ("02_vae", "q2-1-task", ".sum(1)", ".sum(0)", {"kl", "kl of nearly equal ones"}, "shape"),
    ("02_vae", "q2-1-task", "math.sqrt(weight * n_pixels / 2)", "weight * n_pixels / 2",
     {"sigma_of_weight"}, "root"),
    ("02_vae", "q2-2-task", "(0.5 * logvar).exp()", "logvar.exp()",
     {"sample", "gradients of sample"}, "variance"),
    ("02_vae", "q2-2-task", "mu + (0.5 * logvar).exp() * eps",
     "(mu + (0.5 * logvar).exp() * eps).detach() + 0 * mu + 0 * logvar",
     {"gradients of sample"}, "off by"),
    ("02_vae", "q2-3-task", ".mean(1)", ".sum(1)", {"squared_errors"}, "factor"),
    ("02_vae", "q2-4-task", "z.mean(0) + eps", "eps", {"like"}, "off by"),
    ("02_vae", "q2-5-task", "y.cpu()", "1 - y.cpu()", {"probe"}, "sign"),
    ("02_vae", "q2-6-task", "mu.var(0)", "mu.std(0)", None, "deviation"),
    ("02_vae", "q2-7-task", "z[has].mean(0) - z[~has].mean(0)", "z[~has].mean(0) - z[has].mean(0)",
     {"attribute_vector"}, "swapped"),
    ("03_cvae", "q3-1-task", "kl = 0.5 *", "kl = -0.5 *", {"the KL"}, "sign"),
    ("03_cvae", "q3-2-task", "layers.pop()", "None", {"outputs"}, "off by"),
    ("03_cvae", "q3-3-task", "log_weights.logsumexp(1)", "log_weights.exp().sum(1).log()",
     {"log_likelihood"}, "not a finite"),
    ("03_cvae", "q3-3-task", "torch.xlogy(p, p)", "p * p.log()", {"entropy"}, "not a finite"),
    ("03_cvae", "q3-4-task", ".sigmoid()", "", {"draw"}, "logits"),
    ("03_cvae", "q3-5-task", "own - mixture", "mixture - own", {"gain"}, "sign"),
    ("03_cvae", "q3-5-task", "math.log(log_px.shape[1])", "math.log(log_px.shape[1] - 1)",
     {"mixture", "gain"}, "off by"),
    ("03_cvae", "q3-5-task", "log_px.logsumexp(1)", "log_px.topk(3).values.logsumexp(1)",
     {"mixture", "gain"}, "off by"),
    ("03_cvae", "q3-6-task", "(2 * x - 1)", "x", {"condition"}, "black"),
    ("03_cvae", "q3-6-task", "(1 - mask)", "mask", {"missing_nll"}, "given pixels"),
    ("04_multilevel_vae", "q4-1-task", "(-logvar).exp()", "(-2 * logvar).exp()", None, "off by"),
    ("04_multilevel_vae", "q4-1-task", "total = total + absent", "total = total",
     {"product with an empty group"}, "not a finite"),
    ("04_multilevel_vae", "q4-2-task", "kl.sum() / len(group)", "kl.mean()",
     {"once a group", "gradients"}, "over groups"),
    ("04_multilevel_vae", "q4-3-task", ".repeat_interleave(n_codes, 0)", ".repeat(n_codes, 1)",
     {"swap"}, "off by"),
    ("04_multilevel_vae", "q4-4-task", "(spread / 2).exp()", "spread.exp()", None, "variance"),
    ("04_multilevel_vae", "q4-5-task", "topk(k + 1, largest=False).indices[:, 1:]",
     "topk(k, largest=False).indices", {"purity"}, "itself|own nearest"),
    ("04_multilevel_vae", "q4-6-task", "(wrong - right)", "(right - wrong)", {"usage"}, "sign"),
    ("04_multilevel_vae", "q4-7-task", "- weight * z", "+ weight * z", None, "off by"),
    ("04_multilevel_vae", "q4-8-task", "max(1, round(", "max(0, round(", {"epochs_for"}, "Most"),
]  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS, ids=[f"{s[1]}-{s[3][:20]}" for s in SLIPS])
def test_a_slip_costs_its_own_parts_and_is_named(slip):
    notebook, cell, old, new, parts, hint = slip
    question = cell.removesuffix("-task").removeprefix("q").replace("-", ".")
    given = faults(notebook, question, with_line(notebook, cell, old, new))
    wrong = {name for name, reason in given.items() if reason}
    assert wrong and (parts is None or wrong == parts), given
    words = " ".join(given.values())
    assert any(word in words for word in hint.split("|")), words


def test_another_right_formula_is_right_where_a_share_is_0():
    other = """def noise_share(p):
    return 1 - p.mean(1).var(0, correction=0).mean() / p.flatten(0, 1).var(0, correction=0).mean()
"""
    own = solution("07_infogan")["q7-3-task"]
    task = other + own[own.index("\n\ndef mixed") :]
    for seed in range(20):
        given = faults("07_infogan", "7.3", solution("07_infogan", q7_3_task=task), seed)
        assert not any(given.values()), given


def test_what_was_handed_in_is_read_only_as_numbers_of_the_right_shape():
    expected = [[1.0, 2.0], [3.0, 4.0]]
    assert len(verdict.matched(expected, expected)) == 1
    deep = 1.0
    for _ in range(50_000):
        deep = [deep]
    bad = [None, "1", [1.0], [[1.0, 2.0], [3.0]], [[True, 2.0], [3.0, 4.0]], {"0": 1}, deep]
    bad += [
        [[float("nan"), 2.0], [3.0, 4.0]],
        [[1e400, 2.0], [3.0, 4.0]],
        [[[1.0], 2.0], [3.0, 4.0]],
    ]
    for value in bad:
        with pytest.raises(ValueError):
            verdict.matched(value, expected)


def test_results_of_several_shapes_are_read_one_by_one():
    expected = [[1.0, 2.0], [3.0]]
    assert [tuple(f.shape) for f, _ in verdict.matched([[1.0, 2.0], [3.5]], expected)] == [
        (2,),
        (1,),
    ]
    with pytest.raises(ValueError, match="expected 2"):
        verdict.matched([[1.0, 2.0]], expected)


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ([], "no answers"),
        ([{}, {"data": {"text/plain": "right"}}], "no answers"),
        ([("2.1", {}), ("2.1", {})], "2 answers"),
        ([("2.2", {})], "no answer to this question"),
        ([("2.1", [])], "no parts"),
        ([("2.1", {})], "this part was not handed in"),
        ([("2.1", {"kl": {"error": "Oops: " + 9000 * "x"}})], "it stops with Oops"),
        ([("2.1", {"kl": {"value": 10**400}})], "cannot be read"),
    ],
)
def test_a_bundle_that_is_no_answer_says_why(outputs, reason):
    made = [bundle(*o) if isinstance(o, tuple) else o for o in outputs]
    given = verdict.judge("2.1", ("kl", "sigma_of_weight"), 1, made)
    assert given["kl"].startswith(reason) or reason in given["kl"]
    assert all(given.values()) and all(len(text) <= 300 for text in given.values())


def bundle(question, parts):
    return {"data": {verdict.MIME: {"question": question, "parts": parts}}}
