ops_bench(wal DEPS aggregator/store common/codec/batch)
