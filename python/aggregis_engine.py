"""Aggregis as the engine of a server in Python: arrays in, one robust aggregate out.

    from aggregis_engine import Engine

    engine = Engine("trimmed-mean:f=2")
    with engine.round(base=global_arrays) as work:
        for client, arrays in updates:
            work.add(client, arrays)
        outcome = work.result()
    outcome.arrays, outcome.excluded

Each update goes to a file of its own as it is added, and `aggregis aggregate` reads the files a tile at a time:
neither process ever holds all updates. What is wrong with an update costs that update and nothing else.

The command is `aggregis`, where it is on the path, or else `npx --no-install aggregis`; the environment variable
AGGREGIS says otherwise, as in AGGREGIS="node /opt/aggregis/dist/cli/main.js".
"""

import hashlib
import json
import math
import os
import re
import shlex
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np

__all__ = ["Engine", "EngineError", "Outcome", "Work"]

# Types of safetensors that NumPy has.
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(text): name for name, text in _DTYPES.items()}


class EngineError(Exception):
    """The engine gave no result: too few updates for the rule, a rule that is none, no engine."""


@dataclass(frozen=True)
class Outcome:
    """An aggregation."""

    arrays: dict
    """The aggregate, by name: with a base, the base plus the aggregate of the differences to it."""
    excluded: dict
    """Reasons, by client, of those whose updates do not count."""
    report: dict
    """What `aggregis aggregate --json` printed; clients are named as they were added."""


class Engine:
    """How to aggregate. Holds no updates, and may be used for any number of rounds."""

    def __init__(
        self,
        rule,
        *,
        weights="uniform",
        example_cap=None,
        max_norm=None,
        backend=None,
        command=None,
        timeout=None,
        folder=None,
    ):
        """`rule` is a SPEC such as `nnm:f=2+trimmed-mean:f=2`. `weights` is `uniform`, or `examples` for rules
        that can weigh clients by the examples they claim; `example_cap` bounds what is believed of that.
        `max_norm` excludes longer updates. `folder` is where updates lie meanwhile, such as a RAM disk;
        `timeout` is in seconds."""
        if weights not in ("uniform", "examples"):
            raise ValueError(f"weights must be uniform or examples, got {weights!r}")
        self.rule, self.weights = str(rule), weights
        self.example_cap, self.max_norm, self.backend = example_cap, max_norm, backend
        self.timeout, self.folder = timeout, folder
        self._command = list(command) if command is not None else None

    def round(self, base=None):
        """Begins a round; with `base`, arrays by name, updates are full models. To be used with `with`."""
        return Work(self, base)

    def command(self):
        """The words that start the engine."""
        if self._command is not None:
            return self._command
        words = shlex.split(os.environ.get("AGGREGIS", ""))
        if words:
            return words
        return ["aggregis"] if shutil.which("aggregis") else ["npx", "--no-install", "aggregis"]

    def options(self):
        """The options of the command that say how to aggregate."""
        named = {
            "--rule": self.rule,
            "--weights": self.weights,
            "--example-cap": self.example_cap,
            "--max-norm": self.max_norm,
            "--backend": self.backend,
        }
        return [word for name, value in named.items() if value is not None for word in (name, str(value))]


