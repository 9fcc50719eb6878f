ops_bench(rollup DEPS aggregator/promql/engine aggregator/store/rollup)
