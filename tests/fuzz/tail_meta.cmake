ops_fuzz(tail_meta DEPS agent/tail)
