"""Aggregis in Flower: any robust rule of the engine instead of Flower's own mean.

    from aggregis_engine import Engine
    from aggregis_flower import AggregisStrategy

    strategy = AggregisStrategy(engine=Engine("nnm:f=2+trimmed-mean:f=2"), fraction_train=0.5)
    strategy.start(grid=grid, initial_arrays=arrays, num_rounds=3)

This is Flower's message API. Everything but the aggregation of arrays is FedAvg's: sampling, messages, metrics.
Server optimisers of Flower that build on FedAvg keep their step and get the rule:

    RobustAdam = with_engine(FedAdam, Engine("multi-krum:f=2"))
    strategy = RobustAdam(eta=0.01)

Where FedAvg gives a round up as soon as one reply does not fit the others, here that reply is left out and the
round goes on. `strategy.outcome` tells of the last round whom the screen and the rule excluded, and why.
"""

from collections import Counter
from logging import INFO, WARNING, getLogger

from aggregis_engine import EngineError
from flwr.common import Array, ArrayRecord
from flwr.serverapp.strategy import FedAvg

__all__ = ["AggregisStrategy", "with_engine"]

_log = getLogger("flwr")


class AggregisStrategy(FedAvg):
    """FedAvg with the engine's rule. `engine` goes with all that FedAvg takes."""

    engine = None
    outcome = None
    """What the engine made of the last round; None where it made nothing."""
    _base = None

    def __init__(self, *args, engine=None, **options):
        super().__init__(*args, **options)
        if engine is not None:
            self.engine = engine
        if self.engine is None:
            raise TypeError("engine must be an aggregis_engine.Engine, got None")

    def summary(self):
        """Log summary configuration of the strategy."""
        _log.log(INFO, "\t├──> Aggregis: %s, weights %s", self.engine.rule, self.engine.weights)
        super().summary()

    def configure_train(self, server_round, arrays, config, grid):
        """As FedAvg; keeps the model that updates of the round will be held against."""
        self._base = {name: array.numpy() for name, array in arrays.items()}
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round, replies):
        """The engine's aggregate of the replies. (None, None) where there is none: the model stays."""
        self.outcome = None
        replies = [reply for reply in replies if not self._failed(reply)]
        keys = _usual_keys([reply.content for reply in replies])
        kept = {}
        try:
            with self.engine.round(self._base) as work:
                for reply in replies:
                    client = str(reply.metadata.src_node_id)
                    try:
                        arrays, weight = self._contribution(reply.content, keys)
                    # Whatever a client has sent costs that client alone.
                    except Exception as error:  # noqa: BLE001
                        work.refuse(client, f"malformed: {error}"[:200])
                        continue
                    work.add(client, arrays, weight)
                    kept.setdefault(client, reply.content)
                self.outcome = outcome = work.result()
        except EngineError as error:
            _log.log(WARNING, "aggregate_train: round %s: no aggregate: %s", server_round, error)
            return None, None
        for client, reasons in sorted(outcome.excluded.items()):
            _log.log(INFO, "\t> Excluded node %s: %s", client, "; ".join(reasons))
        contents = [content for client, content in kept.items() if client not in outcome.excluded]
        metrics = self.train_metrics_aggr_fn(contents, self.weighted_by_key) if contents else None
        return ArrayRecord({name: Array(array) for name, array in outcome.arrays.items()}), metrics

    def _failed(self, reply):
        if not reply.has_error():
            return False
        _log.log(INFO, "\t> Error of node %s: %s", reply.metadata.src_node_id, reply.error.reason)
        return True

    def _contribution(self, content, keys):
        """The arrays of a reply and its weight. Raises for a reply that is none."""
        if len(content.array_records) != 1 or len(content.metric_records) != 1:
            raise ValueError("a reply has one ArrayRecord and one MetricRecord")
        (arrays,) = content.array_records.values()
        (metrics,) = content.metric_records.values()
        weight = metrics.get(self.weighted_by_key)
        if not isinstance(weight, (int, float)) or not 0 < weight < float("inf"):
            raise ValueError(f"{self.weighted_by_key} must be a number above 0, got {weight!r}")
        if frozenset(metrics) != keys:
            raise ValueError("its metrics are not those of the others")
        return {name: array.numpy() for name, array in arrays.items()}, weight


def _usual_keys(contents):
    """The names of metrics that most replies have; of two that are as frequent, the first by name."""
    sets = [frozenset(record) for content in contents for record in content.metric_records.values()]
    counted = Counter(sets)
    return min(counted, key=lambda keys: (-counted[keys], sorted(keys)), default=frozenset())


def with_engine(strategy, engine):
    """The class of a strategy of Flower that steps on what FedAvg aggregates, such as FedAdam, FedAvgM or FedProx,
    with the engine's rule instead of the mean. Strategies with a rule of their own cannot have another."""
    if strategy is FedAvg:
        return type("AggregisFedAvg", (AggregisStrategy,), {"engine": engine})
    if not issubclass(strategy, FedAvg):
        raise TypeError(f"{strategy.__name__} does not build on FedAvg")
    own = [
        one
        for one in strategy.__mro__[: strategy.__mro__.index(FedAvg)]
        if "aggregate_train" in vars(one) and "__class__" not in _closure(vars(one)["aggregate_train"])
    ]
    if own:
        raise TypeError(f"{own[0].__name__} aggregates by a rule of its own: use AggregisStrategy")
    return type(f"Aggregis{strategy.__name__}", (strategy, AggregisStrategy), {"engine": engine})


def _closure(function):
    """What a method refers to: `__class__` where it calls that of its parents by super()."""
    return getattr(getattr(function, "__code__", None), "co_freevars", ())
