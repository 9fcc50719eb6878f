ops_bench(chunk DEPS aggregator/store/metrics)
