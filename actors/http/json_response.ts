/** An answer as JSON that no cache between here and there keeps. */
export function jsonResponse(value: unknown, status: 200 | 201 | 202 = 200): Response {
  return new Response(JSON.stringify(value) + "\n", {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
