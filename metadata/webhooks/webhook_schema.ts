/**
 * Tables of what webhooks were told, and how far each partition's acts were looked at.
 *
 * @module
 */

/** The statements that make them. */
export const WEBHOOK_TABLES = `
-- Every delivery of acts up to this lsn is in webhook_deliveries, or was and has had its time.
CREATE TABLE webhook_cursors (
  partition INTEGER PRIMARY KEY,
  lsn INTEGER NOT NULL
) STRICT;

-- state: 0 = waiting, 1 = delivered, 2 = dead.
CREATE TABLE webhook_deliveries (
  delivery TEXT PRIMARY KEY,
  partition INTEGER NOT NULL,
  webhook TEXT NOT NULL,
  event TEXT NOT NULL,
  lsn INTEGER NOT NULL,
  event_at_ms INTEGER NOT NULL,
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_at_ms INTEGER,
  last_at_ms INTEGER,
  status INTEGER,
  reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_partition ON webhook_deliveries (partition);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_at_ms) WHERE state = 0;
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, event_at_ms, delivery);
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (last_at_ms) WHERE state != 0;
`;
