-- Profiles that were written before whole numbers had one form hold some as 30.0, which what counts with integers took for none.
CREATE FUNCTION whole_numbers(j jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE jsonb_typeof(j)
    WHEN 'number' THEN to_jsonb(trim_scale(j::numeric))
    WHEN 'array' THEN (SELECT coalesce(jsonb_agg(whole_numbers(e) ORDER BY n), '[]')
      FROM jsonb_array_elements(j) WITH ORDINALITY AS entries (e, n))
    WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(key, whole_numbers(value)), '{}') FROM jsonb_each(j))
    ELSE j END;
END $$;
UPDATE businesses SET draft = whole_numbers(draft) WHERE draft::text ~ '[0-9][.]0+[^0-9]';
UPDATE businesses SET published = whole_numbers(published) WHERE published::text ~ '[0-9][.]0+[^0-9]';
UPDATE cards SET card = whole_numbers(card::jsonb)::text, facts = NULL WHERE card ~ '[0-9][.]0+[^0-9]';
DROP FUNCTION whole_numbers(jsonb);
