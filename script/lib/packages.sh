# Sourced by the scripts: system packages, installed only after asking.
# shellcheck shell=bash

MISSING=()

# need PACKAGE...: notes them; `install_missing` installs all at once.
need() { MISSING+=("$@"); }

# install_missing WHY: asks once, then installs what was noted. Ends the script on a no.
install_missing() {
    [ ${#MISSING[@]} -gt 0 ] || return 0
    local packages=("${MISSING[@]}")
    MISSING=()
    local by_hand="apt-get install ${packages[*]}"
    have apt-get || die "$1 needs these Debian packages or what they hold: ${packages[*]}. \
This system has no apt-get: install them its own way, then run this script again."
    can_be_root || die "$1 needs: ${packages[*]}. As root: $by_hand"
    say "$1 needs system packages that are not installed: ${packages[*]}"
    ask "Install them with apt-get?" || die "Not installed. Run this script with --yes, or as root: $by_hand"
    apt_install "${packages[@]}"
}

# apt_install PACKAGE...: quietly, with a log. Services that come along and that Batchweb does not
# use (it starts its own, private ones) are stopped again.
apt_install() {
    local log=$LOG/apt.log
    say "Installing $* (log: $log)"
    apt_quietly update >>"$log" 2>&1 || say "apt-get update failed, trying with the lists as they are."
    if ! apt_quietly install --no-install-recommends "$@" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "apt-get could not install $*"
    fi
    local package
    for package in "$@"; do
        case "$package" in
        redis-server | postgresql | docker-registry) stop_service "$package" ;;
        esac
    done
    hash -r
}

apt_quietly() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

stop_service() {
    if has_systemd; then
        as_root systemctl disable --now "$1" >/dev/null 2>&1 || true
    elif [ -x "/etc/init.d/$1" ]; then
        as_root service "$1" stop >/dev/null 2>&1 || true
    fi
}
