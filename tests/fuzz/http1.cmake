ops_fuzz(http1 DEPS common/codec/http)
