#!/usr/bin/env bash
# A Slurm job that trains until it is done, over as many time slots as that takes. Copy it, change the lines with #SBATCH
# and the paths, and submit it: sbatch hostfiles/my-job.sh
#
# 90 seconds before the time is up Slurm sends SIGUSR1 to this script (`B:`), which passes it on. dtrain saves at the next
# step and ends with exit code 75, and the job goes back into the queue; --resume then goes on at that step.

#SBATCH --job-name=dtrain
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@90
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=dtrain-%j.log

set -uo pipefail

# On a file system that all nodes share.
readonly dtrain=$HOME/.local/bin/dtrain
readonly data=$HOME/data/shakespeare.txt
readonly checkpoints=$HOME/runs/shakespeare

# One task a node with all of its cores as worker threads. With Open MPI's own launcher: mpirun --bind-to none "$dtrain" …
srun --mpi=pmix --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=none \
    "$dtrain" train --data "$data" --epochs 20 --checkpoint-dir "$checkpoints" --checkpoint-every-steps 100 --keep 5 \
    --metrics "$checkpoints.jsonl" --stall-timeout 120 --resume --quiet &
job=$!
trap 'kill -USR1 "$job" 2>/dev/null' USR1
trap 'kill -TERM "$job" 2>/dev/null' TERM

# A signal ends `wait` early, with a code above 128.
code=129
while ((code > 128)) && kill -0 "$job" 2>/dev/null; do
    wait "$job"
    code=$?
done

if ((code == 75)); then
    echo "stopped and saved; going back into the queue"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
