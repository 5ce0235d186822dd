/** A sentence about the machine, without which a figure says nothing. */

import os from "node:os";

export function machineText(): string {
  const cpus = os.cpus();
  const memoryGiB = (os.totalmem() / 2 ** 30).toFixed(0);
  const { deno, v8 } = Deno.version;
  // Whatever else runs takes its share: a figure from a busy machine should show that it is one.
  const load = Deno.loadavg()[0]!.toFixed(1);
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? "unknown processor"}, ${memoryGiB} GiB, ` +
    `${os.type()} ${os.release()}, Deno ${deno}, V8 ${v8}, load average ${load} before`;
}
