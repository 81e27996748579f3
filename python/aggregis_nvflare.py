"""Aggregis in NVFlare: a ModelAggregator for FedAvg and all workflows that take one.

    from aggregis_nvflare import AggregisAggregator

    job = FedAvgRecipe(..., aggregator=AggregisAggregator("nnm:f=1+trimmed-mean:f=1"))

Models are accepted one at a time and go to disk as they come, so that the server never holds two of them.
Differences (`ParamsType.DIFF`) give an aggregate of differences, full models a full model. Rules that look at
lengths, such as clip-norm, and max_norm want differences.
"""

from aggregis_engine import Engine, EngineError
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType
from nvflare.app_common.aggregators.model_aggregator import ModelAggregator

__all__ = ["AggregisAggregator"]

# NVFlare's name for the steps of a client's training.
_STEPS = "NUM_STEPS_CURRENT_ROUND"


class AggregisAggregator(ModelAggregator):
    """Aggregates by a rule of the engine. Takes what Engine takes, so that a job's configuration can hold it."""

    def __init__(self, rule, **options):
        super().__init__()
        self.engine = Engine(rule, **options)
        self.outcome = None
        """What the engine made of the last round; None where it made nothing."""
        # By kind of parameters: which of them the round is of, most models decide.
        self._works = {}
        self._refused = {}

    def accept_model(self, model: FLModel):
        """Takes a client's model in. One that is none is left out of the round, and said so in the log."""
        meta = model.meta or {}
        client = str(meta.get("client_name", meta.get("site_name", "?")))
        if not model.params:
            self._refused[client] = ["malformed: it has no parameters"]
            return
        kind = model.params_type
        if kind not in self._works:
            self._works[kind] = self.engine.round().__enter__()
        self._works[kind].add(client, model.params, meta.get(_STEPS))

    def aggregate_model(self) -> FLModel:
        """The aggregate; an empty model, which leaves the global one as it is, where there is none."""
        self.outcome = None
        try:
            if not self._works:
                raise EngineError("no model was accepted")
            kind = max(self._works, key=lambda one: len(self._works[one].clients))
            work = self._works.pop(kind)
            try:
                for client, reasons in self._others(kind).items():
                    work.refuse(client, "; ".join(reasons))
                outcome = work.result()
            finally:
                work.__exit__(None, None, None)
        except EngineError as error:
            self.error(f"no aggregate: {error}")
            return FLModel(params={}, params_type=ParamsType.DIFF)
        finally:
            self.reset_stats()
        self.outcome = outcome
        for client, reasons in sorted(outcome.excluded.items()):
            self.warning(f"excluded {client}: {'; '.join(reasons)}")
        return FLModel(params=outcome.arrays, params_type=kind)

    def reset_stats(self):
        """Forgets what was accepted."""
        for work in self._works.values():
            work.__exit__(None, None, None)
        self._works, self._refused = {}, {}

    def _others(self, kind):
        """Who has sent nothing, or another kind of parameters than the round is of."""
        why = f"malformed: its parameters are not {kind}, as those of most are"
        others = {client: [why] for work in self._works.values() for client in work.clients}
        return {**others, **self._refused}
