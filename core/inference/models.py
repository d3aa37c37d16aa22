"""The bundled models, and reading a model file's card without loading the network.

An ONNX file is a protocol-buffer message; its card is one of the metadata entries beside the graph. They are
read here with the standard library, so that models can be listed and damage be found without onnxruntime.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from ..errors import ModelError
from .card import ANY_SENSOR, Card

_FOLDER = Path(__file__).resolve().parents[2] / "resources" / "models"
LIFTING, BLIND, SHARPENING = "lifting", "blind", "sharpening"  # tasks of models
_DIGITS = 64
_CHUNK = 1 << 20

# Field numbers of ModelProto and of its metadata entries, and the wire types of protocol buffers.
_GRAPH, _METADATA, _LAST_FIELD = 7, 14, 30
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Digested(Protocol):
    """A card that knows the digest of its model file."""

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 digits."""


AnyCard = TypeVar("AnyCard", bound=Digested)


def model_names(task: str = LIFTING) -> list[str]:
    """Names of the bundled models for a task; damaged ones count, so that the user hears of them."""
    return sorted(path.stem for path in _FOLDER.glob("*.onnx") if task == _task(path))


def _task(path: Path) -> str:
    """What a model is for, as its card says; lifting where it does not."""
    try:
        entries = _entries(path)
    except (OSError, ModelError):
        return LIFTING
    return str(entries.get("task", BLIND if entries.get("sensor") == ANY_SENSOR else LIFTING))


def card_name(path: str | Path) -> str:
    """The name that a model file's card gives, whatever the model is for.

    Raises:
        ModelError: the file cannot be read, is no ONNX model or has no card with a name.
    """
    try:
        name = _entries(Path(path)).get("name")
    except OSError as error:
        raise ModelError(f"The model file '{path}' cannot be read: {error.strerror}.") from error
    if not isinstance(name, str):
        raise ModelError(f"The model file '{path}' has no HyperLift card; export it again.")
    return name


def _entries(path: Path) -> dict[str, object]:
    """The entries of a model file's card, unchecked; none where there is no card."""
    with path.open("rb") as file:
        text = _metadata(file, path).get("card", "{}")
    try:
        card = json.loads(text)
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def model_path(name: str, task: str = LIFTING) -> Path:
    """File of a bundled model.

    Raises:
        ModelError: no bundled model has that name.
    """
    if name not in model_names(task):
        known = ", ".join(model_names(task)) or "none is installed"
        raise ModelError(
            f"There is no model '{name}'; choose a bundled one ({known}) or a model file (.onnx)."
        )
    return _FOLDER / f"{name}.onnx"


def find_model(name_or_path: str | Path, task: str = LIFTING) -> Path:
    """File of a bundled model's name, or of a path that ends in ``.onnx``.

    Raises:
        ModelError: there is no such model or file.
    """
    path = Path(name_or_path)
    if path.suffix.lower() != ".onnx":
        return model_path(str(name_or_path), task)
    if not path.is_file():
        raise ModelError(f"There is no model file '{path}'; check its path.")
    return path


def read_card(path: str | Path) -> Card:
    """Card of a model file that lifts images, once the file is known to be whole.

    Raises:
        ModelError: the file cannot be read, is no ONNX model, is damaged or has no valid card.
    """
    return read_card_as(Card.from_json, path)


def read_card_as(parse: Callable[[str], AnyCard], path: str | Path) -> AnyCard:
    """Card of a model file, once the file is known to be whole; ``parse`` makes it of its JSON.

    Raises:
        ModelError: the file cannot be read, is no ONNX model, is damaged or has no valid card.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            entries = _metadata(file, path)
        if "card" not in entries:
            raise ModelError(
                f"The model file '{path}' has no HyperLift card (metadata entry 'card'), so its bands and "
                "units are unknown; export it with python -m hyperlift.training export."
            )
        card = parse(entries["card"])
        check_digest(path, card)
    except OSError as error:
        raise ModelError(f"The model file '{path}' cannot be read: {error.strerror}.") from error
    return card


def check_digest(path: Path, card: Digested) -> None:
    """Check that a model file is the one that its card was written for.

    Raises:
        ModelError: the file has changed since.
    """
    digits = card.digest[-_DIGITS:]
    content = hashlib.sha256()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        hole = mapped.find(digits.encode())
        while mapped.tell() < hole:
            content.update(mapped.read(min(_CHUNK, hole - mapped.tell())))
        content.update(b"0" * _DIGITS)
        mapped.seek(_DIGITS, 1)
        while chunk := mapped.read(_CHUNK):
            content.update(chunk)
    if content.hexdigest() != digits:
        raise _damaged(path)


def _damaged(path: Path) -> ModelError:
    return ModelError(
        f"The model file '{path}' is damaged or was changed after its export; copy or download it again."
    )


def _metadata(file: BinaryIO, path: Path) -> dict[str, str]:
    """Metadata entries of an ONNX file, skipping over its graph."""
    size = path.stat().st_size
    found, graph = {}, False
    try:
        while file.tell() < size:
            field, wire = _tag(file)
            if wire == _BYTES:
                end = _varint(file) + file.tell()
                graph = graph or field == _GRAPH
                if end > size:
                    raise EOFError
                if field == _METADATA:
                    key, value = _entry(file, end)
                    found[key] = value
                file.seek(end)
            elif wire == _VARINT:
                _varint(file)
            else:
                file.seek({_FIXED64: 8, _FIXED32: 4}[wire], 1)
    except (EOFError, KeyError, UnicodeDecodeError) as error:
        if graph:
            raise _damaged(path) from error
    if not graph:
        raise ModelError(
            f"The file '{path}' is not an ONNX model; choose a model file that HyperLift exported."
        )
    return found


def _tag(file: BinaryIO) -> tuple[int, int]:
    """Field number and wire type; a KeyError where no ONNX model has such a field."""
    tag = _varint(file)
    field, wire = tag >> 3, tag & 7
    if not 1 <= field <= _LAST_FIELD:
        raise KeyError(field)
    return field, wire


def _varint(file: BinaryIO) -> int:
    """A variable-length number: seven bits in each byte, the lowest first."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise KeyError(value)


def _entry(file: BinaryIO, end: int) -> tuple[str, str]:
    """Key (field 1) and value (field 2) of a metadata entry that ends at ``end``."""
    texts = {1: "", 2: ""}
    while file.tell() < end:
        field, wire = _tag(file)
        if wire != _BYTES:
            raise KeyError(wire)
        texts[field] = file.read(_varint(file)).decode("utf-8")
    return texts[1], texts[2]
