ops_fuzz(otlp_json DEPS common/codec/otlp)
