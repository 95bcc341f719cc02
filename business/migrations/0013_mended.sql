-- Who takes a business down waits for who is just publishing it, and their listing is newer than the statement that waited: a trigger's is
-- not. Listings that stayed that way go.
CREATE FUNCTION unlist() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM listings WHERE id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER businesses_unlisted AFTER UPDATE OF published ON businesses FOR EACH ROW WHEN (NEW.published IS NULL) EXECUTE FUNCTION unlist();
DELETE FROM listings USING businesses AS b WHERE b.id = listings.id AND b.published IS NULL;

-- Whether open_at counts with a zone as everybody else does. Here CET and its like are abbreviations, an hour that never moves, before they
-- are names; and a zone that this server's tzdata does not have would end every statement that meets it.
CREATE FUNCTION zone_fits(zone text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF zone IS NULL OR zone IN ('UTC', 'GMT', 'UCT', 'Zulu') THEN
    RETURN true;
  END IF;
  PERFORM now() AT TIME ZONE zone;
  RETURN NOT EXISTS (SELECT FROM pg_timezone_abbrevs WHERE abbrev = upper(zone));
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END $$;
-- Published before: where the clocks are the same; else its hours are not searched for until it is published again.
UPDATE listings SET zone = CASE zone WHEN 'CET' THEN 'Europe/Brussels' WHEN 'MET' THEN 'Europe/Brussels'
    WHEN 'EET' THEN 'Europe/Athens' WHEN 'WET' THEN 'Europe/Lisbon' END
  WHERE zone IN (SELECT zone FROM (SELECT DISTINCT zone FROM listings) AS used
    WHERE zone NOT IN ('EST', 'MST', 'HST') AND NOT zone_fits(zone)); -- the same hour there and here
UPDATE cards AS c SET unstated = unstated_of(l.modes, l.languages, l.zone) FROM listings AS l
  WHERE l.id = c.id AND l.zone IS NULL AND c.unstated <> unstated_of(l.modes, l.languages, l.zone);

-- The event of what is undone was removed once already.
ALTER TABLE bookings ADD COLUMN removed boolean NOT NULL DEFAULT false;

-- As before, and of this owner's business alone: its address may be another's since.
CREATE FUNCTION words_to(who text, of_business text, of_owner text, of_kind text, word jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE AS $$
  SELECT word || jsonb_strip_nulls(jsonb_build_object(
      'to', n.emails[i],
      'own_webhook', CASE WHEN i = 1 AND n.webhook_url <> ''
        THEN jsonb_build_object('url', n.webhook_url, 'key', n.webhook_key) END,
      'delivered', CASE WHEN i > 1 THEN '{"webhook": true}'::jsonb END))
    FROM (VALUES (1)) AS one
    LEFT JOIN (businesses AS b JOIN notifications AS n ON n.business = b.id)
      ON who = 'owner' AND b.slug = of_business AND b.user_id = of_owner AND of_kind = ANY (n.kinds),
    LATERAL generate_series(1, greatest(coalesce(cardinality(n.emails), 0), 1)) AS i
$$;
CREATE OR REPLACE FUNCTION confirm_holds(of_bookings text[], at_versions bigint[], to_owners text[], to_customers text[])
RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  RETURN QUERY
  WITH a AS MATERIALIZED (
    SELECT * FROM unnest(of_bookings, at_versions, to_owners, to_customers) WITH ORDINALITY
      AS a (reference, version, to_owner, to_customer, n)),
  l AS MATERIALIZED (
    SELECT booking FROM slots WHERE booking = ANY (of_bookings) ORDER BY booking FOR UPDATE),
  b AS (
    UPDATE bookings AS b SET status = 'confirmed', step = '', due_at = NULL, attempts = 0,
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
DROP FUNCTION words_to(text, text, text, jsonb);
