"""Strategies of the message API."""

from flwr.common import Array, ArrayRecord, MetricRecord


def weighted_metrics(contents, key):
    """Weighted means of metrics, without the weight."""
    records = [next(iter(content.metric_records.values())) for content in contents]
    total = sum(record[key] for record in records)
    names = [name for name in records[0] if name != key]
    return MetricRecord({name: sum(one[name] * one[key] for one in records) / total for name in names})


class FedAvg:
    """What strategies build on."""

    def __init__(self, fraction_train=1.0, weighted_by_key="num-examples", train_metrics_aggr_fn=None):
        self.fraction_train, self.weighted_by_key = fraction_train, weighted_by_key
        self.train_metrics_aggr_fn = train_metrics_aggr_fn or weighted_metrics

    def summary(self):
        pass

    def configure_train(self, server_round, arrays, config, grid):
        config["server-round"] = server_round
        return [(node, arrays, config) for node in grid.get_node_ids()]

    def aggregate_train(self, server_round, replies):
        raise AssertionError("the mean is not asked for")


class FedAvgM(FedAvg):
    """A step on what FedAvg aggregates."""

    def __init__(self, *, server_learning_rate=1.0, server_momentum=0.0, **options):
        super().__init__(**options)
        self.server_learning_rate = server_learning_rate
        self.server_momentum = server_momentum
        self.current_arrays = None

    def configure_train(self, server_round, arrays, config, grid):
        self.current_arrays = arrays
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round, replies):
        arrays, metrics = super().aggregate_train(server_round, replies)
        if arrays is None:
            return arrays, metrics
        old = {name: array.numpy() for name, array in self.current_arrays.items()}
        rate = self.server_learning_rate
        stepped = {name: old[name] + rate * (arrays[name].numpy() - old[name]) for name in arrays}
        return ArrayRecord({name: Array(values) for name, values in stepped.items()}), metrics


class FedMedian(FedAvg):
    """A rule of its own."""

    def aggregate_train(self, server_round, replies):
        return None, None
