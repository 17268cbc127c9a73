"""onnxruntime: a model of one node, or of two with a temperature, on arrays that are bound beforehand."""

from collections.abc import Iterator

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from bench.data import Array
from bench.race import Contestant

NAME = "onnxruntime"
DISTRIBUTIONS = ("onnxruntime",)

OPERATORS = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "logsumexp": "ReduceLogSumExp"}
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}
OPSET, FORMAT = 17, 8  # of the operators, and of the file

_threads = 1


def set_num_threads(threads: int) -> None:
    """Use as many threads as the others, in sessions that are made from now on."""
    global _threads
    _threads = threads


def softmax(function: str, logits: Array, temperature: float, axis: int = -1) -> Iterator[Contestant]:
    """Softmax, LogSoftmax and ReduceLogSumExp through `run_with_iobinding`. It has no kernel for 16 bits on a CPU."""
    if logits.dtype.name not in TYPES or logits.size == 0:
        return
    session = _session(function, logits, temperature, axis)
    binding, source = session.io_binding(), onnxruntime.OrtValue.ortvalue_from_numpy(logits)
    shape = np.delete(logits.shape, axis).tolist() if function == "logsumexp" else list(logits.shape)
    result = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(shape, logits.dtype))
    binding.bind_ortvalue_input("x", source)
    binding.bind_ortvalue_output("y", result)

    def run() -> Array:
        session.run_with_iobinding(binding)
        return result.numpy()

    yield Contestant(NAME, "peer", run)


def _session(function: str, logits: Array, temperature: float, axis: int) -> onnxruntime.InferenceSession:
    """Return a session for these logits; 1 is no temperature."""
    kind = TYPES[logits.dtype.name]
    along = {"axes": [axis], "keepdims": 0} if function == "logsumexp" else {"axis": axis}
    nodes, constants, name = [], [], "x"
    if temperature != 1:
        constants = [helper.make_tensor("t", kind, [], [temperature])]
        nodes = [helper.make_node("Div", ["x", "t"], ["scaled"])]
        name = "scaled"
    nodes.append(helper.make_node(OPERATORS[function], [name], ["y"], **along))
    ends = [helper.make_tensor_value_info(end, kind, shape) for end, shape in (("x", logits.shape), ("y", None))]
    graph = helper.make_graph(nodes, function, ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = _threads, 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
