ops_bench(exposition DEPS common/codec/expo)
