import assert from "node:assert/strict";
import { checkMetrics, Prometheus } from "./prometheus.ts";
import { skipUnlessInstalled } from "./required.ts";

const ignore = skipUnlessInstalled("The Prometheus service", ["prometheus", "promtool"]);

Deno.test({
  name: "Prometheus.waitFor() gives what a target exposes when it has been scraped",
  ignore,
  fn: async () => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response("a_total 3\n", { headers: { "content-type": "text/plain; version=0.0.4" } }),
    );
    await using prometheus = await Prometheus.start({ target: `127.0.0.1:${server.addr.port}` });
    const samples = await prometheus.waitFor("a_total", 10_000);
    assert.deepEqual(samples.map(({ value }) => value), [3]);
  },
});

Deno.test({
  name: "checkMetrics() is silent when the text is well-formed, and says what is wrong when it is not",
  ignore,
  fn: async () => {
    assert.equal(await checkMetrics("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"), "");
    assert.match(await checkMetrics("# TYPE a counter\na 1\n"), /no help text/);
    assert.match(await checkMetrics("a{ 1\n"), /error/);
  },
});
