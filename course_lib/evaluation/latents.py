"""What a latent space holds: active units, and what linear probes read off it."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def active_units(mu, threshold=0.01):
    """How many dimensions of mu (N, z_dim) have a variance above threshold (Burda et al. 2016)."""
    ### BEGIN ANSWER 2.6
    return int((mu.var(0) > threshold).sum())
    ### END ANSWER


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
