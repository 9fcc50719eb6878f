ops_fuzz(log_block DEPS aggregator/store/logs)
