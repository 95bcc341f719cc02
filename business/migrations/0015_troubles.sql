-- What an owner was told of the calendar: once for each state of it, until it has been well again; else whoever never connects one
-- again would be told for ever. Who was told before is told once more.
DROP TABLE calendar_troubles;
CREATE TABLE calendar_troubles (
  owner text NOT NULL,
  state text NOT NULL CHECK (state IN ('connection', 'google', 'permission', 'event', 'other_account')),
  told_at timestamptz NOT NULL DEFAULT now(),
  well boolean NOT NULL DEFAULT false,
  PRIMARY KEY (owner, state)
);
