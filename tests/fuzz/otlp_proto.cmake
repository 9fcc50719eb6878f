ops_fuzz(otlp_proto DEPS common/codec/otlp)
