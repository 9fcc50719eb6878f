ops_bench(collect DEPS agent/collect ops_test_support)
