# Source this before running Python or QGIS: one clean environment for both.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build"
profile="$build/profile/profiles/default/QGIS"

mkdir -p "$build/link" "$build/runtime" "$profile"
chmod 700 "$build/runtime"
ln -sfn ../.. "$build/link/hyperlift"
[ -f "$profile/QGIS3.ini" ] || cat > "$profile/QGIS3.ini" <<'INI'
[PythonPlugins]
hyperlift=true
processing=true

[qgis]
checkVersion=false

[app]
firstRunVersionFlag=999

[locale]
overrideFlag=true
userLocale=en_US
INI

export PATH=/usr/bin:/bin:/usr/sbin:/sbin
export QT_QPA_PLATFORM=offscreen
export XDG_RUNTIME_DIR="$build/runtime"
export QGIS_PLUGINPATH="$build/link"
export QGIS_CUSTOM_CONFIG_PATH="$build/profile"
PYTHONPATH="$build/link:$("$root/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
export PYTHONPATH
# Debian 12 wraps qgis_process in a script that passes it a wrong option; the program itself is the .bin.
QGIS_PROCESS="$(command -v qgis_process.bin || command -v qgis_process || true)"
export QGIS_PROCESS
