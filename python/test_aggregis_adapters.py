"""The engine from Python, and what Flower and NVFlare make of it.

    python3 python/test_aggregis_adapters.py

Needs flwr and nvflare, or something with their interfaces, on the path, and the engine: see aggregis_engine.py.
AGGREGIS_TEST_ABSENT names packages, with commas between them, that are replaced by nothing at all where they are
not there, or in any case where the name has a dot, such as flwr.proto: the sources of Flower and NVFlare can so
be tested without most of what they need to run.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
import unittest
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Meta(type):
    """Of a class that has whatever it is asked for."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        # One of its own each time: a class may inherit from two.
        return Meta(name, (Nothing,), {})

    def __or__(cls, _):
        return cls

    __ror__ = __or__

    def __getitem__(cls, _):
        return cls


class Nothing(metaclass=Meta):
    """May be called, asked, decorated with and inherited from, and does nothing."""

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing

    def __call__(self, *given, **_):
        return given[0] if len(given) == 1 and callable(given[0]) else Nothing()


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds packages of these names, and what is in them."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if not any(name == one or name.startswith(one + ".") for one in self.names):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = ModuleType(spec.name)
        module.__path__ = []
        module.__getattr__ = lambda name: getattr(Nothing, name)
        return module

    def exec_module(self, module):
        pass


absent = [name for name in os.environ.get("AGGREGIS_TEST_ABSENT", "").split(",") if name]
sys.meta_path.append(Absent([name for name in absent if "." not in name]))
sys.meta_path.insert(0, Absent([name for name in absent if "." in name]))

from aggregis_engine import Engine, EngineError  # noqa: E402
from aggregis_flower import AggregisStrategy, with_engine  # noqa: E402
from aggregis_flower_legacy import AggregisFitStrategy  # noqa: E402
from aggregis_nvflare import AggregisAggregator  # noqa: E402
from flwr.common import Array, ArrayRecord, MetricRecord, RecordDict, ndarrays_to_parameters  # noqa: E402
from flwr.common import ConfigRecord  # noqa: E402
from flwr.serverapp.strategy import FedAvg, FedAvgM, FedMedian  # noqa: E402
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType  # noqa: E402

MEDIAN = Engine("median", backend="reference")
BASE = {"w": np.zeros((2, 3), np.float32), "b": np.full(2, 10, np.float64), "n": np.array(7, np.int64)}


def model(by, **changes):
    """A model that training has moved by the same everywhere."""
    return {"w": BASE["w"] + np.float32(by), "b": BASE["b"] + by, "n": np.array(99, np.int64), **changes}


