ops_fuzz(h2 DEPS common/codec/grpc)
