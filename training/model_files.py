"""Model files: a torch module as one ONNX graph with its card in the metadata.

Opset 17 and IR 8 load in onnxruntime 1.17. Large weights are stored in half precision, which halves the file;
the runtime computes in single precision.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

NO_DIGEST = "sha256:" + "0" * 64
_OPSET = 17
_PARITY = 1e-4
# Kernels of convolutions; small tables, which data steps need exactly, stay as they are.
_LARGE = 10_000


def round_to_half(module: nn.Module, large: int = _LARGE) -> None:
    """Round weights and tables of ``large`` or more numbers to half precision, as they are stored."""
    for weight in (*module.parameters(), *module.buffers()):
        if weight.numel() >= large:
            weight.data = weight.data.half().float()


def write_graph(
    module: nn.Module,
    examples: Mapping[str, Tensor],
    outputs: Sequence[str],
    path: Path,
    axes: Mapping[str, Mapping[int, str]],
    large: int = _LARGE,
) -> None:
    """Write a module as an ONNX file, large weights in half precision; it has no card yet.

    Args:
        module: in evaluation mode.
        examples: its inputs by name, in order.
        outputs: names of its outputs.
        path: of the file.
        axes: for each input or output the axes of free length, and their names.
        large: weights of so many numbers or more are stored in half precision.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The exporter to plain opset 17 is the one that torch now calls legacy.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Shapes that are read as plain numbers are meant to be constant.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            module,
            tuple(examples.values()),
            path,
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_axes={name: dict(some) for name, some in axes.items()},
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    _store_in_half(model, large)
    _shorten(model)
    onnx.save(model, path)


def _shorten(model: onnx.ModelProto) -> None:
    """Shorten the names of values, which say where in the module they were computed: often a megabyte."""
    graph, short = model.graph, {}
    kept = {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    del graph.value_info[:]
    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:] = [short.get(name, name) for name in node.input]
        for place, name in enumerate(node.output):
            if name and name not in kept:
                short[name] = node.output[place] = f"v{len(short)}"


def _store_in_half(model: onnx.ModelProto, large: int) -> None:
    casts = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < large:
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def seal(path: Path, card: Mapping[str, object]) -> None:
    """Write a card into a model file, with the digest of the file.

    The digest is the SHA-256 of the file with the digest's own 64 digits as zeros, so it can be checked with
    the standard library alone.
    """
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"card": json.dumps({**card, "digest": NO_DIGEST})})
    content = model.SerializeToString()
    digest = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(NO_DIGEST.encode(), b"sha256:" + digest))


def open_graph(path: Path) -> Callable[..., list[np.ndarray]]:
    """A model file under onnxruntime: keyword arrays, one for each input, to the list of outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda **feed: session.run(None, feed)


def open_lift(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A model file as a function ``(c, H, W) -> (C, H', W')``, without tiling."""
    run = open_graph(path)
    return lambda msi: run(msi=msi[None].astype(np.float32))[0][0]


def check_parity(module: nn.Module, path: Path, cases: Sequence[Mapping[str, Tensor]]) -> float:
    """Largest difference between a model file under onnxruntime and its module, which has one output.

    Raises:
        ValueError: the difference is 1e-4 or more; the file is removed.
    """
    run, worst = open_graph(path), 0.0
    for case in cases:
        with torch.no_grad():
            expected = module(*case.values()).numpy()
        found = run(**{name: value.numpy() for name, value in case.items()})[0]
        worst = max(worst, float(np.abs(found - expected).max()))
    if not worst < _PARITY:
        path.unlink()
        raise ValueError(f"The exported graph differs from torch by {worst:.1e}, more than {_PARITY:g}.")
    return worst
