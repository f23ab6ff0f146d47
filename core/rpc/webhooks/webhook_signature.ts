/**
 * How a receiver knows that a delivery comes from this server and is whole.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

/** The header that carries the signature. */
export const WEBHOOK_SIGNATURE_HEADER = "x-gitstratum-signature-256";

/** HMAC-SHA-256 of a body under a webhook's secret, as the header has it: `sha256=` and 64 digits. */
export function webhookSignature(secret: string, body: Uint8Array): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

/** Whether a signature is the one of a body; in a time that does not depend on where it is not. */
export function isWebhookSignature(
  signature: string,
  options: { readonly secret: string; readonly body: Uint8Array },
): boolean {
  const wanted = Buffer.from(webhookSignature(options.secret, options.body));
  const found = Buffer.from(signature);
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}
