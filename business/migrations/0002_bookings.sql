-- Bookings with the times they hold, and inquiries. What a calendar says of a booking is not kept:
-- only whether its event is there, and where.

-- status  holding     a time is held while the event is made; released: the row is gone
--         confirmed   the event is there
--         undoing     nobody was told that it is booked; gone once it is certain that there is no event
--         cancelling  cancelled for everybody; the event is still to be removed
--         cancelled
-- step    what is under way in the owner's calendar ('' nothing): book, undo, move, cancel. Until `due_at`
--         whoever began it may still be at it; from then on the reconciler finishes or undoes it.
-- details names and contacts of the customer, what was booked in words, who asked: never what a calendar said.
CREATE TABLE bookings (
  reference text PRIMARY KEY CHECK (reference ~ '^B-[2-9A-Z]{5}-[2-9A-Z]{5}$'),
  owner text NOT NULL,
  business text NOT NULL,
  service text NOT NULL,
  status text NOT NULL CHECK (status IN ('holding', 'confirmed', 'undoing', 'cancelling', 'cancelled')),
  step text NOT NULL CHECK (step IN ('', 'book', 'undo', 'move', 'cancel')),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
  move_to timestamptz CHECK ((move_to IS NOT NULL) = (step = 'move')),
  buffer_before interval NOT NULL,
  buffer_after interval NOT NULL,
  zone text NOT NULL,
  event text NOT NULL,
  details jsonb NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  due_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  looked_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((due_at IS NOT NULL) = (step <> ''))
);
CREATE INDEX bookings_of_owner ON bookings (owner, starts_at, reference);
CREATE INDEX bookings_due ON bookings (due_at) WHERE step <> '';
CREATE INDEX bookings_to_look_at ON bookings (looked_at) WHERE status = 'confirmed' AND step = '';

-- Times that are not to be had by another booking of the same owner, buffers included. One with
-- `held_until` is not for good: it goes then, whatever became of its booking. A booking that is being moved has two.
CREATE TABLE slots (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  booking text NOT NULL REFERENCES bookings ON DELETE CASCADE,
  owner text NOT NULL,
  during tstzrange NOT NULL CHECK (NOT isempty(during)),
  held_until timestamptz,
  -- The hash, not the name: else this index would be taken for one by booking, and read whole.
  CONSTRAINT slots_apart EXCLUDE USING gist (owner WITH =, during WITH &&, (hashtextextended(booking, 0)) WITH <>)
);
CREATE INDEX slots_of_booking ON slots (booking);
CREATE INDEX slots_held ON slots (held_until) WHERE held_until IS NOT NULL;

-- An idempotency key (a hash of who used it and of the key), what it was used for, and what came of it.
CREATE TABLE used_keys (
  key bytea PRIMARY KEY CHECK (length(key) = 32),
  arguments bytea NOT NULL CHECK (length(arguments) = 32),
  booking text REFERENCES bookings ON DELETE CASCADE,
  inquiry text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX used_keys_of_booking ON used_keys (booking);
CREATE INDEX used_keys_age ON used_keys USING brin (created_at);

CREATE TABLE inquiries (
  reference text PRIMARY KEY CHECK (reference ~ '^Q-[2-9A-Z]{5}-[2-9A-Z]{5}$'),
  owner text NOT NULL,
  business text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'answered', 'closed')),
  message text NOT NULL,
  details jsonb NOT NULL,
  answer text CHECK ((answer IS NOT NULL) OR status <> 'answered'),
  answered_by text CHECK (answered_by IN ('owner', 'agent')),
  answered_at timestamptz,
  fanout text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inquiries_of_owner ON inquiries (owner, created_at DESC, reference DESC);
CREATE INDEX inquiries_of_fanout ON inquiries (fanout) WHERE fanout <> '';
ALTER TABLE used_keys ADD FOREIGN KEY (inquiry) REFERENCES inquiries ON DELETE CASCADE;

-- When an owner was last told that the calendar cannot be read.
CREATE TABLE calendar_troubles (
  owner text PRIMARY KEY,
  told_at timestamptz NOT NULL DEFAULT now()
);
