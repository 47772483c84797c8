"""The calibration: a logistic model with signs, and how honest its probabilities are.

    probability = sigmoid(bias + sum of weight x value)

Every weight may be held to one sign, so that more evidence never lowers a probability. The fit
minimises the weighted log-loss plus a ridge on the weights in units of each term's spread. Targets
are 1 - prior instead of 1: a prior of error that no term shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Model:
    """Weights in the terms' own units."""

    weights: Array
    bias: float

    def logit(self, values: Array) -> Array:
        """The sum, [samples]."""
        return values @ self.weights + self.bias

    def probability(self, values: Array) -> Array:
        """Of being right, [samples]."""
        return sigmoid(self.logit(values))


def sigmoid(x: Array) -> Array:
    """The logistic function, without overflow."""
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def fit(values: Array, right: Array, weight: Array, signs: Array, ridge: float, prior: float,
        offset: Array) -> Model:
    """The model of `values` [samples, terms] for `right` [samples], each counting `weight`.

    `signs` [terms]: +1 weight not negative, -1 not positive, 0 free. `offset` [samples]: what is
    added to each sum besides.
    Projected Newton steps (Bertsekas 1982): weights at a bound whose gradient pushes outwards stay.
    """
    spread = values.std(axis=0)
    spread[spread < 1e-6] = 1e6  # a term that never moves gets no weight
    data = np.column_stack((values / spread, np.ones(len(values))))
    target = np.where(right, 1 - prior, prior)
    penalty = np.append(np.full(values.shape[1], ridge), 1e-6)
    low = np.append(np.where(signs > 0, 0.0, -np.inf), -np.inf)
    high = np.append(np.where(signs < 0, 0.0, np.inf), np.inf)
    w = np.zeros(data.shape[1])

    def loss(w: Array) -> float:
        z = data @ w + offset
        each = np.logaddexp(0, z) - target * z
        return float((weight * each).sum() + 0.5 * (penalty * w * w).sum())

    now = loss(w)
    for _ in range(200):
        p = sigmoid(data @ w + offset)
        gradient = data.T @ (weight * (p - target)) + penalty * w
        held = ((w <= low) & (gradient > 0)) | ((w >= high) & (gradient < 0))
        free = ~held
        curve = (data * (weight * p * (1 - p))[:, None]).T @ data + np.diag(penalty + 1e-9)
        step = np.zeros_like(w)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], gradient[free])
        size = 1.0
        while size > 1e-8:
            tried = np.clip(w - size * step, low, high)
            value = loss(tried)
            if value < now:
                break
            size /= 2
        if size <= 1e-8 or now - value < 1e-9 * abs(now):
            break
        w, now = tried, value
    return Model(w[:-1] / spread, float(w[-1]))


def reliability(p: Array, right: Array, edges: Array) -> list[tuple[int, float, float]]:
    """Per bin of probability: how many, mean probability, share that is right."""
    rows = []
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (p >= low) & ((p < high) | (high >= 1))
        count = int(inside.sum())
        rows.append((count, float(p[inside].mean()) if count else 0.0,
                     float(right[inside].mean()) if count else 0.0))
    return rows


def calibration_error(p: Array, right: Array, bins: int = 15) -> float:
    """Expected calibration error with bins of equal width (Guo et al. 2017)."""
    if len(p) == 0:
        return 0.0
    rows = reliability(p, right, np.linspace(0, 1, bins + 1))
    return sum(n * abs(mean - share) for n, mean, share in rows) / len(p)


def chance_error(p: Array, rounds: int = 400) -> float:
    """The calibration error that 95 of 100 sets with these probabilities stay below when every one
    of them keeps its word: what so few readings show by chance."""
    if len(p) == 0:
        return 0.0
    random = np.random.default_rng(0)
    return float(np.quantile([calibration_error(p, random.random(len(p)) < p)
                              for _ in range(rounds)], 0.95))


def wilson(wrong: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    z, share = 1.96, wrong / count
    middle = share + z * z / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (float(max(0, (middle - half) / (1 + z * z / count))),
            float(min(1, (middle + half) / (1 + z * z / count))))
