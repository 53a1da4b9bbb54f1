# Sourced by the scripts: a Docker Engine that answers.
# shellcheck shell=bash

# engine_state: prints "ok", "denied" (no right to use it) or "down".
engine_state() { "$PYTHON" script/lib/engine_state.py; }

# need_for_engine: notes the packages of Docker Engine where it is not installed.
need_for_engine() {
    [ -n "${DOCKER_HOST:-}" ] && return 0
    [ "$(quick_state)" = down ] || return 0
    have dockerd && return 0
    need docker.io iptables
    # Where the kernel enforces AppArmor, Docker needs its parser to load a profile.
    if grep -qs Y /sys/module/apparmor/parameters/enabled && ! have apparmor_parser; then
        need apparmor
    fi
}

# quick_state: engine_state before the Python environment exists: a socket may be stale, but then
# its dockerd is installed.
quick_state() { if [ -S /var/run/docker.sock ]; then echo ok; else echo down; fi; }

# start_engine: makes sure that one answers, or says why not and ends the script.
start_engine() {
    local state
    state=$(engine_state)
    if [ "$state" = down ]; then
        [ -z "${DOCKER_HOST:-}" ] || die "No Docker Engine answers at DOCKER_HOST=$DOCKER_HOST"
        have dockerd || die "No Docker Engine answers, and none is installed (Debian, Ubuntu: apt-get install docker.io)"
        can_be_root || die "Docker Engine does not run. As root: systemctl start docker (or: dockerd &)"
        say "Starting Docker Engine"
        start_dockerd
        state=$(engine_state)
    fi
    [ "$state" != denied ] || die "Docker Engine runs, but $(id -un) may not use it. \
Join its group: sudo usermod -aG docker $(id -un) -- then log in again, or run: sg docker -c $BATCHWEB_SCRIPT"
    [ "$state" = ok ] || die "Docker Engine does not start. See $LOG/dockerd.log, or: journalctl -u docker"
}

start_dockerd() {
    if has_systemd; then
        as_root systemctl start docker >>"$LOG/dockerd.log" 2>&1 && engine_comes_up && return 0
    elif [ -x /etc/init.d/docker ]; then
        as_root service docker start >>"$LOG/dockerd.log" 2>&1 && engine_comes_up && return 0
    fi
    # Nothing manages services here, as in a container: in the background, and it stays.
    as_root true # asks for the password of sudo now, not in the background
    as_root setsid nohup dockerd </dev/null >>"$LOG/dockerd.log" 2>&1 &
    engine_comes_up || true
}

# engine_comes_up: waits for it, up to 30 s.
engine_comes_up() {
    local i
    for i in $(seq 150); do
        [ "$(engine_state)" != down ] && return 0
        sleep 0.2
    done
    return 1
}
