/**
 * What compute threads run; each of them imports this module, and what a job needs with the first such job: a node starts
 * without waiting for mathematics that nobody has asked for yet.
 */

import type { RegularSeries } from "../analytics/regular_series.ts";
import type { Metadata } from "../analytics/statistics/metadata.ts";
import type { ForecastJob, ForecastJobAnswer } from "./forecasting.ts";

export const jobs = {
  async metadata(series: RegularSeries): Promise<Metadata> {
    const { describe } = await import("../analytics/statistics/metadata.ts");
    return describe(series);
  },
  async forecast(job: ForecastJob): Promise<ForecastJobAnswer> {
    const { makeForecast } = await import("./forecasting.ts");
    return makeForecast(job);
  },
};
