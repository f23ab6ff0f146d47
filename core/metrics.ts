/**
 * Metrics behind a small registry of our own, so that nothing else depends on the library that
 * renders them. The registry is handed to whoever counts something: there is no global one.
 *
 * Names begin with `gitstratum_` and end with their unit (`_total`, `_bytes`, `_seconds`). Labels have
 * few values: never a repository, a user or an id.
 *
 * @module
 */

import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
} from "prom-client";
import { Registry as PromRegistry } from "prom-client";
import { assert } from "./assert.ts";

/** Values for the labels that a metric declared. */
export type Labels = Readonly<Record<string, string>>;

/** What a metric is. */
export interface MetricOptions {
  /** One sentence for people. */
  readonly help: string;
  /** Names of its labels; default none. */
  readonly labels?: readonly string[];
}

/** A number that only grows. */
export interface Counter {
  /** Adds `by`, 1 unless told. */
  increment(labels?: Labels, by?: number): void;
}

/** A number that goes up and down. */
export interface Gauge {
  /** Makes it `value`. */
  set(value: number, labels?: Labels): void;
}

/** A distribution of numbers. */
export interface Histogram {
  /** Counts one observation, in the unit of the metric's name. */
  observe(value: number, labels?: Labels): void;
}

/** Makes metrics and renders them. Asking twice for one name gives the same metric. */
export interface Metrics {
  /** A counter; its name ends with `_total`. */
  counter(name: string, options: MetricOptions): Counter;
  /** A gauge; with `read` its value is asked for whenever the metrics are rendered. */
  gauge(name: string, options: MetricOptions & { readonly read?: () => number }): Gauge;
  /** A histogram; `buckets` are upper bounds in rising order. */
  histogram(
    name: string,
    options: MetricOptions & { readonly buckets: readonly number[] },
  ): Histogram;
  /** Everything in Prometheus' text format. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Bounds for durations of requests, in seconds: 1 ms to 60 s. */
export const DURATION_BUCKETS_S: readonly number[] = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
];

const NAME = /^gitstratum_[a-z0-9_]+$/;

/** {@link Metrics} over prom-client. */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new PromRegistry();
  readonly #metrics = new Map<string, { readonly kind: string; readonly metric: unknown }>();

  /** A counter. */
  counter(name: string, options: MetricOptions): Counter {
    assert(name.endsWith("_total"), "A counter's name ends with _total");
    return this.#once("counter", name, () => {
      const counter = new PromCounter({ name, ...this.#base(options) });
      return { increment: (labels = {}, by = 1) => counter.inc({ ...labels }, by) };
    });
  }

  /** A gauge. */
  gauge(name: string, options: MetricOptions & { readonly read?: () => number }): Gauge {
    return this.#once("gauge", name, () => {
      const { read } = options;
      const gauge: PromGauge = new PromGauge({
        name,
        ...this.#base(options),
        ...(read === undefined ? {} : { collect: () => gauge.set(read()) }),
      });
      return { set: (value, labels = {}) => gauge.set({ ...labels }, value) };
    });
  }

  /** A histogram. */
  histogram(
    name: string,
    options: MetricOptions & { readonly buckets: readonly number[] },
  ): Histogram {
    return this.#once("histogram", name, () => {
      const buckets = [...options.buckets];
      const histogram = new PromHistogram({ name, ...this.#base(options), buckets });
      return { observe: (value, labels = {}) => histogram.observe({ ...labels }, value) };
    });
  }

  /** Everything as text. */
  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #base(options: MetricOptions) {
    return {
      help: options.help,
      labelNames: [...options.labels ?? []],
      registers: [this.#registry],
    };
  }

  #once<T>(kind: string, name: string, make: () => T): T {
    assert(NAME.test(name), "A metric's name begins with gitstratum_");
    const known = this.#metrics.get(name);
    assert(known === undefined || known.kind === kind, "A metric's name has one meaning");
    if (known) return known.metric as T;
    const metric = make();
    this.#metrics.set(name, { kind, metric });
    return metric;
  }
}
