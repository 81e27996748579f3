"""Models on their way."""

from enum import Enum


class ParamsType(str, Enum):
    """Whole models, or differences."""

    FULL = "FULL"
    DIFF = "DIFF"


class FLModel:
    """A model with what is said of it."""

    def __init__(self, params_type=None, params=None, meta=None):
        if params_type is not None and params is None:
            raise ValueError("parameters of a type must be there")
        self.params_type = params_type or (ParamsType.FULL if params is not None else None)
        self.params, self.meta = params, meta or {}
