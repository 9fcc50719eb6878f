ops_fuzz(tail_record DEPS agent/tail)
