ops_fuzz(batch DEPS common/codec/batch)
