ops_fuzz(line_splitter DEPS common/text)
