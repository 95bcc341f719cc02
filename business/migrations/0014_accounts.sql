-- In which of the owner's Google accounts the event of a booking is ('' not known yet): another one knows nothing of it, which says
-- nothing about whether it was deleted.
ALTER TABLE bookings ADD COLUMN account text NOT NULL DEFAULT '';

DROP FUNCTION confirm_holds(text[], bigint[], text[], text[]);
CREATE FUNCTION confirm_holds(of_bookings text[], at_versions bigint[], in_accounts text[], to_owners text[], to_customers text[])
RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  RETURN QUERY
  WITH a AS MATERIALIZED (
    SELECT * FROM unnest(of_bookings, at_versions, in_accounts, to_owners, to_customers) WITH ORDINALITY
      AS a (reference, version, account, to_owner, to_customer, n)),
  l AS MATERIALIZED (
    SELECT booking FROM slots WHERE booking = ANY (of_bookings) ORDER BY booking FOR UPDATE),
  b AS (
    UPDATE bookings AS b SET status = 'confirmed', step = '', due_at = NULL, attempts = 0, account = a.account,
      version = b.version + 1, looked_at = now(), changed_at = now()
    FROM a WHERE b.reference = a.reference AND b.version = a.version AND b.status = 'holding'
      AND EXISTS (SELECT FROM l WHERE l.booking = a.reference)
    RETURNING a.n, b.reference, b.business, b.owner, a.to_owner, a.to_customer),
  s AS (UPDATE slots SET held_until = NULL FROM b WHERE booking = b.reference),
  o AS (
    INSERT INTO outbox (kind, to_kind, business, reference, payload)
    SELECT 'booking_confirmed', w.who, b.business, b.reference, word
    FROM b, LATERAL (VALUES ('owner', b.to_owner), ('customer', b.to_customer)) AS w (who, said),
      LATERAL words_to(w.who, b.business, b.owner, 'booking_confirmed', w.said::jsonb) AS word
    WHERE w.said IS NOT NULL)
  SELECT b.n FROM b ORDER BY b.n;
END $$;