class Work:
    """A round: updates are added one by one, then there is one result."""

    def __init__(self, engine, base=None):
        self._engine, self._base = engine, base
        self._folder = None
        self._clients, self._refused, self._votes = {}, {}, []

    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix="aggregis-round-", dir=self._engine.folder)
        os.mkdir(os.path.join(self._folder, "updates"))
        if self._base is not None:
            plain = _plain(self._base)
            self._votes = [{name: array.dtype for name, (array, _) in plain.items()}]
            _write(self._path("base.safetensors"), plain)
        return self

    @property
    def clients(self):
        """Whose updates were taken in."""
        return list(self._clients.values())

    def __exit__(self, *_):
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def refuse(self, client, reason):
        """Leaves a client's update out, and says so in the outcome."""
        self._refused.setdefault(str(client), []).append(str(reason))

    def add(self, client, arrays, examples=None):
        """Takes an update, arrays by name, in. One that is none is left out, and never an error: whether
        the arrays are those of the base, finite and of the right shape is for the engine to see. What else
        a client sends that was taken or refused in this round is not looked at."""
        client = str(client)
        # Names are of strangers, files are ours; and the order of files is not that of arrival.
        name = hashlib.sha256(client.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if name in self._clients or client in self._refused:
            return
        metadata = {}
        if self._engine.weights == "examples":
            count = _count(examples)
            if count is None:
                self.refuse(client, f"examples: must be a number of at least 1, got {examples!r}"[:200])
                return
            metadata["num_examples"] = str(count)
        try:
            plain = _plain(arrays)
        # They may be anything.
        except Exception as error:  # noqa: BLE001
            self.refuse(client, f"malformed: {error}"[:200])
            return
        _write(self._path("updates", name + ".safetensors"), plain, metadata)
        self._clients[name] = client
        if self._base is None:
            self._votes.append({name: array.dtype for name, (array, _) in plain.items()})

    def result(self):
        """What the rule makes of the updates. Raises EngineError where there is none."""
        if not self._clients:
            raise EngineError(f"no update is left of {len(self._refused)}: {self._refused}"[:1000])
        paths = [self._path("updates", name + ".safetensors") for name in sorted(self._clients)]
        base = [] if self._base is None else ["--base", self._path("base.safetensors")]
        output = self._path("result.safetensors")
        words = [*self._engine.command(), "aggregate", *paths, *self._engine.options(), *base]
        words += ["--output", output, "--json"]
        report = _report(_run(words, self._engine.timeout), words[0])
        excluded = {client: list(reasons) for client, reasons in self._refused.items()}
        for one in report["clients"]:
            one["name"] = self._clients[re.sub(r"\.safetensors$", "", os.path.basename(one["name"]))]
            if one["verdict"] == "excluded":
                excluded.setdefault(one["name"], []).extend(one["reasons"])
        arrays = _read(output)
        arrays = {name: array.astype(self._dtype_of(name, array)) for name, array in arrays.items()}
        return Outcome(arrays, excluded, report)

    def _dtype_of(self, name, array):
        """The type that the base has an array in, or most updates."""
        types = [vote[name] for vote in self._votes if name in vote]
        return max(types, key=types.count) if types else array.dtype

    def _path(self, *names):
        if self._folder is None:
            raise EngineError("the round has not begun, or is over: use it in a with statement")
        return os.path.join(self._folder, *names)


def _count(examples):
    """Examples as claimed, if that is a number of them."""
    if isinstance(examples, bool) or not isinstance(examples, (int, float, np.integer, np.floating)):
        return None
    if not math.isfinite(examples) or not 1 <= examples <= 2**53:
        return None
    return int(examples)


def _report(printed, engine):
    try:
        report = json.loads(printed)
    except ValueError as error:
        raise EngineError(f"{engine} is not the engine: it printed {printed[:200]!r}") from error
    if isinstance(report, dict) and isinstance(report.get("clients"), list):
        return report
    raise EngineError(f"{engine} is not the engine: it printed {printed[:200]!r}")


def _run(words, timeout):
    try:
        done = subprocess.run(words, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"the engine took longer than {timeout} s") from error
    except OSError as error:
        raise EngineError(f"the engine {words[0]} cannot be started: {error}") from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip()
    raise EngineError(said[-2000:] or f"the engine exited with {done.returncode}")


def _plain(arrays):
    """Arrays by name with the type that they are written in. Raises for what cannot be written."""
    plain = {}
    for name, array in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"names of arrays must be text, got {name!r}")
        # Tensors of frameworks are arrays, too, where they lie in the memory of this process.
        array = np.asarray(array)
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _NAMES:
            raise TypeError(f"array {name!r} is of type {array.dtype}, which no update can have")
        plain[name] = (array, dtype)
    return plain


def _write(path, plain, metadata=None):
    """Writes a safetensors file."""
    # Wider types first, so that each is aligned.
    order = sorted(plain, key=lambda name: (-plain[name][1].itemsize, name))
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name in order:
        array, dtype = plain[name]
        end = at + array.size * dtype.itemsize
        header[name] = {"dtype": _NAMES[dtype], "shape": list(array.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            array, dtype = plain[name]
            file.write(np.ascontiguousarray(array, dtype=dtype).data.cast("B") if array.size else b"")


def _read(path):
    """The arrays of a safetensors file, by name in the order of names."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        arrays = {}
        for name in sorted(header):
            if name == "__metadata__":
                continue
            begin, end = header[name]["data_offsets"]
            file.seek(8 + length + begin)
            raw = np.frombuffer(bytearray(file.read(end - begin)), _dtype(header[name]["dtype"]))
            arrays[name] = raw.reshape(header[name]["shape"])
        return arrays


def _dtype(name):
    if name in _DTYPES:
        return _DTYPES[name]
    raise EngineError(f"the result has a tensor of type {name}, which NumPy lacks")
