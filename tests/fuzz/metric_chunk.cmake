ops_fuzz(metric_chunk DEPS aggregator/store/metrics)
