"""What a latent space holds: active units, mutual information, linear probes."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course_lib.models import gaussian


def active_units(mu, threshold=0.01):
    """How many dimensions of mu (N, z_dim) have a variance above threshold (Burda et al. 2016)."""
    ### BEGIN ANSWER 2.6
    return int((mu.var(0) > threshold).sum())
    ### END ANSWER


def mutual_information(mu, logvar, seed=0, size=250):
    """I(x; z) of a table of Gaussian posteriors in nats, by their own mixture; at most log N.

    E[log q(z|x)] - E[log q(z)], q(z) the mean of the N posteriors (Hoffman & Johnson 2016).
    """
    noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(seed)).to(mu)
    z = mu + (0.5 * logvar).exp() * noise
    log_posterior = gaussian.log_prob(z, mu, logvar)
    log_mixture = torch.cat([_log_mixture(part, mu, logvar) for part in z.split(size)])
    return float((log_posterior - log_mixture).mean())


def _log_mixture(z, mu, logvar):
    """log of the mean density of the posteriors at each z; expanded squares save the memory."""
    precision = (-logvar).exp()
    squares = z.square() @ precision.T - 2 * z @ (precision * mu).T
    squares = squares + (precision * mu.square()).sum(1)
    log_q = -0.5 * (squares + (gaussian.LOG_2PI + logvar).sum(1))
    return log_q.logsumexp(1) - np.log(len(mu))


def linear_probes(z_train, y_train, z_test, y_test, names):
    """ROC-AUC of a logistic regression from codes to each attribute: {name: auc}; 0.5 is chance.

    Attributes of which a split holds one value only are left out.
    """
    z_train, z_test = np.asarray(z_train.cpu()), np.asarray(z_test.cpu())
    aucs = {}
    for i, name in enumerate(names):
        y, y_held = (np.asarray(t[:, i].cpu()) for t in (y_train, y_test))
        if 0 < y.mean() < 1 and 0 < y_held.mean() < 1:
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
            scores = probe.fit(z_train, y).decision_function(z_test)
            aucs[name] = float(roc_auc_score(y_held, scores))
    return aucs
