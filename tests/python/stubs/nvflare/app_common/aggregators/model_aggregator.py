"""What aggregators build on."""

from abc import ABC, abstractmethod


class ModelAggregator(ABC):
    """Takes models, gives one."""

    def __init__(self):
        self.fl_ctx = None

    @abstractmethod
    def accept_model(self, model):
        pass

    @abstractmethod
    def aggregate_model(self):
        pass

    @abstractmethod
    def reset_stats(self):
        pass

    def warning(self, message):
        pass

    def error(self, message):
        pass
