ops_fuzz(spool_record DEPS agent/spool)
