ops_fuzz(tail_checkpoint DEPS agent/tail)
