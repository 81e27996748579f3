"""Aggregis in Flower's older API, where strategies have `aggregate_fit`: see aggregis_flower.py for the present one.

    strategy = AggregisFitStrategy(engine=Engine("median"), fraction_fit=0.5)
"""

from logging import INFO, WARNING, getLogger

from aggregis_engine import EngineError
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server.strategy import FedAvg

__all__ = ["AggregisFitStrategy"]

_log = getLogger("flwr")


class AggregisFitStrategy(FedAvg):
    """FedAvg with the engine's rule. `engine` goes with all that FedAvg takes."""

    def __init__(self, *args, engine, **options):
        super().__init__(*args, **options)
        self.engine, self.outcome, self._base = engine, None, None

    def configure_fit(self, server_round, parameters, client_manager):
        """As FedAvg; keeps the model that updates of the round will be held against."""
        self._base = _named(parameters)
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round, results, failures):
        """The engine's aggregate of the results. (None, {}) where there is none: the model stays."""
        self.outcome = None
        if not results or (failures and not self.accept_failures):
            return None, {}
        try:
            with self.engine.round(self._base) as work:
                for proxy, result in results:
                    try:
                        arrays = _named(result.parameters)
                    # Whatever a client has sent costs that client alone.
                    except Exception as error:  # noqa: BLE001
                        work.refuse(proxy.cid, f"malformed: {error}"[:200])
                        continue
                    work.add(proxy.cid, arrays, result.num_examples)
                self.outcome = outcome = work.result()
        except EngineError as error:
            _log.log(WARNING, "aggregate_fit: round %s: no aggregate: %s", server_round, error)
            return None, {}
        for client, reasons in sorted(outcome.excluded.items()):
            _log.log(INFO, "\t> Excluded client %s: %s", client, "; ".join(reasons))
        metrics = {}
        if self.fit_metrics_aggregation_fn:
            kept = [one for proxy, one in results if str(proxy.cid) not in outcome.excluded]
            metrics = self.fit_metrics_aggregation_fn([(one.num_examples, one.metrics) for one in kept])
        # Names are numbers of equal length: their order is that of the list.
        return ndarrays_to_parameters(list(outcome.arrays.values())), metrics


def _named(parameters):
    return {f"{i:08d}": array for i, array in enumerate(parameters_to_ndarrays(parameters))}
