/**
 * Whose request it is.
 *
 * 1. The client is the other end of the connection, unless that is a proxy that is trusted: then it is the last address
 *    of `X-Forwarded-For` that no trusted proxy has. What stands before it, the client may have made up.
 * 2. An IPv6 client is its /64: whoever has one such address has all of them (RFC 6177).
 */

import { BlockList, isIP } from "node:net";

/** The addresses of which `X-Forwarded-For` is believed. */
export interface TrustedProxies {
  has(address: string): boolean;
}

/** `text`: addresses and ranges such as `10.0.0.0/8`, separated by commas. Null when one of them is neither. */
export function parseProxies(text: string): TrustedProxies | null {
  const list = new BlockList();
  for (const part of text.split(",").map((each) => each.trim()).filter((each) => each !== "")) {
    const [address = "", bits, ...rest] = part.split("/");
    const version = isIP(address);
    if (version === 0 || rest.length > 0) return null;
    const maxBits = version === 4 ? 32 : 128;
    if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= maxBits)) return null;
    list.addSubnet(address, Number(bits ?? maxBits), version === 4 ? "ipv4" : "ipv6");
  }
  return {
    has: (address) => {
      const version = isIP(address);
      return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
    },
  };
}

export function clientOf(peer: string, forwardedFor: string | null, proxies: TrustedProxies): string {
  let client = withoutMapping(peer);
  if (forwardedFor === null) return client;
  const hops = forwardedFor.split(",").map((hop) => withoutMapping(hop.trim()));
  while (proxies.has(client)) {
    const before = hops.pop();
    // A proxy that names nobody, or no address, is asked for itself.
    if (before === undefined || isIP(before) === 0) break;
    client = before;
  }
  return client;
}

/** An IPv4 address as a socket for both versions shows it. */
function withoutMapping(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? address;
}

/** What counts as one client. */
export function clientBlock(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]!.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? 0 : tail.split(":").length;
  const filled = tail === undefined ? groups : [...groups, ...new Array(8 - groups.length - after).fill("0")];
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const block = [...filled, ...rest].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${block.join(":")}::/64`;
}
