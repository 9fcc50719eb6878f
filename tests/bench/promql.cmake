ops_bench(promql DEPS aggregator/promql/engine)
