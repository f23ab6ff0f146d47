/**
 * Which packs a clone may fetch elsewhere (gitprotocol-v2, `packfile-uris`).
 *
 * The owner of a repository lists commits with packs that hold them whole. A clone that wants such a
 * commit is sent those addresses and a pack of the rest: to the planner the commit is one that the
 * client has. The rest must not hold deltas against what is elsewhere, because clients index it first.
 *
 * @module
 */

import type { ReceivedFetch } from "@gitstratum/core/protocol";
import type { Metadata, OfferedPackfiles, RepositoryInfo } from "@gitstratum/core/rpc";

type OfferRequest = Pick<
  ReceivedFetch,
  "uriProtocols" | "wants" | "haves" | "depth" | "filter" | "clientShallow"
>;

/** Whether the client gets whole histories from nothing: only then do the packs fit. */
function isWholeClone({ haves, depth, filter, clientShallow }: OfferRequest): boolean {
  return haves.length === 0 && clientShallow.length === 0 && depth === undefined &&
    filter === undefined;
}

/**
 * The first offer of the repository that the client can fetch and that its wants lead to; undefined
 * when there is none.
 */
export async function packfileOffer(
  metadata: Pick<Metadata, "listReferences" | "negotiate">,
  repository: RepositoryInfo,
  request: OfferRequest,
): Promise<OfferedPackfiles | undefined> {
  const schemes = new Set(request.uriProtocols);
  const offers = repository.settings.packfileUris.filter(({ packs }) =>
    packs.every(({ uri }) => schemes.has(uri.slice(0, uri.indexOf(":"))))
  );
  if (offers.length === 0 || !isWholeClone(request)) return undefined;
  const { head } = await metadata.listReferences(repository, { prefixes: [repository.head] });
  // A clone wants many tips, old and unrelated ones too; what its main history holds is what counts.
  const wants = request.wants.filter((oid) => oid === head.oid);
  if (wants.length === 0) return undefined;
  for (const offer of offers) {
    const question = { wants, haves: [offer.oid], clientShallow: [] };
    if ((await metadata.negotiate(repository, question)).ready) return offer;
  }
  return undefined;
}
