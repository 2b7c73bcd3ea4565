#!/usr/bin/env bash
# Make .venv with the versions of constraints.txt and see that Qt finds its libraries.
#
#   packaging/setup.sh run     what the program needs
#   packaging/setup.sh test    what the checks, the training and the bench need too
#
# Ends at once where nothing has changed since the last time. PYTHON names the
# interpreter to use; by default the first of python3, python3.13, … that is new enough.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly purpose=${1:-run}
readonly venv=.venv
readonly stamp=$venv/.layerscope-$purpose

say() { printf 'layerscope: %s\n' "$*"; }
fail() {
    printf 'layerscope: %s\n' "$*" >&2
    exit 1
}

on_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# Install Debian packages if this is root; else say which line does. 1: not installed.
install_packages() {
    if [ "$(id -u)" != 0 ]; then
        say "these system packages are missing; install them with:"
        printf '  sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n' "$*"
        return 1
    fi
    say "installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq || say "apt-get update failed; trying with the lists there are."
    if ! apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then
        say "apt-get could not install them; going on, but Qt may not start without."
        return 1
    fi
}

# List the packages of the given files that are neither installed nor provided.
missing_packages() {
    local have
    have=" $(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' |
        sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr ',\n' '  ') "
    sed 's/#.*//' "$@" | tr -s ' \n' '\n' | while read -r package; do
        case $have in *" $package "*) ;; *) [ -z "$package" ] || printf '%s ' "$package" ;; esac
    done
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and ${PYTHON:-python3} is not it; install" \
        "one (apt-get install -y python3 python3-venv) or name it: PYTHON=/path make run"
}

# Everything the result depends on, its own place among it: the install is editable.
key=$(
    pwd
    cat packaging/constraints.txt packaging/debian-packages*.txt packaging/setup.sh pyproject.toml
)
if [ -x $venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
    exit 0
fi

if on_debian; then
    lists=(packaging/debian-packages.txt)
    [ "$purpose" = run ] || lists+=(packaging/debian-packages-test.txt)
    missing=$(missing_packages "${lists[@]}")
    # shellcheck disable=SC2086  # a list of words is meant
    [ -z "$missing" ] || install_packages $missing || system_incomplete=yes
fi
if [ "$purpose" != run ] && ! command -v xvfb-run >/dev/null; then
    fail "the tests need xvfb-run; install it (Debian: apt-get install -y xvfb xauth)."
fi

if ! $venv/bin/python -c '' 2>/dev/null; then
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        on_debian && install_packages "python$version-venv" ||
            fail "$python cannot make environments without the package python$version-venv."
    fi
    say "making $venv with Python $version"
    "$python" -m venv --clear $venv
fi

say "installing the pinned versions (once; a gigabyte or more, so some minutes)"
pip() { $venv/bin/python -m pip --disable-pip-version-check "$@"; }
pinned=(-qq --constraint packaging/constraints.txt)
extras=""
[ "$purpose" = run ] || extras="[test,train]"
pip install "${pinned[@]}" hatchling editables
pip install "${pinned[@]}" --no-build-isolation --editable ".$extras"
if [ "${system_incomplete:-}" != yes ]; then
    printf '%s\n' "$key" >"$stamp"
    [ "$purpose" = run ] || cp "$stamp" $venv/.layerscope-run
fi
say "ready"
