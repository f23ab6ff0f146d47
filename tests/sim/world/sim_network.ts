/**
 * The network between simulated processes: HTTP exchanges that are late, lost, doubled, cut off in the
 * middle or never answered.
 *
 * It behaves as TCP under HTTP does. Bytes of one answer arrive in order or not at all; a line that is
 * cut swallows what is sent, and whoever waits learns of it late or never; a process that died resets
 * its connections; one that is stopped keeps them and says nothing. A request may arrive twice, because
 * something on its way repeated it, or long after its sender gave it up. Each answer's body is cut at any byte.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Fetcher } from "@gitstratum/core/rpc";
import { Exchange } from "./exchange.ts";
import { NetworkWeather } from "./network_weather.ts";
import type { SimHost } from "./sim_host.ts";
import { never, type SimProcess } from "./sim_process.ts";

/** The network. */
export class SimNetwork extends NetworkWeather {
  readonly #hosts = new Map<string, SimHost>();

  /** Connects a host. */
  add(host: SimHost): void {
    this.#hosts.set(host.name, host);
  }

  /**
   * How a process on a host calls others. What is not made to be repeated, as a git client's push, is
   * repeated by nobody on its way.
   */
  fetcherOf(
    process: SimProcess,
    hostName: string,
    options: { readonly repeatable: boolean } = { repeatable: true },
  ): Fetcher {
    return async (request) => {
      if (!process.act()) return await never();
      request.signal.throwIfAborted();
      // Whatever is sent is all there is: a body made while it is sent is read to its end before.
      const body = request.body === null ? null : await request.bytes();
      const to = this.#hosts.get(new URL(request.url).hostname);
      if (to === undefined) throw new GitStratumError("invalid", "Call a host that exists");
      const exchange = new Exchange(this, {
        ...options,
        request,
        body,
        process,
        from: hostName,
        to,
      });
      return await exchange.response;
    };
  }
}
