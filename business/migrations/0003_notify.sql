-- cloister-notify delivers the outbox, by a role of its own that may read and mark rows and nothing
-- else. Whoever prepares the database makes both roles before this program starts.
DO $$
DECLARE notify text := replace(current_user, '-business', '-notify');
BEGIN
  IF notify <> current_user AND EXISTS (SELECT FROM pg_roles WHERE rolname = notify) THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), notify);
    EXECUTE format('GRANT SELECT, UPDATE ON outbox TO %I', notify);
  END IF;
END $$;

-- A new row wakes it once the transaction that wrote it is committed.
CREATE FUNCTION outbox_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY outbox;
  RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_told();
