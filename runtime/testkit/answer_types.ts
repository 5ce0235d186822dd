/** What TypeScript knows of answers: the type that a definition's query has, as it comes through JSON. */

type AsJson<T> = unknown extends T ? unknown
  : T extends string | number | boolean | null ? T
  : T extends { toJSON(): infer Shown } ? AsJson<Shown>
  : T extends object ? { [Key in keyof T]: AsJson<T[Key]> }
  : undefined;

type QueryOf<Definition, Kind, Name> = Definition extends
  { readonly kind: infer K; readonly queries: infer Queries }
  ? Kind extends K ? Name extends keyof Queries ? Queries[Name] : never : never
  : never;

/** Of the query `Name` of the kind `Kind` among the union `Definition`; `unknown` where that is not known. */
export type AnswerOf<Definition, Kind, Name> = QueryOf<Definition, Kind, Name> extends infer Found
  ? [Found] extends [never] ? unknown
  : Found extends { answer(...args: never[]): infer Answer } ? AsJson<Answer>
  : unknown
  : unknown;
