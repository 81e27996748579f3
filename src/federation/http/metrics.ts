/**
 * Figures of a server for Prometheus.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Coordinator } from '../coordinator.ts';
import { isOver } from '../run-state.ts';
import type { LoggedEvent } from '../store/chain.ts';

/** What a server measures. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'aggregis_requests_total',
    help: 'Requests that were answered, by route and status',
    labelNames: ['method', 'route', 'status'],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: 'aggregis_request_seconds',
    help: 'Time to an answer',
    labelNames: ['route'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers: [this.#registry],
  });
  readonly #refusals = new Counter({
    name: 'aggregis_refusals_total',
    help: 'Answers that are not 2xx, by code',
    labelNames: ['code'],
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: 'aggregis_upload_bytes_total',
    help: 'Bytes of chunks that were taken in',
    registers: [this.#registry],
  });
  readonly #events = new Counter({
    name: 'aggregis_events_total',
    help: 'Events of the log, by type',
    labelNames: ['type'],
    registers: [this.#registry],
  });

  #epsilon: Gauge | undefined;

  constructor(coordinator: Coordinator, inFlight: () => number) {
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name: `aggregis_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(value());
        },
      });
    };
    gauge('upload_bytes_in_flight', 'Bytes of chunks on their way', inFlight);
    gauge('clients', 'Clients that are enrolled', () => coordinator.state.clients.size);
    gauge('round', 'Number of the round', () => coordinator.state.round?.round ?? 0);
    gauge('rounds_published', 'Rounds that gave a model', () => coordinator.state.published);
    gauge('round_open', 'Whether a round goes on', () => {
      const { round } = coordinator.state;
      return round !== undefined && !isOver(round) ? 1 : 0;
    });
    gauge('round_updates', 'Updates of the round', () => coordinator.status().updates);
    gauge('log_events', 'Place of the last event', () => coordinator.store.head.seq);
    gauge('run_finished', 'Whether no round follows', () => (coordinator.isFinished ? 1 : 0));
    gauge('run_seconds', 'Time of the last event', () => coordinator.state.time / 1000);
  }

  /** A request was answered. */
  answered(
    { method, route, status }: { method: string; route: string; status: number },
    ms: number,
  ): void {
    this.#requests.inc({ method, route, status: String(status) });
    this.#seconds.observe({ route }, ms / 1000);
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  took(bytes: number): void {
    this.#bytes.inc(bytes);
  }

  happened({ type, body }: Pick<LoggedEvent, 'type' | 'body'>): void {
    this.#events.inc({ type });
    if (type === 'privacy.reserved') this.#spent(Number(body.epsilon));
  }

  /** Not there before the first charge that this process knows of: 0 would be a promise. */
  #spent(epsilon: number): void {
    this.#epsilon ??= new Gauge({
      name: 'aggregis_privacy_epsilon',
      help: 'ε of everything charged to the budget',
      registers: [this.#registry],
    });
    this.#epsilon.set(epsilon);
  }

  /** All of them, as Prometheus reads them. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
