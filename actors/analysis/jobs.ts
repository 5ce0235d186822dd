/** What compute threads run; each of them imports this module. */

import type { RegularSeries } from "../analytics/regular_series.ts";
import { describe, type Metadata } from "../analytics/statistics/metadata.ts";
import { type ForecastJob, type ForecastJobAnswer, makeForecast } from "./forecasting.ts";

export const jobs = {
  metadata: (series: RegularSeries): Metadata => describe(series),
  forecast: (job: ForecastJob): ForecastJobAnswer => makeForecast(job),
};
