# Sourced by the scripts beside it, from the project's root: leaves $python able to import vidseg.
# Uses the active virtual environment, or else .venv, made where it is absent. PYTHON names the interpreter
# to make it with. `prepare EXTRA` installs the extra from the lock, unless that was done before.

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.12 python3.11 python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "vidseg needs Python 3.11 or 3.12: install one, or name it: PYTHON=/path/to/python3.12 $0" >&2
    return 1
}

prepare() {
    local extra=$1 base stamp wanted
    if [ -z "${VIRTUAL_ENV:-}" ]; then
        VIRTUAL_ENV=$PWD/.venv
        if [ ! -x "$VIRTUAL_ENV/bin/python" ]; then
            base=$(find_python)
            echo "Making a virtual environment in .venv with $("$base" --version)" >&2
            "$base" -m venv "$VIRTUAL_ENV"
        fi
    fi
    export VIRTUAL_ENV PATH="$VIRTUAL_ENV/bin:$PATH"
    python=$VIRTUAL_ENV/bin/python
    stamp=$VIRTUAL_ENV/vidseg-$extra.installed
    wanted="$PWD $(cat pyproject.toml constraints.txt | cksum)"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "Installing vidseg[$extra] from the lock (3 GB with TensorFlow: some minutes the first time)" >&2
        "$python" scripts/install.py -c constraints.txt -e ".[$extra]"
        if [ "$(uname -sm)" = "Darwin arm64" ]; then
            # It works there, but asks for a plugin of TensorFlow in a version that never appeared.
            "$python" scripts/install.py -c constraints.txt --no-deps tfjs-graph-converter
        fi
        echo "$wanted" > "$stamp"
    fi
}
