ops_bench(log DEPS aggregator/store/logs)
