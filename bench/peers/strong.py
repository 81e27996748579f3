#!/usr/bin/env python3
"""What NumPy, PyTorch, ByzFL and Flower take for the work of `aggregis bench --peers`.

A child of that command. It reads one JSON request per line and answers each with one line:

    {"do": "facts"}                                     -> versions and threads
    {"do": "entries"}                                   -> {"entries": {name: null | why it cannot run}}
    {"do": "load", "file": "rows.npy", "counts": [k]}   -> {"rows": n, "cols": d}
    {"do": "forget"}                                    -> {}, the rows are gone
    {"do": "time", "entry": name, "f": f}               -> {"seconds": s}
    {"do": "keep", "entry": name, "f": f, "file": out}  -> {"seconds": s}, the result is in `out`

or with {"problem": text}. Entries called `numpy …` are the plain way to write a rule, `strong …` the
best one we know in NumPy or PyTorch, `byzfl …` and `flower …` those projects' own code, unchanged,
from the checkouts below the folder that the environment names as PEERS. How these are imported
without their dependencies is the matter of a module `load_peers` on the path PEERS_LOADER.

Threads are bounded by the environment before NumPy is imported (AGGREGIS_THREADS).
"""
import json
import os
import platform
import sys
import time
import warnings

THREADS = int(os.environ.get("AGGREGIS_THREADS", "1"))
for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
    os.environ[_name + "_NUM_THREADS"] = str(THREADS)

import numpy as np  # noqa: E402  (after the threads are bounded)

warnings.simplefilter("ignore")

ENTRIES = {}


def entry(name):
    """Lists a function of (rows, f, Weights) that gives a vector of d entries, or a small matrix."""

    def add(body):
        ENTRIES[name] = body
        return body

    return add


# NumPy as most people write it


@entry("numpy mean")
def numpy_mean(x, f, w):
    return x.mean(0)


@entry("numpy w @ x")
def numpy_weighted(x, f, w):
    return w.shares @ x


@entry("numpy median")
def numpy_median(x, f, w):
    return np.median(x, axis=0)


@entry("numpy sort")
def numpy_sort(x, f, w):
    """The median by a full sort; with AVX-512 much faster than `numpy median`."""
    n = len(x)
    ordered = np.sort(x, axis=0)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) * np.float32(0.5)


@entry("numpy sort + slice + mean")
def numpy_trimmed(x, f, w):
    return np.sort(x, axis=0)[f : len(x) - f].mean(0)


@entry("numpy x @ x.T")
def numpy_gram(x, f, w):
    return x @ x.T


# The best we know in NumPy


def columns(x):
    """The transposed rows, contiguous: partitions run along memory. Part of the time."""
    return np.ascontiguousarray(x.T)


@entry("strong median (transposed partition)")
def strong_median(x, f, w):
    n = len(x)
    low, high = (n - 1) // 2, n // 2
    parts = np.partition(columns(x), (low, high) if low != high else low, axis=1)
    return (parts[:, low] + parts[:, high]) * np.float32(0.5)


@entry("strong trimmed mean (transposed partition)")
def strong_trimmed(x, f, w):
    n = len(x)
    if f == 0:
        return x.mean(0)
    return np.partition(columns(x), (f, n - f - 1), axis=1)[:, f : n - f].mean(1)


