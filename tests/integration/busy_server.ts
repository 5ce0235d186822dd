/** A server whose thread always has something to do, a millisecond at a time; says its port. */

function work(): void {
  const endMs = performance.now() + 1;
  while (performance.now() < endMs);
  setImmediate(work);
}

Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) },
  () => new Response(),
);
work();
