"""What a model with a class code and a style code is worth: the numbers of one training.

Every function takes the training pictures and labels, then the test pictures and labels, uint8
(N, C, H, W) and int64 (N,), and gives {name: number}. Evidence comes from training pictures alone,
but in `source_rows`, which repeats the source's own protocol.
"""

import torch

from course_lib.data.batches import in_batches, pixels
from course_lib.evaluation import class_code, source_probes
from course_lib.models import gaussian, mlvae
from course_lib.training import loop


def scores(model, x, y, x_test, y_test, judge, n_styles=300, seed=0):
    """What `brief` gives, and style_probe, mean_probe: how often the digit is read from a sample of
    the style code, and from its mean. usage: what a wrong class code costs, class_kl: what a
    group's code holds, nats.
    """
    batch = (pixels(x[:256]), y[:256])  # groups as large as in training
    everything = (x, y, x_test, y_test)
    return brief(model, *everything, judge, n_styles, seed) | {
        "style_probe": probe(model, *everything, seed=seed),
        "mean_probe": probe(model, *everything, sampled=False, seed=seed),
        "usage": class_code.usage(model, *batch),
        "class_kl": class_code.class_kl(model, *batch),
    }


def brief(model, x, y, x_test, y_test, judge, n_styles=300, seed=0):
    """class_follow, one_shot: shares of swapped pictures to which the judge gives the class asked
    for, with 256 pictures of evidence and with one; style_follow: the style picture's class.
    style_kl: what a picture's style holds, recon: the error with the group's code; nats.
    """
    styles = (x_test[:n_styles], y_test[:n_styles])
    many, one = (class_code.swaps(model, judge, styles, (x, y), k, seed) for k in (256, 1))
    style = in_batches(lambda p: torch.cat(model.encode(p)[0], 1), x_test)
    return {
        "class_follow": many.class_follow,
        "one_shot": one.class_follow,
        "style_follow": many.style_follow,
        "style_kl": float(gaussian.kl(*style.chunk(2, 1)).mean()),
        "recon": reconstruction(model, x, y, x_test, y_test),
    }


def probe(model, x, y, x_test, y_test, sampled=True, epochs=3, seed=0):
    """The share of test pictures whose label a classifier reads from the style code: from a sample,
    which is what the decoder gets, drawn anew for each training step; or from the mean, where even
    differences count that the code's own noise drowns."""
    train, test = (style_of(model, pictures, sampled) for pictures in (x, x_test))
    reader = _trained(*train, y, epochs, seed, lr=1e-3)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return source_probes.probe_accuracy(reader, gaussian.sample(*test), y_test)


def style_of(model, x, sampled=True):
    """The style posteriors of all pictures, mu and logvar; not sampled: without their noise."""
    codes = source_probes.codes(model, x)
    mu, logvar = codes["style_mu"], codes["style_logvar"]
    return mu, logvar if sampled else torch.full_like(logvar, -60.0)


@torch.no_grad()
def reconstruction(model, x, y, x_test, y_test, n_evidence=2560, sigma=0.5**0.5):
    """Nats a test picture, from its own style mean and from its group's code, which comes from
    training pictures."""
    code = model.evidence(pixels(x[:n_evidence]), y[:n_evidence])[0]
    style = in_batches(lambda p: model.encode(p)[0][0], x_test)
    parts = zip(x_test.split(1000), style.split(1000), y_test.split(1000), strict=True)
    errors = [gaussian.squared_error(pixels(p), model.decode(s, code[t])) for p, s, t in parts]
    return float(torch.cat(errors).mean() / (2 * sigma**2))


def source_rows(model, x, y, x_test, y_test, std=1.0, epochs=2, seed=0):
    """Test accuracies by the source's protocol: its classifier on sampled style codes, on sampled
    class codes, and on class codes that are pooled over the pictures of one label in a batch, of
    test pictures too, with noise of `std`. Then the two controls: pooled by shuffled labels, which
    the classifier is to name, and the rows of an encoder that was never trained."""
    torch.manual_seed(seed + 100)
    shape, hidden = tuple(x.shape[1:]), model.trunk[1].out_features
    blank = mlvae.MLVAE(model.style_dim, model.class_dim, hidden, shape, model.n_groups)
    blank = blank.to(x.device).eval()
    shuffled = [t[torch.randperm(len(t), device=t.device)] for t in (y, y_test)]
    row = lambda net, space, evidence, labels: source_row(
        net, space, x, labels[0], x_test, labels[1], evidence, std, epochs, seed
    )
    true = (y, y_test)
    return {
        "style": row(model, "style", False, true),
        "class_alone": row(model, "class", False, true),
        "class_pooled": row(model, "class", True, true),
        "pooled_shuffled": row(model, "class", True, shuffled),
        "untrained_style": row(blank, "style", False, true),
        "untrained_alone": row(blank, "class", False, true),
        "untrained_pooled": row(blank, "class", True, true),
    }


def source_row(model, space, x, y, x_test, y_test, evidence, std=1.0, epochs=2, seed=0):
    """The test accuracy of the source's classifier on one code, with or without evidence."""
    train, test = (
        [codes[f"{space}_mu"], codes[f"{space}_logvar"]]
        for codes in (source_probes.codes(model, pictures) for pictures in (x, x_test))
    )
    reader = _trained(*train, y, epochs, seed, evidence=evidence, std=std, lr=1e-3)
    return source_probes.source_accuracy(reader, *test, y_test, evidence, std)


def _trained(mu, logvar, y, epochs, seed, **how):
    """The source's classifier, trained on these codes; no draw of it is seen outside."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        step, batches = source_probes.classifier_recipe(mu, logvar, y, seed=seed, **how)
        loop.fit(step, batches, epochs, progress=False)
        loop.set_training(step, False)
    return step.model


def neighbours_agree(codes, labels, k=5):
    """The share of the k nearest neighbours, each in turn left out itself, that have the same
    label: codes (N, D), labels (N,)."""
    ### BEGIN ANSWER 4.5
    hits = []
    for part, own in zip(codes.split(1000), labels.split(1000), strict=True):
        near = torch.cdist(part, codes).topk(k + 1, largest=False).indices[:, 1:]
        hits.append((labels[near] == own[:, None]).float())
    return float(torch.cat(hits).mean())
    ### END ANSWER
