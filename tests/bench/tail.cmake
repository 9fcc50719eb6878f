ops_bench(tail DEPS agent/tail)
