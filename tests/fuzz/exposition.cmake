ops_fuzz(exposition DEPS common/codec/expo)
