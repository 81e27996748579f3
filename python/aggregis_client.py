"""A client of an Aggregis federation, in Python: the standard library and NumPy, nothing else.

    from aggregis_client import FederationClient, Identity

    def train(task):
        # task.tensors: {name: float32 array}; what the model was plus the difference is what it became
        return {name: my_step(values) for name, values in task.tensors.items()}, number_of_samples

    client = FederationClient("http://127.0.0.1:8790", Identity.open("client.key"))
    for part in client.participate(train):
        print(part.round, part.outcome)

Or from a shell, with a module that has such a `train`:

    python3 aggregis_client.py http://127.0.0.1:8790 --train my_training.py --key client.key

The protocol is docs/protocol.md of Aggregis. Keys are in the same files as those of `aggregis join`.

Signatures are Ed25519. Where the package `cryptography` can be imported it makes them. Otherwise the code
below does, which follows RFC 8032 and takes some 10 ms for each. It does not run in constant time: whoever can
measure this process to the microsecond may learn the key. Install `cryptography` where that matters.
"""

import argparse
import base64
import email.utils
import hashlib
import http.client
import importlib.util
import json
import os
import random
import re
import ssl
import struct
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "FederationClient",
    "FederationError",
    "Identity",
    "Participation",
    "Task",
    "read_safetensors",
    "write_safetensors",
]

# --- Ed25519, RFC 8032, section 5.1 -------------------------------------------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_ONE = pow(2, (_P - 1) // 4, _P)


def _x_of(y, sign):
    """The x of a point of the curve -x² + y² = 1 + d·x²·y²; None if there is none."""
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x_squared, (_P + 3) // 8, _P)
    if x * x % _P != x_squared:
        x = x * _SQRT_MINUS_ONE % _P
    if x * x % _P != x_squared or (x == 0 and sign == 1):
        return None
    return _P - x if x % 2 != sign else x


def _add(a, b):
    """Sum of two points in extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x·y = T/Z."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    minus = (y1 - x1) * (y2 - x2) % _P
    plus = (y1 + x1) * (y2 + x2) % _P
    cross = 2 * _D * t1 * t2 % _P
    both = 2 * z1 * z2 % _P
    e, f, g, h = plus - minus, both - cross, both + cross, plus + minus
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _encoded(point):
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0)
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def _expanded(secret):
    digest = hashlib.sha512(secret).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & ~7 & (1 << 254) - 1 | 1 << 254, digest[32:]


def _hashed(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _ORDER


def slow_public_key(secret):
    """The public key of 32 secret bytes."""
    return _encoded(_times(_expanded(secret)[0], _BASE))


def slow_sign(message, secret):
    """The signature, 64 bytes. Not in constant time."""
    scalar, prefix = _expanded(secret)
    nonce = _hashed(prefix, message)
    commitment = _encoded(_times(nonce, _BASE))
    challenge = _hashed(commitment, slow_public_key(secret), message)
    return commitment + ((nonce + challenge * scalar) % _ORDER).to_bytes(32, "little")


try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def public_key(secret):
        return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()

    def sign(message, secret):
        return Ed25519PrivateKey.from_private_bytes(secret).sign(message)

except (ImportError, AttributeError):
    public_key, sign = slow_public_key, slow_sign


# --- Bytes that are hashed and signed ------------------------------------------------------------


def transcript(label, *fields):
    """A label and fields, each behind its length: text, bytes, int, float, or None for what is absent."""
    return b"".join(struct.pack("<I", len(content)) + content for content in map(_content, (label, *fields)))


def _content(value):
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, int):
        return struct.pack("<Q", value)
    return struct.pack("<d", value)


def merkle_root(file, chunk_size):
    """Root of RFC 6962's tree over the chunks of a file that is not empty."""
    view = memoryview(file)
    level = [
        hashlib.sha256(b"\x00" + view[at : at + chunk_size]).digest()
        for at in range(0, len(view), chunk_size)
    ]
    while len(level) > 1:
        pairs = [
            hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest()
            for i in range(0, len(level) - 1, 2)
        ]
        # An odd one out moves up as it is.
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def statement_to_sign(statement):
    """The bytes of an update's statement, with the names that it has in JSON."""
    clip_norm = statement.get("clipNorm")
    claims = [statement.get(name) for name in ("steps", "loss")]
    return transcript(
        "aggregis/update/v1",
        statement["run"],
        statement["round"],
        bytes.fromhex(statement["baseModel"]),
        statement["client"],
        statement["dtype"],
        statement["length"],
        statement["chunkSize"],
        bytes.fromhex(statement["root"]),
        statement["samples"],
        None if clip_norm is None else float(clip_norm),
        statement["expires"],
        *([] if claims == [None, None] else [None if one is None else float(one) for one in claims]),
    )


