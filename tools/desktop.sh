#!/bin/bash
# Run a script in the QGIS desktop on a virtual screen: tools/desktop.sh SCRIPT
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
export QT_QPA_PLATFORM=xcb
exec timeout -k 5 300 xvfb-run -a -s '-screen 0 1600x1000x24' bash -c '
    (openbox &)
    sleep 0.5
    exec qgis --noversioncheck --nologo --profiles-path "$QGIS_CUSTOM_CONFIG_PATH" --code "$1"' desktop "$1"
