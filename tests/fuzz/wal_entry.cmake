ops_fuzz(wal_entry DEPS aggregator/store aggregator/store/gaps)
