/**
 * Path and parameters of a request, as they were sent. Not by `URL`: it decodes nothing but resolves dots, throws
 * on a strange `Host`, and costs more than the rest of a small request.
 */

/** The path, still percent-encoded, so that an id may contain what separates segments. */
export function rawPath({ url }: Request): string {
  const [, path = ""] = /^[^:]*:\/\/[^/?#]*([^?#]*)/.exec(url) ?? [];
  return path === "" ? "/" : path;
}

export function searchParameters({ url }: Request): URLSearchParams {
  const [, query = ""] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  return new URLSearchParams(query);
}
