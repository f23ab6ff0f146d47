/**
 * A second thread for a share of a large push, as the one sees it who makes both of its threads. What it
 * is given and what it answers goes through a port between the two (`share_thread.ts`).
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";

/** Where the thread finds the pack. */
export interface SharePlace {
  /** Path of the directory that holds the spool. */
  readonly directory: string;
  /** Name of the spool's file. */
  readonly spoolName: string;
  /** Holds 1 once the ingest has ended, and is notified then: a thread at work looks at it. */
  readonly ended: Int32Array<SharedArrayBuffer>;
}

/** What the thread is told when it is made. */
export interface ShareStart {
  readonly place: SharePlace;
  /** Where the ingest will be heard and answered. */
  readonly port: MessagePort;
}

/** A thread that was made for a share. */
export class StartedShare {
  /** The end of the port that is the ingest's. */
  readonly port: MessagePort;
  readonly #worker: Worker;

  /** Makes the thread; `onLost` hears when it ends by a fault of its own. */
  constructor(place: SharePlace, onLost: (error: GitStratumError) => void) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.#worker = new Worker(new URL("./share_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const data = { reason: event.message };
      onLost(new GitStratumError("unavailable", "Lose a thread of an ingest", { data }));
    };
    this.#worker.postMessage({ place, port: port2 } satisfies ShareStart, [port2]);
  }

  /** Ends the thread, if it is still there. */
  close(): void {
    this.#worker.terminate();
  }
}
