ops_bench(spool DEPS agent/batch)
