-- Words that no published profile has any more are forgotten, at most so many of those behind the one given, in their order. Gives
-- the last that was looked at, NULL at the end. Who publishes waits for it, and it for them, since words that are there already
-- are not put there again.
CREATE OR REPLACE FUNCTION forget_words(after_kind text, after_word text, most integer, OUT last_kind text, OUT last_word text)
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
  LOCK TABLE vocabulary IN SHARE ROW EXCLUSIVE MODE;
  WITH w AS (SELECT v.kind, v.word FROM vocabulary AS v WHERE (v.kind, v.word) > (after_kind, after_word)
      ORDER BY v.kind, v.word LIMIT most),
    gone AS (DELETE FROM vocabulary AS v USING w WHERE v.kind = w.kind AND v.word = w.word AND NOT CASE w.kind
      WHEN 't' THEN EXISTS (SELECT FROM listings AS l WHERE l.terms @@ plainto_tsquery('simple', w.word))
      WHEN 'c' THEN EXISTS (SELECT FROM listings AS l WHERE l.category @@ plainto_tsquery('simple', w.word))
      ELSE EXISTS (SELECT FROM listings AS l WHERE l.places @@ plainto_tsquery('simple', w.word)) END)
  SELECT w.kind, w.word INTO last_kind, last_word FROM w ORDER BY w.kind DESC, w.word DESC LIMIT 1;
END $$;
