ops_fuzz(metric_block DEPS aggregator/store/metrics)
