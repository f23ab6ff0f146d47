/**
 * Webhooks and the trail of accounts over HTTP: what `WebhookClient` and `AuditClient` ask.
 *
 * @module
 */

import { Hono } from "@hono/hono";
import {
  auditQuerySchema,
  type AuditTrail,
  changeWebhookSchema,
  checkBasisLevel,
  CONTROL_AUDIT_PATH,
  createWebhookSchema,
  readJson,
  webhookListSchema,
  webhookRequestSchema,
  type Webhooks,
  WEBHOOKS_BASIS_PATH,
  WEBHOOKS_PATH,
} from "@gitstratum/core/rpc";

/** The routes; whoever mounts them says what errors look like. */
export function webhookRoutes(
  parts: {
    readonly webhooks: Webhooks & { basis(): Promise<number> };
    readonly audit: AuditTrail;
    /** The level of the cluster. */
    readonly releaseLevel: () => number;
  },
): Hono {
  const { webhooks, audit } = parts;
  const app = new Hono();
  app.get(WEBHOOKS_BASIS_PATH, async (c) => {
    checkBasisLevel(parts.releaseLevel());
    return c.json({ basis: await webhooks.basis() });
  });
  app.post(`${WEBHOOKS_PATH}/create`, async (c) => {
    return c.json(await webhooks.create(await readJson(c.req.raw, createWebhookSchema)));
  });
  app.post(`${WEBHOOKS_PATH}/change`, async (c) => {
    return c.json(await webhooks.change(await readJson(c.req.raw, changeWebhookSchema)));
  });
  app.post(`${WEBHOOKS_PATH}/remove`, async (c) => {
    await webhooks.remove(await readJson(c.req.raw, webhookRequestSchema));
    return c.json({});
  });
  app.post(`${WEBHOOKS_PATH}/find`, async (c) => {
    return c.json(await webhooks.find(await readJson(c.req.raw, webhookRequestSchema)));
  });
  app.post(`${WEBHOOKS_PATH}/list`, async (c) => {
    return c.json(await webhooks.list(await readJson(c.req.raw, webhookListSchema)));
  });
  app.post(CONTROL_AUDIT_PATH, async (c) => {
    return c.json(await audit.query(await readJson(c.req.raw, auditQuerySchema)));
  });
  return app;
}
