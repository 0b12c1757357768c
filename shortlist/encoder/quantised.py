"""A graph with weights of eight bits, for an encoder of queries."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

GROUP_SIZE = 64
"""So many neighbouring values of an activation share one scale; smaller groups are more exact."""

_LARGEST = 127


def quantise(graph: Any) -> None:
    """Give an `openvino.Model` int8 weights in place of the float32 ones of its matrix products.

    A weight matrix float32 [out, in] becomes int8 values times one scale a row, its largest
    magnitude / 127, so that a weight is off by half a scale at most. The rest of the graph stays as
    it was. OpenVINO multiplies such weights in integers where it is told to quantise activations
    too, as they come (DYNAMIC_QUANTIZATION_GROUP_SIZE).
    Source: Jacob et al. 2018, symmetric quantisation by channel.
    """
    operations = importlib.import_module("openvino.opset13")
    for node in graph.get_ordered_ops():
        if not _multiplies_by_weights(node):
            continue
        values, scales = rounded(node.input_value(1).get_node().get_data())
        wide = operations.convert(operations.constant(values), "f32")
        weights = operations.multiply(wide, operations.constant(scales))
        node.input(1).replace_source_output(weights.output(0))


def rounded(
    weights: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Weights float32 [out, in] as int8 values of that shape and float32 scales [out, 1]."""
    scales = np.abs(weights).max(axis=1, keepdims=True).astype(np.float32) / _LARGEST
    scales[scales == 0] = 1.0
    return np.rint(weights / scales).astype(np.int8), scales


def _multiplies_by_weights(node: Any) -> bool:
    if node.get_type_name() != "MatMul" or not node.get_attributes()["transpose_b"]:
        return False
    source = node.input_value(1).get_node()
    return (
        source.get_type_name() == "Constant"
        and source.get_output_element_type(0).get_type_name() == "f32"
        and len(source.get_output_shape(0)) == 2
    )
