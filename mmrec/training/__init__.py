"""Training: seeds, the deterministic context, the loop, and when it stops."""

from mmrec.training.allocator import keep_freed_memory
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.determinism import deterministic, resolve_device
from mmrec.training.digests import digest_of_ranking, digest_of_state
from mmrec.training.early_stopping import EarlyStopping
from mmrec.training.protocol import LOSS, EpochRecord, Evaluated, EvaluationProtocol
from mmrec.training.seeding import rng_for, seed_for
from mmrec.training.trainer import Interrupted, OnEpoch, Outcome, Trainer, evaluate_untrained

__all__ = [
    "LOSS",
    "Checkpoint",
    "EarlyStopping",
    "EpochRecord",
    "Evaluated",
    "EvaluationProtocol",
    "Interrupted",
    "OnEpoch",
    "Outcome",
    "Trainer",
    "deterministic",
    "digest_of_ranking",
    "digest_of_state",
    "evaluate_untrained",
    "keep_freed_memory",
    "resolve_device",
    "rng_for",
    "seed_for",
]
