/**
 * Whether a request is for a host that is served, and not for a name that somebody made lead here.
 *
 * A server that asks nobody who they are trusts whoever reaches it, so it listens on loopback. A page
 * of another site reaches it too when its own name changes its address to loopback (DNS rebinding): to
 * the browser the server is that site then. What gives it away is the name, which the browser sends as
 * `Host` and no page can change.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { isLoopback } from "../socket_address.ts";

/** A host as it stands in a URL, as far as it is a name or an address and nothing else. */
const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?$/i;

/**
 * Why a request is not served: it is for another host than those of loopback and `hosts`, or a page of
 * another one sends it. A request that names no host comes from no browser and is served. `hosts` are
 * names and addresses without ports; case does not matter.
 *
 * Returns an error of code `denied`, or undefined where nothing is wrong.
 */
export function hostRefusal(
  request: Request,
  hosts: readonly string[],
): GitStratumError | undefined {
  // They differ only where a client writes a whole URL into its first line; both have to be right.
  const named = request.headers.get("host");
  const isAsNamed = named !== null && isInUrl(named, request.url);
  for (const host of isAsNamed ? [named] : [named, new URL(request.url).host]) {
    if (host === null || host === "" || isServed(host, hosts)) continue;
    return new GitStratumError("denied", "Refuse a host that is not among those served", {
      data: { host: host.slice(0, 255), see: "--http-host" },
    });
  }
  const origin = request.headers.get("origin");
  if (origin === null) return undefined;
  if (URL.canParse(origin) && isServed(new URL(origin).host, hosts)) return undefined;
  return new GitStratumError("denied", "Refuse a page of a host that is not among those served", {
    data: { origin: origin.slice(0, 255), see: "--http-host" },
  });
}

/** Whether a URL is one of this very host, which is told without parsing it where it is. */
function isInUrl(host: string, url: string): boolean {
  const start = url.indexOf("//") + 2;
  return url.startsWith(host, start) && url[start + host.length] === "/";
}

function isServed(host: string, hosts: readonly string[]): boolean {
  const [, address, name] = HOST.exec(host) ?? [];
  const found = address ?? name;
  if (found === undefined) return false;
  // Browsers take these names for loopback and ask no resolver.
  const hostname = found.toLowerCase().replace(/\.$/, "").replace(/^.*\.localhost$/, "localhost");
  return isLoopback({ hostname, port: 0 }) ||
    hosts.some((served) => served.toLowerCase() === hostname);
}
