-- The words of names, categories and services ('t'), of categories ('c') and of places ('p') that
-- were ever published: what a misspelt word may have been meant as. Looking for it here takes less
-- than comparing every listing.
CREATE TABLE vocabulary (
  kind text NOT NULL,
  word text NOT NULL,
  PRIMARY KEY (kind, word)
);
CREATE INDEX vocabulary_alike ON vocabulary USING gin (word public.gin_trgm_ops);

INSERT INTO vocabulary (kind, word)
  SELECT DISTINCT kind, word FROM (
    SELECT 't' AS kind, regexp_split_to_table(words, ' ') AS word FROM listings
    UNION ALL SELECT 'c', regexp_split_to_table(category_words, ' ') FROM listings
    UNION ALL SELECT 'p', regexp_split_to_table(place_words, ' ') FROM listings) AS said
  WHERE length(word) BETWEEN 4 AND 60 ON CONFLICT DO NOTHING;
DROP INDEX listings_place_words;
ALTER TABLE listings DROP COLUMN words, DROP COLUMN category_words;

-- Words come in order, so that two who publish at once do not wait for each other.
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
    week_late, exception_days, exception_open, card)
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
    (l->>'exception_open')::tsmultirange, l->'card')
  ON CONFLICT (id) DO UPDATE SET quality = excluded.quality, terms = excluded.terms,
    category = excluded.category, places = excluded.places,
    place_words = excluded.place_words, country = excluded.country, spot = excluded.spot,
    reach = excluded.reach, reach_km = excluded.reach_km, modes = excluded.modes,
    languages = excluded.languages, attributes = excluded.attributes, zone = excluded.zone,
    week = excluded.week, week_late = excluded.week_late,
    exception_days = excluded.exception_days, exception_open = excluded.exception_open,
    card = excluded.card
$$;
