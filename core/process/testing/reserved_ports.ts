/**
 * Ports for servers whose address must be known before they start, and must stay theirs while they are
 * down: members of a cluster that are named to each other, and that tests kill and start anew.
 *
 * A port of which the kernel said that it is free belongs to whoever asks next: to a listener on port 0,
 * or to any connection that goes out, of which busy tests have thousands. So these ports come from below
 * the range that kernels pick from (Linux from 32768, others from 49152), where nobody gets one by
 * chance.
 *
 * @module
 */

const PORT_MIN = 10_240;
const PORT_END = 32_768;
const HOST = "127.0.0.1";

/** Ports that this process gave away, and gives away no more. */
const reserved = new Set<number>();

/** Ports of loopback that nobody listens on, each different from all that were reserved before. */
export function reservePorts(count: number): number[] {
  return Array.from({ length: count }, reservePort);
}

function reservePort(): number {
  while (reserved.size < PORT_END - PORT_MIN) {
    const [random] = crypto.getRandomValues(new Uint32Array(1));
    const port = PORT_MIN + random! % (PORT_END - PORT_MIN);
    if (reserved.has(port)) continue;
    reserved.add(port);
    if (isFree(port)) return port;
  }
  throw new Error("All ports of tests are taken");
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: HOST, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
