# Sourced by the scripts: a PostgreSQL of our own for one test run, on a unix socket, gone afterwards.
# shellcheck shell=bash

POSTGRES=

postgres_bin() {
    local newest
    newest=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
    if [ -n "$newest" ]; then
        echo "$newest"
    else
        dirname "$(command -v initdb)"
    fi
}

# as_postgres COMMAND...: PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

# start_postgres: sets POSTGRES (its folder) and PRIVATE_DATABASE_URL.
start_postgres() {
    local bin log=$LOG/postgres.log
    bin=$(postgres_bin)
    # A short path in /tmp: a unix socket's path may hold 107 bytes only.
    POSTGRES=$(mktemp -d /tmp/batchweb-pg-XXXXXX)
    [ "$(id -u)" != 0 ] || chown postgres "$POSTGRES"
    (
        cd "$POSTGRES"
        as_postgres "$bin/initdb" --pgdata="$POSTGRES/data" --username=postgres --auth=trust \
            --encoding=UTF8 --locale=C.UTF-8 --no-sync
        # What a crash of this machine would lose, nobody needs: no waiting for the disk.
        as_postgres "$bin/pg_ctl" --pgdata="$POSTGRES/data" --wait --log="$POSTGRES/server.log" \
            --options="-k $POSTGRES -c listen_addresses='' -c fsync=off -c synchronous_commit=off \
                -c full_page_writes=off -c max_connections=100" start
    ) >"$log" 2>&1 </dev/null || {
        cat "$log" "$POSTGRES/server.log" >&2 2>/dev/null
        die "the PostgreSQL for the tests does not start"
    }
    # shellcheck disable=SC2034
    PRIVATE_DATABASE_URL=postgresql://postgres@${POSTGRES//\//%2F}/batchweb
}

stop_postgres() {
    [ -n "$POSTGRES" ] || return 0
    (cd / && as_postgres "$(postgres_bin)/pg_ctl" --pgdata="$POSTGRES/data" --mode=immediate stop) >/dev/null 2>&1 || true
    rm -rf "$POSTGRES"
    POSTGRES=
}
