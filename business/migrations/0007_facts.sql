-- A card is sent as it was published, so it is kept as text; `facts` is what the reasons of a search are read off
-- (business/listing.h), made by the program when it publishes. Where it is missing, it is made when it is needed.
ALTER TABLE cards ALTER COLUMN card TYPE text USING card::text, ADD COLUMN facts text;

-- Not STRICT, so that it becomes part of the statement that uses it: a call each took longer than the search.
CREATE OR REPLACE FUNCTION haversine(lat1 double precision, lon1 double precision, lat2 double precision,
                                     lon2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE CALLED ON NULL INPUT AS $$
  SELECT CASE WHEN lat1 IS NOT NULL AND lat2 IS NOT NULL THEN
    12742.0176 * asin(sqrt(least(1, sind((lat2 - lat1) / 2) ^ 2
      + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2))) END
$$;

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
  INSERT INTO cards (id, card, facts) VALUES (business, l->>'card', l->>'facts')
    ON CONFLICT (id) DO UPDATE SET card = excluded.card, facts = excluded.facts
$$;
