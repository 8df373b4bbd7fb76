"""What kind of mistake a wrong result looks like: for the checks that everybody sees, and for a
grader. A hint names the kind; it never gives the value."""

import torch

ALMOST = 1e-3  # how well a guess has to explain what was found


def assert_same(found, expected, mistakes=None, rtol=1e-4, atol=1e-5):
    """Nothing where both agree; else an AssertionError with a hint.

    mistakes: {what went wrong: what it would give}, kinds that belong to this question.
    """
    found, expected = (torch.as_tensor(t).detach().double().cpu() for t in (found, expected))
    if found.shape == expected.shape and torch.allclose(found, expected, rtol=rtol, atol=atol):
        return
    raise AssertionError(f"Not yet. {kind(found, expected, mistakes or {})}")


def kind(found, expected, mistakes=None):
    """One sentence on what was found, both float64."""
    if found.shape != expected.shape:
        return shape_of(found, expected)
    if not found.isfinite().all():
        return "Some values are infinite or not a number: which input makes them so?"
    for text, wrong in [*(mistakes or {}).items(), *general(found, expected).items()]:
        if explains(torch.as_tensor(wrong).detach().double().cpu(), found):
            return f"It looks as if {text}{'' if text.endswith('?') else '.'}"
    right = torch.isclose(found, expected, rtol=ALMOST).double().mean()
    if right >= 0.5 and found.numel() > 3:
        return "Most values are right: look at the special cases of the contract."
    return "It is none of the usual slips: go through the contract word by word."


def shape_of(found, expected):
    shapes = f"The shape is {list(found.shape)}, and should be {list(expected.shape)}"
    if found.ndim == expected.ndim == 1 or found.ndim < expected.ndim:
        return f"{shapes}: is a sum or a mean taken over the wrong axis?"
    if found.ndim > expected.ndim:
        return f"{shapes}: is a sum or a mean missing?"
    return f"{shapes}."


def general(found, expected):
    """{what went wrong: what it would give}: slips that any formula may have."""
    factor = (found * expected).sum() / expected.square().sum().clamp(min=1e-300)
    guesses = {
        "the sign is turned": -expected,
        "a factor of a half is missing": 2 * expected,
        "there is a factor of a half too many": expected / 2,
        "a standard deviation is taken for a variance": expected.abs().sqrt(),
        "a variance is taken for a standard deviation": expected.square(),
        "the logarithm is missing": expected.exp(),
        "the order of the rows is reversed": expected.flip(0) if expected.ndim else -expected,
    }
    if expected.numel() > 1:
        guesses["all is too large or too small by one factor: a mean for a sum?"] = (
            factor * expected
        )
        shift = (found - expected).mean()
        guesses["the same number is missing everywhere: a constant term?"] = expected + shift
    return guesses


def explains(guess, found):
    """Whether the guess gives what was found, and is no empty guess."""
    if guess.shape != found.shape or not guess.any():
        return False
    return torch.allclose(guess, found, rtol=ALMOST, atol=ALMOST * float(found.abs().mean()))
