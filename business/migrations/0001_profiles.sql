-- Profiles, what search needs of them, the operational log, limits, and the outbox.

-- A draft is the owner's work, `published` what everybody sees. `version` counts every change.
CREATE TABLE businesses (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 64),
  user_id text NOT NULL,
  draft jsonb NOT NULL,
  published jsonb,
  version bigint NOT NULL DEFAULT 1,
  published_version bigint,
  published_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX businesses_of_user ON businesses (user_id, slug);

-- One row per published business: made when it is published, so that a search computes nothing.
-- Words are folded (case and accents) by the program; `card` is what a hit shows.
CREATE TABLE listings (
  id bigint PRIMARY KEY REFERENCES businesses ON DELETE CASCADE,
  slug text NOT NULL UNIQUE,
  quality integer NOT NULL,
  terms tsvector NOT NULL,
  words text NOT NULL,
  category tsvector NOT NULL,
  category_words text NOT NULL,
  places tsvector NOT NULL,
  place_words text NOT NULL,
  country text NOT NULL,
  spot point,
  reach box,
  reach_km double precision,
  modes text[] NOT NULL,
  languages text[] NOT NULL,
  attributes jsonb NOT NULL,
  zone text,
  -- Minutes of the local week: what opens on a day until its midnight, and what of the day before
  -- reaches past it. On `exception_days` only `exception_open` (local times) counts.
  week int4multirange NOT NULL,
  week_late int4multirange NOT NULL,
  exception_days date[] NOT NULL,
  exception_open tsmultirange NOT NULL,
  card jsonb NOT NULL
);
CREATE INDEX listings_quality ON listings (quality DESC, id DESC);
CREATE INDEX listings_terms ON listings USING gin (terms) WITH (fastupdate = off);
CREATE INDEX listings_words ON listings USING gin (words public.gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX listings_category ON listings USING gin (category) WITH (fastupdate = off);
CREATE INDEX listings_category_words ON listings USING gin (category_words public.gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX listings_places ON listings USING gin (places) WITH (fastupdate = off);
CREATE INDEX listings_place_words ON listings USING gin (place_words public.gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX listings_country ON listings (country, quality DESC, id DESC);
CREATE INDEX listings_spot ON listings USING gist (spot);
CREATE INDEX listings_reach ON listings USING gist (reach);
CREATE INDEX listings_modes ON listings USING gin (modes) WITH (fastupdate = off);
CREATE INDEX listings_languages ON listings USING gin (languages) WITH (fastupdate = off);
CREATE INDEX listings_attributes ON listings USING gin (attributes) WITH (fastupdate = off);
-- Those that leave something open: few, and looked for last.
CREATE INDEX listings_no_place ON listings (quality DESC, id DESC) WHERE place_words = '';
CREATE INDEX listings_no_spot ON listings (quality DESC, id DESC) WHERE spot IS NULL;
CREATE INDEX listings_no_mode ON listings (quality DESC, id DESC) WHERE modes = '{}';
CREATE INDEX listings_no_language ON listings (quality DESC, id DESC) WHERE languages = '{}';
CREATE INDEX listings_no_hours ON listings (quality DESC, id DESC) WHERE zone IS NULL;

-- Writes a listing from what business/listing.c made of a published profile.
CREATE FUNCTION put_listing(business bigint, business_slug text, l jsonb) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO listings (id, slug, quality, terms, words, category, category_words, places,
    place_words, country, spot, reach, reach_km, modes, languages, attributes, zone, week,
    week_late, exception_days, exception_open, card)
  VALUES (business, business_slug, (l->>'quality')::integer,
    setweight(to_tsvector('simple', l->>'name'), 'A')
      || setweight(to_tsvector('simple', l->>'category'), 'A')
      || setweight(to_tsvector('simple', l->>'services'), 'B')
      || setweight(to_tsvector('simple', l->>'place'), 'C')
      || setweight(to_tsvector('simple', l->>'summary'), 'C')
      || setweight(to_tsvector('simple', l->>'text'), 'D'),
    concat_ws(' ', l->>'name', l->>'category', l->>'services'),
    to_tsvector('simple', l->>'category'), l->>'category',
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
    words = excluded.words, category = excluded.category,
    category_words = excluded.category_words, places = excluded.places,
    place_words = excluded.place_words, country = excluded.country, spot = excluded.spot,
    reach = excluded.reach, reach_km = excluded.reach_km, modes = excluded.modes,
    languages = excluded.languages, attributes = excluded.attributes, zone = excluded.zone,
    week = excluded.week, week_late = excluded.week_late,
    exception_days = excluded.exception_days, exception_open = excluded.exception_open,
    card = excluded.card
$$;

-- Kilometres between two places on a sphere.
CREATE FUNCTION haversine(lat1 double precision, lon1 double precision, lat2 double precision,
                          lon2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT 12742.0176 * asin(sqrt(least(1, sind((lat2 - lat1) / 2) ^ 2
    + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2)))
$$;

-- Whether nothing that is asked for is stated otherwise.
CREATE FUNCTION attributes_fit(have jsonb, asked jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT NOT EXISTS (SELECT FROM jsonb_each(asked) AS a
    WHERE have ? a.key AND have->a.key IS DISTINCT FROM a.value)
$$;

-- Whether it is open at a moment; NULL when it states no hours.
CREATE FUNCTION open_at(zone text, week int4multirange, week_late int4multirange,
                        exception_days date[], exception_open tsmultirange, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN zone IS NULL THEN NULL ELSE
    (SELECT exception_open @> t
       OR (NOT t::date = ANY (exception_days) AND week @> m)
       OR (NOT t::date - 1 = ANY (exception_days) AND week_late @> m)
     FROM (SELECT at AT TIME ZONE zone AS t) AS local,
     LATERAL (SELECT ((extract(isodow FROM t) - 1) * 1440 + extract(hour FROM t) * 60
                      + extract(minute FROM t))::integer AS m) AS minute) END
$$;

-- One row per call; its id begins with the time, so that rows come in order. Who called is a keyed fingerprint whose key lives for two days; arguments are
-- what the operation's schema lets through.
CREATE TABLE calls (
  request uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  operation text NOT NULL,
  origin text NOT NULL,
  channel text NOT NULL,
  client text NOT NULL,
  client_version text NOT NULL,
  fingerprint text NOT NULL,
  by_agent boolean NOT NULL,
  cached boolean NOT NULL,
  arguments jsonb NOT NULL,
  took_us bigint NOT NULL,
  results integer,
  status integer NOT NULL,
  code text NOT NULL,
  fanout text NOT NULL
);
CREATE INDEX calls_at ON calls USING brin (at) WITH (autosummarize = on);

CREATE TABLE fingerprint_keys (
  day date PRIMARY KEY,
  key bytea NOT NULL CHECK (length(key) = 32),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- How full buckets were when the program last looked; `key` is a MAC.
CREATE TABLE buckets (
  key bytea PRIMARY KEY,
  full_at_ms bigint NOT NULL
);

-- What owners and customers are to be told: written in the transaction of the change it tells of,
-- delivered by cloister-notify.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('booking_confirmed', 'booking_moved', 'booking_cancelled',
    'inquiry_new', 'inquiry_answered', 'calendar_trouble')),
  to_kind text NOT NULL CHECK (to_kind IN ('owner', 'customer')),
  business text NOT NULL,
  reference text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz,
  dead_at timestamptz
);
CREATE INDEX outbox_due ON outbox (next_at) WHERE done_at IS NULL AND dead_at IS NULL;
