"""Strategies of the older API."""


class FedAvg:
    """What strategies build on."""

    def __init__(self, *, accept_failures=True, fit_metrics_aggregation_fn=None):
        self.accept_failures = accept_failures
        self.fit_metrics_aggregation_fn = fit_metrics_aggregation_fn

    def configure_fit(self, server_round, parameters, client_manager):
        return []
