# Sourced by the scripts: where things are, what to say, options that all of them share.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VAR=${BATCHWEB_VAR:-$ROOT/var}
# Keys, tokens and job logs are in there: for this user only.
[ -d "$VAR" ] || mkdir -p -m 0700 "$VAR"
VAR=$(cd "$VAR" && pwd)
export BATCHWEB_VAR=$VAR
LOG=$VAR/log
mkdir -p "$LOG"
cd "$ROOT" || exit 1

# What the user called, for messages of scripts that it calls.
export BATCHWEB_SCRIPT=${BATCHWEB_SCRIPT:-$0}

say() { printf '%s\n' "$*"; }
die() {
    printf 'batchweb: %s\n' "$*" >&2
    exit 1
}

# Yes to all questions: --yes, BATCHWEB_YES=1, or a CI machine.
YES=
case "${BATCHWEB_YES:-}:${CI:-}" in
1:* | true:* | *:1 | *:true) YES=1 ;;
esac

# ask QUESTION: succeeds on yes; fails on no, and where nobody can be asked.
ask() {
    [ -n "$YES" ] && return 0
    [ -t 0 ] || return 1
    local answer
    read -r -p "$1 [Y/n] " answer
    case "$answer" in
    "" | y | Y | yes | Yes) return 0 ;;
    *) return 1 ;;
    esac
}

have() { command -v "$1" >/dev/null 2>&1; }

# can_be_root: whether as_root can work at all.
can_be_root() { [ "$(id -u)" = 0 ] || have sudo; }

# as_root COMMAND...: as it is for root, through sudo for others.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# has_systemd: whether systemd runs this machine (in a container it mostly does not).
has_systemd() { [ -d /run/systemd/system ]; }

# /usr/sbin, where dockerd lives, is not on every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Compiled once, not at each start: that is most of the time a start takes.
unset PYTHONDONTWRITEBYTECODE
