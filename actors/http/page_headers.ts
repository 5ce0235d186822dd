/** Headers of everything a browser shows: nothing from elsewhere, nothing in a frame, no address leaks. */
export function pageHeaders(contentType: string, contentSecurityPolicy: string): Record<string, string> {
  return {
    "content-type": contentType,
    "content-security-policy": contentSecurityPolicy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    // Always asked for again, so that a page and its scripts are of the same version.
    "cache-control": "no-cache",
  };
}
