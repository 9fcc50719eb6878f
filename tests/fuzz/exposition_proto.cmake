ops_fuzz(exposition_proto DEPS common/codec/expo)
