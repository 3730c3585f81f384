"""How `nano` is made: data, prompts, losses, the unrolled network, evaluation."""
