"""HVAE on binary digits, trained by the ELBO and in the end by the importance-weighted bound.

The model is hvae.HVAE, its ELBO hvae.loss. The bound with k samples, log 1/k sum_i p(x, z_i) /
q(z_i|x), is that of Burda, Grosse & Salakhutdinov, 2016: it lies between the ELBO and log p(x), so
what is trained is closer to what a likelihood is estimated by. Nats per image.
"""

from course_lib.data.batches import Batches
from course_lib.models import hvae, iwae
from course_lib.models.importance import log_mean, log_weights


def loss(model, x, k=4):
    """Minus the bound with k samples, for grey pictures whose pixels are sampled anew each time."""
    if k == 1:  # the ELBO: its KL needs no samples
        return {"loss": hvae.loss(model, x)["loss"]}
    return {"loss": -log_mean(log_weights(model, model.quantised(x), None, k)).mean()}


def recipe(
    x, epochs=56, k=4, tight=0.2, sides=(2, 4, 8), width=(128, 96, 64), groups=(1, 3, 3), z_dim=8,
    lr=4e-3, batch=64, ema=0.999, bf16=True, seed=0,
):  # fmt: skip
    """Binary pixels; the last `tight` of the steps by the bound with k samples, see iwae.descent.
    Steps whose gradient is far too long are shortened or left out, as in hvae.recipe."""
    model = hvae.HVAE(x.shape[1:], sides, width, groups, z_dim, n_mixtures=0).to(x.device)
    batches = Batches(x, size=batch, seed=seed)
    how = (k, tight, lr, epochs * len(batches), ema, bf16)
    return iwae.descent(model, loss, *how, guarded=True), batches
