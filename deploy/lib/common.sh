# Shared by deploy/quickstart, tests/run and tests/bench/run: packages, users, build. Sourced by bash.

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "needs root: it installs packages and gives each program a user of its own. Try: sudo $0 $*"
}

# apt_quietly PACKAGE...: without a question, and without a server that starts because it was installed. One at a time, and
# after whoever else installs just now: apt-get waits for dpkg's lock if told to, but never for that of its lists.
apt_quietly() (
    mkdir -p /run/lock
    exec {lock}>/run/lock/cloister-packages
    flock -w 900 "$lock" || exit 1
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 0755 $policy
    fi
    for try in 1 2 3 4 5 6; do
        apt-get update -q {lock}>&- && break
        [ "$try" -lt 6 ] || exit 1
        sleep $((try * 2))
    done
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "$@" {lock}>&-
)

# install_packages LIST...: installs what the lists in deploy/packages name and is missing.
install_packages() {
    local list missing=() name
    for list in "$@"; do
        while read -r name _; do
            case $name in '' | '#'*) continue ;; esac
            # A program installed by other means counts for the package that would bring it.
            case $name in
                nodejs | npm) command -v "${name%js}" >/dev/null 2>&1 && continue ;;
            esac
            dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
        done <"$top/deploy/packages/$list.txt"
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "Installing packages: ${missing[*]}"
    # PostgreSQL's package would start a cluster of its own; ours is private.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
    fi
    local log
    log=$(mktemp)
    if ! apt_quietly "${missing[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "could not install packages; the log is $log"
    fi
    rm -f "$log"
}

# make_user NAME: a system user without home or shell.
make_user() {
    getent passwd "$1" >/dev/null || useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$1"
}

make_users() {
    local user
    for user in cloister cloister-keys cloister-agent cloister-egress cloister-gateway cloister-public cloister-business cloister-notify \
        cloister-postgres cloister-world; do
        make_user "$user"
    done
}

# build_into BUILD PREFIX [MESON OPTION...]: configures once, builds, installs; quiet unless it fails.
build_into() {
    local build=$1 prefix=$2 log
    shift 2
    mkdir -p "$(dirname "$build")"
    log=$build.log
    if [ ! -e "$build/build.ninja" ]; then
        meson setup "$build" "$top" --prefix "$prefix" "$@" >"$log" 2>&1 || {
            tail -n 30 "$log" >&2
            die "meson setup failed; the log is $log"
        }
    fi
    if ! { ninja -C "$build" && meson install -C "$build" --no-rebuild --quiet; } >"$log" 2>&1; then
        grep -E 'error|FAILED' "$log" | head -n 20 >&2
        die "the build failed; the log is $log"
    fi
    # The zygote's rights come from its file: its own user, startable by cloisterd alone.
    chown cloister-agent:cloister "$prefix/libexec/cloister/cloister-agent"
    chmod 4710 "$prefix/libexec/cloister/cloister-agent"
}

# Every time a file of the tree is newer than the last build.
tree_changed_since() {
    [ -e "$1" ] || return 0
    [ -n "$(cd "$top" && find meson.build meson_options.txt ipc memory business providers supervisor agent gateway deploy tests/world tests/meson.build \
        -name node_modules -prune -o -type f -newer "$1" -print -quit)" ]
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# pid_runs PIDFILE NAME: the recorded process lives and is what we started.
pid_runs() {
    local pid
    pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "${2:0:15}" ]
}

# stop_pid PIDFILE NAME SECONDS: TERM, then KILL.
stop_pid() {
    pid_runs "$1" "$2" || {
        rm -f "$1"
        return 0
    }
    local pid
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || true
    wait_for "$3" sh -c "! kill -0 $pid 2>/dev/null" || kill -9 "$pid" 2>/dev/null || true
    rm -f "$1"
}
