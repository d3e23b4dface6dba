#!/usr/bin/env bash
# What only a GPU can show, in one command of a few minutes: tests marked cuda, step times, loading, audits.
#   bash benchmarks/gpu.sh [FOLDER]      results go to FOLDER, default runs/gpu
# Needs what `make install` installs, with a torch that was built for CUDA. Without a GPU it says so and ends with 0.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || command -v python3)}
OUT=${1:-runs/gpu}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

name=$("$PYTHON" -c 'import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else "")') || exit 1
if [ -z "$name" ]; then
  echo "no NVIDIA GPU that torch can use: nothing was measured"
  exit 0
fi
mkdir -p "$OUT"
echo "$name" | tee "$OUT/card.txt"
failed=0

part() { # NAME SECONDS COMMAND...: its output is kept; a part that fails or takes too long does not stop the others
  local name=$1 limit=$2
  shift 2
  echo "-- $name"
  timeout "$limit" "$@" 2>&1 | tee "$OUT/$name.txt" || { echo "-- $name: failed or out of time"; failed=1; }
}

part tests 120 "$PYTHON" -m pytest -m cuda tests/cuda
for batch in 8 64 512; do
  part "step-$batch" 40 "$PYTHON" -m benchmarks.training_step --preset reference --rounds 10 --set "train.batch_size=$batch" --set train.device=cuda
done
part step-compiled 60 "$PYTHON" -m benchmarks.training_step --preset reference --rounds 10 --set train.compile=true \
  --set train.device=cuda
part audits 60 "$PYTHON" -m benchmarks.audit_shapes --device cuda
exit $failed
