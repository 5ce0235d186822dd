/** How many connections this machine lets a process have. */

/** Files that a process needs besides: its own, and some to spare. */
const otherFiles = 500;

/** `wanted`, or as many connections as there may be. Deno raises the soft limit to the hard one by itself. */
export async function affordableConnections(wanted: number): Promise<number> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -Hn"] }).output();
  const limit = new TextDecoder().decode(stdout).trim();
  const affordable = limit === "unlimited" ? wanted : Math.min(wanted, Number(limit) - otherFiles);
  if (affordable < wanted) {
    console.error(`\nSKIPPED: ${wanted - affordable} of ${wanted} connections: ulimit -n is ${limit}.\n`);
  }
  return affordable;
}
