ops_fuzz(ingest_session DEPS aggregator/ingest)
