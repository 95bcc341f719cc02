-- Whether it is open at a moment; NULL when it states no hours. Without sub-selects, so that it becomes part of the statement
-- that uses it: a call each took forty times as long.
CREATE FUNCTION minute_of_week(t timestamp) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ((extract(isodow FROM t) - 1) * 1440 + extract(hour FROM t) * 60 + extract(minute FROM t))::integer
$$;
CREATE OR REPLACE FUNCTION open_at(zone text, week int4multirange, week_late int4multirange,
                                   exception_days date[], exception_open tsmultirange, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN zone IS NULL THEN NULL ELSE
    (week @> minute_of_week(at AT TIME ZONE zone) AND NOT (at AT TIME ZONE zone)::date = ANY (exception_days))
    OR (week_late @> minute_of_week(at AT TIME ZONE zone) AND NOT (at AT TIME ZONE zone)::date - 1 = ANY (exception_days))
    OR exception_open @> (at AT TIME ZONE zone) END
$$;
