ops_fuzz(span_block DEPS aggregator/store/spans)
