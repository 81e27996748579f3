"""Records and parameters."""

from dataclasses import dataclass

import numpy as np


class Array:
    """An array on its way."""

    def __init__(self, ndarray):
        self._values = np.array(ndarray)

    def numpy(self):
        return self._values


class ArrayRecord(dict):
    """Arrays by name."""


class MetricRecord(dict):
    """Numbers by name."""


class ConfigRecord(dict):
    """Settings by name."""


class RecordDict(dict):
    """What a message carries."""

    @property
    def array_records(self):
        return {name: one for name, one in self.items() if isinstance(one, ArrayRecord)}

    @property
    def metric_records(self):
        return {name: one for name, one in self.items() if isinstance(one, MetricRecord)}


@dataclass
class Parameters:
    """A model of the older API."""

    tensors: list


def ndarrays_to_parameters(ndarrays):
    return Parameters(list(ndarrays))


def parameters_to_ndarrays(parameters):
    return list(parameters.tensors)
