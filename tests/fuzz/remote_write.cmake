ops_fuzz(remote_write DEPS common/codec/remote)
