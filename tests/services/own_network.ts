/**
 * A network of its own for a process, joined to this machine's by a cable that can be cut: a network namespace and a pair
 * of virtual interfaces, see ip-netns(8).
 *
 * 1. While it is cut, what either side sends vanishes, and neither is told.
 * 2. Disposal takes all of it away; what still runs there must have been ended.
 */

interface Names {
  readonly namespace: string;
  readonly outer: string;
  readonly inner: string;
}

async function ip(...args: readonly string[]): Promise<void> {
  await run("ip", args);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args], stdout: "null" }).output();
  if (success) return;
  throw new Error(`${[program, ...args].join(" ")} failed: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Drops whatever it is given: it has room for nothing. */
const dropping = ["root", "pfifo", "limit", "0"];

export class OwnNetwork implements AsyncDisposable {
  /** At which a process inside reaches what listens there on this machine. */
  readonly outside: string;
  /** At which this machine reaches what listens there inside. */
  readonly inside: string;
  /** Runs what is added to it inside. */
  readonly within: readonly string[];
  readonly #names: Names;
  #isCut = false;

  private constructor(names: Names, prefix: string) {
    this.#names = names;
    this.outside = `${prefix}.1`;
    this.inside = `${prefix}.2`;
    this.within = ["ip", "netns", "exec", names.namespace];
  }

  /** Null where this needs rights that this user has not, or a program that is not there. */
  static async make(): Promise<OwnNetwork | null> {
    const unique = crypto.randomUUID().slice(0, 8);
    const names = { namespace: `sensorium-${unique}`, outer: `so${unique}`, inner: `si${unique}` };
    try {
      await ip("netns", "add", names.namespace);
    } catch {
      return null;
    }
    // Of a range that is nobody's on the internet; two runs at once hardly choose the same.
    const [a, b] = crypto.getRandomValues(new Uint8Array(2));
    const network = new OwnNetwork(names, `10.${a}.${b}`);
    try {
      await network.#join();
      return network;
    } catch (thrown) {
      await network[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async #join(): Promise<void> {
    const { namespace, outer, inner } = this.#names;
    await ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", namespace);
    await ip("address", "add", `${this.outside}/30`, "dev", outer);
    await ip("link", "set", outer, "up");
    await ip("-n", namespace, "address", "add", `${this.inside}/30`, "dev", inner);
    await ip("-n", namespace, "link", "set", inner, "up");
    await ip("-n", namespace, "link", "set", "lo", "up");
  }

  async cut(): Promise<void> {
    const { namespace, outer, inner } = this.#names;
    this.#isCut = true;
    await Promise.all([
      run("tc", ["qdisc", "add", "dev", outer, ...dropping]),
      run("tc", ["-n", namespace, "qdisc", "add", "dev", inner, ...dropping]),
    ]);
  }

  async mend(): Promise<void> {
    if (!this.#isCut) return;
    const { namespace, outer, inner } = this.#names;
    this.#isCut = false;
    await Promise.all([
      run("tc", ["qdisc", "del", "dev", outer, "root"]),
      run("tc", ["-n", namespace, "qdisc", "del", "dev", inner, "root"]),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its interfaces go with it.
    await ip("netns", "del", this.#names.namespace);
  }
}
