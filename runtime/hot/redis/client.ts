/** The client, by the types of it that are used: its own bring in Node's for the whole program, which clash with Deno's. */

// @ts-types="./ioredis.d.ts"
export { Redis } from "ioredis";
