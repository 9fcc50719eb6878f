ops_fuzz(rollup_block DEPS aggregator/store/rollup)
