# How this tree is built. A folder of sources has a CMakeLists.txt of one call:
#
#   ops_library(DEPS common/base PkgConfig::uv)   # all *.cc and *.h of the folder
#   ops_program(opssight-agent DEPS agent/tail)   # a folder with a main.cc
#
# tests/<folder>/*_test.cc become one test program that links the folder's
# library; tests/fuzz/<name>_fuzz.cc is declared with ops_fuzz in tests/CMakeLists.txt.

function(ops_target_name folder out)
  string(REPLACE "/" "_" name "${folder}")
  set(${out} ${name} PARENT_SCOPE)
endfunction()

function(ops_here out)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(${out} ${folder} PARENT_SCOPE)
endfunction()

# The library of the current folder. main.cc belongs to ops_program.
function(ops_library)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  ops_here(folder)
  ops_target_name(${folder} name)
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB headers CONFIGURE_DEPENDS *.h)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources)
    add_library(${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_sources(${name} ${scope} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  string(REPLACE "/" "_" deps "${arg_DEPS}")
  target_link_libraries(${name} ${scope} ops_options ${deps})
endfunction()

function(ops_program program)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  add_executable(${program} main.cc)
  string(REPLACE "/" "_" deps "${arg_DEPS}")
  target_link_libraries(${program} PRIVATE ops_options ${deps})
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# tests/<folder>/*_test.cc -> <folder>_test, linked with the folder's library
# and what else DEPS names. Sources are found; a new test file needs no edit.
function(ops_test folder)
  cmake_parse_arguments(arg "" "LABEL" "DEPS" ${ARGN})
  ops_target_name(${folder} name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  string(REPLACE "/" "_" deps "${arg_DEPS}")
  if(TARGET ${name})
    list(APPEND deps ${name})
  endif()
  target_link_libraries(${name}_test PRIVATE ops_options ${deps} Threads::Threads GTest::gmock GTest::gtest ops_test_main)
  target_precompile_headers(${name}_test REUSE_FROM ops_test_pch)
  target_compile_definitions(${name}_test PRIVATE OPS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_test(NAME ${arg_LABEL}.${folder} COMMAND ${name}_test)
  set_tests_properties(${arg_LABEL}.${folder} PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300)
endfunction()

# A fuzz target is a fuzzer under -DOPS_FUZZ=ON and a corpus test otherwise.
add_custom_target(fuzzers)
set(OPS_FUZZ_SECONDS 10 CACHE STRING "Seconds for each fuzz target in the fuzz preset's tests")
function(ops_fuzz name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  add_executable(${name}_fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cc)
  string(REPLACE "/" "_" deps "${arg_DEPS}")
  target_link_libraries(${name}_fuzz PRIVATE ops_options ${deps})
  add_dependencies(fuzzers ${name}_fuzz)
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  if(OPS_FUZZ)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/corpus/${name})
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzz -max_total_time=${OPS_FUZZ_SECONDS} -timeout=5
             -rss_limit_mb=2048 -print_final_stats=1 ${CMAKE_CURRENT_BINARY_DIR}/corpus/${name} ${corpus})
  else()
    target_sources(${name}_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzz ${corpus})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz)
endfunction()
