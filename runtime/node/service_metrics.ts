/** The services' metrics. They are the main thread's. A label is the name of a service that there is, or empty. */

import { Counter, Gauge, type Registry } from "../prom_client.ts";
import type { RequestEnd, Services } from "./services.ts";

export class ServiceMetrics {
  readonly #requests: Counter<"service" | "outcome">;

  /** `read` is called with every scrape. */
  constructor(registry: Registry, read: () => Services["lanes"]) {
    const registers = [registry];
    this.#requests = new Counter({
      name: "sensorium_service_requests_total",
      help: "Requests that services were done with, by outcome; late: their deadline was over before.",
      labelNames: ["service", "outcome"],
      registers,
    });
    const gauge = (name: string, help: string, value: (lane: LaneGauges) => number) => {
      const collect = function (this: Gauge<"service">) {
        for (const [service, lane] of read()) this.set({ service }, value(lane));
      };
      new Gauge({ name, help, labelNames: ["service"], registers, collect });
    };
    gauge("sensorium_service_waiting", "Requests that wait for a service.", ({ waiting }) => waiting);
    gauge("sensorium_service_in_flight", "Requests in the hands of a service.", ({ inFlight }) => inFlight);
    gauge("sensorium_service_up", "1 while a service takes requests.", ({ isUp }) => isUp ? 1 : 0);
  }

  ended(service: string | null, outcome: RequestEnd): void {
    this.#requests.inc({ service: service ?? "", outcome });
  }
}

type LaneGauges = Services["lanes"] extends ReadonlyMap<string, infer Lane> ? Lane : never;