# --- Identity -------------------------------------------------------------------------------------

_MAGIC = b"aggregis identity 1\n"


class Identity:
    """A client's key. What is printed of it holds no secret."""

    def __init__(self, secret, first_key=None):
        if len(secret) != 32:
            raise ValueError(f"a secret is 32 bytes, got {len(secret)}")
        self._secret = bytes(secret)
        self.public_key = public_key(self._secret)
        self.first_key = self.public_key if first_key is None else bytes(first_key)
        digest = hashlib.sha256(transcript("aggregis/client/v1", self.first_key)).hexdigest()
        self.id = "c-" + digest[:32]

    @classmethod
    def create(cls):
        """A new client."""
        return cls(os.urandom(32))

    @classmethod
    def open(cls, path):
        """The identity in a file, or a new one where there is none; the file is made for its owner alone."""
        try:
            return cls._read(path)
        except FileNotFoundError:
            pass
        made = cls.create()
        folder = os.path.dirname(os.path.abspath(path))
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".aggregis-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(made._exported())
                file.flush()
                os.fsync(file.fileno())
            # A link does not take the place of what another process has made meanwhile.
            os.link(temporary, path)
            return made
        except FileExistsError:
            return cls._read(path)
        finally:
            os.unlink(temporary)

    @classmethod
    def _read(cls, path):
        with open(path, "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise ValueError(f"{path}: others may read this secret; chmod 600 {path}")
            content = file.read(1024)
        body, digest = content[:-32], content[-32:]
        size = len(_MAGIC) + 32 + 32 + 1 + 32
        if len(body) != size or hashlib.sha256(body).digest() != digest or body[:20] != _MAGIC:
            raise ValueError(f"{path}: is no identity")
        if body[84] != 0:
            raise ValueError(f"{path}: a change of its key has begun; end it with aggregis join")
        return cls(body[20:52], body[52:84])

    def _exported(self):
        body = _MAGIC + self._secret + self.first_key + bytes(33)
        return body + hashlib.sha256(body).digest()

    def sign(self, message):
        return sign(message, self._secret)

    def __repr__(self):
        return f"Identity({self.id})"


# --- Tensors --------------------------------------------------------------------------------------

_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_MAX_HEADER = 100_000_000


def read_safetensors(file):
    """The floating-point tensors of a safetensors file, as float32 arrays by name."""
    if len(file) < 8:
        raise FederationError("protocol", "the model is no safetensors file")
    (length,) = struct.unpack("<Q", file[:8])
    if length > min(_MAX_HEADER, len(file) - 8):
        raise FederationError("protocol", "the model's header is longer than the model")
    try:
        header = json.loads(bytes(file[8 : 8 + length]).decode("utf-8"))
        tensors = {}
        for name, info in header.items():
            if name == "__metadata__" or info["dtype"] not in _FLOATS:
                continue
            begin, end = info["data_offsets"]
            raw = np.frombuffer(file[8 + length + begin : 8 + length + end], _FLOATS[info["dtype"]])
            tensors[name] = _widened(raw, info["dtype"]).reshape(info["shape"])
        return tensors
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FederationError("protocol", f"the model is no safetensors file: {error}") from error


def _widened(raw, dtype):
    if dtype == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return raw.astype(np.float32)


def _narrowed(values, dtype):
    """Little-endian, to the nearest, ties to even."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    if dtype == "F32":
        return values.astype("<f4")
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return values.astype("<f2")
    bits = values.view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(values), bits >> 16 | 0x40, rounded).astype("<u2")


_BLOCK = 256


def _blocks(values):
    """Integers, and the f16 scale of each 256 of them: the least that keeps |x| / scale at most 127."""
    flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
    padded = np.zeros(-(-flat.size // _BLOCK) * _BLOCK, dtype=np.float32)
    padded[: flat.size] = flat
    blocks = padded.reshape(-1, _BLOCK).astype(np.float64)
    largest = np.abs(blocks).max(axis=1, initial=0.0)
    with np.errstate(over="ignore"):
        scales = (largest / 127).astype("<f2")
    bits = scales.view("<u2")
    bits[scales.astype(np.float64) * 127 < largest] += 1
    steps = scales.astype(np.float64)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        integers = np.where(steps > 0, np.rint(blocks / steps), 0)
    return integers.astype(np.int8).ravel()[: flat.size], scales


def write_safetensors(tensors, dtype="F32"):
    """A safetensors file of arrays by name, all in one type: F32, F16, BF16, or I8 with its scales."""
    parts = {}
    for name in sorted(tensors):
        shape = list(np.shape(tensors[name]))
        if dtype == "I8":
            integers, scales = _blocks(tensors[name])
            parts[name] = ("I8", shape, integers.tobytes())
            parts[name + ".scales"] = ("F16", [scales.size], scales.tobytes())
        else:
            parts[name] = (dtype, shape, _narrowed(tensors[name], dtype).tobytes())
    # Wider types first, so that each is aligned; then by name.
    order = sorted(parts, key=lambda name: (parts[name][0] == "I8", name))
    header, at = {}, 0
    for name in order:
        kind, shape, part = parts[name]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(part)]}
        at += len(part)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(parts[name][2] for name in order)])


# --- Requests -------------------------------------------------------------------------------------


class FederationError(Exception):
    """A client cannot take part.

    `code`: `refused` (then `refusal` is the server's own code), `unreachable`, `untrusted`, `protocol`,
    `wrong-model`, `bad-update`.
    """

    def __init__(self, code, message, status=None, refusal=None):
        super().__init__(message)
        self.code, self.status, self.refusal = code, status, refusal


class _Transient(Exception):
    """Something that is tried again, after `least` seconds at the least."""

    def __init__(self, message, least=0.0):
        super().__init__(message)
        self.least = least


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Nothing of this protocol is elsewhere."""

    def redirect_request(self, *_):
        return None


def _tls_context(cafile, fingerprint, certificate):
    """Whom to trust: a certificate by its fingerprint alone, or what `cafile` or the system vouches for."""
    context = ssl.create_default_context(cafile=cafile)
    if fingerprint is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def _read_fingerprint(text):
    digits = re.sub(r"^sha256:", "", text, flags=re.IGNORECASE).replace(":", "").lower()
    if not _HEX_32.fullmatch(digits):
        raise ValueError(f"a fingerprint is a SHA-256 in hex, 64 digits, got {text!r}")
    return digits


class _Pinned(urllib.request.HTTPSHandler):
    """HTTPS to a server that shows who it is before anything is sent."""

    def __init__(self, context, fingerprint):
        super().__init__(context=context)
        self._trust, self._fingerprint = context, fingerprint

    def https_open(self, request):
        fingerprint = self._fingerprint

        class Connection(http.client.HTTPSConnection):
            def connect(self):
                super().connect()
                if fingerprint is None:
                    return
                found = hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
                if found != fingerprint:
                    self.close()
                    message = f"the server has the fingerprint {found}, not {fingerprint}"
                    raise FederationError("untrusted", message)

        return self.do_open(Connection, request, context=self._trust)


_LATER = {408, 425, 429, 500, 502, 503, 504, 507}
_MAX_JSON = 4 * 2**20


class _Http:
    def __init__(self, url, patience, rng, on_wait, backoff, context=None, fingerprint=None):
        scheme = urllib.parse.urlsplit(url).scheme
        if scheme not in ("http", "https"):
            raise ValueError(f"url must be one of http: or https:, got {url!r}")
        self.base = url.rstrip("/")
        self.patience, self.rng, self.on_wait, self.backoff = patience, rng, on_wait, backoff
        self.skew = 0.0
        handlers = [_StayHere]
        if scheme == "https":
            handlers.append(_Pinned(context or ssl.create_default_context(), fingerprint))
        elif context is not None:
            raise ValueError(f"trust goes with a url of https:, got {url!r}")
        self._opener = urllib.request.build_opener(*handlers)

    def now(self):
        """The server's clock as far as its answers told, in milliseconds since 1970."""
        return int((time.time() + self.skew) * 1000)

    def send(self, method, path, body=None, headers=None, timeout=30.0, most=_MAX_JSON):
        """Status, headers and body of a success; tries again whatever may succeed later."""
        started = time.monotonic()
        failures = 0
        while True:
            try:
                return self._attempt(method, path, body, headers or {}, timeout, most)
            except _Transient as problem:
                first, largest = self.backoff
                bound = min(largest, first * 2 ** min(failures, 30))
                # Drawn anew each time: clients that failed together do not come back together.
                delay = problem.least + self.rng.random() * bound
                failures += 1
                if time.monotonic() - started + delay > self.patience:
                    message = f"{method} {path}: {problem}; tried {failures} times"
                    raise FederationError("unreachable", message) from problem
                self.on_wait(f"again in {delay:.1f} s: {method} {path}: {problem}")
                time.sleep(delay)

    def _attempt(self, method, path, body, headers, timeout, most):
        request = urllib.request.Request(self.base + path, data=body, method=method, headers=headers)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                self._note_time(answer.headers)
                content = answer.read(most + 1)
                declared = answer.headers.get("content-length")
                if declared is not None and len(content) < min(int(declared), most + 1):
                    raise _Transient(f"ended after {len(content)} of {declared} bytes")
                if len(content) > most:
                    raise FederationError("protocol", f"{method} {path}: more than {most} bytes")
                return answer.status, answer.headers, content
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(method, path, error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = getattr(error, "reason", error)
            refused = isinstance(cause, ssl.SSLError) and "CERTIFICATE" in (cause.reason or "")
            if refused or isinstance(cause, ssl.SSLCertVerificationError):
                raise FederationError("untrusted", f"the server is not trusted: {cause}") from error
            raise _Transient(f"the connection failed ({error})") from error

    def _refusal(self, method, path, error):
        self._note_time(error.headers)
        try:
            said = json.loads(error.read(_MAX_JSON))["error"]
            refusal, message = str(said["code"]), str(said["message"])
        except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
            refusal, message = f"http-{error.code}", f"the server answered {error.code}"
        if error.code in _LATER:
            return _Transient(message, self._retry_after(error.headers.get("retry-after")))
        text = f"{method} {path}: {refusal}: {message}"
        return FederationError("refused", text, status=error.code, refusal=refusal)

    def _retry_after(self, header):
        if header is None:
            return 0.0
        if re.fullmatch(r"\d{1,10}", header):
            return float(header)
        try:
            return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - self.now() / 1000)
        except (TypeError, ValueError):
            return 0.0

    def _note_time(self, headers):
        try:
            date = email.utils.parsedate_to_datetime(headers.get("date")).timestamp()
        except (TypeError, ValueError):
            return
        # A date has whole seconds: half of one is in the middle.
        skew = date + 0.5 - time.time()
        self.skew = skew if abs(skew) >= 1.5 else 0.0


# --- The client -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """What is to be trained."""

    round: int
    tensors: dict
    """The model's tensors, float32 arrays by name. May be written to."""
    training: dict
    """What the server says to training."""
    deadline: int
    """When the round stops collecting, by the server's clock, in milliseconds since 1970."""
    terms: dict = field(repr=False)
    """All that the server said of the round."""
    control: "dict | None" = field(default=None, repr=False)
    """The server's control variate by tensor, where the round asks for changes of it (SCAFFOLD)."""
    committed: int = 0
    """The last round in which an update of this client was taken; 0 if none was since it connected."""


@dataclass(frozen=True)
class Participation:
    """What came of a round."""

    round: int
    outcome: str
    """`committed`, `late`, `declined` (training gave None, or the round is under masks) or `refused`."""
    root: "str | None" = None
    reason: "str | None" = None


_HEX_32 = re.compile(r"[0-9a-f]{64}")
_LATE = {"wrong-round", "round-closed", "no-such-round", "wrong-base-model", "expired"}
_FOREVER = {"revoked", "not-enrolled", "wrong-run", "no-such-path"}
_WIRE = ("F32", "F16", "BF16", "I8")
_WAIT = 30
_LIFETIME_MS = 12 * 3600 * 1000


class FederationClient:
    """One client's part in one run. Everything that can fail on the way is tried again for `patience` seconds."""

    def __init__(
        self,
        url,
        identity,
        *,
        dtype=None,
        patience=600.0,
        on_status=None,
        rng=None,
        backoff=(0.25, 15.0),
        max_model_bytes=4 * 2**30,
        non_finite=False,
        cafile=None,
        fingerprint=None,
        certificate=None,
    ):
        """Finds the run and enrols.

        Over https, `fingerprint` (SHA-256 in hex) trusts that certificate alone, `cafile` those that it signs;
        `certificate` is a pair of PEM files, for servers that ask for one.
        """
        if dtype is not None and dtype not in _WIRE:
            raise ValueError(f"dtype must be one of {', '.join(_WIRE)}, got {dtype!r}")
        self.identity, self.dtype = identity, dtype
        self.max_model_bytes, self.non_finite = max_model_bytes, non_finite
        self._tell = on_status or (lambda text: None)
        pin = None if fingerprint is None else _read_fingerprint(fingerprint)
        asked = cafile is not None or pin is not None or certificate is not None
        trust = _tls_context(cafile, pin, certificate) if asked else None
        source = rng or random.SystemRandom()
        self._http = _Http(url, patience, source, self._tell, backoff, trust, pin)
        self._token, self._token_ends = None, 0
        self._committed = 0
        self._tell(f"enrolling at {self._http.base}")
        self.info = self._json("GET", "/v1/run")
        self.run = _field(self.info, "run", str)
        answer = self._prove("registration", "/v1/clients")
        if answer.get("client") != identity.id:
            message = f"the server calls this client {answer.get('client')}, it is {identity.id}"
            raise FederationError("protocol", message)

    def participate(self, train, rounds=None):
        """Takes part in rounds as they come and gives a Participation for each; ends with the run.

        `train(task)` gives (difference, samples), or None to leave the round out: for each tensor of the
        model an array of the same size, and the number of samples that it was computed on. Where
        `task.terms` asks for more, it gives (difference, samples, more), with what is asked for of
        `more = {"steps": …, "loss": …, "control": {…}}`: local steps, the loss of the round's model on the
        client's examples, and the change of its control variate by tensor.
        """
        after, done = 0, 0
        while rounds is None or done < rounds:
            now = self._next(after)
            if now["phase"] == "finished":
                return
            after = max(after, now["round"])
            if now["phase"] != "collect" or not now.get("selected") or now.get("committed"):
                continue
            done += 1
            yield self._take_part(now, train)

    def _next(self, after):
        idle = 0
        while True:
            asked = time.monotonic()
            path = f"/v1/rounds/current?after={after}&wait={_WAIT}"
            now = self._json("GET", path, as_client=True, timeout=_WAIT + 30.0)
            _field(now, "phase", str)
            now["round"] = now.get("round") or 0
            if now["phase"] == "finished" or now["round"] > after:
                return now
            self._tell(f"round {now['round']}: waiting: {now.get('waitingFor', now['phase'])}")
            if time.monotonic() - asked < 1:
                # The server does not hold requests open: it is not asked without end.
                time.sleep(self._http.rng.random() * min(15.0, 0.25 * 2 ** min(idle, 10)))
            idle += 1

    def _take_part(self, now, train):
        number = now["round"]
        if now.get("secure"):
            return Participation(number, "declined", reason="this client takes no part under masks")
        try:
            self._tell(f"round {number}: downloading: the model")
            tensors = read_safetensors(self._model(now))
            self._tell(f"round {number}: training")
            training = now.get("training") or {}
            deadline, control = _field(now, "deadline", int), self._control(now, tensors)
            made = train(Task(number, tensors, training, deadline, now, control, self._committed))
            if made is None:
                return Participation(number, "declined", reason="training gave no update")
            if self._http.now() > now["deadline"]:
                return Participation(number, "late", reason=f"round {number} is over")
            difference, samples, more = made if len(made) == 3 else (*made, {})
            self._tell(f"round {number}: uploading: the update")
            name = self._submit(now, tensors, difference, samples, more)
            self._committed = number
            return Participation(number, "committed", name)
        except FederationError as error:
            if error.code != "refused" or error.refusal in _FOREVER:
                raise
            outcome = "late" if error.refusal in _LATE else "refused"
            return Participation(number, outcome, reason=str(error))

    def _model(self, now):
        return self._file(_field(now, "model", str), _field(now, "modelBytes", int))

    def _control(self, now, tensors):
        """The server's control variate: one vector, tensors in the order of their names."""
        control = now.get("control")
        if control is None:
            return None
        row = np.zeros(sum(values.size for values in tensors.values()), dtype=np.float32)
        if control.get("state") is not None:
            file = self._file(_field(control, "state", str), _field(control, "stateBytes", int))
            found = read_safetensors(file).get("control")
            if found is None or found.shape != row.shape:
                raise FederationError("protocol", f"control variate: needs {row.size} entries")
            row = found
        at = 0
        cut = {}
        for name in sorted(tensors):
            size, shape = tensors[name].size, tensors[name].shape
            cut[name] = row[at : at + size].reshape(shape).copy()
            at += size
        return cut

    def _file(self, wanted, size):
        if not _HEX_32.fullmatch(wanted) or not 0 < size <= self.max_model_bytes:
            raise FederationError("protocol", f"a model of {size} bytes called {wanted!r} is not fetched")
        came = None
        for _ in range(3):
            timeout = 30.0 + size / 2**14
            file = self._send("GET", f"/v1/models/{wanted}", timeout=timeout, most=size)[2]
            came = hashlib.sha256(file).hexdigest()
            if came == wanted:
                return file
        raise FederationError("wrong-model", f"model {wanted} came with the hash {came}, 3 times")

    def _submit(self, now, model, difference, samples, more):
        known = [dtype for dtype in now.get("dtypes", []) if dtype in _WIRE]
        if not known:
            raise FederationError("protocol", f"the round takes {now.get('dtypes')}")
        dtype = self.dtype if self.dtype in known else known[0]
        self._check(model, difference, dtype)
        shaped = {name: np.reshape(difference[name], np.shape(values)) for name, values in model.items()}
        if now.get("control") is not None:
            change, scale = more.get("control") or {}, float(now["control"]["scale"])
            self._check(model, change, dtype)
            for name, values in model.items():
                scaled = scale * np.asarray(change[name], dtype=np.float32)
                shaped[name + ".control"] = np.reshape(scaled, np.shape(values))
        file = write_safetensors(shaped, dtype)
        chunk_size = _field(now, "chunkSize", int)
        if isinstance(samples, bool) or int(samples) != samples or samples < 1:
            raise FederationError("bad-update", f"samples must be an integer above 0, got {samples!r}")
        at = self._http.now()
        statement = {
            "run": self.run,
            "round": now["round"],
            "baseModel": now["model"],
            "client": self.identity.id,
            "dtype": dtype,
            "length": len(file),
            "chunkSize": chunk_size,
            "root": merkle_root(file, chunk_size).hex(),
            "samples": int(samples),
            "expires": max(at, min(now["deadline"], at + _LIFETIME_MS)),
        }
        if now.get("clipNorm") is not None:
            statement["clipNorm"] = now["clipNorm"]
        for name in now.get("claims") or []:
            value = more.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**53:
                raise FederationError("bad-update", f"the round asks for {name}, training gave {value!r}")
            statement[name] = value
        statement["signature"] = self.identity.sign(statement_to_sign(statement)).hex()
        return self._upload(statement, file)

    def _check(self, model, difference, dtype):
        stranger = next((name for name in difference if name not in model), None)
        if stranger is not None:
            raise FederationError("bad-update", f"tensor {stranger!r}: the model has no such tensor")
        for name, values in model.items():
            array = np.asarray(difference.get(name), dtype=np.float32) if name in difference else None
            if array is None or array.size != values.size:
                came = "none" if array is None else array.size
                raise FederationError("bad-update", f"tensor {name!r}: needs {values.size} entries, got {came}")
            if self.non_finite:
                continue
            if not np.isfinite(array).all():
                raise FederationError("bad-update", f"tensor {name!r}: is not finite: has training diverged?")
            if dtype == "I8":
                narrow = np.isfinite(_blocks(array)[1]).all()
            else:
                narrow = np.isfinite(_widened(_narrowed(array, dtype), dtype)).all()
            if not narrow:
                raise FederationError("bad-update", f"tensor {name!r}: is beyond the range of {dtype}")

    def _upload(self, statement, file):
        chunk_size = statement["chunkSize"]
        chunks = -(-len(file) // chunk_size)
        declare = f"/v1/rounds/{statement['round']}/updates"
        status = self._json("POST", declare, statement, as_client=True)
        idle = 0
        while True:
            update, missing = _field(status, "update", str), _missing(status, chunks)
            path = f"/v1/updates/{update}"
            if status.get("state") != "committed":
                for k in missing:
                    self._send_chunk(path, k, file[k * chunk_size : (k + 1) * chunk_size])
                    self._tell(f"round {statement['round']}: uploading: chunk {k + 1} of {chunks}")
            try:
                receipt = self._json("POST", path + "/commit", as_client=True, timeout=120.0)
                return _field(receipt, "root", str)
            except FederationError as error:
                again = ("incomplete", "wrong-root", "no-such-update", "replay")
                if error.refusal not in again or idle == 3:
                    raise
                lost = error.refusal == "no-such-update"
                status = self._json(
                    *(("POST", declare, statement) if lost else ("GET", path)), as_client=True
                )
                idle = 0 if len(_missing(status, chunks)) < len(missing) else idle + 1

    def _send_chunk(self, path, k, chunk):
        digest = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
        headers = {"content-type": "application/octet-stream", "content-digest": f"sha-256=:{digest}:"}
        for attempt in range(3):
            try:
                timeout = 30.0 + len(chunk) / 2**13
                self._send("PUT", f"{path}/chunks/{k}", chunk, headers, timeout=timeout)
                return
            except FederationError as error:
                if attempt == 2 or error.refusal not in ("wrong-digest", "superseded"):
                    raise

    # Sessions

    def _send(self, method, path, body=None, headers=None, **options):
        """A request of this client; a session that is over is begun anew, once."""
        for attempt in range(2):
            if self._token is None or self._http.now() > self._token_ends - 30_000:
                self._begin()
            try:
                own = {"authorization": f"Bearer {self._token}", **(headers or {})}
                return self._http.send(method, path, body, own, **options)
            except FederationError as error:
                if error.status != 401 or attempt == 1:
                    raise
                self._token = None
        raise AssertionError("unreachable")

    def _begin(self):
        answer = self._prove("session", "/v1/session")
        self._token, self._token_ends = _field(answer, "token", str), _field(answer, "expires", int)

    def _prove(self, purpose, path):
        """A challenge serves once and for a minute: one that came too late is asked for anew."""
        key = self.identity.public_key
        for attempt in range(4):
            asked = {"publicKey": key.hex(), "purpose": purpose}
            challenge = _field(self._json("POST", "/v1/challenge", asked), "challenge", str)
            message = transcript(
                "aggregis/possession/v1", purpose, self.run, bytes.fromhex(challenge), key
            )
            proof = self.identity.sign(message).hex()
            body = {"publicKey": key.hex(), "challenge": challenge, "proof": proof}
            try:
                return self._json("POST", path, body)
            except FederationError as error:
                if error.refusal != "stale-challenge" or attempt == 3:
                    raise
        raise AssertionError("unreachable")

    def _json(self, method, path, body=None, *, as_client=False, timeout=30.0):
        send = self._send if as_client else self._http.send
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        answer = send(method, path, content, headers, timeout=timeout)[2]
        try:
            value = json.loads(answer)
        except ValueError as error:
            raise FederationError("protocol", f"{method} {path}: the answer is no JSON") from error
        if not isinstance(value, dict):
            raise FederationError("protocol", f"{method} {path}: the answer is no object")
        return value


def _field(answer, name, kind):
    value = answer.get(name)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise FederationError("protocol", f"{name} must be {kind.__name__}, got {value!r}"[:200])


def _missing(status, chunks):
    """Bit k of byte k // 8, lowest first, stands for chunk k."""
    try:
        bitmap = base64.b64decode(_field(status, "missing", str), validate=True)
    except ValueError as error:
        raise FederationError("protocol", "missing must be base64") from error
    if len(bitmap) != -(-chunks // 8):
        raise FederationError("protocol", f"missing must be a bitmap of {chunks} chunks")
    return [k for k in range(chunks) if bitmap[k // 8] >> k % 8 & 1]


# --- From a shell ---------------------------------------------------------------------------------


def main(words=None):
    parser = argparse.ArgumentParser(description="Takes part in an Aggregis federation.")
    parser.add_argument("url", help="where the coordinator is, such as http://127.0.0.1:8790")
    parser.add_argument("--train", required=True, metavar="FILE", help="a module with train(task)")
    parser.add_argument("--key", metavar="FILE", help="the client's key, made if there is none")
    parser.add_argument("--dtype", choices=_WIRE, help="number type to send")
    parser.add_argument("--rounds", type=int, help="leave after so many rounds")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to try what fails")
    parser.add_argument("--fingerprint", metavar="SHA256", help="trust this certificate alone")
    parser.add_argument("--tls-ca", metavar="FILE", help="who signs the server's certificate, PEM")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate of this client, PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, PEM")
    options = parser.parse_args(words)
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    certificate = (options.tls_cert, options.tls_key) if options.tls_cert else None
    spec = importlib.util.spec_from_file_location("aggregis_training", options.train)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    identity = Identity.open(options.key) if options.key else Identity.create()
    try:
        client = FederationClient(
            options.url,
            identity,
            dtype=options.dtype,
            patience=options.patience,
            cafile=options.tls_ca,
            fingerprint=options.fingerprint,
            certificate=certificate,
        )
        print(json.dumps({"event": "joined", "client": identity.id, "run": client.run}), flush=True)
        for part in client.participate(module.train, options.rounds):
            event = {"event": part.outcome, "round": part.round}
            event.update({"root": part.root} if part.root else {"reason": part.reason})
            print(json.dumps(event), flush=True)
    except FederationError as error:
        print(f"aggregis_client: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
