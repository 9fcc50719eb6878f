ops_bench(remote_write DEPS aggregator/inputs aggregator/store aggregator/store/metrics)
