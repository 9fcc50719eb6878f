ops_fuzz(proc DEPS agent/collect)
