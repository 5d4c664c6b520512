"""The middle floor: what happened on chain, and what may happen."""