class TheEngine(unittest.TestCase):
    def test_gives_the_base_and_the_aggregate_of_differences_in_the_types_of_the_base(self):
        with MEDIAN.round(BASE) as work:
            for client, by in (("a", 1), ("b", 2), ("c", 100)):
                work.add(client, model(by))
            outcome = work.result()
        np.testing.assert_array_equal(outcome.arrays["w"], np.full((2, 3), 2, np.float32))
        np.testing.assert_array_equal(outcome.arrays["b"], [12.0, 12.0])
        # Counters are the base's, whatever clients say.
        self.assertEqual(outcome.arrays["n"], 7)
        self.assertEqual(
            [outcome.arrays[name].dtype for name in ("w", "b", "n")], [np.float32, np.float64, np.int64]
        )
        self.assertEqual(outcome.excluded, {})
        self.assertEqual(sorted(one["name"] for one in outcome.report["clients"]), ["a", "b", "c"])

    def test_leaves_out_what_is_no_update_and_says_why(self):
        strange = {
            "../up": model(1, w=np.full((2, 3), np.nan, np.float32)),
            "shape": model(1, w=np.zeros(5, np.float32)),
            "less": {"w": BASE["w"]},
            "objects": model(1, w=np.array([None, {}], dtype=object)),
            "text": "no arrays",
            "none": None,
        }
        with MEDIAN.round(BASE) as work:
            for client, arrays in strange.items():
                work.add(client, arrays)
            for client in "abc":
                work.add(client, model(3))
            # Only the first counts.
            work.add("a", model(-50))
            outcome = work.result()
        self.assertEqual(set(outcome.excluded), set(strange))
        self.assertTrue(all(reasons for reasons in outcome.excluded.values()))
        np.testing.assert_array_equal(outcome.arrays["w"], np.full((2, 3), 3, np.float32))

    def test_does_not_depend_on_the_order_of_arrival(self):
        engine = Engine("krum:f=1", backend="reference")
        results = []
        for order in ("abcde", "ecadb"):
            with engine.round(BASE) as work:
                for client in order:
                    work.add(client, model(ord(client) % 7))
                results.append(work.result().arrays["w"])
        np.testing.assert_array_equal(*results)

    def test_weighs_clients_by_what_they_claim_only_as_far_as_it_is_told(self):
        engine = Engine("mean", weights="examples", example_cap=3, backend="reference")
        with engine.round(BASE) as work:
            work.add("a", model(0), 1)
            work.add("b", model(4), 10**9)
            for client, claim in (("c", None), ("d", float("nan")), ("e", 0), ("f", True), ("g", "9")):
                work.add(client, model(1000), claim)
            outcome = work.result()
        np.testing.assert_allclose(outcome.arrays["w"], np.full((2, 3), 3, np.float32))
        self.assertEqual(sorted(outcome.excluded), list("cdefg"))

    def test_has_no_result_and_says_why(self):
        cases = (
            (Engine("krum:f=5", backend="reference"), "krum"),
            (Engine("nonsense"), "nonsense"),
            (Engine("median", command=["/nowhere/aggregis"]), "/nowhere/aggregis"),
            (Engine("median", command=["echo", "hello"]), "echo is not the engine: it printed b'hello"),
            (Engine("median", command=[sys.executable, "-c", "import time; time.sleep(9)"], timeout=0.2), "0.2"),
        )
        for engine, said in cases:
            with engine.round(BASE) as work, self.assertRaisesRegex(EngineError, said):
                work.add("a", model(1))
                work.result()
        with MEDIAN.round() as work, self.assertRaisesRegex(EngineError, "no update is left"):
            work.add("a", {"w": object()})
            work.result()

    def test_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            engine = Engine("median", backend="reference", folder=folder)
            with engine.round(BASE) as work:
                work.add("a", model(1))
                self.assertEqual(len(os.listdir(folder)), 1)
                work.result()
            self.assertEqual(os.listdir(folder), [])
            with self.assertRaisesRegex(EngineError, "is over"):
                work.add("b", model(1))


def record(arrays):
    return ArrayRecord({name: Array(values) for name, values in arrays.items()})


def reply(node, arrays, metrics=None, error=None):
    told = {"num-examples": 10, "loss": 1.0} if metrics is None else metrics
    content = RecordDict({"arrays": record(arrays), "metrics": MetricRecord(told)})
    return SimpleNamespace(
        content=content,
        metadata=SimpleNamespace(src_node_id=node),
        has_error=lambda: error is not None,
        error=SimpleNamespace(reason=error),
    )


GRID = SimpleNamespace(get_node_ids=lambda: [1, 2, 3])


class FlowersMessageApi(unittest.TestCase):
    def train(self, strategy, replies):
        messages = list(strategy.configure_train(1, record(BASE), ConfigRecord({}), GRID))
        self.assertEqual(len(messages), 3)
        return strategy.aggregate_train(1, replies)

    def test_the_model_is_the_engines_and_one_bad_reply_does_not_end_the_round(self):
        strategy = AggregisStrategy(engine=MEDIAN)
        strategy.summary()
        arrays, metrics = self.train(
            strategy,
            [
                reply(1, model(1), {"num-examples": 10, "loss": 1.0}),
                reply(2, model(2), {"num-examples": 30, "loss": 3.0}),
                reply(3, model(3), {"num-examples": 10, "loss": 1.0}),
                reply(4, model(9, w=np.full((2, 3), np.inf, np.float32)), {"num-examples": 10, "loss": 99.0}),
                reply(5, {"strange": np.zeros(3)}),
                reply(6, model(9), {"num-examples": 10}),
                reply(7, model(9), {"num-examples": 0, "loss": 1.0}),
                reply(8, model(9), error="it failed"),
            ],
        )
        np.testing.assert_array_equal(arrays["w"].numpy(), np.full((2, 3), 2, np.float32))
        np.testing.assert_array_equal(arrays["b"].numpy(), [12.0, 12.0])
        self.assertEqual(set(arrays.keys()), set(BASE))
        # Metrics of those that count: (10·1 + 30·3 + 10·1)/50.
        self.assertAlmostEqual(metrics["loss"], 2.2)
        self.assertEqual(sorted(strategy.outcome.excluded), ["4", "5", "6", "7"])

    def test_without_an_aggregate_the_model_stays(self):
        strategy = AggregisStrategy(engine=Engine("krum:f=5", backend="reference"))
        self.assertEqual(self.train(strategy, [reply(1, model(1))]), (None, None))
        self.assertEqual(self.train(strategy, []), (None, None))
        self.assertIsNone(strategy.outcome)

    def test_a_server_optimiser_steps_on_what_the_engine_gives(self):
        strategy = with_engine(FedAvgM, MEDIAN)(server_learning_rate=0.5, server_momentum=0.0)
        floats = {"w": BASE["w"]}
        list(strategy.configure_train(1, record(floats), ConfigRecord({}), GRID))
        replies = [reply(node, {"w": BASE["w"] + np.float32(by)}) for node, by in ((1, 2), (2, 4), (3, 900))]
        arrays, _ = strategy.aggregate_train(1, replies)
        np.testing.assert_allclose(arrays["w"].numpy(), np.full((2, 3), 2, np.float32))

    def test_strategies_with_a_rule_of_their_own_are_refused(self):
        with self.assertRaisesRegex(TypeError, "FedMedian aggregates by a rule of its own"):
            with_engine(FedMedian, MEDIAN)
        with self.assertRaisesRegex(TypeError, "does not build on FedAvg"):
            with_engine(dict, MEDIAN)
        with self.assertRaisesRegex(TypeError, "engine must be"):
            AggregisStrategy()
        self.assertIsInstance(with_engine(FedAvg, MEDIAN)(), AggregisStrategy)


