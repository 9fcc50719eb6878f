ops_fuzz(remote_read DEPS common/codec/remote)
