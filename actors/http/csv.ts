/** Tables as CSV: RFC 4180, with a header line. */

import { prefers } from "./accept.ts";

export const csvMediaType = "text/csv";

/** Whether a request asks for CSV rather than JSON. */
export function wantsCsv({ headers }: Request): boolean {
  return prefers(headers.get("accept"), csvMediaType, "application/json");
}

export type CsvValue = string | number | null;

/** A text that begins so is a formula to spreadsheets: a quote before it makes it text again. */
const formula = /^[=+@\t\r]|^-(?!\d)/;

function cell(value: CsvValue): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

type CsvRows = readonly Readonly<Record<string, CsvValue>>[];

/** The lines below the header. */
export function csvLines(columns: readonly string[], rows: CsvRows): string {
  return rows.map((row) => `${columns.map((column) => cell(row[column] ?? null)).join(",")}\r\n`).join("");
}

export function csvText(columns: readonly string[], rows: CsvRows): string {
  return `${columns.join(",")}\r\n${csvLines(columns, rows)}`;
}

export function csvResponse(text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, { headers: { "content-type": "text/csv; charset=utf-8", ...headers } });
}
