ops_fuzz(promql_engine DEPS aggregator/promql/engine)
