ops_fuzz(promql DEPS aggregator/promql/syntax)
