-- Words are folded further than before: letters that Unicode does not take apart are written as who has no key for them writes them, and
-- of scripts without blanks each character and each two neighbours are words (business/fold.c). What was published before follows.
CREATE FUNCTION plain_letters(said text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(replace(replace(translate(said, 'ðøđħıłŧ', 'dodhilt'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
$$;
CREATE FUNCTION neighbours(said text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg(substr(run[1], i, n), ' '), '') FROM regexp_matches(said,
      '[ก-ໟက-႟ក-៿々-〇ぁ-ヿㇰ-ㇿ㐀-䶿一-鿿𠀀-𲎯]+', 'g')
      AS m (run), generate_series(1, length(run[1])) AS i, generate_series(1, 2) AS n
    WHERE i + n - 1 <= length(run[1])
$$;
CREATE FUNCTION with_neighbours(said tsvector) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  weight "char";
BEGIN
  FOREACH weight IN ARRAY ARRAY['A', 'B', 'C', 'D']::"char"[] LOOP
    said := said || setweight(to_tsvector('simple', (SELECT coalesce(string_agg(neighbours(lexeme), ' '), '')
      FROM unnest(said) WHERE weight::text = ANY (weights) AND lexeme ~ '[^ -~]')), weight);
  END LOOP;
  RETURN said;
END $$;

UPDATE listings SET terms = plain_letters(terms::text)::tsvector, category = plain_letters(category::text)::tsvector,
    places = plain_letters(places::text)::tsvector, place_words = plain_letters(place_words),
    attributes = plain_letters(attributes::text)::jsonb
  WHERE concat(terms, category, place_words, attributes) ~ '[ðøđħıłŧæœþ]';
UPDATE listings SET terms = with_neighbours(terms), category = with_neighbours(category)
  WHERE terms::text ~ '[ก-ໟက-႟ក-៿々-〇ぁ-ヿㇰ-ㇿ㐀-䶿一-鿿𠀀-𲎯]';
UPDATE cards AS c SET places = l.place_words, facts = NULL FROM listings AS l
  WHERE l.id = c.id AND (c.places <> l.place_words OR c.facts ~ '[ðøđħıłŧæœþ]');
INSERT INTO vocabulary (kind, word) SELECT DISTINCT kind, plain_letters(word) FROM vocabulary WHERE word ~ '[ðøđħıłŧæœþ]'
  ON CONFLICT DO NOTHING;
DELETE FROM vocabulary WHERE word ~ '[ðøđħıłŧæœþ]';

DROP FUNCTION plain_letters(text);
DROP FUNCTION with_neighbours(tsvector);
DROP FUNCTION neighbours(text);
