/**
 * What is used of `prom-client`, each part by its own file: the whole also loads Node's HTTP and TLS for a push gateway,
 * three quarters of what it costs every thread that counts.
 */

import type * as whole from "prom-client";
import aggregatorRegistry from "prom-client/lib/cluster.js";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";

export const AggregatorRegistry: typeof whole.AggregatorRegistry = aggregatorRegistry;
export const Counter: typeof whole.Counter = counter;
export const Gauge: typeof whole.Gauge = gauge;
export const Histogram: typeof whole.Histogram = histogram;
export const Registry: typeof whole.Registry = registry;

export type Counter<T extends string = string> = whole.Counter<T>;
export type Gauge<T extends string = string> = whole.Gauge<T>;
export type Histogram<T extends string = string> = whole.Histogram<T>;
export type Registry = whole.Registry;
