ops_bench(metrics_store DEPS aggregator/store/metrics)
