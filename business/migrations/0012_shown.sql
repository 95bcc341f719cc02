-- What the reasons of a search are read off stands beside what a hit shows, so that listings are looked at once. `unstated` has a
-- letter for each thing that the profile leaves open: (m)odes, (l)anguages, (h)ours.
CREATE FUNCTION unstated_of(modes text[], languages text[], zone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN modes = '{}' THEN 'm' ELSE '' END || CASE WHEN languages = '{}' THEN 'l' ELSE '' END
    || CASE WHEN zone IS NULL THEN 'h' ELSE '' END
$$;
ALTER TABLE cards ADD COLUMN places text, ADD COLUMN spot point, ADD COLUMN unstated text;
UPDATE cards AS c SET places = l.place_words, spot = l.spot, unstated = unstated_of(l.modes, l.languages, l.zone)
  FROM listings AS l WHERE l.id = c.id;
ALTER TABLE cards ALTER COLUMN places SET NOT NULL, ALTER COLUMN unstated SET NOT NULL;

-- All that words are looked for in, so that one look finds what has words of both kinds: many more have one of them.
CREATE INDEX listings_said ON listings USING gin (terms, places, category) WITH (fastupdate = off);
DROP INDEX listings_terms, listings_places, listings_category;

-- An area across the 180th meridian is one around the world, so that a search looks for a place once. How far it reaches is asked
-- of reach_km.
UPDATE listings SET reach = box(point(-540, (reach[1])[1]), point(540, (reach[0])[1]))
  WHERE (reach[1])[0] <= -180 OR (reach[0])[0] >= 180;

CREATE OR REPLACE FUNCTION put_listing(business bigint, business_slug text, l jsonb) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO vocabulary (kind, word)
    SELECT DISTINCT kind, word FROM (
      SELECT 't' AS kind, regexp_split_to_table(
        concat_ws(' ', l->>'name', l->>'category', l->>'services'), ' ') AS word
      UNION ALL SELECT 'c', regexp_split_to_table(l->>'category', ' ')
      UNION ALL SELECT 'p', regexp_split_to_table(l->>'place', ' ')) AS said
    WHERE length(word) BETWEEN 4 AND 60 AND NOT EXISTS (
      SELECT FROM vocabulary AS v WHERE v.kind = said.kind AND v.word = said.word)
    ORDER BY 1, 2 ON CONFLICT DO NOTHING;
  INSERT INTO listings (id, slug, quality, terms, category, places, place_words,
    country, spot, reach, reach_km, modes, languages, attributes, zone, week,
    week_late, exception_days, exception_open)
  VALUES (business, business_slug, (l->>'quality')::integer,
    setweight(to_tsvector('simple', l->>'name'), 'A')
      || setweight(to_tsvector('simple', l->>'category'), 'A')
      || setweight(to_tsvector('simple', l->>'services'), 'B')
      || setweight(to_tsvector('simple', l->>'place'), 'C')
      || setweight(to_tsvector('simple', l->>'summary'), 'C')
      || setweight(to_tsvector('simple', l->>'text'), 'D'),
    to_tsvector('simple', l->>'category'),
    to_tsvector('simple', l->>'place'), l->>'place', l->>'country',
    point((l->>'lon')::float8, (l->>'lat')::float8),
    CASE WHEN l ? 'reach_km' AND l ? 'lat' THEN
      box(point((l->>'lon')::float8 - (l->>'reach_lon')::float8,
                (l->>'lat')::float8 - (l->>'reach_lat')::float8),
          point((l->>'lon')::float8 + (l->>'reach_lon')::float8,
                (l->>'lat')::float8 + (l->>'reach_lat')::float8)) END,
    (l->>'reach_km')::float8,
    ARRAY(SELECT jsonb_array_elements_text(l->'modes')),
    ARRAY(SELECT jsonb_array_elements_text(l->'languages')),
    l->'attributes', l->>'zone', (l->>'week')::int4multirange,
    (l->>'week_late')::int4multirange,
    ARRAY(SELECT jsonb_array_elements_text(l->'exception_days')::date),
    (l->>'exception_open')::tsmultirange)
  ON CONFLICT (id) DO UPDATE SET quality = excluded.quality, terms = excluded.terms,
    category = excluded.category, places = excluded.places,
    place_words = excluded.place_words, country = excluded.country, spot = excluded.spot,
    reach = excluded.reach, reach_km = excluded.reach_km, modes = excluded.modes,
    languages = excluded.languages, attributes = excluded.attributes, zone = excluded.zone,
    week = excluded.week, week_late = excluded.week_late,
    exception_days = excluded.exception_days, exception_open = excluded.exception_open;
  INSERT INTO cards (id, card, facts, places, spot, unstated)
    SELECT id, l->>'card', l->>'facts', place_words, spot, unstated_of(modes, languages, zone) FROM listings WHERE id = business
    ON CONFLICT (id) DO UPDATE SET card = excluded.card, facts = excluded.facts, places = excluded.places, spot = excluded.spot,
      unstated = excluded.unstated
$$;
