#!/bin/bash
# Install what is missing on Debian for one purpose: runtime, train, test (extras of pyproject.toml) or desktop.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runtime_packages=(qgis python3-qgis gdal-bin python3 python3-venv python3-numpy python3-scipy python3-matplotlib)
desktop_packages=(xvfb xauth openbox imagemagick xdotool)
torch_version=2.13.0
torch_cpu_index=https://download.pytorch.org/whl/cpu
old_runtime=build/onnxruntime-1.17
qt6=build/pyqt6

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "Set-up needs root or sudo to run: $*" >&2
        exit 1
    fi
}

install_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

make_environment() {
    [ -e .venv/bin/python ] || /usr/bin/python3 -m venv --system-site-packages .venv
    .venv/bin/python -c 'import qgis.core' || {
        echo "The environment .venv is not one of Debian's Python, which QGIS uses; remove it and try again." >&2
        exit 1
    }
}

imports() { .venv/bin/python -c "import $1" 2> /dev/null; }

reachable() {
    timeout 5 .venv/bin/python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$1" 2> /dev/null
}

# QGIS and GDAL are built against Debian's numpy, so that stays; Debian 12's attrs is too old for pytest.
constraints() {
    .venv/bin/python -c 'import numpy; print(f"numpy=={numpy.__version__}")'
    echo 'attrs>=23.2'
    imports torch || echo "torch==$torch_version"
}

install_extra() {
    local options=()
    constraints > .venv/constraints.txt
    # The CPU build of torch spares gigabytes of CUDA; a torch that is there already is kept.
    if grep -q torch .venv/constraints.txt && [ "$1" != runtime ]; then
        if reachable "$torch_cpu_index/torch/"; then
            options=(--extra-index-url "$torch_cpu_index")
        else
            echo "$torch_cpu_index is out of reach: torch may come with CUDA, a download of some 3 GB."
        fi
    fi
    .venv/bin/python tools/requirements.py "$1" > .venv/requirements.txt
    .venv/bin/python -m pip install -q --disable-pip-version-check "${options[@]}" \
        -c .venv/constraints.txt -r .venv/requirements.txt
}

# The oldest onnxruntime that models must load in, beside the environment, where this Python has it.
install_old_runtime() {
    [ ! -d "$old_runtime" ] || return 0
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: \
        --target "$old_runtime.part" onnxruntime==1.17.3 2> /dev/null || true
    if PYTHONPATH="$old_runtime.part" .venv/bin/python -c 'import onnxruntime' 2> /dev/null \
        && [ -d "$old_runtime.part" ]; then
        mv "$old_runtime.part" "$old_runtime"
    else
        rm -rf "$old_runtime.part"
        echo "onnxruntime 1.17 is not to be had for this Python; its test will be skipped."
    fi
}

# Qt 6 for the tests of the widgets, apart from the environment, whose QGIS has Qt 5.
install_qt6() {
    [ ! -d "$qt6" ] || return 0
    rm -rf "$qt6.part"
    if .venv/bin/python -m pip install -q --disable-pip-version-check --only-binary :all: --target "$qt6.part" \
        'PyQt6>=6.5' 2> /dev/null \
        && PYTHONPATH="$qt6.part" .venv/bin/python -c 'from PyQt6 import QtTest, QtWidgets' 2> /dev/null; then
        mv "$qt6.part" "$qt6"
    else
        rm -rf "$qt6.part"
        echo "PyQt6 is not to be had here; the tests of the widgets on Qt 6 will be skipped."
    fi
}

case "$1" in
    desktop) install_packages "${desktop_packages[@]}" ;;
    *)
        install_packages "${runtime_packages[@]}"
        make_environment
        install_extra "$1"
        ;;
esac
[ "$1" != test ] || { install_old_runtime && install_qt6; }
