ops_fuzz(session_frame DEPS common/codec/session)
