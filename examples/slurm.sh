#!/usr/bin/env bash
# Trains a method and answers the test splits on one GPU of a SLURM cluster. A job that is ended by its time limit starts
# again and goes on where it stopped:
#   sbatch examples/slurm.sh DATA code2lora-static
#SBATCH --job-name=repobench
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:INT@120
set -euo pipefail
set -m # without job control, what runs in the background would not hear an interrupt

data=${1:?the folder of a dataset}
method=${2:-code2lora-static}
backbone=${BACKBONE:-Qwen/Qwen2.5-Coder-1.5B}
encoder=${ENCODER:-Qwen/Qwen3-Embedding-0.6B}
checkpoint=repobench-out/checkpoints/$method
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

# An interrupt two minutes before the limit: the command saves nothing more, and what it saved is gone on with.
again() { kill -INT "$work" && wait "$work" || true; scontrol requeue "$SLURM_JOB_ID"; exit 0; }
trap again INT

in_background() { "$@" & work=$!; wait "$work"; }

in_background repobench train --method "$method" --backbone "$backbone" --encoder "$encoder" --data "$data" -o "$checkpoint"
in_background repobench run --method "$method" --backbone "$backbone" --checkpoint "$checkpoint" --data "$data"
