/**
 * One reading, as a value and as the text that is sent.
 *
 * 1. Every number is a multiple of 1/8, so sums of any of them in any order are exact.
 * 2. The text says exactly what the value says.
 */

/** Numbers are counted in eighths of their unit. */
export interface PanelReading {
  readonly type: "panel";
  readonly id: string;
  readonly tsMs: number;
  /** Null: sent without one. */
  readonly seq: number | null;
  readonly movement: boolean;
  readonly smoke: boolean;
  readonly temperature: number;
  readonly maxTemperature: number;
  /** Booleans and numbers go as strings, as some panels send them. */
  readonly asStrings: boolean;
}

export interface SensorReading {
  readonly type: "sensor";
  readonly id: string;
  readonly tsMs: number;
  readonly seq: number | null;
  readonly temperature: number;
  readonly humidity: number;
}

export type Reading = PanelReading | SensorReading;

const fractions = ["", ".125", ".25", ".375", ".5", ".625", ".75", ".875"] as const;
const lowest = -100 * 8;
const highest = 300 * 8;

function decimal(eighths: number): string {
  const size = Math.abs(eighths);
  return `${eighths < 0 ? "-" : ""}${size >> 3}${fractions[size & 7]}`;
}

// Looked up, not printed: formatting numbers was a third of the cost of a body.
const decimals = Array.from({ length: highest - lowest + 1 }, (_, index) => decimal(index + lowest));

function eighthsText(eighths: number): string {
  return decimals[eighths - lowest] ?? decimal(eighths);
}

function panelText(reading: PanelReading): string {
  const quote = reading.asStrings ? '"' : "";
  return '{"id":"' + reading.id + '","ts":' + reading.tsMs + seqText(reading.seq) +
    ',"movement":' + quote + reading.movement + quote +
    ',"smoke":' + quote + reading.smoke + quote +
    ',"temperature":' + quote + eighthsText(reading.temperature) + quote +
    ',"max_temperature":' + quote + eighthsText(reading.maxTemperature) + quote + "}";
}

function sensorText(reading: SensorReading): string {
  return '{"id":"' + reading.id + '","ts":' + reading.tsMs + seqText(reading.seq) +
    ',"values":{"temperature":' + eighthsText(reading.temperature) +
    ',"humidity":' + eighthsText(reading.humidity) + "}}";
}

function seqText(seq: number | null): string {
  return seq === null ? "" : ',"seq":' + seq;
}

/** JSON, by concatenation: ten times cheaper than an object and `JSON.stringify`. */
export function readingText(reading: Reading): string {
  return reading.type === "panel" ? panelText(reading) : sensorText(reading);
}

/** What the reading says of each channel; a boolean is 0 or 1. */
export function channelsOf(reading: Reading): readonly (readonly [channel: string, value: number])[] {
  switch (reading.type) {
    case "panel":
      return [
        ["movement", Number(reading.movement)],
        ["smoke", Number(reading.smoke)],
        ["temperature", reading.temperature / 8],
        ["max_temperature", reading.maxTemperature / 8],
      ];
    case "sensor":
      return [["temperature", reading.temperature / 8], ["humidity", reading.humidity / 8]];
  }
}
