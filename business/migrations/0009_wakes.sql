-- cloister-business tells cloister-notify of new rows itself, once for all of a tenth of a second. A trigger told of each
-- commit, and commits that tell of something wait for each other.
DROP TRIGGER outbox_wakes ON outbox;
DROP FUNCTION outbox_told();
