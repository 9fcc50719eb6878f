ops_bench(session DEPS aggregator/ingest)
