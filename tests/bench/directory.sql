-- A directory of $SIZE businesses for the benchmark: 120 categories and 600 towns, names, services and
-- descriptions out of 4,000 words, some much more frequent than others; attributes and languages are
-- stated by some. As put_listing writes them, but at once, and indexes are made afterwards.
SET search_path = business, public;
SELECT setseed(0.5);
CREATE TEMP TABLE made AS SELECT tablename, indexname, indexdef FROM pg_indexes
  WHERE schemaname = 'business' AND tablename = 'listings'
    AND indexname NOT IN ('listings_pkey', 'listings_slug_key');
DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM made LOOP
  EXECUTE format('DROP INDEX %I', i.indexname); END LOOP; END $$;
CREATE FUNCTION pg_temp.word(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT substr(translate(md5('w' || n), '0123456789', 'aeioulnrst'), 1, 4 + n % 7) $$;
CREATE TEMP TABLE town AS SELECT n, 'town' || translate(n::text, '0123456789', 'aeioulnrst') AS name,
  36 + random() * 28 AS lat, -10 + random() * 35 AS lon,
  (ARRAY['DE','FR','IT','ES','PL','AT','CH','NL'])[1 + n % 8] AS country
  FROM generate_series(1, 600) AS n;
CREATE UNIQUE INDEX ON town (n);
SET maintenance_work_mem = '256MB';
CREATE TEMP TABLE doc AS SELECT b, 'b-' || b AS slug, t.name AS city, t.country,
  t.lat + (random() - 0.5) * 0.2 AS lat, t.lon + (random() - 0.5) * 0.3 AS lon,
  'category' || translate((power(luck, 2) * 119)::integer::text, '0123456789', 'aeioulnrst') AS category,
  (SELECT string_agg(pg_temp.word(1 + (power(random(), 3) * 3999)::integer + 0 * g), ' ') FROM generate_series(1, 3 + 0 * b) AS g) AS name,
  (SELECT string_agg(pg_temp.word(1 + (power(random(), 3) * 3999)::integer + 0 * g), ' ') FROM generate_series(1, 6 + 0 * b) AS g) AS services,
  (SELECT string_agg(pg_temp.word(1 + (power(random(), 3) * 3999)::integer + 0 * g), ' ') FROM generate_series(1, 35 + 0 * b) AS g) AS text,
  (random() * 17)::integer AS quality, random() AS luck
  FROM (SELECT b, 1 + (power(random(), 2) * 599)::integer AS n, random() AS luck FROM generate_series(1, $SIZE) AS b) AS r
    JOIN town AS t USING (n);
INSERT INTO businesses (slug, user_id, draft, published, published_version, published_at)
  SELECT slug, md5(slug), jsonb_build_object('name', name), jsonb_build_object('name', name), 1, now() FROM doc;
INSERT INTO listings (id, slug, quality, terms, category, places, place_words, country, spot, reach, reach_km, modes,
    languages, attributes, zone, week, week_late, exception_days, exception_open)
  SELECT id, slug, quality, setweight(to_tsvector('simple', name || ' ' || category), 'A')
      || setweight(to_tsvector('simple', services), 'B') || setweight(to_tsvector('simple', city), 'C')
      || setweight(to_tsvector('simple', text), 'D'),
    to_tsvector('simple', category), to_tsvector('simple', city), city, country, point(lon, lat),
    CASE WHEN luck > 0.9 THEN box(point(lon - 0.55, lat - 0.36), point(lon + 0.55, lat + 0.36)) END,
    CASE WHEN luck > 0.9 THEN 40 END,
    CASE WHEN luck < 0.6 THEN '{at_business}' WHEN luck < 0.9 THEN '{at_business,at_customer}' ELSE '{remote}' END::text[],
    CASE WHEN luck < 0.5 THEN '{de}' WHEN luck < 0.8 THEN '{de,en}' ELSE '{}' END::text[],
    CASE WHEN luck < 0.2 THEN '{"wheelchair_access":true}' WHEN luck < 0.3 THEN '{"wheelchair_access":false}' ELSE '{}' END::jsonb,
    'Europe/Berlin', '{[540,1020),[1980,2460),[3420,3900),[4860,5340),[6300,6780)}', '{}', '{}', '{}'
  FROM doc JOIN businesses USING (slug);
INSERT INTO cards (id, places, spot, unstated, card) SELECT id, city, point(lon, lat), CASE WHEN luck < 0.8 THEN '' ELSE 'l' END, jsonb_build_object('slug', slug, 'name', name, 'category', category, 'summary', name, 'city', city,
      'country', country, 'languages', '["de"]'::jsonb, 'features', '{"booking":true}'::jsonb, 'services',
      jsonb_build_array(jsonb_build_object('id', 'a', 'name', services, 'duration_minutes', 30)))::text
  FROM doc JOIN businesses USING (slug);
INSERT INTO vocabulary SELECT DISTINCT 't', pg_temp.word(n) FROM generate_series(1, 4000) AS n UNION SELECT DISTINCT 't', category FROM doc
  UNION SELECT DISTINCT 'c', category FROM doc UNION SELECT DISTINCT 'p', city FROM doc;
VACUUM ANALYZE vocabulary;
DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM made LOOP EXECUTE i.indexdef; END LOOP; END $$;
VACUUM ANALYZE listings;
VACUUM ANALYZE businesses;
VACUUM ANALYZE cards;
