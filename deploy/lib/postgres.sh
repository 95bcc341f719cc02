# A private PostgreSQL on a unix socket, as a user of its own. Sourced by bash after common.sh.

postgres_bin() {
    local dir
    dir=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$dir" ] || die "PostgreSQL's server programs are missing (package postgresql)"
    printf '%s' "$dir"
}

# Nothing of the caller's comes along: PGPORT, PGHOST and their like mean another server.
as_postgres() {
    setpriv --reuid cloister-postgres --regid cloister-postgres --clear-groups env -i -C / PATH="$PATH" LC_ALL=C.UTF-8 "$@"
}

# postgres_start DATA_DIR SOCKET_DIR: creates the cluster when it is not there; one database, and a role for each
# program that has tables in it, let in by its operating-system user.
postgres_start() {
    local data=$1 sockets=$2 bin
    bin=$(postgres_bin)
    mkdir -p "$sockets"
    chown cloister-postgres: "$sockets"
    chmod 0755 "$sockets"
    if [ ! -e "$data/PG_VERSION" ]; then
        say "Creating a private database"
        rm -rf "$data.new" # of a start that was cut off
        install -d -o cloister-postgres -g cloister-postgres -m 0700 "$data.new"
        as_postgres "$bin/initdb" -D "$data.new" -U cloister-postgres --auth=peer --encoding=UTF8 --locale=C.UTF-8 \
            --no-instructions >/dev/null || die "initdb failed"
        cat >>"$data.new/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$sockets'
max_connections = 100
shared_buffers = 64MB
log_min_messages = warning
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
CONF
        mv -T "$data.new" "$data"
    fi
    as_postgres "$bin/pg_ctl" -D "$data" -s -w -t 30 -l "$data/server.log" start >/dev/null || die "PostgreSQL did not start; see $data/server.log"
    as_postgres "$bin/psql" -X -h "$sockets" -q -d postgres -v ON_ERROR_STOP=1 >/dev/null <<'SQL' || die "could not create the database"
select 'create role cloister login' where not exists (select from pg_roles where rolname = 'cloister') \gexec
select 'create database cloister owner cloister' where not exists (select from pg_database where datname = 'cloister') \gexec
SQL
    as_postgres "$bin/psql" -X -h "$sockets" -q -d cloister -v ON_ERROR_STOP=1 -f - <"$top/deploy/conf/front-door.sql" >/dev/null ||
        die "could not prepare the database for the front door"
}

# A server works in its data's folder. The number alone says nothing: after a power cut, or in a container that began anew, it may
# be anybody's.
postgres_running() {
    local pid
    pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] && [ "/proc/$pid/cwd" -ef "$1" ]
}

postgres_stop() {
    postgres_running "$1" || return 0
    as_postgres "$(postgres_bin)/pg_ctl" -D "$1" -s -w -t 30 -m fast stop >/dev/null || true
}
