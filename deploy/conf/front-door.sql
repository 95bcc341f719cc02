-- What the business front door needs in Cloister's database before its programs start: a role for each, a schema, two
-- extensions. For a superuser, connected to that database, by psql; may be repeated.
--
--   su postgres -c 'psql -d cloister -v ON_ERROR_STOP=1 -f /usr/share/cloister/front-door.sql'
select format('create role %I login', name) from unnest(array['cloister-business', 'cloister-notify']) as name
    where not exists (select from pg_roles where rolname = name) \gexec
set client_min_messages = warning;
create schema if not exists business authorization "cloister-business";
create extension if not exists pg_trgm;
create extension if not exists btree_gist;
