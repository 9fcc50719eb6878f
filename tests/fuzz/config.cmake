ops_fuzz(config DEPS common/config)
