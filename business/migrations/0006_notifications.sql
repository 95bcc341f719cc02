-- Where a business's owner is told, and of what. Without a row: nowhere, save by the operator's webhook, which is told of everything.
-- The key signs what goes to the owner's webhook; the owner has it as well.
CREATE TABLE notifications (
  business bigint PRIMARY KEY REFERENCES businesses ON DELETE CASCADE,
  emails text[] NOT NULL,
  kinds text[] NOT NULL,
  webhook_url text NOT NULL,
  webhook_key text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);

-- One word to somebody as the payloads of its outbox rows: an owner's once for each address, each tried and given up by itself. The first goes
-- to the webhooks, too.
CREATE FUNCTION words_to(who text, of_business text, of_kind text, word jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE AS $$
  SELECT word || jsonb_strip_nulls(jsonb_build_object(
      'to', n.emails[i],
      'own_webhook', CASE WHEN i = 1 AND n.webhook_url <> ''
        THEN jsonb_build_object('url', n.webhook_url, 'key', n.webhook_key) END,
      'delivered', CASE WHEN i > 1 THEN '{"webhook": true}'::jsonb END))
    FROM (VALUES (1)) AS one
    LEFT JOIN (businesses AS b JOIN notifications AS n ON n.business = b.id)
      ON who = 'owner' AND b.slug = of_business AND of_kind = ANY (n.kinds),
    LATERAL generate_series(1, greatest(coalesce(cardinality(n.emails), 0), 1)) AS i
$$;
