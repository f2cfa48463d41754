"""What strangers send: texts that are no text, and model files that are wrong in every way that we could think of."""

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load, save

from seqrec.storage.container import seal

TEXTS = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;",
    "a\u202eb\u2066c",
    "x" * 10_000,
    "nul\0",
    "\ud800",
    "</table></div><style>*{display:none}</style>",
]
_NO_DIGEST = "0" * 64
Change = Callable[[Any], Any]


def open_up(file: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Give the header's entries, the document and the data of a model file."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    return header, json.loads(header.pop("__metadata__")["seqrec"]), file[8 + length :]


def close_up(header: Any, document: Any, data: bytes) -> bytes:
    """Put a file together, with a digest that is right if it has a place."""
    text = document if isinstance(document, str) else json.dumps(document, sort_keys=True, separators=(",", ":"))
    raw = json.dumps({"__metadata__": {"seqrec": text}} | header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return sealed(len(raw).to_bytes(8, "little") + raw + data)


def sealed(file: bytes) -> bytes:
    try:
        return seal(file)
    except ValueError:
        return file


def with_raw_header(raw: bytes, data: bytes = b"") -> bytes:
    return len(raw).to_bytes(8, "little") + raw + data


def with_document(file: bytes, change: Change) -> bytes:
    header, document, data = open_up(file)
    return close_up(header, change(document) or document, data)


def with_header(file: bytes, change: Change) -> bytes:
    header, document, data = open_up(file)
    return close_up(change(header) or header, document, data)


def with_tensors(file: bytes, change: Change) -> bytes:
    _, document, _ = open_up(file)
    tensors = {name: array.copy() for name, array in load(file).items()}
    tensors = change(tensors) or tensors
    document["digest"] = _NO_DIGEST
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return sealed(save({name: np.ascontiguousarray(a) for name, a in tensors.items()}, metadata={"seqrec": text}))


def assign(*path: Any) -> Change:
    """Change what lies under a path of keys; the last of `path` is the new value, or a function of the old one."""
    *keys, last, value = path

    def change(root: Any) -> None:
        for key in keys:
            root = root[key]
        root[last] = value(root[last]) if callable(value) else value

    return change


def drop(*keys: Any) -> Change:
    def change(root: Any) -> None:
        for key in keys[:-1]:
            root = root[key]
        del root[keys[-1]]

    return change


def hostile_files(good: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Give names of what is wrong, and the files.

    Parameters
    ----------
    good : dict of bytes
        Under the names of the estimators, a model file of each; MarkovRecommender with text ids, CombinedDetector, and
        LSTMRecommender, LSTMAnomalyDetector (with a category and a number) and LSTMSequenceClassifier.
    """
    markov = good["MarkovRecommender"]
    yield from _other_files(markov)
    yield from _headers(markov)
    yield from _documents(markov)
    yield from _tables(markov)
    for name, file in good.items():
        yield from _contents(name, file)
        yield from _torn(name, file)
    yield from _meanings(good)
    yield from _networks(good)


def older_files(good: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Give the same of files of format 1, as far as they are brought to today's before they are checked."""
    for name, file in good.items():
        yield from ((f"older {what}", wrong) for what, wrong in _contents(name, file) if "profiles_" not in what)
    combined, model = good["CombinedDetector"], ("content", "model")
    for what, change in {
        "today's name beside the older": assign(*model, "fitted", "normal_", None),
        "today's name alone": lambda root: assign(*model, "fitted", "normal_", drop_from(root, *model, "fitted"))(root),
        "no model": assign(*model, None),
        "a list for the model": assign(*model, []),
        "today's parameter": assign(*model, "parameters", "part", "auto"),
        "without parameters": drop(*model, "parameters"),
        "another estimator": assign("content", "estimator", "MarkovRecommender"),
    }.items():
        yield f"older CombinedDetector: {what}", with_document(combined, change)
    taken = assign_new("model.normal_.measures.3.levels.0.grams", np.zeros(3))
    yield "older CombinedDetector: an array under today's name", with_tensors(combined, taken)


def drop_from(root: Any, *path: str) -> Any:
    for key in path:
        root = root[key]
    return root.pop("_model")


def _other_files(markov: bytes) -> Iterator[tuple[str, bytes]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("config.json", "{}")
        bomb.writestr("model.weights.h5", b"\0" * 2**24)
    parquet = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), parquet)
    array = io.BytesIO()
    np.save(array, np.arange(9))
    yield "empty", b""
    yield "zip bomb", archive.getvalue()
    yield "HDF5", b"\x89HDF\r\n\x1a\n" + bytes(2048)
    for protocol in range(6):
        yield f"pickle, protocol {protocol}", pickle.dumps({"model": [1, 2, 3]}, protocol)
    yield "pickle that runs code", b"cos\nsystem\n(S'touch /tmp/owned'\ntR."
    yield "gzip", gzip.compress(markov, mtime=1)
    yield "gzip without a time", gzip.compress(markov, mtime=0)
    yield "gzip bomb", gzip.compress(bytes(2**24), mtime=0)
    yield "Parquet", parquet.getvalue()
    yield "NumPy", array.getvalue()
    yield "SQLite", b"SQLite format 3\0" + bytes(100)
    yield "JSON", b'{"format": 1}'
    yield "JSON list", b"[1, 2, 3, 4, 5, 6, 7]"
    yield "text", b"user_id,item_id\n1,2\n"
    yield "text of one letter", b"a"
    yield "zeros", bytes(1000)
    yield "ones", b"\xff" * 1000
    yield "noise", np.random.default_rng(0).bytes(5000)
    yield "safetensors of someone else", save({"weights": np.zeros(3)})
    yield "safetensors with other metadata", save({"weights": np.zeros(3)}, metadata={"format": "pt"})
    yield "safetensors with more metadata", save({"weights": np.zeros(3)}, metadata={"seqrec": "{}", "format": "pt"})
    yield "a model in front of another", markov + markov
    yield "a model after a byte", b" " + markov


def _headers(markov: bytes) -> Iterator[tuple[str, bytes]]:
    length = int.from_bytes(markov[:8], "little")
    for lie in (0, 1, 2, length - 8, length + 8, len(markov), 2**20, 2**20 + 1, 2**31, 2**32, 2**63, 2**64 - 1):
        yield f"header of length {lie}", lie.to_bytes(8, "little") + markov[8:]
    for name, raw in {
        "empty object": b"{}",
        "nothing": b"",
        "no UTF-8": b'{"\xff": 1}',
        "key twice": b'{"__metadata__": {"seqrec": "{}"}, "__metadata__": {"seqrec": "{}"}}',
        "NaN": b'{"__metadata__": {"seqrec": "{}"}, "a": NaN}',
        "infinity": b'{"__metadata__": {"seqrec": "{}"}, "a": -Infinity}',
        "number beyond floats": b'{"__metadata__": {"seqrec": "{}"}, "a": 1e999}',
        "integer of 10,000 digits": b'{"a": ' + b"9" * 10_000 + b"}",
        "deep list": b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "unfinished": b'{"__metadata__": {"seqrec": "{}"',
        "many keys": b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b"}",
        "metadata is a list": b'{"__metadata__": ["seqrec"]}',
        "metadata is no text": b'{"__metadata__": {"seqrec": {"format": 1}}}',
        "document is no JSON": b'{"__metadata__": {"seqrec": "hello"}}',
        "document is a list": b'{"__metadata__": {"seqrec": "[]"}}',
        "document is null": b'{"__metadata__": {"seqrec": "null"}}',
        "document is deep": b'{"__metadata__": {"seqrec": "' + b"[" * 200_000 + b'"}}',
        "document has a key twice": b'{"__metadata__": {"seqrec": "{\\"format\\":1,\\"format\\":1}"}}',
        "document has NaN": b'{"__metadata__": {"seqrec": "{\\"format\\":NaN}"}}',
    }.items():
        yield f"header: {name}", with_raw_header(raw, bytes(64))


def _documents(markov: bytes) -> Iterator[tuple[str, bytes]]:
    for key in ("content", "digest", "format", "seqrec"):
        yield f"document without {key}", with_document(markov, drop(key))
        for value in (None, [], {}, -1, True, 0.5, "x", 10**30):
            if not (key == "seqrec" and value == "x"):
                yield f"document with {key} {value!r}", with_document(markov, assign(key, value))
    yield "document with more", with_document(markov, assign("more", 1))
    yield "newer format", with_document(markov, assign("format", 99))
    header, document, data = open_up(markov)
    other = close_up(header, document | {"seqrec": "9.9"}, data)
    yield "digest of another file", other.replace(*(open_up(f)[1]["digest"].encode() for f in (other, markov)))
    digest = document["digest"]
    yield "digest in capitals", markov.replace(digest.encode(), digest.upper().encode())
    yield "digest of zeros", markov.replace(digest.encode(), b"0" * 64)
    yield "digest twice", close_up(header | {'digest":"' + digest: {}}, document, data)


def _tables(markov: bytes) -> Iterator[tuple[str, bytes]]:
    header, document, data = open_up(markov)
    for name in header:
        yield f"table without {name}", with_header(markov, drop(name))
        yield f"tensors without {name}", with_tensors(markov, drop(name))
        yield f"empty entry of {name}", with_header(markov, assign(name, {}))
        yield f"list for the entry of {name}", with_header(markov, assign(name, []))
        yield f"longer {name}", with_tensors(markov, assign(name, lambda a: np.concatenate([a, a[:1]])))
        yield f"shorter {name}", with_tensors(markov, assign(name, lambda a: a[:-1]))
        yield f"two dimensions of {name}", with_tensors(markov, assign(name, lambda a: a[None]))
        yield f"other type of {name}", with_tensors(markov, assign(name, lambda a: a.astype(np.float16)))
    last = max(header, key=lambda name: header[name]["data_offsets"])
    begin, end = header[last]["data_offsets"]
    for dtype in ("F64", "BOOL", "BF16", "", None, 4):
        yield f"dtype {dtype!r}", with_header(markov, assign(last, "dtype", dtype))
    for shape in ([-1], [2**62], [10**30], [True], [1.0], "1", None, [], [[1]], {}, [0] * 1000):
        yield f"shape {shape!r}"[:40], with_header(markov, assign(last, "shape", shape))
    for offsets in (
        [end, begin],
        [0, end - begin],
        [begin + 1, end + 1],
        [begin - 1, end - 1],
        [-8, end - begin - 8],
        [begin, end + 10**15],
        [float(begin), float(end)],
        [begin],
        None,
        "0",
    ):
        yield f"offsets {offsets}", with_header(markov, assign(last, "data_offsets", offsets))
    yield "tensor too many", with_tensors(markov, assign_new("more", np.zeros(3)))
    yield "empty tensor too many", with_tensors(markov, assign_new("more", np.zeros(0)))
    yield "bytes after the tensors", close_up(header, document, data + bytes(8))
    yield "gap before the tensors", close_up(header, document, bytes(8) + data)


def assign_new(name: str, value: Any) -> Change:
    return lambda root: root | {name: value}


def _contents(name: str, file: bytes) -> Iterator[tuple[str, bytes]]:
    """Put something unfit in the place of each part of the content."""
    content = open_up(file)[1]["content"]
    for path in _paths(content, ()):
        if path[0] in ("libraries", "columns") or path[-1] == "name":  # any text will do
            continue
        if path[-1] != 0:  # a list may be shorter
            yield f"{name}: without {_dotted(path)}", with_document(file, drop("content", *path))
        for value in ({"a": [1]}, -(2**70), "\ud800"):
            yield f"{name}: {_dotted(path)} is {value!r}", with_document(file, assign("content", *path, value))
    for estimator in (None, [], "Vocabulary", "os.system", "../etc/passwd", "LSTMRecomender", "__main__"):
        yield f"{name}: called {estimator}", with_document(file, assign("content", "estimator", estimator))
    yield f"{name}: unknown parameter", with_document(file, assign("content", "model", "parameters", "shell", "ls"))
    for columns in (1, [], {}, {"user": "a"}, {"user": 1, "item": "b", "timestamp": None, "fields": []}):
        yield f"{name}: columns {columns}", with_document(file, assign("content", "columns", columns))
    yield f"{name}: libraries", with_document(file, assign("content", "libraries", {"keras": 3}))


def _paths(plain: Any, path: tuple) -> Iterator[tuple]:
    """Give the paths of all keys, and of the first item of each list."""
    items = plain.items() if isinstance(plain, dict) else list(enumerate(plain))[:1] if isinstance(plain, list) else ()
    for key, value in items:
        if not (isinstance(plain, list) and len(plain) > 1):
            yield (*path, key)
        yield from _paths(value, (*path, key))


def _dotted(path: tuple) -> str:
    return ".".join(map(str, path))


def _torn(name: str, file: bytes) -> Iterator[tuple[str, bytes]]:
    for share in np.linspace(0, 1, 12)[1:-1]:
        yield f"{name}: first {share:.0%}", file[: int(share * len(file))]
    yield f"{name}: without its last byte", file[:-1]
    rng = np.random.default_rng(0)
    for position in rng.integers(8, len(file), 12).tolist():
        flipped = bytearray(file)
        flipped[position] ^= 1 << int(rng.integers(8))
        yield f"{name}: a bit of byte {position}", bytes(flipped)


def _set(name: str, where: Any, value: Any) -> Change:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[name][where] = value

    return change


def _meanings(good: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    fitted, model = "model.", ("content", "model", "fitted")
    text = fitted + "vocabulary_."
    changes: dict[str, dict[str, Change]] = {
        "MarkovRecommender": {
            "offsets that fall": _set(text + "offsets", 1, 10**6),
            "offsets that start late": _set(text + "offsets", 0, 1),
            "offsets below 0": _set(text + "offsets", 1, -(2**63)),
            "offsets that end early": _set(text + "offsets", -1, 1),
            "no UTF-8": _set(text + "bytes", 0, 0xFF),
            "an item twice": _set(text + "bytes", slice(None), ord("a")),
            "an empty item": _set(text + "offsets", 1, 0),
            "counts below 0": _set(fitted + "item_counts_", 0, -1),
            "counts of 0": _set(fitted + "item_counts_", slice(None), 0),
            "NaN": _set(fitted + "transitions_.data", 0, np.nan),
            "infinity": _set(fitted + "transitions_.data", 0, np.inf),
            "a weight below 0": _set(fitted + "transitions_.data", 0, -1.0),
            "a column too far": _set(fitted + "transitions_.indices", 0, 2**31 - 1),
            "a column below 0": _set(fitted + "transitions_.indices", 0, -1),
            "rows that fall": _set(fitted + "transitions_.indptr", 1, 2**31 - 1),
            "rows that start late": _set(fitted + "transitions_.indptr", 0, 1),
            "rows that end early": _set(fitted + "transitions_.indptr", -1, 0),
        },
        "CombinedDetector": {
            "values that fall": _set(fitted + "calibration_.tails.1.1.values", 0, 1e9),
            "values with NaN": _set(fitted + "calibration_.combined.values", 0, np.nan),
            "counts that rise": _set(fitted + "calibration_.combined.at_or_above", -1, 10**9),
            "counts of 0": _set(fitted + "calibration_.combined.at_or_above", -1, 0),
            "held-out scores with NaN": _set(fitted + "held_out_scores_", 0, np.nan),
            "hashes out of order": _set(fitted + "normal_.measures.3.levels.0.grams", 0, 2**64 - 1),
            "no n-gram counts": _set(fitted + "normal_.measures.3.levels.0.counts", 0, 0),
            "roots with NaN": _set(fitted + "normal_.measures.2.roots.data", 0, np.nan),
        },
        "LSTMRecommender": {
            "NaN among weights": _set(fitted + "model_.items", 0, np.nan),
            "infinity among weights": _set(fitted + "model_.bias", 0, -np.inf),
        },
        "LSTMAnomalyDetector": {
            "NaN among weights": _set(fitted + "normal_.network.field 0 hidden kernel", 0, np.nan),
        },
        "LSTMSequenceClassifier": {
            "calibration with NaN": _set(fitted + "_calibration.coef_", 0, np.nan),
            "a class twice": _set(fitted + "classes_", slice(None), ord("a")),
            "a class of no character": _set(fitted + "classes_", 0, 0x110000),
        },
    }
    for name, named in changes.items():
        for what, change in named.items():
            yield f"{name}: {what}", with_tensors(good[name], change)
    combined = good["CombinedDetector"]
    for what, change in {
        "no part": assign(*model, "calibration_", "tails", []),
        "a part twice": assign(*model, "calibration_", "tails", 1, 0, "new events"),
        "an unknown part": assign(*model, "calibration_", "tails", 1, 0, "phase of the moon"),
        "a scale of 0": assign(*model, "calibration_", "combined", "scale", 0.0),
        "a shape below 0": assign(*model, "calibration_", "combined", "shape", -0.1),
        "a mass of 1": assign(*model, "normal_", "measures", 3, "unseen", "mass", 1.0),
        "an unknown part to score by": assign("content", "model", "parameters", "part", "phase of the moon"),
        "a contamination of 2": assign("content", "model", "parameters", "contamination", 2.0),
        "a random state of text": assign("content", "model", "parameters", "random_state", "0"),
        "a random state without tensors": assign(
            "content", "model", "parameters", "random_state", {"random state": {"key": ["uint32", 624]}}
        ),
        "fewer events than none": assign(*model, "training_data_", "n_events", -1),
        "a first day without a last": assign(*model, "training_data_", "last", None),
        "a first day after the last": assign(*model, "training_data_", "first", 2**62),
    }.items():
        yield f"CombinedDetector: {what}", with_document(combined, change)


def _networks(good: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    recommender = ("content", "model", "fitted", "model_")
    for argument, values in {
        "units": (10**9, 2**62, 0, 7, 8.0),
        "embedding_dim": (10**9, 0, True),
        "n_layers": (10**9, 101, 0, 2),
        "n_codes": (10**9, 2, 0),
        "n_negatives": (-1, 0.5, 10**9),
        "cell": ("gru", "transformer", "lambda"),
        "dropout": (1.0, -0.1, 1),
        "asked": ("time", None, "number"),
        "share_asked": (2, -0.5),
        "fields_dropped": (1.5,),
        "predicts_fields": (1, True),
        "n_classes": (3, 10**9),
        "seed": (-1, 2**32, 0.5),
    }.items():
        for value in values:
            changed = with_document(good["LSTMRecommender"], assign(*recommender, argument, value))
            yield f"LSTMRecommender: network of {argument} {value}", changed
    network = ("content", "model", "fitted", "normal_", "network")
    for path, values in {
        ("n_numbers",): (10**9, 0, -1),
        ("category_sizes",): ([10**9], [], [3] * 100_000, [1], [[3]]),
        ("n_layers",): (10**9,),
        ("units",): (10**9,),
    }.items():
        for value in values:
            changed = with_document(good["LSTMAnomalyDetector"], assign(*network, *path, value))
            yield f"LSTMAnomalyDetector: network of {path[-1]} {value}"[:80], changed
    classes = ("content", "model", "fitted", "model_", "n_classes")
    for value in (10**9, 1, 0):
        yield (
            f"LSTMSequenceClassifier: {value} classes",
            with_document(good["LSTMSequenceClassifier"], assign(*classes, value)),
        )