class FlowersOlderApi(unittest.TestCase):
    def test_the_model_is_the_engines(self):
        strategy = AggregisFitStrategy(engine=MEDIAN, fit_metrics_aggregation_fn=lambda all_: {"n": len(all_)})
        strategy._base = None
        start = [np.zeros(3, np.float32) for _ in range(12)]
        manager = MagicMock()
        manager.num_available.return_value = 0
        manager.sample.return_value = []
        strategy.configure_fit(1, ndarrays_to_parameters(start), manager)
        results = []
        for cid, by in (("a", 1), ("b", 2), ("c", 50), ("d", np.nan)):
            # Twelve arrays, each moved by its place besides: their order must stay.
            arrays = [array + np.float32(by + i) for i, array in enumerate(start)]
            fit = SimpleNamespace(parameters=ndarrays_to_parameters(arrays), num_examples=5, metrics={})
            results.append((SimpleNamespace(cid=cid), fit))
        parameters, metrics = strategy.aggregate_fit(1, results, [])
        from flwr.common import parameters_to_ndarrays

        for i, array in enumerate(parameters_to_ndarrays(parameters)):
            np.testing.assert_array_equal(array, np.full(3, 2 + i, np.float32))
        self.assertEqual(metrics, {"n": 3})
        self.assertEqual(list(strategy.outcome.excluded), ["d"])
        self.assertEqual(strategy.aggregate_fit(1, [], []), (None, {}))


class NvflaresAggregator(unittest.TestCase):
    def given(self, client, by, kind=ParamsType.DIFF, steps=5, params=None):
        arrays = {"w": np.full(3, by, np.float32)} if params is None else params
        meta = {"client_name": client, "NUM_STEPS_CURRENT_ROUND": steps}
        return FLModel(params_type=kind, params=arrays, meta=meta)

    def test_models_are_accepted_one_by_one_and_most_decide_what_kind_they_are(self):
        aggregator = AggregisAggregator("median", backend="reference")
        for _ in range(2):
            # The first to come is not the one that decides.
            aggregator.accept_model(self.given("evil", 1000, ParamsType.FULL))
            for client, by in (("a", 1), ("b", 2), ("c", 3)):
                aggregator.accept_model(self.given(client, by))
            aggregator.accept_model(self.given("nan", np.nan))
            result = aggregator.aggregate_model()
            self.assertEqual(result.params_type, ParamsType.DIFF)
            np.testing.assert_array_equal(result.params["w"], np.full(3, 2, np.float32))
            self.assertEqual(sorted(aggregator.outcome.excluded), ["evil", "nan"])

    def test_without_an_aggregate_the_model_stays(self):
        aggregator = AggregisAggregator("krum:f=5", backend="reference")
        aggregator.accept_model(self.given("a", 1))
        self.assertEqual(aggregator.aggregate_model().params, {})
        self.assertEqual(aggregator.aggregate_model().params, {})
        aggregator.accept_model(self.given("a", 1))
        aggregator.reset_stats()
        self.assertIsNone(aggregator.outcome)


if __name__ == "__main__":
    unittest.main()
