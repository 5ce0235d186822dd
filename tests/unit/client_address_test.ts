import assert from "node:assert/strict";
import { clientBlock, clientOf, parseProxies } from "../../actors/http/client_address.ts";

const proxies = parseProxies("127.0.0.1, 10.0.0.0/8,fd00::/8")!;

const cases: readonly [name: string, peer: string, forwardedFor: string | null, client: string][] = [
  ["the other end without a proxy", "192.0.2.1", null, "192.0.2.1"],
  ["the other end when it is not trusted", "192.0.2.1", "198.51.100.7", "192.0.2.1"],
  ["whom a trusted proxy names", "127.0.0.1", "198.51.100.7", "198.51.100.7"],
  ["the last that is no trusted proxy", "10.1.2.3", "203.0.113.9, 198.51.100.7, 10.9.9.9", "198.51.100.7"],
  ["the first of a chain of proxies", "10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1"],
  ["the proxy when it names no address", "10.1.2.3", "unknown", "10.1.2.3"],
  ["the proxy when it names nobody", "10.1.2.3", null, "10.1.2.3"],
  ["an IPv4 address that came by an IPv6 socket", "::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7"],
  ["whom a proxy by IPv6 names", "fd12::1", "2001:db8::1", "2001:db8::1"],
];

for (const [name, peer, forwardedFor, client] of cases) {
  Deno.test(`clientOf() is ${name}`, () => assert.equal(clientOf(peer, forwardedFor, proxies), client));
}

for (
  const wrong of ["proxy.local", "10.0.0.0/33", "10.0.0.0/8/1", "fd00::/129", "10.0.0.0/-1", "10.0.0.0/"]
) {
  Deno.test(`parseProxies() gives null for ${wrong}`, () => assert.equal(parseProxies(wrong), null));
}

const blocks: readonly [address: string, block: string][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:0002::1", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["local", "local"],
];

for (const [address, block] of blocks) {
  Deno.test(`clientBlock() of ${address} is ${block}`, () => assert.equal(clientBlock(address), block));
}
