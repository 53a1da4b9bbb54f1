# Sourced by the scripts: uv, and the Python environment it keeps in .venv.
# shellcheck shell=bash

# What setup installs when there is no uv, and the oldest that reads our lock.
UV_PINNED=0.13.9
UV_OLDEST=0.8

UV=

# find_uv: a uv that is there and new enough, else our own in var/tools; fails if there is none.
find_uv() {
    local candidate version
    for candidate in uv "$VAR/tools/bin/uv" "$HOME/.local/bin/uv"; do
        version=$("$candidate" --version 2>/dev/null | awk '{print $2}') || continue
        [ -n "$version" ] || continue
        if [ "$(printf '%s\n' "$UV_OLDEST" "$version" | sort -V | head -n 1)" = "$UV_OLDEST" ]; then
            UV=$candidate
            return 0
        fi
    done
    return 1
}

# can_make_venv: Debian splits ensurepip off into python3-venv.
can_make_venv() { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }

need_for_uv() {
    find_uv || can_make_venv && return 0
    have python3 || need python3
    need python3-venv
}

install_uv() {
    find_uv && return 0
    say "Installing uv $UV_PINNED into $VAR/tools"
    python3 -m venv --clear "$VAR/tools" || die "python3 -m venv failed. Debian, Ubuntu: apt-get install python3-venv"
    "$VAR/tools/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_PINNED" \
        >>"$LOG/uv.log" 2>&1 || {
        tail -n 15 "$LOG/uv.log" >&2
        die "uv could not be installed from the Python package index"
    }
    find_uv || die "uv was installed but does not run, see $LOG/uv.log"
}

# sync_python UV-SYNC-OPTIONS...: exactly the locked versions. What is there already stays.
sync_python() {
    install_uv
    "$UV" sync --quiet --frozen "$@" || die "uv sync failed: the Python packages could not be installed"
    PYTHON=${UV_PROJECT_ENVIRONMENT:-$ROOT/.venv}/bin/python
    export PYTHON
    PATH=$(dirname "$PYTHON"):$PATH
}
