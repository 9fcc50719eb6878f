ops_bench(otlp DEPS common/codec/otlp)