@entry("strong mea-med (sort, sliding window)")
def strong_meamed(x, f, w):
    """The n - f values nearest to the median are neighbours in order: a window slides f times."""
    n = len(x)
    ordered = np.sort(x, axis=0)
    center = (ordered[(n - 1) // 2] + ordered[n // 2]) * np.float32(0.5)
    kept = ordered[: n - f].sum(0)
    moved = np.ones(x.shape[1], bool)
    for k in range(f):
        moved &= ordered[n - f + k] - center < center - ordered[k]
        kept += np.where(moved, ordered[n - f + k] - ordered[k], np.float32(0))
    return kept / np.float32(n - f)


def squared_distances(x):
    g = (x @ x.T).astype(np.float64)
    norms = np.diag(g)
    return np.maximum(norms[:, None] + norms[None, :] - 2 * g, 0)


@entry("numpy distances (x @ x.T)")
def numpy_distances(x, f, w):
    return squared_distances(x)


@entry("strong geometric median (n-space Weiszfeld)")
def strong_geometric_median(x, f, w, steps=100):
    n = len(x)
    g = (x @ x.T).astype(np.float64)
    alpha = np.full(n, 1 / n)
    for _ in range(steps):
        image = g @ alpha
        away = np.sqrt(np.maximum(np.diag(g) - 2 * image + alpha @ image, 1e-30))
        alpha = 1 / away
        alpha /= alpha.sum()
    return alpha.astype(np.float32) @ x


@entry("strong multi-krum (x @ x.T)")
def strong_multi_krum(x, f, w):
    n = len(x)
    ordered = np.sort(squared_distances(x), axis=1)
    kept = np.argsort(ordered[:, 1 : n - f].sum(1), kind="stable")[: n - f]
    alpha = np.zeros(n, np.float32)
    alpha[kept] = np.float32(1) / np.float32(n - f)
    return alpha @ x


def mixed(x, f):
    n = len(x)
    near = np.argsort(squared_distances(x), axis=1, kind="stable")[:, : n - f]
    weights = np.zeros((n, n), np.float32)
    np.put_along_axis(weights, near, np.float32(1) / np.float32(n - f), axis=1)
    return weights @ x


@entry("strong nnm + trimmed mean (one product, sort)")
def strong_nnm_trimmed(x, f, w):
    return numpy_trimmed(mixed(x, f), f, w)


def near_center(x, count):
    return strong_meamed(x, len(x) - count, None)


@entry("strong bulyan (x @ x.T, sort)")
def strong_bulyan(x, f, w):
    n = len(x)
    away = squared_distances(x)
    np.fill_diagonal(away, -1)
    left = list(range(n))
    picks = []
    for _ in range(n - 2 * f):
        part = np.sort(away[np.ix_(left, left)], axis=1)
        neighbours = max(1, len(left) - f - 2)
        best = left[int(np.argmin(part[:, 1 : neighbours + 1].sum(1)))]
        picks.append(best)
        left.remove(best)
    return near_center(x[picks], n - 4 * f)


@entry("strong caf (x @ x.T)")
def strong_caf(x, f, w):
    n = len(x)
    g = (x @ x.T).astype(np.float64)
    c = np.ones(n)
    best, best_value = c, np.inf
    while c.sum() > n - 2 * f:
        mu = c / c.sum()
        image = g @ mu
        around = g - image[:, None] - image[None, :] + mu @ image
        root = np.sqrt(mu)
        values, vectors = np.linalg.eigh(root[:, None] * around * root[None, :])
        if values[-1] < best_value:
            best, best_value = c, values[-1]
        tau = (around @ (root * vectors[:, -1])) ** 2
        c = c * np.maximum(0, 1 - tau / tau[c > 0].max())
    return (best / best.sum()).astype(np.float32) @ x


# PyTorch


try:
    import torch

    torch.set_num_threads(THREADS)

    @entry("strong trimmed mean (torch.sort)")
    def torch_trimmed(x, f, w):
        t = torch.from_numpy(x)
        return t.sort(dim=0).values[f : len(x) - f].mean(0).numpy()

    @entry("torch distances (cdist)")
    def torch_cdist(x, f, w):
        t = torch.from_numpy(x)
        return (torch.cdist(t, t) ** 2).numpy()

    NO_TORCH = None
except Exception as error:  # noqa: BLE001  (whatever it is, it is why there is no PyTorch)
    NO_TORCH = "PyTorch cannot be imported: " + str(error)

# The peers


def load_peers():
    """The module that makes the checkouts importable: on PEERS_LOADER, or shared with this project."""
    here = os.path.dirname(os.path.abspath(__file__))
    shared = os.path.join(here, "..", "..", "..", "shared", "peers")
    sys.path[:0] = [os.environ.get("PEERS_LOADER", shared)]
    import load_peers as loader

    return loader


def add_byzfl():
    b = load_peers().load_byzfl()

    def on_torch(make):
        return lambda x, f, w: make(f)(torch.from_numpy(x)).numpy()

    def nnm_trimmed(f):
        mix, trim = b.NNM(f), b.TrMean(f)
        return lambda t: trim(mix(t))

    for name, make in (
        ("Average", lambda f: b.Average()),
        ("Median", lambda f: b.Median()),
        ("TrMean", b.TrMean),
        ("Meamed", b.Meamed),
        ("MultiKrum", b.MultiKrum),
        ("GeometricMedian T=3", lambda f: b.GeometricMedian(T=3)),
        ("GeometricMedian T=100", lambda f: b.GeometricMedian(T=100)),
        ("NNM + TrMean", nnm_trimmed),
        ("CAF", b.CAF),
    ):
        ENTRIES["byzfl " + name] = on_torch(make)


def add_flower():
    agg = load_peers().load_flower().agg

    def results(x, w):
        return [([row], k) for row, k in zip(x, w.counts)]

    ENTRIES["flower aggregate"] = lambda x, f, w: agg.aggregate(results(x, w))[0]
    ENTRIES["flower aggregate_median"] = lambda x, f, w: agg.aggregate_median(results(x, w))[0]
    ENTRIES["flower aggregate_bulyan"] = lambda x, f, w: agg.aggregate_bulyan(
        results(x, w), f, agg.aggregate_krum, to_keep=0
    )[0]


MISSING = {}


def add_peer(name, add):
    try:
        if not os.environ.get("PEERS"):
            raise ImportError("PEERS names no folder of checkouts")
        add()
    except (Exception, SystemExit) as error:  # noqa: BLE001
        MISSING[name] = "%s cannot be imported: %s" % (name, error)


add_peer("byzfl", add_byzfl)
add_peer("flower", add_flower)


# Requests


class Weights:
    """What clients count for: as examples, and as shares in float32."""

    def __init__(self, counts):
        self.counts = [int(k) for k in counts]
        self.shares = np.asarray(np.asarray(counts) / np.sum(counts), np.float32)


class Peer:
    def __init__(self):
        self.x = self.w = None

    def facts(self, _):
        return {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": None if NO_TORCH else torch.__version__,
            "threads": THREADS,
            "missing": list(MISSING.values()) + ([NO_TORCH] if NO_TORCH else []),
        }

    def entries(self, _):
        return {"entries": sorted(ENTRIES)}

    def load(self, request):
        self.x = self.w = None  # before the next, not beside it
        self.x = np.load(request["file"])
        if self.x.dtype != np.float32 or self.x.ndim != 2 or not self.x.flags.c_contiguous:
            raise ValueError("rows must be a C-ordered matrix of float32")
        self.w = Weights(request["counts"])
        return {"rows": self.x.shape[0], "cols": self.x.shape[1]}

    def forget(self, _):
        self.x = self.w = None
        return {}

    def run(self, request):
        name = request["entry"]
        if name not in ENTRIES:
            why = MISSING.get(name.split(" ")[0])
            if why is None and "torch" in name:
                why = NO_TORCH
            raise LookupError(why or "there is no such entry")
        start = time.perf_counter()
        result = ENTRIES[name](self.x, request["f"], self.w)
        return time.perf_counter() - start, result

    def time(self, request):
        return {"seconds": self.run(request)[0]}

    def keep(self, request):
        seconds, result = self.run(request)
        result = np.ascontiguousarray(result, np.float32)
        np.save(request["file"], result.reshape(1, -1))
        return {"seconds": seconds}


def main():
    # Libraries print what they like; answers have the stream for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = Peer()
    for line in sys.stdin:
        try:
            request = json.loads(line)
            reply = getattr(peer, request["do"])(request)
        except Exception as error:  # noqa: BLE001
            reply = {"problem": "%s: %s" % (type(error).__name__, error)}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
